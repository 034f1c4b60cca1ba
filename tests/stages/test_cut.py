"""What lies in private areas is left out of a track, and its times are known."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from pipeline.domain.places import LonLat
from pipeline.domain.private import PrivateArea, TimeSpan
from pipeline.domain.track import RawFix
from pipeline.stages.cut import CutTrack, cut_track
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


def between(cut: CutTrack) -> tuple[TimeSpan, ...]:
    """Leave out what lies before the first fix and after the last one."""
    return cut.spans[1:-1]


def test_a_vehicle_that_leaves_its_depot_is_kept_from_the_first_fix_outside() -> None:
    fixes = [fix(s, 10.0 * s) for s in range(21)]  # 0 … 200 m northwards; 104 m are inside
    cut = cut_track(fixes, [AREA])
    assert cut.kept == tuple(fixes[11:])
    assert cut.spans[0].ends == at(11)
    assert cut.spans[0].begins < datetime(1000, 1, 1, tzinfo=UTC)


def test_a_vehicle_that_comes_home_is_kept_up_to_the_last_fix_outside() -> None:
    fixes = [fix(s, 200 - 10.0 * s) for s in range(15)]
    cut = cut_track(fixes, [AREA])
    assert cut.kept == tuple(fixes[:10])
    assert cut.spans[-1].begins == at(9)
    assert cut.spans[-1].holds(at(10_000))


def test_passing_through_between_two_fixes_is_private_though_no_fix_is() -> None:
    fixes = [fix(0, -300), fix(1, -150), fix(2, 150), fix(3, 300)]
    cut = cut_track(fixes, [AREA])
    assert cut.kept == tuple(fixes)
    assert between(cut) == (TimeSpan(begins=at(1), ends=at(2)),)


def test_passing_by_outside_is_not() -> None:
    fixes = [fix(0, -150, 110), fix(1, 150, 110)]
    assert between(cut_track(fixes, [AREA])) == ()
    assert cut_track(fixes, []).spans == ()
    assert cut_track(fixes, []).kept == tuple(fixes)


def test_a_leap_of_the_receiver_inside_the_depot_is_not_kept() -> None:
    fixes = [fix(0, -150), fix(1, 0), fix(2, 5000), fix(3, 0), fix(4, 150), fix(5, 160)]
    cut = cut_track(fixes, [AREA])
    assert cut.kept == (fixes[0], fixes[4], fixes[5])
    assert between(cut) == (TimeSpan(begins=at(0), ends=at(4)),)


@pytest.mark.parametrize("order", [1, -1])
def test_the_order_in_which_fixes_come_does_not_matter(order: int) -> None:
    fixes = [fix(s, 50.0 * s - 400) for s in range(17)][::order]
    cut = cut_track(fixes, [AREA])
    assert [f.taken_at for f in cut.kept] == [at(s) for s in [*range(6), *range(11, 17)]]
    assert between(cut) == (TimeSpan(begins=at(5), ends=at(11)),)


def test_two_areas_make_two_spans() -> None:
    other = PrivateArea(
        area_id=uuid4(),
        name="Home",
        centre=LonLat(lon_deg=-0.1, lat_deg=51.5 + 1000 / DEG_M),
        radius_m=55.0,
    )
    fixes = [fix(s, 25.0 * s) for s in range(60)]
    cut = cut_track(fixes, [AREA, other])
    assert cut.spans[0].ends == at(5)
    assert between(cut) == (TimeSpan(begins=at(37), ends=at(43)),)


def test_no_fixes_are_no_spans() -> None:
    assert cut_track([], [AREA]).spans == ()


def test_without_positions_all_the_time_is_private_in_which_it_can_have_been_there() -> None:
    """304 m from the centre are 200 m from the edge: 6.7 s at 30 m/s."""
    fixes = [fix(0, 304), fix(1, 304), fix(61, 304), fix(62, 304)]
    spans = cut_track(fixes, [AREA]).spans
    reach = timedelta(seconds=200 / 30)
    assert [span.ends for span in spans[:2]] == pytest.approx(
        [at(0) - reach, at(61) - reach], abs=timedelta(seconds=0.01)
    )
    assert [span.begins for span in spans[1:]] == pytest.approx(
        [at(1) + reach, at(62) + reach], abs=timedelta(seconds=0.01)
    )


def test_a_gap_too_short_to_go_there_and_back_is_not_private() -> None:
    assert between(cut_track([fix(0, 304), fix(13, 304)], [AREA])) == ()
    assert len(between(cut_track([fix(0, 304), fix(14, 304)], [AREA]))) == 1
