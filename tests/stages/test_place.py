"""Placing: what is sifted out, what is interpolated, what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.errors import InputError
from pipeline.stages.place import (
    Placer,
    PlaceSettings,
    TrackGapError,
    make_track,
    sift_fixes,
)
from tests.builders import a_track, after, raw_fixes

SETTINGS = PlaceSettings()


def straight(seconds: int = 20, speed: float = 10.0) -> Placer:
    return Placer(a_track(*((t, t * speed, 0.0) for t in range(seconds + 1))), SETTINGS)


def test_null_island_duplicates_and_jumps_are_set_aside() -> None:
    fixes = raw_fixes(
        (0, -1.5, 52.4),
        (1, -1.4999, 52.4),
        (1, -1.4999, 52.4),
        (2, 0.0, 0.0),
        (3, -1.2, 52.4),  # 20 km in two seconds
        (4, -1.4996, 52.4),
        (5, -1.4995, 52.4),
    )

    sifted = sift_fixes(fixes, settings=SETTINGS)

    assert [fix.taken_at for fix in sifted.kept] == [after(t) for t in (0, 1, 4, 5)]
    assert sifted.refused == {"null island": 1, "duplicate time": 1, "impossible jump": 1}


def test_fixes_out_of_order_are_put_in_order() -> None:
    sifted = sift_fixes(raw_fixes((2, -1.5, 52.4), (0, -1.5, 52.4)), settings=SETTINGS)

    assert [fix.taken_at for fix in sifted.kept] == [after(0), after(2)]


def test_a_single_fix_is_no_track() -> None:
    with pytest.raises(InputError, match="at least two"):
        make_track([], [], settings=SETTINGS)


@given(st.floats(0, 20))
def test_a_position_lies_between_its_fixes(t: float) -> None:
    pose = straight().pose_at(after(t))

    assert pose.at.easting_m == pytest.approx(530_000 + 10 * t, abs=1e-3)
    assert pose.chainage_m == pytest.approx(10 * t, abs=1e-3)


def test_speed_and_heading_come_from_motion() -> None:
    pose = straight().pose_at(after(10))

    assert pose.heading_deg == pytest.approx(90)
    assert pose.speed_mps == pytest.approx(10)
    assert 0 < pose.heading_sigma_deg < 5


@given(st.floats(2, 18))
def test_at_a_bend_the_heading_is_within_its_sigma(t: float) -> None:
    """East for ten seconds, then north: at the corner the heading could be anything between."""
    points = [(s, 10.0 * min(s, 10), 10.0 * max(s - 10, 0)) for s in range(21)]
    pose = Placer(a_track(*points), SETTINGS).pose_at(after(t))

    heading = 90.0 if t < 10 else 0.0
    apart = abs((pose.heading_deg - heading + 180) % 360 - 180)
    assert apart <= 2 * pose.heading_sigma_deg


def test_a_position_is_never_guessed_across_a_tunnel() -> None:
    placer = Placer(a_track((0, 0, 0), (1, 10, 0), (10, 100, 0), (11, 110, 0)), SETTINGS)

    with pytest.raises(TrackGapError, match=r"gap of 9\.0 s"):
        placer.pose_at(after(4))
    assert not placer.is_placeable(after(4))
    assert placer.is_placeable(after(0.5))


@pytest.mark.parametrize("t", [-1, 21])
def test_a_position_is_never_extrapolated(t: float) -> None:
    with pytest.raises(TrackGapError, match="outside the track"):
        straight().pose_at(after(t))


def test_standing_still_adds_no_metres_and_keeps_the_heading() -> None:
    there = [(float(t), t * 10.0, 0.0) for t in range(11)]
    jitter = [(10.0 + t, 100.0 + 0.2 * (-1) ** t, 0.1 * (t % 3)) for t in range(1, 60)]
    on = [(70.0 + t, 100.0 + t * 10.0, 0.0) for t in range(11)]
    placer = Placer(a_track(*there, *jitter, *on), SETTINGS)

    standing = placer.pose_at(after(40))

    assert standing.heading_deg == pytest.approx(90, abs=3)
    assert standing.speed_mps == 0
    assert placer.length_m == pytest.approx(200, abs=5)
    chainages = [float(c) for c in range(0, 200, 3)]
    assert all(not 16 < (i - after(0)).total_seconds() < 66 for i in placer.instants_at(chainages))


def test_a_reversing_vehicle_keeps_its_heading() -> None:
    ahead = [(float(t), t * 3.0, 0.0) for t in range(11)]
    stands = [(10.0 + t, 30.0, 0.0) for t in range(1, 8)]
    back = [(17.0 + t, 30.0 - t * 2.0, 0.0) for t in range(1, 9)]
    placer = Placer(a_track(*ahead, *stands, *back), SETTINGS)

    assert placer.pose_at(after(22)).heading_deg == pytest.approx(90, abs=5)


def test_a_bend_turns_the_heading_without_a_stop_being_taken_for_reversing() -> None:
    placer = Placer(
        a_track(
            *((t, 10.0 * t, 0.0) for t in range(8)), *((8 + t, 70.0, 10.0 * t) for t in range(1, 8))
        ),
        SETTINGS,
    )

    assert placer.pose_at(after(13)).heading_deg == pytest.approx(0, abs=5)


def test_a_missed_turn_does_not_turn_the_rest_of_the_drive_round() -> None:
    """Moving off the other way looks like reversing; driving on fast is not."""
    ahead = [(float(t), t * 3.0, 0.0) for t in range(11)]
    stands = [(10.0 + t, 30.0, 0.0) for t in range(1, 8)]
    on = [(17.0 + t, 30.0 - t * 10.0, 0.0) for t in range(1, 20)]

    placer = Placer(a_track(*ahead, *stands, *on), SETTINGS)

    assert placer.pose_at(after(30)).heading_deg == pytest.approx(270, abs=5)
    assert not placer.is_reversing(after(30))


def test_at_a_steady_speed_nothing_brakes_not_even_at_the_ends_of_a_track() -> None:
    steady = Placer(a_track(*((t, 0.0, 13.0 * t) for t in range(30))), SETTINGS)
    gap = Placer(a_track(*((t, 0.0, 13.0 * t) for t in range(30) if not 10 < t < 20)), SETTINGS)
    stops = Placer(a_track(*((t, 0.0, 10 * t - t * t / 2) for t in range(11))), SETTINGS)

    for placer in (steady, gap):
        braking = [placer.braking_at(after(tenth / 10)) for tenth in range(290)]
        assert max(map(abs, braking)) < 0.01
    assert stops.braking_at(after(5.0)) == pytest.approx(1.0, abs=0.15)
