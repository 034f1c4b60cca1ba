"""The day's digest and the week's report: what they say, and that each is sent once."""

from datetime import UTC, date, datetime, timedelta

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.logging import disable_run_logger
from typer.testing import CliRunner

from deploy.cli import app
from deploy.ingest import detector_of, process
from flows.health import digest_of, health
from flows.report import report, week_of
from flows.telling import ToldError
from pipeline import wiring
from pipeline.adapters.postgres.archiving import archiving_fault
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.people import person_called
from pipeline.adapters.postgres.queue_entries import load_queue
from pipeline.adapters.postgres.rota import load_watched, save_rota
from pipeline.adapters.postgres.weekly import load_week
from pipeline.adapters.postgres.work import say_work
from pipeline.domain.decisions import Role
from pipeline.domain.ids import DriveId, OrganisationId
from pipeline.domain.roads import Hierarchy, RoadSection
from pipeline.domain.rota import Rota
from pipeline.domain.work import WorkKind, WorkWord
from tests.builders import a_road_line
from tests.flows.conftest import Later, let_in
from tests.letterbox import Letterbox

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
    pytest.mark.usefixtures("ready"),
]


def told() -> dict[str, int]:
    with disable_run_logger():
        return health()


@pytest.mark.usefixtures("clock")
def test_the_digest_says_what_is_to_be_looked_at_and_is_sent_once(
    drive: tuple[OrganisationId, DriveId],
    database: Database,
    letters: Letterbox,
    client: SyncPrefectClient,
) -> None:
    let_in(database, drive[0], oz=Role.OPERATIONS, ada=Role.ENGINEER, adm=Role.ADMIN)
    first = told()
    assert first["told"] == 1
    assert told()["told"] == 0
    [(to, letter)] = letters.letters
    assert to == ["oz@council.example"]
    text = letter.get_content()
    assert "1 drive that was promised for 06:30 is not done" in text
    assert "Silent vehicle 1142: last heard from" in text
    # A server for tests, which no worker asks: that is the installation's fault, and said.
    assert "No worker was heard from" in text
    assert letter["Subject"] == f"Roadwear: {first['matters']} things to look at"
    assert "https://r.example/operations" in text
    # Prefect is told ids and numbers.
    tables = client.request("POST", "/artifacts/latest/filter", json={}).json()
    [table] = [one["data"] for one in tables if one["key"] == "health"]
    assert str(drive[0]) in table
    assert "promised" not in table


def test_what_fails_late_and_is_silent_stands_in_the_digest(
    drive: tuple[OrganisationId, DriveId], database: Database, clock: Later
) -> None:
    owner, drive_id = drive
    let_in(database, owner, oz=Role.OPERATIONS)
    settings, now = wiring.Settings.from_env(), datetime.now(UTC)
    word = WorkWord(kind=WorkKind.FAILED, sentence="no", flow_run_id=None, happened_at=now)
    with database.acting_for(owner) as connection:
        say_work(connection, owner, drive_id, word)
        person = person_called(connection, "oz@council.example")
        assert person is not None
        [vehicle] = load_watched(connection, owner, now - timedelta(days=1))
        assert vehicle.rota is None
        every_day = Rota(weekdays=frozenset(range(7)), within_days=1, from_day=date(2026, 1, 1))
        save_rota(connection, person, [vehicle.vehicle_id], every_day, now)
    matters = digest_of(owner, settings, now).matters
    assert matters == ("Not tried again until a person asks: 1 drive.",)
    clock.ahead = timedelta(days=9)
    matters = digest_of(owner, settings, clock.now()).matters
    assert matters[0] == "Not tried again until a person asks: 1 drive."
    assert matters[1].startswith(f"Silent vehicle {vehicle.vehicle}: nothing came for ")


def test_the_digest_says_how_the_roads_stand(
    drive: tuple[OrganisationId, DriveId], monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, now = drive[0], datetime.now(UTC)
    monkeypatch.setenv("ROADWEAR_POLICY", "devon")
    settings = wiring.Settings.from_env()
    assert not any("Camera passes" in fact for fact in digest_of(owner, settings, now).facts)
    street = RoadSection(
        section_id="S", line=a_road_line((0, 0), (1500, 0)), hierarchy=Hierarchy.LOCAL_ACCESS
    )
    wiring.ledger(settings).save_roads("north", name="roads", content_sha256="0", sections=[street])
    facts = digest_of(owner, settings, now).facts
    assert "Camera passes, each direction: 3.0 km never." in facts


def test_a_log_that_is_not_backed_up_is_said(
    drive: tuple[OrganisationId, DriveId], database: Database
) -> None:
    now = datetime.now(UTC)
    with database.acting_for(drive[0]) as connection:
        assert archiving_fault(connection, now) == ""
        # A test's database archives nothing: a view in front of PostgreSQL's own has it fail.
        connection.execute(
            "create temporary view pg_stat_archiver as select now() as last_failed_time, "
            "now() - interval '2 hours' as last_archived_time"
        )
        assert "was not backed up since" in archiving_fault(connection, now)
        connection.execute("drop view pg_temp.pg_stat_archiver")


@pytest.mark.usefixtures("clock")
def test_without_prefect_the_command_sends_the_digest(
    drive: tuple[OrganisationId, DriveId], database: Database, letters: Letterbox
) -> None:
    let_in(database, drive[0], oz=Role.OPERATIONS)
    done = CliRunner().invoke(app, ["ops", "tell"])
    assert "People told: 1. Things to look at: 2." in done.output
    assert "People told: 0." in CliRunner().invoke(app, ["ops", "tell"]).output
    [(_, letter)] = letters.letters
    assert letter["Subject"] == "Roadwear: 2 things to look at"
    assert "worker" not in letter.get_content()


@pytest.mark.usefixtures("drive", "clock")
def test_that_nobody_can_be_told_is_a_failure() -> None:
    with pytest.raises(ToldError):
        told()


def test_the_week_is_reported_to_those_who_work_with_it(
    drive: tuple[OrganisationId, DriveId], database: Database, letters: Letterbox
) -> None:
    let_in(database, drive[0], oz=Role.OPERATIONS, ada=Role.ENGINEER, vic=Role.VIEWER)
    settings = wiring.Settings.from_env()
    assert week_of(drive[0], settings, datetime.now(UTC)) == ()
    assert reported() == 0
    process(wiring.ledger(settings).load_drive(*drive), settings, detector_of(settings))
    with database.acting_for(drive[0]) as connection:
        waiting = len(load_queue(connection, drive[0]))
        desk = load_week(connection, drive[0], datetime.now(UTC) - timedelta(days=7))
    assert (desk.waiting, desk.fresh, desk.approved) == (waiting, waiting, 0)
    assert waiting
    assert reported() == 2
    assert reported() == 0
    assert sorted(to for [to], _ in letters.letters) == [
        "ada@council.example",
        "oz@council.example",
    ]
    text = letters.letters[0][1].get_content()
    assert f"Queue: {waiting} possible defects wait" in text
    assert "hours of footage were looked at" in text


def reported() -> int:
    with disable_run_logger():
        return report()["told"]
