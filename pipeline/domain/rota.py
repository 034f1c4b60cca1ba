"""When a vehicle is to be heard from: its rota. Pure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from pipeline.domain.checks import require, require_aware
from pipeline.domain.ids import VehicleId
from pipeline.domain.uk_time import LONDON

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MOST_DAYS = 31
_A_DAY = timedelta(days=1)
_WITHOUT_ROTA = timedelta(days=3)
# A rota has a day in seven; bank holidays next to each other leave at most so many without one.
_WEEKS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Rota:
    """On which days a vehicle is out, and how long its footage may take to come.

    Attributes:
        weekdays: 0 is Monday; none: the vehicle is not expected at all.
        within_days: Its footage has come by the end of the day that is so many days after.
        from_day: The first day for which it holds, UK time.
    """

    weekdays: frozenset[int]
    within_days: int
    from_day: date

    def __post_init__(self) -> None:
        """Refuse days that no week has."""
        require(self.weekdays <= set(range(len(WEEKDAYS))), "a week has seven days")
        require(0 <= self.within_days <= MOST_DAYS, f"0 to {MOST_DAYS} days may be given to it")

    @property
    def words(self) -> str:
        """As a page writes it.

        >>> Rota(weekdays=frozenset({0, 2}), within_days=1, from_day=date(2026, 1, 1)).words
        'Monday, Wednesday; footage within 1 day'
        """
        if not self.weekdays:
            return "Not expected"
        days = ", ".join(WEEKDAYS[day] for day in sorted(self.weekdays))
        if self.within_days == 0:
            return f"{days}; footage on the same day"
        return f"{days}; footage within {self.within_days} day{'s'[: self.within_days > 1]}"

    def missed(
        self,
        last_heard_at: datetime | None,
        now: datetime,
        *,
        is_off: Callable[[date], bool] = lambda _: False,
    ) -> date | None:
        """Return the last day whose footage should be here by now, if nothing came since it began.

        Args:
            last_heard_at: When footage of the vehicle came last; None if it never did.
            now: The present.
            is_off: Whether nobody drives on a day, whatever the weekday.
        """
        require_aware(now=now)
        today = now.astimezone(LONDON).date()
        last = today - _A_DAY * (self.within_days + 1)
        for day in _back_from(last, self.from_day):
            if day.weekday() in self.weekdays and not is_off(day):
                begins = datetime.combine(day, time(), LONDON)
                return None if last_heard_at and last_heard_at >= begins else day
        return None


def _back_from(last: date, first: date) -> Iterator[date]:
    for days in range(_WEEKS * len(WEEKDAYS)):
        if (day := last - timedelta(days=days)) < first:
            return
        yield day


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedVehicle:
    """A vehicle, its rota, and when it was heard from.

    Attributes:
        vehicle: Its fleet number.
        rota: None where nobody said one.
        last_heard_at: When footage of it came last, of what is asked for; None if none did.
    """

    vehicle_id: VehicleId
    vehicle: str
    rota: Rota | None
    last_heard_at: datetime | None


def silences(
    vehicles: Sequence[WatchedVehicle], now: datetime, *, is_off: Callable[[date], bool]
) -> list[str]:
    """Return, in sentences, which vehicles should have been heard from and were not.

    A vehicle that is on no rota may be silent for three days.

    Args:
        vehicles: Of an organisation.
        now: The present.
        is_off: Whether nobody drives on a day.
    """
    return [words for one in vehicles if (words := _silence(one, now, is_off))]


def _silence(one: WatchedVehicle, now: datetime, is_off: Callable[[date], bool]) -> str:
    last = one.last_heard_at
    heard = (
        f"last heard from {last.astimezone(LONDON):%d %B %Y, %H:%M}"
        if last
        else "not heard from for weeks"
    )
    if one.rota is not None:
        day = one.rota.missed(last, now, is_off=is_off)
        return f"{one.vehicle}: nothing came for {day:%A %d %B}; {heard}." if day else ""
    if last is not None and now - last <= _WITHOUT_ROTA:
        return ""
    return f"{one.vehicle}: {heard}; it is on no rota."
