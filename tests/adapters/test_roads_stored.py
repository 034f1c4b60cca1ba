"""A network in the database: whose it is, which one is in use, and what lies on it."""

from dataclasses import replace

import pytest

from pipeline.adapters.clock_system import SystemClock
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.ledger import PostgresLedger
from pipeline.adapters.postgres.queue_entries import load_queue
from pipeline.adapters.postgres.roads import load_road_facts
from pipeline.domain.coverage import SectionSpan
from pipeline.domain.errors import InputError
from pipeline.domain.ids import DefectId, OrganisationId, organisation_id
from pipeline.domain.looks import NotLookedReason
from pipeline.domain.places import GridRef
from pipeline.domain.roads import Box, Hierarchy, OnRoad, RoadFacts, RoadSection, Ways
from pipeline.line import SURE, whole_of
from tests.builders import E0, N0, NOON, an_observation
from tests.stored import gather, store_findings

DEPOT, OTHER = organisation_id("depot"), organisation_id("other")
HERE = Box(west_m=E0 - 50, south_m=N0 - 50, east_m=E0 + 50, north_m=N0 + 50)


@pytest.fixture
def ledger(database: Database) -> PostgresLedger:
    return PostgresLedger(database, SystemClock())


def a_road(section_id: str, east: float = 0.0, **more: object) -> RoadSection:
    line = tuple(GridRef(easting_m=E0 + east, northing_m=N0 + north) for north in (0.0, 30.0))
    return replace(RoadSection(section_id=section_id, line=line), **more)  # type: ignore[arg-type]


def load(ledger: PostgresLedger, *sections: RoadSection, file: str = "1") -> bool:
    return ledger.save_roads("depot", name="roads.gpkg", content_sha256=file, sections=sections)


def sections_here(
    ledger: PostgresLedger, organisation: OrganisationId = DEPOT
) -> tuple[RoadSection, ...] | None:
    network_id = ledger.network_in_use(DEPOT)
    return None if network_id is None else ledger.load_sections(organisation, network_id, HERE)


def test_a_network_comes_back_as_it_was_and_only_where_it_is_asked_for(
    ledger: PostgresLedger,
) -> None:
    high = a_road(
        "A/1", usrn=8_400_001, name="High Street", road_class="A Road", ways=Ways.FORWARD,
        hierarchy=Hierarchy.LINK, speed_limit_mph=30.0, urban=True,
    )  # fmt: skip
    assert sections_here(ledger) is None

    assert load(ledger, high, a_road("far", east=9000.0))

    assert sections_here(ledger) == (high,)
    assert sections_here(ledger, OTHER) == ()
    assert ledger.network_in_use(OTHER) is None


def test_the_same_file_again_is_not_stored_and_another_one_takes_over(
    ledger: PostgresLedger,
) -> None:
    assert load(ledger, a_road("old"))
    assert not load(ledger, a_road("old"))
    assert load(ledger, a_road("new"), file="2")

    assert [section.section_id for section in sections_here(ledger) or ()] == ["new"]
    assert load(ledger, a_road("old"))


def roads_of_the_queue(database: Database) -> list[RoadFacts | None]:
    with database.acting_for(DEPOT) as connection:
        names = [DefectId(entry.defect_id) for entry, _ in load_queue(connection, DEPOT)]
        found = load_road_facts(connection, DEPOT, names)
    return [found.get(name) for name in names]


def test_a_defect_lies_on_the_road_that_its_sightings_vote_for(
    ledger: PostgresLedger, database: Database
) -> None:
    load(ledger, a_road("main", name="Main Road", hierarchy=Hierarchy.STRATEGIC), a_road("side", 9))
    seen = [an_observation(0, 5, drive="one", second=k / 4) for k in range(3)]
    drive = store_findings(ledger, seen)
    network_id = ledger.network_in_use(DEPOT)
    assert network_id is not None
    main = OnRoad(section_id="main", chainage_m=4, offset_m=0, along=True, probability=0.9)
    unplaced = [o.observation_id for o in ledger.load_unplaced(drive, network_id)]
    places = dict(zip(unplaced, (main, replace(main, chainage_m=6), None), strict=True))

    gather(ledger, drive)
    assert roads_of_the_queue(database) == [None]
    ledger.save_places(drive, network_id, places)
    ledger.save_places(drive, network_id, dict.fromkeys(unplaced))
    gather(ledger, drive)

    [road] = roads_of_the_queue(database)
    assert road is not None
    assert road.name == "Main Road"
    assert road.chainage_m == pytest.approx(5)
    assert road.probability == pytest.approx(0.6)
    assert ledger.load_unplaced(drive, network_id) == ()
    with database.acting_for(DEPOT) as connection:
        [(entry, _)] = load_queue(connection, DEPOT)
    assert "Its road: Main Road, 60% sure." in entry.reasons
    assert "It lies on a strategic route." in entry.reasons
    # On another network nothing is known until it has been asked.
    load(ledger, a_road("main"), file="2")
    assert roads_of_the_queue(database) == [None]


def test_what_runs_looked_at_on_a_network_is_stored_once_and_seen_by_its_authority(
    ledger: PostgresLedger, database: Database
) -> None:
    load(ledger, a_road("main", hierarchy=Hierarchy.STRATEGIC))
    drive = store_findings(ledger, [an_observation(0, 5, drive="one")])
    network_id = ledger.network_in_use(DEPOT)
    assert network_id is not None
    [(run, stretches)] = ledger.load_unlaid(drive, network_id, "test").items()
    assert all(stretch.to_m > stretch.from_m for stretch in stretches)
    span = SectionSpan(
        section_id="main", along=True, from_m=0, to_m=30, reason=NotLookedReason.BLURRED,
        at=NOON, probability=0.95,
    )  # fmt: skip

    assert ledger.load_unlaid(drive, network_id, "other settings") == {}
    ledger.save_spans(drive, network_id, {run: [span]})
    ledger.save_spans(drive, network_id, {run: [replace(span, to_m=10)]})

    sections, spans = ledger.coverage_of("depot", whole_of=whole_of, sure=SURE, now=NOON)
    assert [(section.section_id, round(length)) for section, length in sections] == [("main", 30)]
    assert spans == ((drive.drive_id, span),)
    assert ledger.load_unlaid(drive, network_id, "test") == {}
    with database.acting_for(DEPOT) as connection:
        connection.execute("update roadwear.run set state = 'void'")
    assert ledger.coverage_of("depot", whole_of=whole_of, sure=SURE, now=NOON)[1] == ()
    with pytest.raises(InputError, match="roadwear roads load"):
        ledger.coverage_of("other", whole_of=whole_of, sure=SURE, now=NOON)
