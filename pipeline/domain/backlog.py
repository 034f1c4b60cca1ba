"""How much footage waits to be looked at, and when that will be done. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.domain.checks import require, require_aware


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What waits.

    Attributes:
        waiting_s: Seconds of footage that were not looked at yet.
        rate: Seconds of footage that were looked at per second, of late; None if none were.
        bytes_per_s: Of footage as it is handed in; None if nothing is known of it.
    """

    waiting_s: float
    rate: float | None
    bytes_per_s: float | None

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        require(self.waiting_s >= 0, "less than nothing cannot wait")
        require(self.rate is None or self.rate > 0, "a rate is more than nothing")

    def done_at(self, now: datetime, *, more_bytes: int = 0) -> datetime | None:
        """Return when all of it will be looked at; None where too little is known to say.

        Args:
            now: The present.
            more_bytes: Of footage that is to come.
        """
        require_aware(now=now)
        if self.rate is None or (more_bytes and not self.bytes_per_s):
            return None
        more_s = more_bytes / self.bytes_per_s if self.bytes_per_s else 0.0
        return now + timedelta(seconds=(self.waiting_s + more_s) / self.rate)
