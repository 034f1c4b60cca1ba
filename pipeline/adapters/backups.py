"""Whether backups are made: by the age of a file that each of them touches."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipeline.domain.uk_time import by_when

# A day's backup, and the hours that it may take.
LATEST = timedelta(hours=26)


def backed_up_at(mark: Path) -> datetime | None:
    """Return when the last backup was made; None if none can be seen."""
    try:
        return datetime.fromtimestamp(mark.stat().st_mtime, UTC)
    except OSError:
        return None


def backup_fault(mark: Path | None, now: datetime) -> str:
    """Return, in a sentence, that no backup was made of late; "" where one was.

    Args:
        mark: The file that each backup touches; None where nobody said which.
        now: The present.
    """
    if mark is None:
        return ""
    at = backed_up_at(mark)
    if at is not None and now - at <= LATEST:
        return ""
    last = "No backup can be seen" if at is None else f"The last backup is of {by_when(at, now)}"
    return f"{last}: look at roadwear-backup (journalctl -u roadwear-backup)."
