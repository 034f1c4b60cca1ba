"""A vehicle is silent where its rota says that something should have come."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest

from pipeline.adapters.bank_holidays import Nation, days_off
from pipeline.domain.ids import VehicleId
from pipeline.domain.rota import Rota, WatchedVehicle, silences
from pipeline.domain.uk_time import LONDON

WEEKDAYS = frozenset(range(5))
LONG_AGO = date(2025, 1, 1)
DAY = timedelta(days=1)


def at(day: int, hour: int = 12, *, month: int = 3) -> datetime:
    """Return a moment of 2026, in which 2 March is a Monday."""
    return datetime(2026, month, day, hour, tzinfo=LONDON)


def never(_: date) -> bool:
    return False


def rota(
    within_days: int = 1, from_day: date = LONG_AGO, weekdays: frozenset[int] = WEEKDAYS
) -> Rota:
    return Rota(weekdays=weekdays, within_days=within_days, from_day=from_day)


@pytest.mark.parametrize(
    ("heard", "now", "missed"),
    [
        # Monday's footage may come until Tuesday's end.
        (at(1), at(3, 23), None),
        (at(2, 1), at(3, 23), None),
        (at(2, 1), at(4, 0), None),
        (at(1, 23), at(4, 0), date(2026, 3, 2)),
        # Nobody drives at the weekend: on Monday nothing new is missing.
        (at(6, 17), at(9, 9), None),
        (at(6, 17), at(11, 0), date(2026, 3, 9)),
        (None, at(4, 0), date(2026, 3, 2)),
    ],
)
def test_a_day_is_missed_once_its_time_is_over(
    heard: datetime | None, now: datetime, missed: date | None
) -> None:
    assert rota().missed(heard, now) == missed


def test_days_are_those_of_the_united_kingdom_when_clocks_change() -> None:
    # Sunday 29 March 2026 has 23 hours.
    out = rota(weekdays=frozenset({6}), within_days=0)
    sunday = datetime(2026, 3, 29, tzinfo=LONDON).astimezone(UTC)
    before = sunday - timedelta(seconds=1)
    assert out.missed(before, sunday + timedelta(hours=22, minutes=59)) is None
    assert out.missed(before, sunday + timedelta(hours=23)) == date(2026, 3, 29)
    assert out.missed(sunday, sunday + timedelta(hours=23)) is None


def test_a_rota_says_nothing_of_days_before_it() -> None:
    assert rota(from_day=date(2026, 3, 4)).missed(None, at(5)) is None
    assert rota(from_day=date(2026, 3, 4)).missed(None, at(6)) == date(2026, 3, 4)


def test_who_is_not_expected_is_never_silent() -> None:
    assert rota(weekdays=frozenset()).missed(None, at(20)) is None
    assert rota(weekdays=frozenset()).words == "Not expected"


def test_nobody_is_missed_on_a_bank_holiday() -> None:
    is_off = days_off(Nation.ENGLAND_AND_WALES)
    # Good Friday is 3 April, Easter Monday the 6th.
    thursday, tuesday = at(2, 18, month=4), at(7, 9, month=4)
    assert rota().missed(thursday, tuesday, is_off=is_off) is None
    assert rota().missed(thursday, tuesday) == date(2026, 4, 3)


@pytest.mark.parametrize(
    ("given", "heard", "says"),
    [
        (None, at(1), ""),
        (
            None,
            at(1) - timedelta(days=2),
            "A: last heard from 27 February 2026, 12:00; it is on no rota.",
        ),
        (None, None, "A: not heard from for weeks; it is on no rota."),
        (
            rota(),
            at(1),
            "A: nothing came for Monday 02 March; last heard from 01 March 2026, 12:00.",
        ),
        (rota(within_days=7), at(1), ""),
        (rota(), None, "A: nothing came for Monday 02 March; not heard from for weeks."),
    ],
)
def test_silence_is_said(given: Rota | None, heard: datetime | None, says: str) -> None:
    one = WatchedVehicle(
        vehicle_id=VehicleId(uuid4()), vehicle="A", rota=given, last_heard_at=heard
    )
    off: Callable[[date], bool] = never
    assert silences([one], at(4, 0), is_off=off) == ([says] if says else [])
