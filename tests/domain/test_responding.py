"""Response times as councils count them: hours, days, working days, and from when."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.bank_holidays import Nation, working_days
from pipeline.adapters.policy_toml import calendar_of, presets, read_policy
from pipeline.domain.responding import ClockStart, Due, ResponseTime, Unit, due_at
from pipeline.domain.uk_time import LONDON

ENGLAND = working_days(Nation.ENGLAND_AND_WALES)


def uk(day: int, month: int, year: int, hour: int = 12, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=LONDON)


def within(amount: float, unit: Unit, starts: ClockStart = ClockStart.DECISION) -> ResponseTime:
    return ResponseTime(amount=amount, unit=unit, starts=starts)


def due(policy: str, category: str, began: datetime) -> Due:
    """Return by when a category of a council is due."""
    rules, _ = read_policy(Path(policy))
    band = rules.band_called(category)
    assert band is not None and band.respond is not None
    return due_at(band.respond, began, calendar_of(rules))


# Friday, 22 May 2026, 16:20, before the spring bank holiday on Monday, 25 May.
FRIDAY = uk(22, 5, 2026, 16, 20)
# Thursday, 24 December 2026, 16:20: Friday and Monday are holidays (Boxing Day is a Saturday).
CHRISTMAS_EVE = uk(24, 12, 2026, 16, 20)


@pytest.mark.parametrize(
    ("policy", "category", "began", "last_day"),
    [
        # Devon: by the end of the next working day.
        ("devon", "Cat 1", FRIDAY, date(2026, 5, 26)),
        ("devon", "Cat 1", CHRISTMAS_EVE, date(2026, 12, 29)),
        ("devon", "Cat 2", FRIDAY, date(2026, 5, 29)),
        ("devon", "Cat 3", FRIDAY, date(2026, 6, 19)),
        # Suffolk: the clock starts at 00:01 on the working day after, here Tuesday, the first day.
        ("suffolk", "Cat 2", FRIDAY, date(2026, 5, 27)),
        ("suffolk", "Cat 3", FRIDAY, date(2026, 6, 1)),
        ("suffolk", "Cat 4", CHRISTMAS_EVE, date(2027, 1, 12)),
        ("suffolk", "Cat 6", FRIDAY, date(2026, 7, 17)),
        # Edinburgh: the spring bank holiday counts there too; 2 January is a holiday there alone.
        ("edinburgh", "Category 2", FRIDAY, date(2026, 6, 1)),
        ("edinburgh", "Category 2", uk(31, 12, 2026), date(2027, 1, 11)),
        # Bexley: ninety days, whatever days they are.
        ("bexley", "P2", FRIDAY, date(2026, 8, 20)),
        ("surrey-2018", "P3", FRIDAY, date(2026, 6, 22)),
    ],
)
def test_councils_count_as_they_say(
    policy: str, category: str, began: datetime, last_day: date
) -> None:
    found = due(policy, category, began)
    assert found.day == last_day
    midnight = datetime.combine(last_day + timedelta(days=1), datetime.min.time(), LONDON)
    assert found.at == midnight
    assert not found.is_late(midnight - timedelta(seconds=1)) and found.is_late(midnight)


def test_england_and_scotland_differ_after_new_year() -> None:
    in_england = due("surrey-2018", "P3", uk(31, 12, 2026)).day
    rule = within(20, Unit.WORKING_DAYS)
    assert in_england == due_at(rule, uk(31, 12, 2026), ENGLAND).day == date(2027, 1, 29)
    scotland = working_days(Nation.SCOTLAND)
    assert due_at(rule, uk(31, 12, 2026), scotland).day == date(2027, 2, 1)


@pytest.mark.parametrize(
    ("policy", "category", "hours"),
    [("suffolk", "Cat 1", 2), ("edinburgh", "Category 1", 24), ("bexley", "P1", 1),
     ("surrey-2018", "P1", 2), ("generic-5x5", "CAT1", 2)],
)  # fmt: skip
def test_hours_elapse_at_night_and_on_holidays(policy: str, category: str, hours: int) -> None:
    found = due(policy, category, FRIDAY)
    assert found == Due(at=FRIDAY + timedelta(hours=hours), day=None)


def test_hours_elapse_also_when_the_clocks_change() -> None:
    """On 29 March 2026 at 01:00 it becomes 02:00: two hours from 00:30 on, it is 03:30."""
    found = due_at(within(2, Unit.HOURS), uk(29, 3, 2026, 0, 30), ENGLAND)
    assert found.at.astimezone(UTC) == datetime(2026, 3, 29, 2, 30, tzinfo=UTC)
    assert found.words == "by Sunday 29 March 2026, 03:30"


def test_a_day_is_the_council_s_day_and_not_utc_s() -> None:
    """23:30 UTC on 30 June is 1 July in Britain: the first working day after it is 2 July."""
    late = datetime(2026, 6, 30, 23, 30, tzinfo=UTC)
    assert due_at(within(1, Unit.WORKING_DAYS), late, ENGLAND).day == date(2026, 7, 2)


def test_a_clock_that_starts_on_a_sunday_starts_counting_on_monday() -> None:
    assert due_at(within(1, Unit.WORKING_DAYS), uk(7, 6, 2026), ENGLAND).day == date(2026, 6, 8)
    hours = within(4, Unit.HOURS, ClockStart.NEXT_WORKING_DAY)
    assert due_at(hours, uk(7, 6, 2026), ENGLAND).at == uk(8, 6, 2026, 4, 1)


def test_days_on_which_the_council_is_closed_do_not_count() -> None:
    closed = working_days(Nation.ENGLAND_AND_WALES, frozenset({date(2026, 6, 8)}))
    assert due_at(within(1, Unit.WORKING_DAYS), uk(7, 6, 2026), closed).day == date(2026, 6, 9)
    with pytest.raises(ValueError, match="working days"):
        due_at(within(1, Unit.WORKING_DAYS), uk(7, 6, 2026), lambda _: False)


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.integers(1, 60),
    st.sampled_from(ClockStart),
)
def test_more_working_days_are_later_and_end_on_one(
    began: datetime, count: int, starts: ClockStart
) -> None:
    first = due_at(within(count, Unit.WORKING_DAYS, starts), began, ENGLAND)
    later = due_at(within(count + 1, Unit.WORKING_DAYS, starts), began, ENGLAND)
    assert first.day is not None and ENGLAND(first.day)
    assert began < first.at < later.at


def test_every_policy_that_comes_along_is_whole_and_says_who_adopted_it() -> None:
    assert set(presets()) >= {"generic-5x5", "devon", "suffolk", "edinburgh", "bexley"}
    for name in presets():
        policy, content = read_policy(Path(name))
        assert policy.adopted == ""
        assert b"based_on" not in content
        assert policy.source and policy.investigatory_levels
        assert all(band.decide is not None for band in policy.bands)
