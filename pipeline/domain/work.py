"""The work on a drive: what waits, and what became of it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from uuid import UUID

from pipeline.domain.checks import require, require_aware
from pipeline.domain.ids import DriveId, OrganisationId
from pipeline.domain.uk_time import LONDON

# Footage that was in by the evening is in the queue by the morning, UK time.
PROMISED_FROM, PROMISED_BY = time(18, 0), time(6, 30)
# So often it is tried again by itself, after it was lost or cut off; then a person has to ask.
MOST_TRIES = 8
KEPT_WORDS = "Last night's footage is done: nothing that was promised for 06:30 is left."
_SECONDS_AN_HOUR = 3600
_A_DAY = timedelta(days=1)


class WorkKind(StrEnum):
    """What became of it."""

    BEGUN = "begun"
    LOST = "lost"
    OUTAGE = "outage"
    FAILED = "failed"
    DONE = "done"
    ASKED = "asked"

    @property
    def words(self) -> str:
        """As a page writes it."""
        return {
            WorkKind.BEGUN: "begun",
            WorkKind.LOST: "lost with its worker",
            WorkKind.OUTAGE: "cut off by an outage",
            WorkKind.FAILED: "failed",
            WorkKind.DONE: "done",
            WorkKind.ASKED: "another try was asked for",
        }[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkWord:
    """That something became of the work on a drive.

    Attributes:
        sentence: Why, for a person; may name files.
        flow_run_id: The run that did it; None where none did.
    """

    kind: WorkKind
    sentence: str
    flow_run_id: UUID | None
    happened_at: datetime

    def __post_init__(self) -> None:
        """Refuse a time that is nobody's."""
        require_aware(happened_at=self.happened_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingDrive:
    """A drive of which something was not looked at, or not gathered, yet.

    Attributes:
        received_at: When the first of its footage that waits came.
        waiting_s: Seconds of footage that were not looked at; 0 where gathering alone is left.
        said: What became of it, the first first.
    """

    owner_id: OrganisationId
    drive_id: DriveId
    received_at: datetime
    waiting_s: float
    said: tuple[WorkWord, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot wait."""
        require_aware(received_at=self.received_at)
        require(self.waiting_s >= 0, "less than nothing cannot wait")

    @property
    def last(self) -> WorkKind | None:
        """What became of it last; None while nothing has."""
        return self.said[-1].kind if self.said else None

    @property
    def needs_a_person(self) -> bool:
        """Whether it is not tried again by itself."""
        return self.last is WorkKind.FAILED or tries_since(self.said) >= MOST_TRIES


def tries_since(said: Sequence[WorkWord]) -> int:
    """Return how many tries there were since somebody asked last, or it was done last.

    A try that an outage cut off does not count: it is nothing of the drive's. One that was lost
    before it said that it began does.
    """
    tries, after = 0, None
    for word in reversed(said):
        if word.kind in {WorkKind.ASKED, WorkKind.DONE}:
            break
        tries += word.kind is WorkKind.BEGUN and after is not WorkKind.OUTAGE
        if after is WorkKind.LOST and word.kind is not WorkKind.BEGUN:
            tries += 1
        after = word.kind
    return tries + (after is WorkKind.LOST)


def promised_by(received_at: datetime) -> datetime:
    """Return by when footage is promised to be in the queue: 06:30 after the next 18:00, UK time.

    Args:
        received_at: When it came.
    """
    require_aware(received_at=received_at)
    here = received_at.astimezone(LONDON)
    days = 1 if here.time() <= PROMISED_FROM else 2
    day = here.date() + timedelta(days=days)
    return datetime.combine(day, PROMISED_BY, LONDON)


def late_words(
    waiting: Sequence[WaitingDrive], unread_at: Sequence[datetime], now: datetime
) -> str:
    """Return what was promised by now and is not done, in sentences; "" where all is done.

    What waits for a person is told on the day for which it was promised, and no longer.

    Args:
        waiting: The drives that wait.
        unread_at: When uploads were ended that are not even read.
        now: The present.
    """
    late = [one for one in waiting if promised_by(one.received_at) <= now]
    left = [one for one in late if not one.needs_a_person]
    stuck = [
        one for one in late if one.needs_a_person and now - promised_by(one.received_at) < _A_DAY
    ]
    unread = sum(promised_by(at) <= now for at in unread_at)
    hours = sum(one.waiting_s for one in left) / _SECONDS_AN_HOUR
    told = (
        (len(left), "drive", f"promised for 06:30 {{}} not done: {hours:.1f} hours of footage."),
        (
            len(stuck),
            "drive",
            "promised for 06:30 {} not done until a person asks for a try.",
        ),
        (unread, "upload", "promised for 06:30 {} not even read."),
    )
    return " ".join(
        f"{count} {what}{'' if count == 1 else 's'} that {'was' if count == 1 else 'were'} "
        f"{words.format('is' if count == 1 else 'are')}"
        for count, what, words in told
        if count
    )
