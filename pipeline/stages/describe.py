"""Describe: what a cluster of sightings says of the hole, and what gathering changed. Pure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pipeline.domain.defects import ChangeKind, Defect, DefectChange, DefectState
from pipeline.domain.ids import DefectId, DriveId
from pipeline.domain.looks import DefectKind
from pipeline.domain.observations import Measurement, Observation, ellipse_area
from pipeline.domain.places import GridRef, GroundError
from pipeline.domain.policy import QueueRule
from pipeline.geometry.growth import rise_of, size_of_pass

_MOVED_M = 0.5
_GROWN_SHARE = 0.1


def describe_defect(
    defect_id: DefectId,
    groups: Sequence[Sequence[Observation]],
    position: tuple[float, float, GroundError],
    *,
    rule: QueueRule,
    before: Defect | None,
) -> Defect:
    """Return the defect that these sightings make.

    Args:
        defect_id: Its id.
        groups: Its sightings, one group a pass.
        position: Easting, northing and error, fused.
        rule: When a candidate is certain enough to be queued.
        before: As it was known; its state and measured depth stay, its version rises if anything
            that a person can see has changed.
    """
    sightings = [o for group in groups for o in group]
    best = max(sightings, key=lambda o: (o.confidence / (4 + o.range_m), str(o.observation_id)))
    lately = _since_it_grew(groups)
    width = _fuse_sizes([[o.width_m for o in group] for group in lately])
    length = _fuse_sizes([[o.length_m for o in group] for group in lately])
    confidence = _confidence(sightings)
    sure = len(sightings) >= rule.min_sightings or confidence >= rule.sure_confidence
    found = Defect(
        defect_id=defect_id,
        kind=_likeliest_kind(sightings),
        state=DefectState.QUEUED if sure else DefectState.CANDIDATE,
        at=GridRef(easting_m=position[0], northing_m=position[1]),
        error=position[2],
        confidence=confidence,
        observation_ids=tuple(sorted(o.observation_id for o in sightings)),
        sightings=len(sightings),
        drives=len({o.drive_id for o in sightings}),
        first_seen_at=min(o.seen_at for o in sightings),
        last_seen_at=max(o.seen_at for o in sightings),
        heading_deg=best.heading_deg,
        offset_m=best.offset_m,
        width_m=width,
        length_m=length,
        area_m2=ellipse_area(width, length),
    )
    return found if before is None else _after(before, found)


def changes_between(
    before: Mapping[DefectId, Defect], after: Mapping[DefectId, Defect]
) -> tuple[DefectChange, ...]:
    """Return what gathering changed, sorted by id; defects without sightings are emptied."""
    changes = [
        DefectChange(defect_id=name, change=_change(before.get(name), defect), defect=defect)
        for name, defect in after.items()
    ]
    changes += [
        DefectChange(defect_id=name, change=ChangeKind.EMPTIED, defect=None)
        for name in before
        if name not in after
    ]
    return tuple(sorted(changes, key=lambda change: change.defect_id))


def _change(before: Defect | None, after: Defect) -> ChangeKind:
    if before is None:
        return ChangeKind.NEW
    if before.observation_ids == after.observation_ids:
        # A drive that counts again brings back sightings that never ceased to belong to it.
        same = (before.sightings, before.last_seen_at) == (after.sightings, after.last_seen_at)
        return ChangeKind.UNCHANGED if same else ChangeKind.SEEN_AGAIN
    if set(before.observation_ids) <= set(after.observation_ids):
        return ChangeKind.SEEN_AGAIN
    return ChangeKind.SPLIT_OR_MERGED


def _after(before: Defect, found: Defect) -> Defect:
    """Keep what persons have entered; raise the version if what they see has changed."""
    found = replace(
        found,
        kind=before.said_kind or found.kind,
        said_kind=before.said_kind,
        repaired_at=before.repaired_at,
    )
    state = found.state if before.state is DefectState.CANDIDATE else before.state
    depth_mm = before.depth_mm
    if before.state in {DefectState.REPAIRED, DefectState.VERIFIED} and _seen_since(before, found):
        # Another hole than the one that was measured and filled.
        state, depth_mm = DefectState.QUEUED, None
    elif before.repaired_at and state is DefectState.QUEUED and not _seen_since(before, found):
        state = DefectState.REPAIRED
    seen_otherwise = (
        found.kind is not before.kind
        or state is not before.state
        or found.at.distance_m(before.at) > _MOVED_M
        or _differs(found.width_m, before.width_m)
        or _differs(found.length_m, before.length_m)
    )
    return replace(
        found,
        state=state,
        depth_mm=depth_mm,
        version=before.version + (1 if seen_otherwise else 0),
    )


def _seen_since(before: Defect, found: Defect) -> bool:
    """Return whether it was seen after its repair; footage of before may come in later."""
    return found.last_seen_at > (before.repaired_at or before.last_seen_at)


def _differs(a: Measurement, b: Measurement) -> bool:
    return abs(a.value - b.value) > _GROWN_SHARE * max(a.value, b.value, 0.01)


def _likeliest_kind(sightings: Sequence[Observation]) -> DefectKind:
    votes: dict[DefectKind, float] = defaultdict(float)
    for o in sightings:
        votes[o.kind] += o.confidence
    return max(votes, key=lambda kind: (votes[kind], kind.value))


def _confidence(sightings: Sequence[Observation]) -> float:
    """Return 1 − Π(1 − best of each drive): frames of one drive err together, drives do not."""
    best: dict[DriveId, float] = defaultdict(float)
    for o in sightings:
        best[o.drive_id] = max(best[o.drive_id], o.confidence)
    doubt = 1.0
    for confidence in best.values():
        doubt *= 1 - confidence
    return 1 - doubt


def _since_it_grew(groups: Sequence[Sequence[Observation]]) -> Sequence[Sequence[Observation]]:
    """Return the passes that show it as large as it is now: all, if it is not known to grow."""
    ordered = sorted(groups, key=lambda group: min(o.seen_at for o in group))
    rise = rise_of(
        [size_of_pass([o.width_m for o in group]) for group in ordered],
        [size_of_pass([o.length_m for o in group]) for group in ordered],
    )
    return ordered if rise is None else ordered[rise.first_after :]


def _fuse_sizes(passes: Sequence[Sequence[Measurement]]) -> Measurement:
    """Return the weighted mean size: passes are independent."""
    means = [size_of_pass(looks) for looks in passes]
    weight = sum(1 / mean.sigma**2 for mean in means)
    value = sum(mean.value / mean.sigma**2 for mean in means) / weight
    return Measurement(value=value, sigma=weight**-0.5, how=passes[0][0].how)
