"""What lies in private areas is left out of a track, and its times are known."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from pipeline.domain.places import LonLat
from pipeline.domain.private import PrivateArea, TimeSpan
from pipeline.domain.track import RawFix
from pipeline.stages.cut import cut_track
from tests.builders import NOON

DEG_M = 111_194.9  # a degree of latitude on the sphere of IUGG's mean radius
CENTRE = LonLat(lon_deg=-0.1, lat_deg=51.5)
AREA = PrivateArea(area_id=uuid4(), name="Depot", centre=CENTRE, radius_m=104.0)


def fix(second: int, north_m: float, east_m: float = 0.0) -> RawFix:
    lat = CENTRE.lat_deg + north_m / DEG_M
    lon = CENTRE.lon_deg + east_m / (DEG_M * 0.6225)  # cos 51.5°
    place = LonLat(lon_deg=lon, lat_deg=lat)
    return RawFix(taken_at=NOON + timedelta(seconds=second), place=place)


def at(second: float) -> datetime:
    return NOON + timedelta(seconds=second)


def test_a_vehicle_that_leaves_its_depot_is_kept_from_the_first_fix_outside() -> None:
    fixes = [fix(s, 10.0 * s) for s in range(21)]  # 0 … 200 m northwards; 104 m are inside
    cut = cut_track(fixes, [AREA])
    assert cut.kept == tuple(fixes[11:])
    assert [span.ends for span in cut.spans] == [at(11)]
    assert cut.spans[0].begins < datetime(1000, 1, 1, tzinfo=UTC)


def test_a_vehicle_that_comes_home_is_kept_up_to_the_last_fix_outside() -> None:
    fixes = [fix(s, 200 - 10.0 * s) for s in range(15)]
    cut = cut_track(fixes, [AREA])
    assert cut.kept == tuple(fixes[:10])
    assert [span.begins for span in cut.spans] == [at(9)]
    assert cut.spans[0].holds(at(10_000))


def test_passing_through_between_two_fixes_is_private_though_no_fix_is() -> None:
    fixes = [fix(0, -300), fix(1, -150), fix(2, 150), fix(3, 300)]
    cut = cut_track(fixes, [AREA])
    assert cut.kept == tuple(fixes)
    assert cut.spans == (TimeSpan(begins=at(1), ends=at(2)),)


def test_passing_by_outside_is_not() -> None:
    fixes = [fix(0, -150, 110), fix(1, 150, 110)]
    assert cut_track(fixes, [AREA]).spans == ()
    assert cut_track(fixes, []).kept == tuple(fixes)


def test_a_leap_of_the_receiver_inside_the_depot_is_not_kept() -> None:
    fixes = [fix(0, -150), fix(1, 0), fix(2, 5000), fix(3, 0), fix(4, 150), fix(5, 160)]
    cut = cut_track(fixes, [AREA])
    assert cut.kept == (fixes[0], fixes[4], fixes[5])
    assert cut.spans == (TimeSpan(begins=at(0), ends=at(4)),)


@pytest.mark.parametrize("order", [1, -1])
def test_the_order_in_which_fixes_come_does_not_matter(order: int) -> None:
    fixes = [fix(s, 50.0 * s - 400) for s in range(17)][::order]
    cut = cut_track(fixes, [AREA])
    assert [f.taken_at for f in cut.kept] == [at(s) for s in [*range(6), *range(11, 17)]]
    assert cut.spans == (TimeSpan(begins=at(5), ends=at(11)),)


def test_two_areas_make_two_spans() -> None:
    other = PrivateArea(
        area_id=uuid4(),
        name="Home",
        centre=LonLat(lon_deg=-0.1, lat_deg=51.5 + 1000 / DEG_M),
        radius_m=55.0,
    )
    fixes = [fix(s, 25.0 * s) for s in range(60)]
    cut = cut_track(fixes, [AREA, other])
    assert [(s.begins, s.ends) for s in cut.spans][1] == (at(37), at(43))
    assert len(cut.spans) == 2


def test_no_fixes_are_no_spans() -> None:
    assert cut_track([], [AREA]).spans == ()
