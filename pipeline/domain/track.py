"""Where the vehicle was: fixes, the track they make, and the pose at an instant. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pipeline.domain.checks import require, require_aware, require_positive
from pipeline.domain.places import GridRef, GroundError, LonLat


@dataclass(frozen=True, slots=True, kw_only=True)
class RawFix:
    """One position as the receiver reported it; None is what it did not say.

    Attributes:
        taken_at: When.
        place: Where.
        sigma_m: 95 % of truths lie within twice this.
        speed_mps: Over the ground, as the receiver measured it from the signals' Doppler shift.
        course_deg: Which way it moved, clockwise from true north.
    """

    taken_at: datetime
    place: LonLat
    sigma_m: float | None = None
    speed_mps: float | None = None
    course_deg: float | None = None

    def __post_init__(self) -> None:
        """Refuse a naive time."""
        require_aware(taken_at=self.taken_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """One position on the grid.

    Attributes:
        taken_at: When.
        at: Where.
        sigma_m: 95 % of truths lie within twice this.
        velocity_mps: East and north, where the receiver states its speed and course.
        velocity_sigma_mps: Standard deviation of each; None where not yet estimated.
    """

    taken_at: datetime
    at: GridRef
    sigma_m: float
    velocity_mps: tuple[float, float] | None = None
    velocity_sigma_mps: float | None = None

    def __post_init__(self) -> None:
        """Refuse a naive time or a perfect fix."""
        require_aware(taken_at=self.taken_at)
        require_positive(sigma_m=self.sigma_m)


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """Where a vehicle is known to have been: fixes in strict order of time."""

    fixes: tuple[Fix, ...]

    def __post_init__(self) -> None:
        """Refuse fewer than two fixes, or fixes out of order."""
        require(len(self.fixes) >= 2, "a track needs at least two fixes")  # noqa: PLR2004
        pairs = zip(self.fixes, self.fixes[1:], strict=False)
        require(
            all(a.taken_at < b.taken_at for a, b in pairs), "fixes must be in strict order of time"
        )

    @property
    def started_at(self) -> datetime:
        """The first fix's instant."""
        return self.fixes[0].taken_at

    @property
    def ended_at(self) -> datetime:
        """The last fix's instant."""
        return self.fixes[-1].taken_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """Where the camera stood and which way the vehicle pointed at an instant.

    Attributes:
        taken_at: True time (UTC), the clock offset already applied.
        at: The ground point under the camera.
        heading_deg: Clockwise from grid north, 0…360; of the vehicle, also when it reverses.
        speed_mps: Over the ground, never negative.
        chainage_m: Distance travelled since the track began, standing still not counted.
        error: Of `at`, from the fixes.
        heading_sigma_deg: Half the width that holds 95 % of true headings.
    """

    taken_at: datetime
    at: GridRef
    heading_deg: float
    speed_mps: float
    chainage_m: float
    error: GroundError
    heading_sigma_deg: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockOffset:
    """What is added to the camera's clock to give UTC, with how it was learnt.

    Attributes:
        offset_s: At a clip's first frame.
        sigma_s: 95 % of truths lie within twice this.
        how: In words for the report.
        drift: By how many seconds more for each second of footage: the clock loses them.
    """

    offset_s: float
    sigma_s: float
    how: str
    drift: float = 0.0

    def later(self, seconds: float) -> "ClockOffset":
        """Return the offset of a clip that begins so much later by the camera's clock."""
        return replace(self, offset_s=self.offset_s + self.drift * seconds)

    def instant(self, started_at: datetime, seconds: float) -> datetime:
        """Return the true time of a frame so long after a clip's first one."""
        start = started_at + timedelta(seconds=self.offset_s)
        return start + timedelta(seconds=seconds * (1 + self.drift))

    def seconds(self, started_at: datetime, instant: datetime) -> float:
        """Return how long after a clip's first frame a true instant is, by the camera's clock."""
        return (instant - self.instant(started_at, 0.0)).total_seconds() / (1 + self.drift)
