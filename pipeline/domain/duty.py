"""Possible emergencies: who is on duty, and what waits to be acknowledged. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.domain.checks import require, require_aware
from pipeline.domain.ids import AlertId, DefectId, DutyId, PersonId

# Who does not acknowledge is told again.
TELL_AGAIN = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """One person's time on duty."""

    duty_id: DutyId
    person_id: PersonId
    name: str
    email: str
    from_at: datetime
    until_at: datetime

    def __post_init__(self) -> None:
        """Refuse a time that ends before it begins."""
        require_aware(from_at=self.from_at, until_at=self.until_at)
        require(self.until_at > self.from_at, "a time on duty ends after it begins")

    def is_on(self, now: datetime) -> bool:
        """Return whether the person is on duty at an instant."""
        return self.from_at <= now < self.until_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A possible emergency, raised when it came into the queue.

    Attributes:
        told: To whom and when, the first first.
        acknowledged: By whom and when; None while nobody has.
        note: Of who acknowledged it.
        decided_at: When an engineer decided on the possible defect since; None if nobody has.
    """

    alert_id: AlertId
    defect_id: DefectId
    category: str
    raised_at: datetime
    told: tuple[tuple[str, datetime], ...] = ()
    acknowledged: tuple[str, datetime] | None = None
    note: str = ""
    decided_at: datetime | None = None

    @property
    def waits(self) -> bool:
        """Whether somebody is still to acknowledge it."""
        return self.acknowledged is None and self.decided_at is None

    def is_to_be_told(self, now: datetime) -> bool:
        """Return whether who is on duty is to be told now, or again."""
        return self.waits and (not self.told or now - self.told[-1][1] >= TELL_AGAIN)


def watched_until(duties: tuple[Duty, ...], now: datetime) -> datetime | None:
    """Return until when somebody is on duty without a break; None if nobody is now."""
    until = None
    for duty in sorted(duties, key=lambda one: one.from_at):
        if duty.from_at <= (until or now) < duty.until_at:
            until = duty.until_at
    return until
