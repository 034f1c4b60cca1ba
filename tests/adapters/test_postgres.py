"""The database: who sees what, what can be changed, and what a second look does."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from pipeline.adapters.clock_system import SystemClock
from pipeline.adapters.postgres.database import Database, migrate
from pipeline.adapters.postgres.defects import load_defect
from pipeline.adapters.postgres.ledger import PostgresLedger
from pipeline.adapters.postgres.queue_entries import load_queue
from pipeline.adapters.postgres.retention import forget_tracks
from pipeline.domain.camera import FoundCamera
from pipeline.domain.errors import InputError, OutageError
from pipeline.domain.ids import DefectId, OrganisationId, organisation_id
from pipeline.domain.observations import Observation
from pipeline.domain.track import ClockOffset
from tests.builders import a_rig, an_observation
from tests.stored import gather, store_findings

DEPOT, OTHER = organisation_id("depot"), organisation_id("other")


@pytest.fixture
def ledger(database: Database) -> PostgresLedger:
    return PostgresLedger(database, SystemClock())


def count(database: Database, table: str, organisation: OrganisationId = DEPOT) -> int:
    with database.acting_for(organisation) as connection:
        row = connection.execute(f"select count(*) as n from roadwear.{table}").fetchone()  # noqa: S608
    assert row
    return int(row["n"])


def queued(database: Database) -> list[tuple[str, int, int]]:
    with database.acting_for(DEPOT) as connection:
        found = load_queue(connection, DEPOT)
    return [(str(e.defect_id), d.sightings, d.drives) for e, d in found]


def a_street(drive: str, shift: float = 0.0, *, days: int = 0, holes: int = 3) -> list[Observation]:
    return [
        an_observation(shift, 12.0 * hole + shift, drive=drive, second=days * 86400 + hole + k / 4)
        for hole in range(holes)
        for k in range(2)
    ]


def test_a_second_drive_updates_what_the_first_one_found(
    ledger: PostgresLedger, database: Database
) -> None:
    gather(ledger, store_findings(ledger, a_street("one")))
    first = queued(database)
    gather(ledger, store_findings(ledger, a_street("two", 1.5, days=7)))

    assert [row[1:] for row in first] == [(2, 1)] * 3
    assert sorted(row[0] for row in queued(database)) == sorted(row[0] for row in first)
    assert [row[1:] for row in queued(database)] == [(4, 2)] * 3


def test_gathering_twice_changes_nothing(ledger: PostgresLedger, database: Database) -> None:
    drive = store_findings(ledger, a_street("one"))
    gather(ledger, drive)
    before = queued(database), count(database, "membership")

    again = gather(ledger, drive)

    assert {change.change.value for change in again.changes} == {"unchanged"}
    assert (queued(database), count(database, "membership")) == before


def test_scoring_a_piece_again_supersedes_and_forgets_nothing(
    ledger: PostgresLedger, database: Database
) -> None:
    gather(ledger, store_findings(ledger, a_street("one")))
    before = {row[0] for row in queued(database)}
    drive = store_findings(ledger, a_street("one", holes=1), threshold=0.5)

    gather(ledger, drive)

    assert len(queued(database)) == 1
    assert queued(database)[0][0] in before
    assert count(database, "observation") == 8
    assert count(database, "run") == 2
    assert count(database, "defect") == 3


def test_a_model_that_comes_back_is_current_again(
    ledger: PostgresLedger, database: Database
) -> None:
    gather(ledger, store_findings(ledger, a_street("one")))
    before = queued(database)
    gather(ledger, store_findings(ledger, a_street("one", holes=1), threshold=0.5))

    gather(ledger, store_findings(ledger, a_street("one")))

    assert queued(database) == before
    assert count(database, "observation") == 8


def test_a_defect_that_is_no_longer_seen_can_still_be_read(
    ledger: PostgresLedger, database: Database
) -> None:
    gather(ledger, store_findings(ledger, a_street("one")))
    names = [DefectId(UUID(row[0])) for row in queued(database)]
    gather(ledger, store_findings(ledger, a_street("one", holes=1), threshold=0.5))

    with database.acting_for(DEPOT) as connection:
        found = [load_defect(connection, name) for name in names]

    assert sorted(defect.version for defect in found if defect) == [1, 2, 2]


def test_row_security_hides_every_table_from_other_organisations(
    ledger: PostgresLedger, database: Database
) -> None:
    gather(ledger, store_findings(ledger, a_street("one")))
    ledger.make_known("other", "other", "v9")
    tables = [
        "drive", "drive_fix", "clip", "run", "look_refused", "observation", "coverage",
        "coverage_cell", "defect", "membership", "policy", "queue_entry", "vehicle",
    ]  # fmt: skip

    assert all(count(database, table) > 0 for table in tables)
    assert [count(database, t, OTHER) for t in tables[:-1]] == [0] * (len(tables) - 1)
    assert count(database, "vehicle", OTHER) == 1


def test_whoever_acts_for_nobody_sees_nothing(
    ledger: PostgresLedger, database_urls: tuple[str, str]
) -> None:
    store_findings(ledger, a_street("one"))

    with psycopg.connect(database_urls[1]) as connection:
        connection.execute("set role roadwear_app")
        assert connection.execute("select * from roadwear.observation").fetchall() == []


@pytest.mark.parametrize(
    "statement",
    [
        "update roadwear.observation set confidence = 1",
        "delete from roadwear.observation",
        "delete from roadwear.coverage",
        "update roadwear.membership set reason = 'x'",
        "delete from roadwear.policy",
        "truncate roadwear.still",
        "drop table roadwear.decision",
        "insert into roadwear.clip (owner_id, clip_sha256) values (gen_random_uuid(), 'x')",
        "alter table roadwear.observation disable row level security",
    ],
)
def test_the_application_cannot_change_evidence_or_reach_around_the_rules(
    ledger: PostgresLedger, database: Database, statement: str
) -> None:
    store_findings(ledger, a_street("one"))

    with pytest.raises(psycopg.Error), database.acting_for(DEPOT) as connection:
        connection.execute(statement)


def test_not_even_the_owner_changes_evidence_by_accident(
    ledger: PostgresLedger, database_urls: tuple[str, str]
) -> None:
    store_findings(ledger, a_street("one"))

    with (
        psycopg.connect(database_urls[0]) as owner,
        pytest.raises(psycopg.Error, match="only ever added"),
    ):
        owner.execute("delete from roadwear.observation")


def test_an_organisation_cannot_write_rows_of_another(
    ledger: PostgresLedger, database: Database
) -> None:
    drive = store_findings(ledger, a_street("one"))
    ledger.make_known("other", "other", "v9")

    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege),
        database.acting_for(OTHER) as connection,
    ):
        connection.execute(
            "insert into roadwear.look_refused values (%s, %s, %s, 9, null, 0, 'x', 'x')",
            (
                connection.execute("select gen_random_uuid() as id").fetchone()["id"],  # type: ignore[index]
                drive.owner_id,
                drive.authority_id,
            ),
        )


def test_a_drive_comes_back_as_it_was_received(ledger: PostgresLedger) -> None:
    drive = store_findings(ledger, a_street("one"))

    found = ledger.load_drive(DEPOT, drive.drive_id)

    assert found.drive == drive
    assert found.clips[0][1].duration_s == 60.0
    assert found.fixes[1].taken_at - found.fixes[0].taken_at == timedelta(seconds=1)
    assert [(fix.speed_mps, fix.course_deg) for fix in found.fixes] == [(6.5, 271.0)] * 2
    assert found.rig is not None
    with pytest.raises(InputError, match="no drive"):
        ledger.load_drive(OTHER, drive.drive_id)


def test_what_is_found_of_a_camera_is_stored_once_and_for_all(
    ledger: PostgresLedger, database: Database
) -> None:
    drive = store_findings(ledger, a_street("one"))
    clock = ClockOffset(offset_s=1.0 / 3.0, sigma_s=0.05, how="motion")
    found = FoundCamera(
        rig=a_rig(pitch_deg=1.0 / 3.0), clock=clock, pairs=90, refused=2, moved=(), words=("A.",)
    )

    before = ledger.load_camera(drive)
    ledger.save_camera(drive, found)
    ledger.save_camera(drive, replace(found, clock=None, pairs=1))

    assert before is None
    # To the last digit: the identity of a run hangs on it.
    assert ledger.load_camera(drive) == found
    assert count(database, "camera_found", OTHER) == 0
    [driven] = ledger.driven_cameras("depot", "")
    assert (driven.drive_id, driven.rig) == (drive.drive_id, found.rig)
    assert ledger.driven_cameras("depot", driven.vehicle) == (driven,)
    with database.acting_for(DEPOT) as connection:
        assert forget_tracks(connection, datetime.now(UTC) + timedelta(days=31))
    assert ledger.driven_cameras("depot", driven.vehicle) == (driven,)
    assert ledger.driven_cameras("depot", "another") == ledger.driven_cameras("other", "") == ()
    with pytest.raises(psycopg.Error), database.acting_for(DEPOT) as connection:
        connection.execute("update roadwear.camera_found set pairs = 0")


def test_a_camera_that_was_found_wrongly_is_set_aside_and_kept(
    ledger: PostgresLedger, database: Database
) -> None:
    drive = store_findings(ledger, a_street("one"))
    wrong = FoundCamera(rig=a_rig(), clock=None, pairs=9, refused=2, moved=(), words=())
    right = replace(wrong, rig=a_rig(pitch_deg=4.0, distortion=-0.2, dive_deg_s2_m=0.3))

    assert not ledger.correct_camera(drive, said_by="Fay", reason="nothing there yet")
    ledger.save_camera(drive, wrong)
    assert ledger.correct_camera(drive, said_by="Fay", reason="the mount was loose")
    assert ledger.load_camera(drive) is None
    assert ledger.driven_cameras("depot", "") == ()
    ledger.save_camera(drive, right)
    ledger.save_camera(drive, wrong)

    assert ledger.load_camera(drive) == right
    assert [one.rig for one in ledger.driven_cameras("depot", "")] == [right.rig]
    assert count(database, "camera_found") == 2
    clock = ClockOffset(offset_s=3600.0, sigma_s=0.1, how="motion")
    assert ledger.correct_camera(
        drive, said_by="Fay", reason="x", given=replace(wrong, clock=clock)
    )
    assert ledger.correct_camera(drive, said_by="Fay", reason="the lens", given=right)
    assert ledger.load_camera(drive) == replace(right, clock=clock)
    assert count(database, "camera_set_aside", OTHER) == 0


def test_migrating_twice_is_once(database_urls: tuple[str, str]) -> None:
    assert migrate(database_urls[0]) == migrate(database_urls[0])


def test_an_absent_database_is_an_outage() -> None:
    nowhere = Database("postgresql://x:y@127.0.0.1:9/none", timeout_s=1)

    with (
        pytest.raises(OutageError, match=r"no database answers at 127\.0\.0\.1:9"),
        nowhere.acting_for(DEPOT),
    ):
        pass
    nowhere.close()
