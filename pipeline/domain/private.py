"""Places of which nothing is kept: homes, depots, where a vehicle is used privately. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pipeline.domain.checks import require, require_positive
from pipeline.domain.ids import ClipSha256
from pipeline.domain.places import LonLat


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateArea:
    """A circle in which nothing is kept of a drive.

    Attributes:
        name: "Depot North"; never somebody's address.
    """

    area_id: UUID
    name: str
    centre: LonLat
    radius_m: float

    def __post_init__(self) -> None:
        """Refuse an area of no size, or without a name."""
        require_positive(radius_m=self.radius_m)
        require(bool(self.name.strip()), "an area needs a name")


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSpan:
    """From one instant to another, neither included."""

    begins: datetime
    ends: datetime

    def holds(self, instant: datetime) -> bool:
        """Return whether an instant lies inside."""
        return self.begins < instant < self.ends


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateBytes:
    """Which bytes of a file must go.

    Attributes:
        spans: Offset and length of each run of them.
        parts: What of the footage goes with them: from and to, in seconds after the first frame.
    """

    spans: tuple[tuple[int, int], ...]
    parts: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CutClips:
    """What of a drive's clips is not kept.

    Attributes:
        parts: Of clips that are kept in part: from and to, in seconds after the first frame.
        whole: Clips of which nothing is kept.
    """

    parts: Mapping[ClipSha256, tuple[tuple[float, float], ...]]
    whole: frozenset[ClipSha256]
