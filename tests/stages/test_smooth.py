"""The smoothed track: where the vehicle most likely was, and what of a receiver is believed."""

from dataclasses import replace

import pytest

from pipeline.domain.track import Fix, Track
from pipeline.stages.place import Placer, PlaceSettings, TrackGapError
from pipeline.stages.smooth import SmoothSettings, smooth_track
from tests.builders import a_track, after

SETTINGS = SmoothSettings()


def eastwards(*seconds: int, speed: float = 10.0) -> Track:
    return a_track(*((t, speed * t, 0.0) for t in seconds))


def saying(track: Track, *velocity: float) -> Track:
    east, north = velocity
    return Track(fixes=tuple(replace(fix, velocity_mps=(east, north)) for fix in track.fixes))


def stated(track: Track) -> list[Fix]:
    return [fix for fix in track.fixes if fix.velocity_mps is not None]


def test_the_instants_of_the_fixes_stay_and_the_path_stays_theirs() -> None:
    track = eastwards(*range(20))

    smooth = smooth_track(track, settings=SETTINGS)

    assert {fix.taken_at for fix in track.fixes} <= {fix.taken_at for fix in smooth.fixes}
    assert smooth.fixes[-1].at.easting_m == pytest.approx(track.fixes[-1].at.easting_m, abs=0.05)
    assert not stated(smooth)


def test_a_stated_velocity_gives_the_heading_with_its_sigma() -> None:
    smooth = smooth_track(saying(eastwards(*range(20)), 10.0, 0.0), settings=SETTINGS)

    pose = Placer(smooth, PlaceSettings()).pose_at(after(10.3))

    assert len(stated(smooth)) == len(smooth.fixes)
    assert pose.heading_deg == pytest.approx(90, abs=0.1)
    assert pose.speed_mps == pytest.approx(10, abs=0.05)
    assert 0 < pose.heading_sigma_deg < 4


@pytest.mark.parametrize("velocity", [(36.0, 0.0), (0.0, 10.0), (-10.0, 0.0), (0.0, 0.0)])
def test_a_velocity_that_is_not_what_the_places_say_is_not_believed(
    velocity: tuple[float, float],
) -> None:
    smooth = smooth_track(saying(eastwards(*range(30)), *velocity), settings=SETTINGS)

    assert not stated(smooth)
    pose = Placer(smooth, PlaceSettings()).pose_at(after(15))
    assert pose.heading_deg == pytest.approx(90, abs=0.5)
    assert pose.speed_mps == pytest.approx(10, abs=0.2)


def test_a_short_tunnel_is_bridged_with_more_doubt_and_a_long_one_is_not() -> None:
    seconds = (*range(10), *range(18, 30), *range(45, 55))
    placer = Placer(smooth_track(eastwards(*seconds), settings=SETTINGS), PlaceSettings())

    inside, outside = placer.pose_at(after(13.5)), placer.pose_at(after(5))

    assert inside.at.easting_m == pytest.approx(outside.at.easting_m + 85, abs=1)
    assert inside.error.sigma_m > outside.error.sigma_m + 0.3
    with pytest.raises(TrackGapError, match=r"gap of 16\.0 s"):
        placer.pose_at(after(35))


def test_two_fixes_are_enough() -> None:
    smooth = smooth_track(eastwards(0, 1), settings=SETTINGS)

    assert len(smooth.fixes) >= 2
