"""One processing of one piece of footage: who looked, with what, under which settings. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from pipeline.domain.camera import CameraRig
from pipeline.domain.checks import require_share
from pipeline.domain.footage import Piece
from pipeline.domain.ids import DriveId, RunId, natural_uuid
from pipeline.domain.looks import DefectKind
from pipeline.domain.track import ClockOffset


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorIdentity:
    """What makes two detectors the same: weights, runtime, precision, shape, thresholds.

    Attributes:
        model_id: The card's name.
        weights_sha256: Of the file that is executed.
        runtime: For instance "openvino 2026.4.1" or "ultralytics 8.4.190 cpu".
        precision: For instance "f32".
        longest_side_px: What the longer side of the picture is scaled to.
        thresholds: Operating threshold of each kind, sorted by kind.
        bystander_threshold: From which confidence a person or vehicle is redacted.
    """

    model_id: str
    weights_sha256: str
    runtime: str
    precision: str
    longest_side_px: int
    thresholds: tuple[tuple[DefectKind, float], ...]
    bystander_threshold: float

    def __post_init__(self) -> None:
        """Refuse thresholds outside 0…1."""
        require_share(bystander_threshold=self.bystander_threshold)
        for kind, threshold in self.thresholds:
            require_share(**{kind.value: threshold})


class RunMark(StrEnum):
    """Whether a run's findings go to the queue (live) or stay a study."""

    LIVE = "live"
    STUDY = "study"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One processing of one piece; the same key gives the same run, and the same rows."""

    drive_id: DriveId
    piece: Piece
    detector: DetectorIdentity
    rig: CameraRig
    clock: ClockOffset
    settings_sha256: str
    mark: RunMark = RunMark.LIVE

    @property
    def run_id(self) -> RunId:
        """The UUIDv5 of everything that could change the findings."""
        return RunId(
            natural_uuid(
                "run",
                self.drive_id,
                self.piece,
                self.detector,
                self.rig,
                self.clock,
                self.settings_sha256,
                self.mark,
            )
        )
