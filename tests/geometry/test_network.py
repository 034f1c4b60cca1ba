"""Roads: what lies near, what is joined, how far it is to drive."""

import numpy as np
import pytest

from pipeline.domain.places import GridRef
from pipeline.domain.roads import RoadSection, Ways
from pipeline.geometry.network import RoadNetwork


def a_road(name: str, *places: tuple[float, float], ways: Ways = Ways.BOTH) -> RoadSection:
    line = tuple(GridRef(easting_m=400_000 + x, northing_m=200_000 + y) for x, y in places)
    return RoadSection(section_id=name, line=line, ways=ways)


def test_a_place_has_chainage_side_and_the_lines_direction() -> None:
    network = RoadNetwork([a_road("up", (0, 0), (0, 50), (30, 50))])

    near = network.near(np.array([(400_003.0, 200_020.0), (400_010.0, 200_052.0)]), 10.0)

    assert near.point.tolist() == [0, 1]
    assert near.along_m == pytest.approx([20, 60])
    assert near.across_m == pytest.approx([3, -2])
    assert near.course_deg == pytest.approx([0, 90])
    assert near.beyond_m == pytest.approx([0, 0])


def test_beyond_the_end_is_not_beside_the_road() -> None:
    network = RoadNetwork([a_road("up", (0, 0), (0, 50))])

    near = network.near(np.array([(400_001.0, 200_054.0)]), 10.0)

    assert near.beyond_m == pytest.approx([4])
    assert near.across_m == pytest.approx([1])
    assert len(network.near(np.array([(400_000.0, 200_090.0)]), 10.0).point) == 0


def test_roads_are_joined_at_their_ends_and_a_bridge_is_not() -> None:
    network = RoadNetwork(
        [
            a_road("west", (-50, 0), (0, 0)),
            a_road("east", (0.1, 0), (50, 0)),
            a_road("bridge", (-20, -40), (-20, 40)),
        ]
    )

    assert network.meets(0, 1)
    assert not network.meets(0, 2)
    begin = network.node(0, at_end=False)
    assert network.reached_from(begin, 200.0) == {
        begin: 0,
        network.node(0, at_end=True): pytest.approx(50),
        network.node(1, at_end=True): pytest.approx(99.9),
    }


def test_a_one_way_road_leads_one_way() -> None:
    network = RoadNetwork(
        [
            a_road("a", (0, 0), (10, 0), ways=Ways.FORWARD),
            a_road("b", (20, 0), (10, 0), ways=Ways.BACKWARD),
        ]
    )
    start, middle = (network.node(0, at_end=at_end) for at_end in (False, True))
    end = network.node(1, at_end=False)

    assert set(network.reached_from(start, 100.0)) == {start, middle, end}
    assert set(network.reached_from(end, 100.0)) == {end}
    assert set(network.reached_from(start, 15.0)) == {start, middle}
