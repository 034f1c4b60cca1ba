"""What a camera recorded beside the picture: positions in the footage, and what it is. Pure."""

from dataclasses import dataclass, field
from datetime import datetime

from pipeline.domain.checks import require_aware
from pipeline.domain.places import LonLat
from pipeline.domain.track import RawFix


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """Which camera wrote a file, as far as the file says; "" is what it does not say."""

    make: str = ""
    model: str = ""
    serial: str = ""

    @property
    def words(self) -> str:
        """As a person writes it."""
        return " ".join(part for part in (self.make, self.model) if part) or "unknown camera"


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetrySample:
    """One position as it stands in footage; None is what is not said.

    Attributes:
        media_s: Seconds into the footage.
        at: By the receiver's clock, UTC.
        speed: Over the ground, in whatever unit the device writes.
        course_deg: Clockwise from true north.
    """

    media_s: float | None
    at: datetime | None
    place: LonLat
    sigma_m: float | None = None
    speed: float | None = None
    course_deg: float | None = None

    def __post_init__(self) -> None:
        """Refuse a naive time."""
        if self.at is not None:
            require_aware(at=self.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """The positions in one file of footage, on one clock.

    Attributes:
        fixes: By UTC, in the order of the footage.
        started_at: UTC of the first frame by the receiver's clock; None where the file does not
            say at which picture a position was taken.
        started_sigma_s: 95 % of truths lie within twice this.
        notes: What was found odd, and mended.
    """

    fixes: tuple[RawFix, ...]
    started_at: datetime | None
    started_sigma_s: float | None
    device: Device = field(default_factory=Device)
    notes: tuple[str, ...] = ()
