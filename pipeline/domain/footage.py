"""Clips and the frames in them. Pure."""

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import TYPE_CHECKING

from pipeline.domain.checks import require, require_aware, require_positive
from pipeline.domain.ids import ClipSha256, DriveId, OrganisationId, VehicleId

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SHA256_LENGTH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """One file of footage as received.

    Attributes:
        sha256: Of the file's bytes as received, in hexadecimal.
        width_px: Of the upright picture, after the rotation flag.
        height_px: Likewise.
        time_base: Seconds in one tick of the stream's presentation times.
        first_pts: The first frame's presentation time, in ticks.
        duration_s: As the index states it; decoding may give less.
        started_at: When the camera's own clock says the first frame was taken; None where the
            file does not say, or says what cannot be (1904, 1970).
    """

    sha256: ClipSha256
    width_px: int
    height_px: int
    time_base: Fraction
    first_pts: int
    duration_s: float
    started_at: datetime | None

    def __post_init__(self) -> None:
        """Refuse a clip without pictures or with a naive clock."""
        require(len(self.sha256) == _SHA256_LENGTH, "sha256 must be 64 hexadecimal digits")
        require_positive(
            width_px=self.width_px, height_px=self.height_px, time_base=float(self.time_base)
        )
        if self.started_at is not None:
            require_aware(started_at=self.started_at)

    def seconds_at(self, pts: int) -> float:
        """Return how many seconds after the first frame a presentation time lies."""
        return float((pts - self.first_pts) * self.time_base)

    def pts_at(self, seconds: float) -> int:
        """Return the presentation time, in ticks, nearest below so many seconds from the start."""
        return self.first_pts + int(seconds / float(self.time_base))


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class FrameRef:
    """The name of one frame: its clip and its presentation time in ticks of that stream."""

    clip_sha256: ClipSha256
    pts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedFrame:
    """A frame that is asked for: the first at or after `pts`, in ticks.

    Attributes:
        pts: From when on.
        latest_pts: A key frame up to here will do as well: less is decoded then. `pts` itself
            where only the first frame will do.
    """

    pts: int
    latest_pts: int

    def __post_init__(self) -> None:
        """Refuse a span that ends before it begins."""
        require(self.pts <= self.latest_pts, "latest_pts must not lie before pts")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """A decoded frame.

    Attributes:
        ref: Which frame of which clip.
        taken_at: By the camera's own clock, not yet corrected.
        pixels: H×W×3 uint8 BGR, upright.
    """

    ref: FrameRef
    taken_at: datetime
    pixels: "NDArray[np.uint8]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drive:
    """One journey of one vehicle: the clips that belong together.

    Attributes:
        owner_id: Whose footage it is.
        authority_id: Whose road it is.
    """

    drive_id: DriveId
    owner_id: OrganisationId
    authority_id: OrganisationId
    vehicle_id: VehicleId


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """The unit of work and of transaction: a half-open span of one clip's presentation times."""

    clip_sha256: ClipSha256
    from_pts: int
    to_pts: int

    def __post_init__(self) -> None:
        """Refuse an empty span."""
        require(self.from_pts < self.to_pts, "a piece must hold at least one tick")
