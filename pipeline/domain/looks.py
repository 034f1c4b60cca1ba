"""What a detector says of a frame: it looked, or it did not. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from pipeline.domain.checks import require, require_finite, require_share
from pipeline.domain.footage import FrameRef


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelBox:
    """A half-open box [left, top, right, bottom) in source pixels."""

    left_px: float
    top_px: float
    right_px: float
    bottom_px: float

    def __post_init__(self) -> None:
        """Refuse an empty or inside-out box."""
        require_finite(
            left_px=self.left_px,
            top_px=self.top_px,
            right_px=self.right_px,
            bottom_px=self.bottom_px,
        )
        require(
            self.left_px < self.right_px and self.top_px < self.bottom_px, "a box must hold pixels"
        )

    @property
    def width_px(self) -> float:
        """Right minus left."""
        return self.right_px - self.left_px

    @property
    def height_px(self) -> float:
        """Bottom minus top."""
        return self.bottom_px - self.top_px

    def iou(self, other: "PixelBox") -> float:
        """Return the intersection over the union of two boxes, 0…1."""
        wide = min(self.right_px, other.right_px) - max(self.left_px, other.left_px)
        high = min(self.bottom_px, other.bottom_px) - max(self.top_px, other.top_px)
        if wide <= 0 or high <= 0:
            return 0.0
        shared = wide * high
        union = self.width_px * self.height_px + other.width_px * other.height_px - shared
        return shared / union


class DefectKind(StrEnum):
    """The kinds of road defect that the product knows; open to more."""

    POTHOLE = "pothole"
    ALLIGATOR_CRACK = "alligator_crack"
    LONGITUDINAL_CRACK = "longitudinal_crack"
    TRANSVERSE_CRACK = "transverse_crack"

    @property
    def family(self) -> str:
        """Kinds of one family may be sightings of one defect: crack types are easily confused."""
        return "pothole" if self is DefectKind.POTHOLE else "crack"

    @property
    def words(self) -> str:
        """As a person writes it."""
        return self.value.replace("_", " ")


class BystanderKind(StrEnum):
    """What must not be in any picture that is kept."""

    PERSON = "person"
    VEHICLE = "vehicle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """One box around a possible defect in one frame."""

    kind: DefectKind
    box: PixelBox
    confidence: float

    def __post_init__(self) -> None:
        """Refuse a confidence outside 0…1."""
        require_share(confidence=self.confidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bystander:
    """One box around a person or a vehicle in one frame."""

    kind: BystanderKind
    box: PixelBox
    confidence: float

    def __post_init__(self) -> None:
        """Refuse a confidence outside 0…1."""
        require_share(confidence=self.confidence)


class NotLookedReason(StrEnum):
    """Why a frame or a stretch of road was not looked at."""

    DETECTOR_FAILED = "detector_failed"
    TOO_DARK = "too_dark"
    TOO_BRIGHT = "too_bright"
    BLURRED = "blurred"
    OBSTRUCTED = "obstructed"
    WET_LENS = "wet_lens"
    DIRTY_LENS = "dirty_lens"
    BONNET = "bonnet"
    UPSIDE_DOWN = "upside_down"
    CAMERA_MOVED = "camera_moved"
    NO_POSITION = "no_position"
    FOOTAGE_DAMAGED = "footage_damaged"
    NO_FOOTAGE = "no_footage"
    OUT_OF_VIEW = "out_of_view"
    PRIVATE = "private"

    @property
    def words(self) -> str:
        """For fleet staff: what was wrong and what to do."""
        return _REASON_WORDS[self]

    @property
    def can_be_helped(self) -> bool:
        """Somebody at the depot can do something about it: the lens, the mount, the receiver."""
        return self in _CAN_BE_HELPED


_REASON_WORDS = {
    NotLookedReason.DETECTOR_FAILED: "the detector failed on these frames; run it again",
    NotLookedReason.TOO_DARK: "too dark to judge the surface; drive in daylight",
    NotLookedReason.TOO_BRIGHT: "washed out by glare; avoid driving into a low sun",
    NotLookedReason.BLURRED: "blurred; check the mount, the focus and the lens",
    NotLookedReason.OBSTRUCTED: "the view is covered; clean or uncover the lens",
    NotLookedReason.WET_LENS: "rain on the lens or the windscreen; wipe it, drive in the dry",
    NotLookedReason.DIRTY_LENS: "the lens or the windscreen is dirty; clean it",
    NotLookedReason.BONNET: "bonnet or dashboard fill the view; tilt the camera up",
    NotLookedReason.UPSIDE_DOWN: "the picture is upside down; turn it over in the camera's menu",
    NotLookedReason.CAMERA_MOVED: "the camera was moved on the way; fix its mount",
    NotLookedReason.NO_POSITION: "no GPS position at that time; check the receiver and the clock",
    NotLookedReason.FOOTAGE_DAMAGED: "the footage is damaged there and could not be decoded",
    NotLookedReason.NO_FOOTAGE: "the track goes there but the footage does not",
    NotLookedReason.OUT_OF_VIEW: "driven, but the road there never came into the camera's view",
    NotLookedReason.PRIVATE: "in an area of which nothing is kept (a home, a depot)",
}


_CAN_BE_HELPED = {
    NotLookedReason.BLURRED,
    NotLookedReason.OBSTRUCTED,
    NotLookedReason.DIRTY_LENS,
    NotLookedReason.BONNET,
    NotLookedReason.UPSIDE_DOWN,
    NotLookedReason.CAMERA_MOVED,
    NotLookedReason.NO_POSITION,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """The detector judged the frame; empty `defects` means that it saw none."""

    defects: tuple[Detection, ...]
    bystanders: tuple[Bystander, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NotLooked:
    """The frame was not judged: it must never read as a sound road."""

    reason: NotLookedReason
    detail: str = ""


Look = Looked | NotLooked
LookAt = tuple[FrameRef, Look]
