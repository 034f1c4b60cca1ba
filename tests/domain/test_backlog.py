"""What waits, and when it will be done."""

from datetime import UTC, datetime, time, timedelta

import pytest

from pipeline.domain.backlog import Backlog
from pipeline.domain.uk_time import by_when, next_deadline
from tests.builders import NOON


def test_what_waits_and_what_is_to_come_are_done_at_the_rate_of_late() -> None:
    backlog = Backlog(waiting_s=3600, rate=2.0, bytes_per_s=1000.0)
    assert backlog.done_at(NOON) == NOON + timedelta(minutes=30)
    assert backlog.done_at(NOON, more_bytes=7_200_000) == NOON + timedelta(minutes=90)


def test_what_is_not_known_is_not_guessed() -> None:
    assert Backlog(waiting_s=60, rate=None, bytes_per_s=9.0).done_at(NOON) is None
    unknown_size = Backlog(waiting_s=60, rate=1.0, bytes_per_s=None)
    assert unknown_size.done_at(NOON, more_bytes=1) is None
    assert unknown_size.done_at(NOON) == NOON + timedelta(minutes=1)
    with pytest.raises(ValueError, match="rate"):
        Backlog(waiting_s=1, rate=0.0, bytes_per_s=None)


@pytest.mark.parametrize(
    ("now", "comes"),
    [
        (datetime(2026, 1, 5, 23, tzinfo=UTC), datetime(2026, 1, 6, 6, 30, tzinfo=UTC)),
        (datetime(2026, 1, 5, 6, 29, tzinfo=UTC), datetime(2026, 1, 5, 6, 30, tzinfo=UTC)),
        (datetime(2026, 1, 5, 6, 30, tzinfo=UTC), datetime(2026, 1, 6, 6, 30, tzinfo=UTC)),
        # In summer 06:30 is 05:30 UTC, also on the morning after the clocks went forward.
        (datetime(2026, 3, 28, 20, tzinfo=UTC), datetime(2026, 3, 29, 5, 30, tzinfo=UTC)),
        (datetime(2026, 7, 1, 23, 30, tzinfo=UTC), datetime(2026, 7, 2, 5, 30, tzinfo=UTC)),
    ],
)
def test_a_time_of_day_comes_next(now: datetime, comes: datetime) -> None:
    assert next_deadline(now, time(6, 30)) == comes


def test_an_instant_is_told_as_a_depot_reads_it() -> None:
    night = datetime(2026, 7, 1, 20, tzinfo=UTC)
    assert by_when(datetime(2026, 7, 2, 2, 40, tzinfo=UTC), night) == "03:40"
    assert by_when(datetime(2026, 7, 4, 2, 40, tzinfo=UTC), night) == "Saturday 04 July, 03:40"
