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
_SECONDS_AN_HOUR = 3600


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
        received_at: When the last of its footage that waits came.
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
    """Return how often it was begun since somebody asked last, or it was done last."""
    tries = 0
    for word in reversed(said):
        if word.kind in {WorkKind.ASKED, WorkKind.DONE}:
            break
        tries += word.kind is WorkKind.BEGUN
    return tries


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


def late_words(waiting: Sequence[WaitingDrive], now: datetime) -> str:
    """Return what was promised by now and is not done, as a sentence; "" where all is done."""
    late = [one for one in waiting if promised_by(one.received_at) <= now]
    if not late:
        return ""
    hours = sum(one.waiting_s for one in late) / _SECONDS_AN_HOUR
    many, verb = (
        ("1 drive that was", "is") if len(late) == 1 else (f"{len(late)} drives that were", "are")
    )
    return f"{many} promised for 06:30 {verb} not done: {hours:.1f} hours of footage."
