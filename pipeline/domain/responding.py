"""How soon a council says that it responds, and by when that is. Pure.

Councils count differently: in hours that elapse, in days, in working days; from the inspection,
from the decision of a competent person, from the order, from the contractor's receipt, or from one
minute past midnight on the next working day. Each response category says how it is counted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from pipeline.domain.checks import require, require_aware, require_positive
from pipeline.domain.uk_time import LONDON

IsWorkingDay = Callable[[date], bool]
_HOURS_A_DAY, _DAYS_A_WEEK, _WORKING_DAYS_A_WEEK = 24.0, 7, 5
_FIRST_MINUTE = time(0, 1)
# A calendar on which no day is a working day is wrong.
_MOST_DAYS_OFF = 30


class Unit(StrEnum):
    """In what a response time is counted."""

    HOURS = "hours"
    DAYS = "days"
    WEEKS = "weeks"
    WORKING_DAYS = "working_days"


class ClockStart(StrEnum):
    """The event at which a response time begins."""

    DETECTION = "detection"
    INSPECTION = "inspection"
    DECISION = "decision"
    ORDER = "order"
    RECEIPT = "receipt"
    NEXT_WORKING_DAY = "next_working_day"

    @property
    def words(self) -> str:
        """As a person writes it."""
        return {
            ClockStart.DETECTION: "its detection",
            ClockStart.INSPECTION: "the inspection",
            ClockStart.DECISION: "a competent person's decision",
            ClockStart.ORDER: "the order",
            ClockStart.RECEIPT: "the contractor's receipt of the order",
            ClockStart.NEXT_WORKING_DAY: "00:01 on the working day after the decision to order",
        }[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseTime:
    """How soon something is to be done, and from when that is counted."""

    amount: float
    unit: Unit
    starts: ClockStart

    def __post_init__(self) -> None:
        """Refuse no time, and parts of a day where days are counted."""
        require_positive(amount=self.amount)
        whole = self.amount == int(self.amount)
        require(self.unit is Unit.HOURS or whole, "days and weeks are counted as whole ones")

    @property
    def words(self) -> str:
        """As a person writes it: "2 working days from the order"."""
        unit = self.unit.value.replace("_", " ")
        unit = unit.removesuffix("s") if self.amount == 1 else unit
        return f"{self.amount:g} {unit} from {self.starts.words}"

    @property
    def nominal_h(self) -> float:
        """Roughly how many hours, to compare with others; never a deadline."""
        days = {
            Unit.HOURS: self.amount / _HOURS_A_DAY,
            Unit.DAYS: self.amount,
            Unit.WEEKS: self.amount * _DAYS_A_WEEK,
            Unit.WORKING_DAYS: self.amount * _DAYS_A_WEEK / _WORKING_DAYS_A_WEEK,
        }[self.unit]
        return days * _HOURS_A_DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """By when something is due.

    Attributes:
        at: The instant from which on it is late.
        day: The last day on which it is in time, where days are counted; None for hours.
    """

    at: datetime
    day: date | None

    @property
    def words(self) -> str:
        """As a person writes it, UK time."""
        if self.day is not None:
            return f"by the end of {self.day:%A %d %B %Y}"
        return f"by {self.at.astimezone(LONDON):%A %d %B %Y, %H:%M}"

    def is_late(self, now: datetime) -> bool:
        """Return whether the time is over."""
        return now >= self.at


def due_at(rule: ResponseTime, began: datetime, is_working_day: IsWorkingDay) -> Due:
    """Return by when something is due.

    Hours elapse, also at night and when the clocks change. Days, weeks and working days end at
    midnight (UK); the day on which the clock starts does not count, but for a clock that starts at
    00:01: that day is the first.

    Args:
        rule: How soon, from when.
        began: When the event was that starts the clock; for NEXT_WORKING_DAY, the decision.
        is_working_day: The council's calendar.
    """
    require_aware(began=began)
    here = began.astimezone(LONDON)
    first = here.date() + timedelta(days=1)
    if rule.starts is ClockStart.NEXT_WORKING_DAY:
        first = _working_day(first, 1, is_working_day)
        here = datetime.combine(first, _FIRST_MINUTE, LONDON)
    if rule.unit is Unit.HOURS:
        return Due(at=here.astimezone(UTC) + timedelta(hours=rule.amount), day=None)
    count = round(rule.amount)
    if rule.unit is Unit.WORKING_DAYS:
        last = _working_day(first, count, is_working_day)
    else:
        days = count * (_DAYS_A_WEEK if rule.unit is Unit.WEEKS else 1)
        last = first + timedelta(days=days - 1)
    return Due(at=datetime.combine(last + timedelta(days=1), time(), LONDON), day=last)


def _working_day(first: date, number: int, is_working_day: IsWorkingDay) -> date:
    """Return the so-manieth working day from a day on, that day included."""
    day, found, off = first, 0, 0
    while True:
        found, off = (found + 1, 0) if is_working_day(day) else (found, off + 1)
        if found == number:
            return day
        require(off < _MOST_DAYS_OFF, "a calendar has working days")
        day += timedelta(days=1)


def late_before(rule: ResponseTime, now: datetime, is_working_day: IsWorkingDay) -> datetime:
    """Return the instant before which an event must have been for its response to be late now.

    A later event is never due earlier, so that the instant is found by halving; to a second.

    Args:
        rule: How soon.
        now: The present.
        is_working_day: The council's calendar.
    """
    step = timedelta(hours=2 * rule.nominal_h) + timedelta(days=2 * _MOST_DAYS_OFF)
    early, late = now - step, now
    while late - early > timedelta(seconds=1):
        middle = early + (late - early) / 2
        if due_at(rule, middle, is_working_day).is_late(now):
            early = middle
        else:
            late = middle
    return late
