"""Which road a vehicle was on, and how sure that is."""

import numpy as np
import pytest

from pipeline.domain.places import GridRef
from pipeline.domain.roads import RoadSection, Ways
from pipeline.geometry.network import RoadNetwork
from pipeline.stages.match import (
    MatchedDrive,
    MatchSettings,
    TrackSamples,
    match_drive,
    place_on_road,
)

Places = list[tuple[float, float]]


def a_road(name: str, *places: tuple[float, float], ways: Ways = Ways.BOTH) -> RoadSection:
    line = tuple(GridRef(easting_m=x, northing_m=y) for x, y in places)
    return RoadSection(section_id=name, line=line, ways=ways)


def driven(places: Places, roads: list[RoadSection], *, sigma_m: float = 1.6) -> MatchedDrive:
    """Match a drive at 10 m/s past these places, 10 m apart."""
    at = np.array(places)
    step = np.gradient(at, axis=0)
    count = len(places)
    samples = TrackSamples(
        second=np.arange(count, dtype=float),
        chainage_m=np.concatenate(([0.0], np.cumsum(np.hypot(*np.diff(at, axis=0).T)))),
        at=at,
        heading_deg=np.degrees(np.arctan2(step[:, 0], step[:, 1])) % 360,
        sigma_m=np.full(count, sigma_m),
        follows=np.ones(count, bool),
    )
    return match_drive(samples, RoadNetwork(roads), settings=MatchSettings())


def eastwards(y: float, count: int = 20, x: float = 5.0) -> Places:
    return [(x + 10 * i, y) for i in range(count)]


def names_at(drive: MatchedDrive, chainage_m: float) -> dict[str, float]:
    return {
        drive.network.sections[s].section_id if s >= 0 else "none": p
        for s, p in drive.sections_at(chainage_m).items()
    }


def test_of_two_carriageways_it_is_the_one_with_its_direction() -> None:
    roads = [
        a_road("eastbound", (0, 12), (200, 12), ways=Ways.FORWARD),
        a_road("westbound", (0, 0), (200, 0), ways=Ways.BACKWARD),
    ]
    # GPS says exactly between them.
    east = driven(eastwards(6.0), roads)
    west = driven(eastwards(6.0)[::-1], roads)

    assert names_at(east, 100)["eastbound"] > 0.98
    assert names_at(west, 100)["westbound"] > 0.98
    assert east.legs[0].along
    assert not west.legs[0].along


def test_between_two_roads_alike_it_is_not_known_which_however_long_the_drive() -> None:
    roads = [a_road("service", (0, 12), (600, 12)), a_road("main", (0, 0), (600, 0))]

    between = names_at(driven(eastwards(6.0 + 1.5, count=58), roads), 300)
    nearer = names_at(driven(eastwards(3.0, count=58), roads), 300)

    assert 0.2 < between["service"] < 0.8
    assert nearer["main"] > 0.95


def test_under_a_bridge_it_stays_on_its_road() -> None:
    roads = [
        a_road("road", (0, 0), (200, 0)),
        a_road("bridge", (100, -100), (100, 100)),
    ]

    found = driven(eastwards(1.0), roads)

    assert [found.network.sections[s.section].section_id for s in found.legs] == ["road"]
    assert names_at(found, 95)["road"] > 0.98


def test_a_road_that_the_network_lacks_is_said_to_be_unknown() -> None:
    roads = [a_road("first", (0, 0), (100, 0)), a_road("last", (300, 0), (400, 0))]

    found = driven(eastwards(1.5, count=40), roads)

    assert names_at(found, 50)["first"] > 0.95
    assert names_at(found, 200)["none"] > 0.95
    assert names_at(found, 350)["last"] > 0.95


def test_at_a_junction_both_sections_have_their_share() -> None:
    roads = [a_road("first", (0, 0), (100, 0)), a_road("second", (100, 0), (200, 0))]

    found = driven(eastwards(1.5), roads)
    change = found.legs[0].to_m

    assert change == pytest.approx(95, abs=0.5)
    assert names_at(found, change)["first"] == pytest.approx(0.5, abs=0.03)
    assert names_at(found, change + 2)["first"] == pytest.approx(0.106, abs=0.03)
    assert names_at(found, change + 15)["second"] > 0.99


def test_a_turn_is_followed_through_a_junction() -> None:
    roads = [
        a_road("west", (0, 0), (100, 0)),
        a_road("north", (100, 0), (100, 100)),
        a_road("east", (100, 0), (200, 0)),
    ]
    track = [*eastwards(1.5, count=10), *[(99.0, 6.0 + 10 * i) for i in range(9)]]

    found = driven(track, roads)

    ids = [found.network.sections[s.section].section_id for s in found.legs]
    assert ids == ["west", "north"]


def test_what_is_seen_on_the_road_that_was_not_taken_lies_on_that_road() -> None:
    roads = [
        a_road("west", (0, 0), (100, 0)),
        a_road("north", (100, 0), (100, 100)),
        a_road("east", (100, 0), (200, 0)),
    ]
    track = [*eastwards(1.5, count=10), *[(99.0, 6.0 + 10 * i) for i in range(9)]]
    found = driven(track, roads)

    ahead = place_on_road(found, (118.0, 1.0), chainage_m=112.0, heading_deg=90.0, sigma_m=1.0)
    here = place_on_road(found, (60.0, 2.0), chainage_m=55.0, heading_deg=90.0, sigma_m=1.0)
    nowhere = place_on_road(found, (60.0, 80.0), chainage_m=55.0, heading_deg=90.0, sigma_m=1.0)

    assert ahead is not None
    assert (ahead.section_id, round(ahead.chainage_m), round(ahead.offset_m)) == ("east", 18, -1)
    assert here is not None
    assert (here.section_id, here.along) == ("west", True)
    assert here.probability > 0.95
    back = place_on_road(found, (60.0, 2.0), chainage_m=55.0, heading_deg=265.0, sigma_m=1.0)
    assert back is not None
    assert not back.along
    assert nowhere is None


def test_after_a_gap_it_may_be_anywhere() -> None:
    roads = [a_road("first", (0, 0), (100, 0)), a_road("far", (0, 500), (100, 500))]
    at = np.array([*eastwards(1.5, count=8), *eastwards(501.5, count=8)])
    samples = TrackSamples(
        second=np.concatenate((np.arange(8.0), 300 + np.arange(8.0))),
        chainage_m=np.concatenate((10 * np.arange(8.0), 570 + 10 * np.arange(8.0))),
        at=at,
        heading_deg=np.full(16, 90.0),
        sigma_m=np.full(16, 1.6),
        follows=np.array([True] * 8 + [False] + [True] * 7),
    )

    found = match_drive(samples, RoadNetwork(roads), settings=MatchSettings())

    assert names_at(found, 35)["first"] > 0.95
    assert names_at(found, 600)["far"] > 0.95
