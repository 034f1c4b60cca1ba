"""What one run over one piece of footage found. Pure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from pipeline.domain.evidence import Still
from pipeline.domain.footage import FrameRef
from pipeline.domain.ids import ObservationId
from pipeline.domain.looks import NotLooked
from pipeline.domain.observations import Coverage, Observation, observation_id
from pipeline.domain.runs import Run, RunMark


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What one piece gave.

    Attributes:
        refused: Frames that were not looked at, with chainage and outcome.
        looked: How many frames were judged.
        decoded: How many frames were decoded to get at them.
        cut_at_s: Where the footage ended before its index said, seconds into the clip.
        stage_s: Seconds spent in each stage.
    """

    run: Run
    observations: tuple[Observation, ...]
    coverage: tuple[Coverage, ...]
    refused: tuple[tuple[FrameRef | None, float, NotLooked], ...]
    stills: tuple[Still, ...]
    looked: int
    decoded: int
    cut_at_s: float | None
    stage_s: Mapping[str, float]

    @property
    def not_looked(self) -> Counter[str]:
        """How many looks failed, by reason."""
        return Counter(look.reason.value for _, _, look in self.refused)

    def as_live(self) -> "Findings":
        """Return what a study's run found as what a run that counts found; ids follow from it."""
        run = replace(self.run, mark=RunMark.LIVE)
        new_id: dict[ObservationId, ObservationId] = {
            o.observation_id: observation_id(run.run_id, o.frame, o.kind, o.box)
            for o in self.observations
        }
        return replace(
            self,
            run=run,
            observations=tuple(
                replace(o, run_id=run.run_id, observation_id=new_id[o.observation_id])
                for o in self.observations
            ),
            coverage=tuple(replace(one, run_id=run.run_id) for one in self.coverage),
            stills=tuple(
                still
                if still.observation_id is None
                else replace(still, observation_id=new_id[still.observation_id])
                for still in self.stills
            ),
        )
