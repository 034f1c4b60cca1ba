"""Times of day as they are read in the United Kingdom. Pure."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")


def next_deadline(now: datetime, at: time) -> datetime:
    """Return when a time of day (UK) comes next.

    >>> from datetime import UTC
    >>> next_deadline(datetime(2026, 7, 1, 22, tzinfo=UTC), time(6, 30)).isoformat()
    '2026-07-02T06:30:00+01:00'
    """
    here = now.astimezone(LONDON)
    today = datetime.combine(here.date(), at, LONDON)
    return today if today > here else datetime.combine(here.date() + timedelta(days=1), at, LONDON)


def by_when(instant: datetime, now: datetime) -> str:
    """Return an instant as a depot reads it: 03:40, with the day if it is not within one."""
    here = instant.astimezone(LONDON)
    near = abs((instant - now).total_seconds()) < timedelta(hours=20).total_seconds()
    return f"{here:%H:%M}" if near else f"{here:%A %d %B, %H:%M}"
