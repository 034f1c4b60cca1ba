"""From observations to defects to the queue. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.domain.condition import Condition, PassOver
from pipeline.domain.defects import Area, Defect, DefectChange
from pipeline.domain.ids import DefectId, ObservationId
from pipeline.domain.policy import CouncilPolicy, QueueRule
from pipeline.domain.queue import QueueEntry
from pipeline.domain.roads import RoadFacts
from pipeline.line.settings import LineSettings
from pipeline.stages.condition import ConditionSettings, condition_of
from pipeline.stages.describe import changes_between, describe_defect
from pipeline.stages.gather import fuse_position, gather_observations
from pipeline.stages.prioritise import prioritise


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Defects and what changed them."""

    defects: Mapping[DefectId, Defect]
    member_of: Mapping[ObservationId, DefectId]
    changes: tuple[DefectChange, ...]


def gather_defects(area: Area, *, rule: QueueRule, settings: LineSettings) -> Gathered:
    """Make defects of observations, keeping ids, states and what persons have said."""
    before = area.before
    clusters = gather_observations(
        area.observations,
        constraints=area.constraints,
        known=area.known,
        before=before,
        settings=settings.gather,
        roads=area.roads,
    )
    defects = {
        cluster.defect_id: describe_defect(
            cluster.defect_id,
            cluster.groups,
            fuse_position(cluster.groups),
            rule=rule,
            before=before.get(cluster.defect_id),
        )
        for cluster in clusters
    }
    return Gathered(
        defects=defects,
        member_of={o.observation_id: c.defect_id for c in clusters for o in c.observations},
        changes=changes_between(before, defects),
    )


def rank_defects(
    defects: Iterable[Defect],
    roads: Mapping[DefectId, RoadFacts],
    passes: Mapping[DefectId, Sequence[PassOver]],
    *,
    policy: CouncilPolicy,
) -> tuple[QueueEntry, ...]:
    """Return the queue, the most urgent first."""
    return prioritise(defects, roads, conditions_of(passes), policy=policy)


def conditions_of(
    passes: Mapping[DefectId, Sequence[PassOver]],
) -> dict[DefectId, Condition]:
    """Return what the passes over each defect's place say."""
    return {
        defect: condition_of(some, settings=ConditionSettings()) for defect, some in passes.items()
    }
