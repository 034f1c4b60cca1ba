"""How a defect has fared over time: which passes looked at it, and whether it has grown. Pure."""

from dataclasses import dataclass
from datetime import datetime

from pipeline.domain.checks import require, require_aware, require_share
from pipeline.domain.ids import DriveId
from pipeline.domain.observations import Measurement
from pipeline.domain.uk_time import LONDON

# From this probability on it is said that a defect is probably gone.
PROBABLY = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class PassOver:
    """One drive whose camera looked at the place of a defect.

    Attributes:
        at: When it was seen, or, where it was not, when the drive began.
        width_m: As this drive alone saw it; None where it did not see it.
        length_m: Likewise.
    """

    drive_id: DriveId
    at: datetime
    width_m: Measurement | None = None
    length_m: Measurement | None = None

    def __post_init__(self) -> None:
        """Refuse a naive instant, and a width without a length."""
        require_aware(at=self.at)
        require((self.width_m is None) == (self.length_m is None), "a size has width and length")

    @property
    def seen(self) -> bool:
        """Whether it was seen."""
        return self.width_m is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """A defect that has become larger: width and length alike, as one ratio.

    Attributes:
        since: The first pass that saw it larger.
        ratio: Its size since then over its size before.
        low: Lower end of the ratio's 95 % interval.
        high: Upper end.
    """

    since: datetime
    ratio: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What the passes over a defect's place say.

    Attributes:
        looked: Passes that looked at the place since it was first seen.
        seen: How many of them saw it.
        missed_lately: How many of the last ones, in a row, did not.
        gone: Probability that nothing is to be seen there: repaired, hidden, or never there. 0
            where the last pass saw it.
        growth: None where it is not known to have grown.
    """

    looked: int
    seen: int
    missed_lately: int
    gone: float
    growth: Growth | None

    def __post_init__(self) -> None:
        """Refuse a probability outside 0…1."""
        require_share(gone=self.gone)

    @property
    def probably_gone(self) -> bool:
        """Whether it is likelier than not by far that it is there no more."""
        return self.gone >= PROBABLY

    @property
    def sentences(self) -> tuple[str, ...]:
        """What a person should know of it, each a sentence; nothing if there is nothing to say."""
        said = []
        if self.growth is not None:
            g = self.growth
            said.append(
                f"It seems to have grown: since {_day(g.since)} it is measured {g.ratio:.2f} times "
                f"as wide and long as before (95 in 100 times between {g.low:.2f} and "
                f"{g.high:.2f})."
            )
        if self.missed_lately:
            times = "pass" if self.missed_lately == 1 else f"{self.missed_lately} passes"
            end = (
                "it is probably repaired, hidden, or was never there"
                if self.probably_gone
                else "it may have been missed"
            )
            said.append(
                f"The last {times} looked at its place and did not see it ({self.seen} of "
                f"{self.looked} passes did): {end}."
            )
        return tuple(said)


def _day(instant: datetime) -> str:
    """Return the day, in British time."""
    local = instant.astimezone(LONDON)
    return f"{local.day} {local:%B %Y}"
