"""What pairs of pictures and a track say of a camera: what is taken over, and what is said."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.domain.track import ClockOffset
from pipeline.geometry.calibration import PairMotion
from pipeline.geometry.egomotion import Pinhole
from pipeline.stages.calibrate import (
    CalibrateSettings,
    Calibration,
    FollowedRoad,
    calibrated,
    grid_on_road,
)
from tests.builders import a_rig
from tests.geometry.test_calibration import drive, fixes_of, steady, stopping

SETTINGS = CalibrateSettings()
CLOCK = ClockOffset(offset_s=0.0, sigma_s=0.5, how="the camera's own")
UNKNOWN = a_rig(
    pitch_deg=5.0, pitch_sigma_deg=5.0, yaw_deg=0.0, yaw_sigma_deg=4.0, roll_deg=0.0,
    roll_sigma_deg=3.0, mount_height_m=1.5, mount_height_sigma_m=0.4, how="assumed",
)  # fmt: skip


def found(pairs: list[PairMotion], fixes: np.ndarray, **rig: float) -> Calibration:
    road = FollowedRoad(pairs=tuple(pairs), refused=3, camera=Pinhole.of(UNKNOWN), fixes=fixes)
    return calibrated(road, replace(UNKNOWN, **rig), CLOCK, settings=SETTINGS)  # type: ignore[arg-type]


def test_what_was_known_of_the_clock_is_added_to_what_is_seen() -> None:
    fixes = fixes_of(stopping, offset_s=0.7, seed=1)
    road = FollowedRoad(
        pairs=tuple(drive(stopping, seed=1)), refused=0, camera=Pinhole.of(UNKNOWN), fixes=fixes
    )
    hours_off = replace(CLOCK, offset_s=-5 * 3600.0)
    exact = ClockOffset(offset_s=0.7, sigma_s=0.001, how="given")

    mended = calibrated(road, UNKNOWN, hours_off, settings=SETTINGS).found
    kept = calibrated(road, UNKNOWN, exact, settings=SETTINGS).found

    assert mended.clock is not None
    assert mended.clock.offset_s == pytest.approx(-5 * 3600 + 0.7, abs=0.15)
    assert kept.clock is None


def test_what_the_footage_tells_takes_the_place_of_what_was_assumed() -> None:
    one = found(drive(stopping, seed=1), fixes_of(stopping, offset_s=1.2, seed=1)).found

    assert one.rig.pitch_deg == pytest.approx(5.0, abs=0.15)
    assert one.rig.pitch_sigma_deg < 0.1
    assert one.rig.yaw_deg == pytest.approx(-1.0, abs=0.15)
    assert one.rig.mount_height_m == pytest.approx(1.6, abs=0.1)
    assert one.rig.how.startswith("estimated from the footage: pitch, yaw, roll, mount height")
    assert one.clock is not None
    assert one.clock.offset_s == pytest.approx(1.2, abs=0.15)
    assert (one.moved, one.words) == ((), ())


def test_a_measured_rig_is_kept_and_a_moved_one_is_told_of() -> None:
    pairs, fixes = drive(stopping, seed=1), fixes_of(stopping, offset_s=0.0, seed=1)

    kept = found(pairs, fixes, pitch_deg=5.02, pitch_sigma_deg=0.01).found
    moved = found(pairs, fixes, pitch_deg=7.0, pitch_sigma_deg=0.2).found

    assert (kept.rig.pitch_deg, kept.rig.pitch_sigma_deg) == (5.02, 0.01)
    assert kept.moved == ()
    [sentence] = moved.moved
    assert sentence.startswith("pitch: 7.00 deg was given, ")
    assert "was moved" in sentence
    assert (moved.rig.pitch_deg, moved.rig.pitch_sigma_deg) == (7.0, 0.2)


def test_a_clock_that_cannot_be_told_stays_as_it_was_and_it_is_said() -> None:
    one = found(drive(steady, seed=2), fixes_of(steady, offset_s=0.5, seed=2)).found

    assert one.clock is None
    assert any("kept its speed and direction" in sentence for sentence in one.words)
    assert one.rig.mount_height_m == pytest.approx(1.6, abs=0.15)


def test_summer_time_is_recognised_by_the_motion() -> None:
    def wandering(t: float) -> float:
        return float(max(0.0, 8.0 + 6.0 * np.sin(t / 3.0) + 3.0 * np.sin(t / 1.7)))

    pairs = drive(wandering, seed=3)
    an_hour_late = fixes_of(wandering, offset_s=3600.4, seed=3)
    # The track runs on before: another hour's driving, at another rhythm.
    earlier = fixes_of(lambda t: 12.0 + 2 * float(np.cos(t / 5)), offset_s=0.0, seed=4)

    one = found(pairs, np.concatenate((earlier, an_hour_late))).found

    assert one.clock is not None
    assert one.clock.offset_s == pytest.approx(3600.4, abs=0.2)
    assert any("1 h behind" in sentence for sentence in one.words)


def test_an_hour_at_which_the_vehicle_was_parked_explains_nothing() -> None:
    pairs, fixes = drive(stopping, seed=1), fixes_of(stopping, offset_s=0.3, seed=1)
    parked = np.column_stack(
        (np.arange(3560.0, 3660.0), np.full(100, 400_000.0), np.full(100, 300_000.0))
    )

    one = found(pairs, np.concatenate((fixes, parked))).found

    assert one.clock is not None
    assert one.clock.offset_s == pytest.approx(0.3, abs=0.15)
    assert one.rig.mount_height_m == pytest.approx(1.6, abs=0.1)
    assert one.words == ()


def test_in_a_few_seconds_of_steady_driving_no_clock_is_known() -> None:
    known = 0
    for seed in range(30):
        pairs = drive(steady, seed=seed, lasting_s=9.0)
        one = found(pairs, fixes_of(steady, offset_s=3.0, seed=seed, lasting_s=20.0)).found
        known += one.clock is not None

    assert known == 0


def test_a_track_that_fits_only_at_the_edge_gives_no_height_either() -> None:
    pairs = drive(stopping, seed=3, lasting_s=60)
    one = found(pairs, fixes_of(stopping, offset_s=7.0, seed=3, lasting_s=60)).found

    assert one.clock is None
    assert one.rig.mount_height_m == 1.5
    assert any("off by 4.0 s or more" in sentence for sentence in one.words)


def test_a_track_of_another_day_is_not_taken_for_this_one() -> None:
    one = found(drive(stopping, seed=5), fixes_of(stopping, offset_s=90_000.0, seed=5)).found

    assert one.clock is None
    assert any("too little time in common" in sentence for sentence in one.words)
    assert one.rig.mount_height_m == 1.5


def test_the_grid_is_drawn_on_the_road_and_nowhere_above_the_horizon() -> None:
    grey = np.full((720, 1280, 3), 90, np.uint8)
    rig = a_rig(pitch_deg=6.0)

    drawn = grid_on_road(grey, rig)

    changed = (drawn != grey).any(axis=2)
    horizon = 360 - rig.focal_px * np.tan(np.radians(6.0))
    assert (grey == 90).all()
    assert changed[int(horizon) + 5 :].any()
    assert not changed[: int(horizon) - 3].any()
    assert changed[round(horizon) - 2 : round(horizon) + 3].any(axis=0).mean() > 0.5
