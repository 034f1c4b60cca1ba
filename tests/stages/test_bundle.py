"""Visits: what lies near by road is mended together, where that saves time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.places import GridRef
from pipeline.domain.roads import RoadSection, Ways
from pipeline.geometry.network import RoadNetwork
from pipeline.stages.bundle import BundleSettings, bundle, driven_between
from tests.builders import E0, N0, a_road_line

COSTS = BundleSettings()


def at(east: float, north: float) -> GridRef:
    return GridRef(easting_m=E0 + east, northing_m=N0 + north)


def a_section(name: str, *points: tuple[float, float], ways: Ways = Ways.BOTH) -> RoadSection:
    return RoadSection(section_id=name, line=a_road_line(*points), ways=ways)


def test_five_in_one_street_are_one_visit_and_the_far_one_another() -> None:
    places = [at(20 * n, 0) for n in range(5)] + [at(0, 60_000)]

    visits = bundle(driven_between(places, None, settings=COSTS), settings=COSTS)

    assert [sorted(visit.order) for visit in visits] == [[0, 1, 2, 3, 4], [5]]
    assert visits[0].order in {(0, 1, 2, 3, 4), (4, 3, 2, 1, 0)}
    assert visits[0].saved_min == pytest.approx(4 * 45, abs=1)
    assert visits[0].minutes == pytest.approx(45 + 5 * 20, abs=1)


def test_across_a_river_is_far_by_road() -> None:
    """Two places fifty metres apart; the only bridge lies four kilometres away."""
    network = RoadNetwork(
        [
            a_section("south", (0, 0), (4000, 0)),
            a_section("bridge", (4000, 0), (4000, 50)),
            a_section("north", (4000, 50), (0, 50)),
        ]
    )
    places = [at(10, 0), at(10, 50), at(3990, 50)]

    driven = driven_between(places, network, settings=BundleSettings(farthest_m=9000))

    assert driven[0, 1] == pytest.approx(3990 + 50 + 3990, abs=1)
    assert driven[1, 2] == pytest.approx(3980, abs=1)
    assert np.isinf(driven_between(places, network, settings=COSTS)[0, 1])


def test_what_lies_on_no_road_counts_as_the_crow_flies_and_a_detour() -> None:
    network = RoadNetwork([a_section("far", (9000, 0), (9100, 0))])
    driven = driven_between([at(0, 0), at(100, 0)], network, settings=COSTS)
    assert driven[0, 1] == pytest.approx(140)


def test_a_day_is_only_so_long() -> None:
    places = [at(n, 0) for n in range(40)]
    visits = bundle(driven_between(places, None, settings=COSTS), settings=COSTS)
    assert max(visit.minutes for visit in visits) <= COSTS.longest_min
    assert len(visits) == 3  # 15 at most: 45 + 15 x 20 = 345 minutes


@given(st.lists(st.tuples(st.floats(0, 20_000), st.floats(0, 20_000)), min_size=0, max_size=25))
def test_every_defect_is_mended_once_and_no_visit_costs_more_than_it_saves(
    points: list[tuple[float, float]],
) -> None:
    places = [at(*point) for point in points]
    visits = bundle(driven_between(places, None, settings=COSTS), settings=COSTS)
    assert sorted(index for visit in visits for index in visit.order) == list(range(len(places)))
    for visit in visits:
        assert visit.saved_min >= -1e-6
        assert visit.minutes <= max(COSTS.longest_min, COSTS.visit_min + COSTS.defect_min)
