"""Everything that can change what the line finds, beside detector, rig and clock. Pure."""

import hashlib
from dataclasses import asdict, dataclass, field

from pipeline.stages.gather import GatherSettings
from pipeline.stages.locate import (
    LocateSettings,
)
from pipeline.stages.place import PlaceSettings
from pipeline.stages.redact import (
    RedactSettings,
)
from pipeline.stages.sample import SampleSettings
from pipeline.stages.screen import ScreenSettings
from pipeline.stages.smooth import SmoothSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class LineSettings:
    """Everything that can change what the line finds, beside detector, rig and clock.

    Attributes:
        piece_s: How much footage is one unit of work and of transaction.
        clock_sigma_s: Assumed where a camera's clock was not checked against its GPS.
        road_view_every_m: A redacted road view so often where nothing was found; None for none.
    """

    place: PlaceSettings = field(default_factory=PlaceSettings)
    smooth: SmoothSettings = field(default_factory=SmoothSettings)
    sample: SampleSettings = field(default_factory=SampleSettings)
    screen: ScreenSettings = field(default_factory=ScreenSettings)
    locate: LocateSettings = field(default_factory=LocateSettings)
    redact: RedactSettings = field(default_factory=RedactSettings)
    gather: GatherSettings = field(default_factory=GatherSettings)
    piece_s: float = 120.0
    clock_sigma_s: float = 0.5
    road_view_every_m: float | None = None

    @property
    def sha256(self) -> str:
        """A hash of all values: two runs under different settings are two runs."""
        return hashlib.sha256(repr(sorted(asdict(self).items())).encode()).hexdigest()
