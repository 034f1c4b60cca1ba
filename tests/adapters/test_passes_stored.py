"""Which drives looked at a place, and what is said of a hole that some of them did not see."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from pipeline.adapters.clock_system import SystemClock
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.ledger import PostgresLedger
from pipeline.adapters.postgres.passes import load_passes
from pipeline.adapters.postgres.queue_entries import load_queue
from pipeline.adapters.postgres.retention import forget_tracks
from pipeline.domain.condition import PassOver
from pipeline.domain.footage import Drive
from pipeline.domain.ids import organisation_id
from pipeline.domain.observations import Observation
from pipeline.domain.places import GridRef
from pipeline.domain.roads import OnRoad, RoadSection, Ways
from tests.builders import E0, N0, an_observation
from tests.stored import gather, store_findings

DEPOT = organisation_id("depot")
# Coverage of a stored drive: 30 m northwards, 3 m to either side.
NORTH_M, ASIDE_M = 5.0, 8.0


@pytest.fixture
def ledger(database: Database) -> PostgresLedger:
    return PostgresLedger(database, SystemClock())


def drive_over(
    ledger: PostgresLedger,
    day: int,
    *,
    sees: tuple[float, ...],
    width_m: float = 0.5,
    southwards: bool = False,
) -> Drive:
    """Store and gather a drive on a day that sees holes so far east."""
    seen: list[Observation] = [
        an_observation(
            east, NORTH_M if east == 0 else 20.0, drive=f"day {day}",
            second=day * 86_400 + at + k / 4, width_m=width_m,
        )
        for at, east in enumerate(sees)
        for k in range(2)
    ]  # fmt: skip
    drive = store_findings(ledger, seen, southwards=southwards)
    gather(ledger, drive)
    return drive


def of_the_hole(database: Database, east: float = 0.0) -> tuple[tuple[PassOver, ...], str]:
    """Return the passes over a hole, in order of time, and the reasons in the queue."""
    with database.acting_for(DEPOT) as connection:
        [(entry, defect)] = [
            (e, d)
            for e, d in load_queue(connection, DEPOT)
            if abs(d.at.easting_m - E0 - east) < 0.5
        ]
        passes = load_passes(connection, DEPOT, [defect.defect_id])[defect.defect_id]
    return tuple(sorted(passes, key=lambda one: one.at)), " ".join(entry.reasons)


def test_passes_that_look_and_do_not_see_are_counted_and_said(
    ledger: PostgresLedger, database: Database
) -> None:
    for day in range(5):
        drive_over(ledger, day, sees=(0.0, 1.0))
    drive_over(ledger, 5, sees=(1.0,))
    once = of_the_hole(database)
    drive_over(ledger, 6, sees=(1.0,))
    twice = of_the_hole(database)

    assert [one.seen for one in once[0]] == [True] * 5 + [False]
    assert "The last pass looked at its place and did not see it (5 of 6" in once[1]
    assert [one.seen for one in twice[0]] == [True] * 5 + [False] * 2
    assert "it is probably repaired, hidden, or was never there" in twice[1]
    assert [one.seen for one in of_the_hole(database, 1.0)[0]] == [True] * 7


def test_a_place_that_was_out_of_view_was_not_looked_at(
    ledger: PostgresLedger, database: Database
) -> None:
    drive_over(ledger, 0, sees=(ASIDE_M,))
    drive_over(ledger, 1, sees=(0.0,))

    passes, reasons = of_the_hole(database, ASIDE_M)

    assert [one.seen for one in passes] == [True]
    assert "did not see it" not in reasons


@pytest.mark.parametrize("ways", list(Ways))
def test_a_pass_on_the_other_carriageway_did_not_look_at_this_one(
    ledger: PostgresLedger, database: Database, ways: Ways
) -> None:
    line = tuple(GridRef(easting_m=E0, northing_m=N0 + north) for north in (0.0, 30.0))
    road = RoadSection(section_id="north", line=line, ways=ways)
    ledger.save_roads("depot", name="roads", content_sha256="1", sections=[road])
    first = drive_over(ledger, 0, sees=(0.0,))
    network_id = ledger.network_in_use(DEPOT)
    assert network_id is not None
    place = OnRoad(section_id="north", chainage_m=5, offset_m=0, along=True, probability=0.99)
    unplaced = ledger.load_unplaced(first, network_id)
    ledger.save_places(first, network_id, {o.observation_id: place for o in unplaced})

    drive_over(ledger, 1, sees=(1.0,), southwards=True)

    passes, _ = of_the_hole(database)
    assert [one.seen for one in passes] == ([True, False] if ways is Ways.BOTH else [True])


def test_a_hole_that_has_grown_is_as_wide_as_it_is_now(
    ledger: PostgresLedger, database: Database
) -> None:
    for day, width in enumerate((0.40, 0.41, 0.39, 0.80, 0.82)):
        drive_over(ledger, day, sees=(0.0,), width_m=width)

    _, reasons = of_the_hole(database)

    assert "It seems to have grown: since 13 February 2026" in reasons
    with database.acting_for(DEPOT) as connection:
        [(_, defect)] = load_queue(connection, DEPOT)
    assert defect.width_m.value == pytest.approx(0.81, abs=0.01)


def test_passes_whose_track_is_forgotten_still_count_at_the_time_that_they_were(
    ledger: PostgresLedger, database: Database
) -> None:
    for day in range(3):
        drive_over(ledger, day, sees=(0.0, 1.0))
    drive_over(ledger, 3, sees=(1.0,))
    before = of_the_hole(database)

    with database.acting_for(DEPOT) as connection:
        forgotten = forget_tracks(connection, datetime.now(UTC) + timedelta(days=31))
    drive_over(ledger, 4, sees=(1.0,))
    after = of_the_hole(database)

    assert len(forgotten) == 4
    assert after[0][:4] == before[0]
    assert [one.seen for one in after[0]] == [True] * 3 + [False] * 2


def test_a_drive_whose_track_left_nothing_is_placed_in_time_by_its_files(
    ledger: PostgresLedger, database: Database, database_urls: tuple[str, str]
) -> None:
    drive_over(ledger, 0, sees=(0.0, 1.0))
    drive_over(ledger, 1, sees=(1.0,))
    with psycopg.connect(database_urls[0]) as connection:
        connection.execute("select set_config('roadwear.organisation', %s, true)", (str(DEPOT),))
        connection.execute("delete from roadwear.drive_fix")

    drive_over(ledger, 2, sees=(1.0,))

    assert [one.seen for one in of_the_hole(database)[0]].count(False) == 2
