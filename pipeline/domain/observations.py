"""What was seen on the ground, and what part of the road was looked at. Pure."""

from dataclasses import dataclass
from datetime import datetime

from pipeline.domain.checks import require, require_aware, require_share
from pipeline.domain.footage import FrameRef
from pipeline.domain.ids import DriveId, ObservationId, RunId, natural_uuid
from pipeline.domain.looks import DefectKind, NotLookedReason, PixelBox
from pipeline.domain.places import GridRef, GroundError


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A measured quantity: 95 % of truths lie within value ± 2·sigma; `how` says by what means."""

    value: float
    sigma: float
    how: str

    def __post_init__(self) -> None:
        """Refuse a negative size or sigma."""
        require(self.value >= 0, f"a measurement cannot be {self.value}")
        require(self.sigma >= 0, f"a sigma cannot be {self.sigma}")

    @property
    def interval(self) -> tuple[float, float]:
        """The interval that holds 95 % of truths, not below zero."""
        return max(0.0, self.value - 2 * self.sigma), self.value + 2 * self.sigma


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One sighting of one possible defect in one frame, placed on the ground.

    Attributes:
        seen_at: True time (UTC), the clock offset applied.
        error: All of the position's error.
        shared_error: The part that every sighting of this drive nearby has in common (GPS,
            clock, rig): looking twice does not average it away.
        range_m: How far ahead of the camera it lay.
        offset_m: How far right of the camera's path (left is negative).
    """

    observation_id: ObservationId
    run_id: RunId
    drive_id: DriveId
    frame: FrameRef
    seen_at: datetime
    kind: DefectKind
    confidence: float
    box: PixelBox
    at: GridRef
    error: GroundError
    shared_error: GroundError
    heading_deg: float
    chainage_m: float
    range_m: float
    offset_m: float
    width_m: Measurement
    length_m: Measurement

    def __post_init__(self) -> None:
        """Refuse a naive instant or a confidence outside 0…1."""
        require_aware(seen_at=self.seen_at)
        require_share(confidence=self.confidence)

    @property
    def area_m2(self) -> Measurement:
        """The ellipse within width and length; sigmas added in quadrature as relative errors."""
        return ellipse_area(self.width_m, self.length_m)


def ellipse_area(width_m: Measurement, length_m: Measurement) -> Measurement:
    """Return the area of the ellipse with these two axes, m²."""
    quarter_pi = 0.7853981633974483
    area = quarter_pi * width_m.value * length_m.value
    sigma = (
        quarter_pi
        * ((width_m.sigma * length_m.value) ** 2 + (length_m.sigma * width_m.value) ** 2) ** 0.5
    )
    return Measurement(value=area, sigma=sigma, how="ellipse of width and length")


def observation_id(
    run_id: RunId, frame: FrameRef, kind: DefectKind, box: PixelBox
) -> ObservationId:
    """Return the id of a sighting from its natural key: the run, the frame, the box and kind."""
    corners = (box.left_px, box.top_px, box.right_px, box.bottom_px)
    rounded = ",".join(f"{corner:.1f}" for corner in corners)
    return ObservationId(natural_uuid("observation", run_id, frame.pts, kind, rounded))


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """A stretch of a drive that was looked at, or was not and why.

    Attributes:
        from_m: Chainage along the drive where the stretch begins.
        to_m: Where it ends.
        reason: None when looked at.
        left_m: How far left of the camera's path the road was in view (a positive distance).
        right_m: Likewise to the right.
        line: The stretch on the grid.
    """

    run_id: RunId
    from_m: float
    to_m: float
    reason: NotLookedReason | None
    left_m: float
    right_m: float
    line: tuple[GridRef, ...]

    def __post_init__(self) -> None:
        """Refuse an empty stretch or a line that is no line."""
        require(self.from_m < self.to_m, "a stretch must have a length")
        require(len(self.line) >= 2, "a line needs two points")  # noqa: PLR2004

    @property
    def looked(self) -> bool:
        """Whether the stretch was looked at."""
        return self.reason is None
