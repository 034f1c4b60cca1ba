"""A night: in by six, a worker lost at two, queued by half past six; also when clocks change."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import anyio
import pytest
import yaml
from prefect.client.orchestration import SyncPrefectClient
from prefect.logging import disable_run_logger
from prefect.server.schemas.schedules import CronSchedule
from prefect.states import Running

from flows.in_hand import runs_in_hand
from flows.morning import tell_of_the_morning
from flows.process_drive import process_drive
from flows.process_night import process_night
from flows.telling import say
from pipeline import wiring
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.work import load_work
from pipeline.domain.errors import InputError
from pipeline.domain.ids import DriveId, OrganisationId
from pipeline.domain.uk_time import LONDON
from pipeline.domain.work import WorkKind, promised_by

pytestmark = [
    pytest.mark.usefixtures("ready"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]
DECLARED = yaml.safe_load((Path(__file__).parents[2] / "deploy" / "prefect.yaml").read_text())


def eves() -> list[datetime]:
    """Return the next evenings before the clocks go forward and back, and one before they do not.

    They lie ahead of Prefect's server, which goes by the wall: what a set clock calls silent is so
    whatever the window; that has a test of its own.
    """
    year = datetime.now(LONDON).year + 1
    last_days = [datetime(year, month, 31, tzinfo=LONDON) for month in (3, 10)]
    sundays = [day - timedelta(days=(day.weekday() + 1) % 7) for day in last_days]
    return [*(day - timedelta(days=1) for day in sundays), datetime(year, 6, 1, tzinfo=LONDON)]


NIGHTS = eves()


class SetClock:
    """A clock that stands where it is set."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at.astimezone(UTC)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    found = SetClock(NIGHTS[0])
    monkeypatch.setattr(wiring, "clock", lambda: found)
    return found


def at(day: datetime, hour: int, minute: int, days: int = 0) -> datetime:
    """Return a time of day in London, so many days later by the calendar."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=LONDON) + timedelta(days)


@pytest.mark.parametrize("evening", NIGHTS, ids=["March", "October", "June"])
def test_a_worker_lost_at_two_does_not_break_the_promise(
    evening: datetime,
    drive: tuple[OrganisationId, DriveId],
    database: Database,
    database_urls: tuple[str, str],
    client: SyncPrefectClient,
    clock: SetClock,
) -> None:
    settings = wiring.Settings.from_env()
    came_in(database_urls[0], at(evening, 17, 59))
    clock.at = at(evening, 23, 0)
    with disable_run_logger():
        assert process_night()["begun"] == 1
    [first] = runs_in_hand(client)
    client.set_flow_run_state(first.run_id, Running(), force=True)
    say(settings, drive, WorkKind.BEGUN, run=first.run_id)

    # From two o'clock on nothing is heard of it; that it would be late is seen.
    clock.at = at(evening, 6, 32, days=1)
    with pytest.raises(InputError, match="something is late and nobody can be told"):
        tell_of_the_morning()
    clock.at = at(evening, 2, 10, days=1)
    with disable_run_logger():
        assert process_night()["stuck"] == 1
        process_night()
    [again] = runs_in_hand(client)
    assert again.run_id != first.run_id
    clock.at = at(evening, 2, 20, days=1)
    with disable_run_logger():
        assert process_drive(*drive)["pieces"] == 1

    with database.acting_for(drive[0]) as connection:
        words = load_work(connection, drive[0], [drive[1]])[drive[1]]
    assert words[-1].kind is WorkKind.DONE
    assert promised_by(at(evening, 17, 59)) == at(evening, 6, 30, days=1)
    clock.at = at(evening, 6, 32, days=1)
    assert tell_of_the_morning() == {"late": 0, "told": 0}


def came_in(owner_url: str, when: datetime) -> None:
    """Let all footage have come in then."""
    import psycopg  # noqa: PLC0415 - the database's own hand

    with psycopg.connect(owner_url) as connection:
        connection.execute("update roadwear.stored_file set received_at = %s", (when,))


def schedule_of(name: str) -> CronSchedule:
    [declared] = [one for one in DECLARED["deployments"] if one["name"] == name]
    [given] = declared["schedules"]
    return CronSchedule(cron=given["cron"], timezone=given["timezone"])


def dates_of(name: str, start: datetime, count: int) -> list[datetime]:
    async def ask() -> list[datetime]:
        return list(await schedule_of(name).get_dates(n=count, start=start))

    return [datetime.fromtimestamp(one.timestamp(), UTC) for one in anyio.run(ask)]


@pytest.mark.parametrize("evening", NIGHTS, ids=["March", "October", "June"])
def test_what_is_due_in_the_morning_is_due_by_the_clock_on_the_wall(evening: datetime) -> None:
    mornings = [one.astimezone(LONDON) for one in dates_of("morning", at(evening, 12, 0), 6)]
    removals = [one.astimezone(LONDON) for one in dates_of("retention", at(evening, 12, 0), 2)]

    assert [f"{one:%d %H:%M}" for one in mornings] == [
        f"{day:%d} 06:{minute}" for day in (at(evening, 0, 0, 1), at(evening, 0, 0, 2))
        for minute in (32, 42, 52)
    ]  # fmt: skip
    assert [f"{one:%d %H:%M}" for one in removals] == [
        f"{day:%d} 02:30" for day in (at(evening, 0, 0, 1), at(evening, 0, 0, 2))
    ]


@pytest.mark.parametrize("evening", NIGHTS, ids=["March", "October", "June"])
def test_the_clock_looks_every_five_minutes_through_every_night(evening: datetime) -> None:
    looks = dates_of("process-night", at(evening, 22, 0), 150)

    apart = {b - a for a, b in pairwise(looks)}
    assert apart == {timedelta(minutes=5)}
