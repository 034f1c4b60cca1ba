"""What decisions teach: judged sightings, lessons, and how right a detector was. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pipeline.domain.checks import require, require_aware, require_share
from pipeline.domain.decisions import Move, RejectReason
from pipeline.domain.ids import DefectId, ObservationId
from pipeline.domain.looks import DefectKind, PixelBox
from pipeline.domain.places import GridRef


@dataclass(frozen=True, slots=True, kw_only=True)
class WideView:
    """A redacted wide view that is kept.

    Attributes:
        key: Where it lies in the store.
        width_px: Its own size: it may be scaled down.
        height_px: Likewise.
        frame_width_px: Width of the footage that it was made of.
    """

    key: str
    width_px: int
    height_px: int
    frame_width_px: int

    def __post_init__(self) -> None:
        """Refuse a view without a size."""
        require(min(self.width_px, self.height_px, self.frame_width_px) > 0, "a view has a size")


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedSighting:
    """One sighting of a defect on which an engineer has decided; the last decision counts.

    Attributes:
        box: In pixels of the footage.
        model_id: Which model made it.
        vehicle: Fleet number of the vehicle whose camera it was.
        at: Where.
        move: What was decided of its defect, …
        reason: … and why, if it was rejected.
        decided_at: When.
        view: A redacted wide view of the very frame; None where none is kept.
    """

    observation_id: ObservationId
    defect_id: DefectId
    kind: DefectKind
    confidence: float
    box: PixelBox
    model_id: str
    vehicle: str
    at: GridRef
    move: Move
    reason: RejectReason | None
    decided_at: datetime
    view: WideView | None

    def __post_init__(self) -> None:
        """Refuse a confidence outside 0…1 or a naive instant."""
        require_share(confidence=self.confidence)
        require_aware(decided_at=self.decided_at)

    @property
    def is_defect(self) -> bool | None:
        """Whether there was a defect to be seen; None where the decision does not tell."""
        if self.move is Move.APPROVE:
            return True
        return _SEEN_IF_REJECTED.get(self.reason) if self.reason else None


# A duplicate is seen twice, and what is below the level is a defect all the same.
_SEEN_IF_REJECTED = {
    RejectReason.NOT_A_DEFECT: False,
    RejectReason.MANHOLE_OR_COVER: False,
    RejectReason.PATCH_OR_REPAIR: False,
    RejectReason.SHADOW_OR_WATER: False,
    RejectReason.ROAD_MARKING: False,
    RejectReason.BELOW_LEVEL: True,
    RejectReason.DUPLICATE: True,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LessonBox:
    """A box of which a person has said what it is; kind None for no defect."""

    box: PixelBox
    kind: DefectKind | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """A picture of which some boxes are known, and nothing else.

    Attributes:
        view: The picture.
        boxes: In pixels of the picture.
    """

    view: WideView
    boxes: tuple[LessonBox, ...]


class PrecisionBy(StrEnum):
    """What precision is told apart by."""

    MODEL = "model"
    VEHICLE = "vehicle"
    AREA = "area"
    MONTH = "month"
    KIND = "kind"


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """How many of a group's defects were right when an engineer looked.

    Attributes:
        group: Which model, vehicle, area (a 5 km square of the National Grid), month or kind.
        judged: Defects whose decision tells.
        right: How many of them were defects.
        low: Lower end of the 95 % interval (Wilson).
        high: Upper end.
    """

    group: str
    judged: int
    right: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """The precision."""
        return self.right / self.judged


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A group whose precision has changed beyond chance.

    Attributes:
        by: What the group is.
        group: Which.
        before: Precision before.
        since: Precision of late.
        p_value: Chance of such a difference if nothing had changed (Fisher's exact test).
    """

    by: PrecisionBy
    group: str
    before: Precision
    since: Precision
    p_value: float

    def sentence(self, days: int) -> str:
        """Return it in words.

        Args:
            days: What “of late” was.
        """
        return (
            f"{self.by} {self.group}: right in {self.before.share:.0%} of {self.before.judged} "
            f"before, {self.since.share:.0%} of {self.since.judged} in the last {days} days "
            f"(p = {self.p_value:.1g})"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreviewed:
    """A possible defect that nobody has decided on.

    Attributes:
        passes_seen: Drives on which it was seen, …
        passes_looked: … and drives that looked at the place.
    """

    defect_id: DefectId
    kind: DefectKind
    confidence: float
    at: GridRef
    passes_seen: int
    passes_looked: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Usefulness:
    """How much a decision would teach, and why, in words.

    Attributes:
        score: 0 … 3: one for each of uncertainty, novelty and disagreement.
    """

    defect_id: DefectId
    score: float
    reasons: tuple[str, ...]
