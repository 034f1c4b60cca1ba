"""What was seen and belongs to no defect yet is found without looking at all that was ever seen."""

from pathlib import Path

import psycopg
import pytest

from pipeline.adapters.clock_system import SystemClock
from pipeline.adapters.postgres import backlog
from pipeline.adapters.postgres.backlog import ungathered_drives
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.ledger import PostgresLedger
from pipeline.domain.errors import OutageError
from pipeline.domain.ids import DriveId, OrganisationId, organisation_id
from tests.builders import an_observation
from tests.stored import gather, store_findings

NORTH = organisation_id("north")
MIGRATION = Path(backlog.__file__).parent / "migrations/versions/0031_ungathered.sql"
BY_COMPARING = (
    "select distinct o.owner_id, o.drive_id from roadwear.observation o "
    "join roadwear.run r using (run_id) where o.authority_id = %s and r.state = 'current' "
    "and r.mark = 'live' and not exists (select 1 from roadwear.membership m "
    "where m.observation_id = o.observation_id) order by 1, 2"
)


def found(database: Database) -> tuple[tuple[OrganisationId, DriveId], ...]:
    """Return what is found, which is what comparing all sightings with all memberships finds."""
    with database.acting_for(NORTH) as connection:
        quick = ungathered_drives(connection, NORTH)
        slow = connection.execute(BY_COMPARING, (NORTH,)).fetchall()
    assert quick == tuple((row["owner_id"], row["drive_id"]) for row in slow)
    return quick


def test_a_drive_is_found_until_it_is_gathered(
    database: Database, database_urls: tuple[str, str]
) -> None:
    ledger = PostgresLedger(database, SystemClock())
    first = store_findings(ledger, [an_observation(100, 0, drive="first")], authority="north")
    assert found(database) == ((NORTH, first.drive_id),)
    gather(ledger, first)
    assert found(database) == ()
    second = store_findings(
        ledger, [an_observation(100, 0, drive="second", second=60)], authority="north"
    )
    assert found(database) == ((NORTH, second.drive_id),)
    with psycopg.connect(database_urls[0]) as connection:
        connection.execute(
            "update roadwear.run set state = 'superseded' where drive_id = %s", (second.drive_id,)
        )
    assert found(database) == ()


def test_nobody_but_the_database_writes_down_what_is_gathered(database: Database) -> None:
    ledger = PostgresLedger(database, SystemClock())
    store_findings(ledger, [an_observation(100, 0, drive="first")], authority="north")
    with database.acting_for(organisation_id("south")) as connection:
        assert ungathered_drives(connection, NORTH) == ()
    copied = "select observation_id, authority_id, run_id from roadwear.observation"
    for said in ("delete from roadwear.ungathered", f"insert into roadwear.ungathered {copied}"):
        with pytest.raises((OutageError, psycopg.Error)), database.acting_for(NORTH) as connection:
            connection.execute(said)
    assert found(database) != ()


def test_the_upgrade_finds_what_was_cut_off_before_it_of_every_organisation(
    database: Database, database_urls: tuple[str, str]
) -> None:
    ledger = PostgresLedger(database, SystemClock())
    for authority in ("north", "south"):
        done, left = (
            store_findings(
                ledger,
                [an_observation(9000 * number, 0, drive=f"{authority} {name}")],
                authority=authority,
            )
            for number, name in enumerate(("done", "left"))
        )
        gather(ledger, done)
        assert left.drive_id != done.drive_id
    block = MIGRATION.read_text("utf-8").partition("do $$")
    with psycopg.connect(database_urls[0]) as connection:
        before = connection.execute("table roadwear.ungathered").fetchall()
        connection.execute("delete from roadwear.ungathered")
        # As it is run: by an ordinary owner, under row security.
        connection.execute("set role roadwear_owner")
        connection.execute("".join(block[1:]))
        connection.execute("reset role")
        after = connection.execute("table roadwear.ungathered").fetchall()
    assert sorted(after) == sorted(before)
    assert len({authority for _, authority, _ in after}) == 2
