"""What lies near is found by squares of the grid, and only what may have changed is ranked."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import psycopg
import pytest
import shapely

from pipeline.adapters.clock_system import SystemClock
from pipeline.adapters.policy_toml import default_policy
from pipeline.adapters.postgres.cells import cells_near, cells_of_stretches
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.ledger import PostgresLedger
from pipeline.adapters.postgres.queue_entries import load_queue
from pipeline.adapters.postgres.sections import load_coverage
from pipeline.domain.coverage import PassRule, SectionSpan
from pipeline.domain.ids import DriveId, organisation_id
from pipeline.domain.looks import NotLookedReason
from pipeline.domain.observations import Observation
from pipeline.domain.places import GridRef
from pipeline.domain.roads import Hierarchy, RoadSection
from pipeline.line import SURE, refresh_queue, standings, whole_of
from tests.builders import E0, N0, NOON, an_observation
from tests.stored import gather, store_findings

DEPOT = organisation_id("depot")


@pytest.fixture
def ledger(database: Database) -> PostgresLedger:
    return PostgresLedger(database, SystemClock())


def test_a_point_within_reach_lies_in_one_of_the_squares() -> None:
    rng = np.random.default_rng(4)
    for east, north, angle, away in rng.uniform(
        (0, 0, 0, 0), (600, 600, 2 * np.pi, 150), (2000, 4)
    ):
        place = GridRef(easting_m=E0 + east, northing_m=N0 + north)
        there = (
            place.easting_m + away * np.cos(angle), place.northing_m + away * np.sin(angle),
        )  # fmt: skip
        assert (there[0] // 250, there[1] // 250) in cells_near(place, 150)
    assert len(cells_near(GridRef(easting_m=E0 + 125, northing_m=N0 + 125), 100)) == 1


def test_a_stretch_is_kept_under_a_square_that_is_asked_for_wherever_it_comes_near(
    database_urls: tuple[str, str],
) -> None:
    rng = np.random.default_rng(5)
    with psycopg.connect(database_urls[0]) as connection:
        for _ in range(200):
            points = np.array([E0, N0]) + rng.uniform(0, 900, (3, 2))
            line = shapely.LineString(points)
            kept = {
                tuple(row)
                for row in connection.execute(
                    "select * from roadwear.cells_of(st_geomfromwkb(%s, 27700))",
                    (shapely.to_wkb(line),),
                )
            }
            on_it = line.interpolate(rng.uniform(0, line.length))
            east, north = np.array([on_it.x, on_it.y]) + rng.uniform(-8, 8, 2)
            asked = cells_of_stretches(GridRef(easting_m=east, northing_m=north), 12.0)
            assert kept & asked


def test_nobody_writes_squares_but_the_database_and_nobody_sees_those_of_others(
    ledger: PostgresLedger, database: Database
) -> None:
    store_findings(ledger, [an_observation(0, 5)])

    with database.acting_for(DEPOT) as connection:
        rows = connection.execute("select cell_e, cell_n from roadwear.coverage_cell").fetchall()
    with database.acting_for(organisation_id("other")) as connection:
        others = connection.execute("select * from roadwear.coverage_cell").fetchall()
    assert {(row["cell_e"], row["cell_n"]) for row in rows} == {(E0 // 250, N0 // 250)}
    assert others == []
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege),
        database.acting_for(DEPOT) as connection,
    ):
        connection.execute(
            "insert into roadwear.coverage_cell select authority_id, 1, 1, run_id, ordinal "
            "from roadwear.coverage"
        )


def spoil(database: Database) -> None:
    """Make every place in the queue one that a ranking would change."""
    with database.acting_for(DEPOT) as connection:
        connection.execute("update roadwear.queue_entry set score = 999")


def spoilt(database: Database) -> list[bool]:
    """Return which places are as they were spoilt, from west to east."""
    with database.acting_for(DEPOT) as connection:
        found = load_queue(connection, DEPOT)
    return [entry.score == 999 for entry, _ in sorted(found, key=lambda one: one[1].at.easting_m)]


def holes_at(east: float, drive: str) -> list[Observation]:
    return [an_observation(east, 5, drive=drive, second=k / 4) for k in range(3)]


def test_after_a_drive_only_what_lies_around_it_is_ranked_and_at_night_all(
    ledger: PostgresLedger, database: Database
) -> None:
    far = 5000.0
    gather(ledger, store_findings(ledger, holes_at(0, "here")))
    gather(ledger, store_findings(ledger, holes_at(far, "far")))
    spoil(database)

    gather(ledger, store_findings(ledger, holes_at(0, "again")))
    after_a_drive = spoilt(database)
    count = refresh_queue(DEPOT, ledger=ledger, policy=default_policy())

    assert after_a_drive == [False, True]
    assert count == 2
    assert spoilt(database) == [False, False]


def test_a_place_by_another_policy_is_looked_at_again_wherever_it_is(
    ledger: PostgresLedger, database: Database
) -> None:
    gather(ledger, store_findings(ledger, holes_at(0, "here")))
    gather(ledger, store_findings(ledger, holes_at(5000.0, "far")))
    policy, _ = default_policy()
    with database.acting_for(DEPOT) as connection:
        connection.execute(
            "insert into roadwear.policy (authority_id, policy_sha256, name, version, valid_from, "
            "source, content) values (%s, 'old', 'old', '1', '2026-01-01', '', '')", (DEPOT,),
        )  # fmt: skip
        connection.execute("update roadwear.queue_entry set policy_sha256 = 'old', score = 999")

    gather(ledger, store_findings(ledger, holes_at(0, "again")))

    with database.acting_for(DEPOT) as connection:
        found = {entry.policy_sha256 for entry, _ in load_queue(connection, DEPOT)}
    assert found == {policy.sha256}


ROADS = [
    RoadSection(
        section_id=name,
        line=tuple(GridRef(easting_m=E0 + east, northing_m=N0 + n) for n in (0.0, 100.0)),
        hierarchy=Hierarchy.STRATEGIC,
    )
    for name, east in (("a", 0.0), ("b", 40.0), ("never", 80.0))
]
MONTHLY = PassRule(hierarchy=Hierarchy.STRATEGIC, per_year=12, tolerance_days=7)


def some_spans(rng: random.Random, day: float) -> list[SectionSpan]:
    """Return what a drive saw of the roads: wholly, in part, twice, blindly, or doubtfully."""
    found = []
    for name in ("a", "b"):
        for _ in range(rng.choice((0, 1, 1, 2))):
            cut = rng.choice((0.0, 30.0, 100.0))
            for begin, end in ((0.0, cut), (cut, 100.0)):
                if begin < end:
                    found.append(
                        SectionSpan(
                            section_id=name, along=rng.random() < 0.7, from_m=begin, to_m=end,
                            reason=rng.choice((None, None, NotLookedReason.BLURRED)),
                            at=NOON + timedelta(days=day, minutes=rng.random()),
                            probability=rng.choice((0.99, 0.99, 0.6)),
                        )
                    )  # fmt: skip
    return found


def all_spans(database: Database) -> Sequence[tuple[DriveId, SectionSpan]]:
    """Return every span there is."""
    with database.acting_for(DEPOT) as connection:
        rows = connection.execute(
            "select r.drive_id, s.* from roadwear.section_span s join roadwear.run r using (run_id)"
        ).fetchall()
    return [
        (
            row["drive_id"],
            SectionSpan(
                section_id=row["section_id"], along=row["along"], from_m=row["from_m"],
                to_m=row["to_m"], at=row["passed_at"], probability=row["probability"],
                reason=None if row["reason"] is None else NotLookedReason(row["reason"]),
            ),
        )
        for row in rows
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
def test_the_newest_spans_say_how_roads_stand_as_well_as_all_of_them(
    ledger: PostgresLedger, database: Database, seed: int
) -> None:
    rng, now = random.Random(seed), NOON + timedelta(days=30)  # noqa: S311 - a test
    ledger.save_roads("depot", name="roads", content_sha256="1", sections=ROADS)
    network = ledger.network_in_use(DEPOT)
    assert network is not None
    for number in range(12):
        drive = store_findings(ledger, [an_observation(0, 5, drive=f"drive {number}")])
        [run] = ledger.load_unlaid(drive, network, "test")
        # A receiver may be wrong by years: a pass of the future does not hide those that were.
        day = number + rng.choice((0, 0, 0, 0, 0, 60))
        ledger.save_spans(drive, network, {run: some_spans(rng, day=day)})

    with database.acting_for(DEPOT) as connection:
        lengths, spans = load_coverage(connection, network, whole_of=whole_of, sure=SURE, now=now)

    everything = all_spans(database)
    assert standings(lengths, spans, [MONTHLY], now=now) == standings(
        lengths, everything, [MONTHLY], now=now
    )
    assert len(spans) < len(everything)


def test_a_drive_of_many_spans_is_read_whole_though_it_is_the_newest(
    ledger: PostgresLedger, database: Database
) -> None:
    ledger.save_roads("depot", name="roads", content_sha256="1", sections=ROADS)
    network = ledger.network_in_use(DEPOT)
    assert network is not None
    drive = store_findings(ledger, [an_observation(0, 5, drive="one")])
    [run] = ledger.load_unlaid(drive, network, "test")
    one = SectionSpan(
        section_id="a", along=True, from_m=0, to_m=10, reason=None, at=NOON, probability=0.99
    )
    parts = [
        replace(one, from_m=10.0 * k, to_m=10.0 * k + 10, at=NOON + timedelta(seconds=k))
        for k in range(10)
    ]
    ledger.save_spans(drive, network, {run: parts})
    now = NOON + timedelta(days=1)

    with database.acting_for(DEPOT) as connection:
        lengths, spans = load_coverage(connection, network, whole_of=whole_of, sure=SURE, now=now)

    [first, *_] = standings(lengths, spans, [MONTHLY], now=now)
    assert len(spans) == 10
    assert first.last is not None
    assert first.last.looked_m == 100
