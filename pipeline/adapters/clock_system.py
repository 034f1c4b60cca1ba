"""The machine's clock: the one place that asks what time it is."""

from datetime import UTC, datetime


class SystemClock:
    """Tells the time by the machine."""

    def now(self) -> datetime:
        """Return the present instant, UTC."""
        return datetime.now(UTC)
