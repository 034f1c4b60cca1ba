"""From pairs of pictures to one camera and one clock: what is told, and what is left unknown."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from pipeline.geometry.calibration import PairMotion, pool_pose
from pipeline.geometry.clock import pool_clock, pool_drift
from pipeline.geometry.egomotion import FittedMotion, Motion

Speed = Callable[[float], float]

HEIGHT_M = 1.6


def a_pair(at_s: float, *, pitch: float, yaw: float, heights: float, turn: float) -> PairMotion:
    motion = Motion(
        pitch_deg=pitch, yaw_deg=yaw, roll_deg=0.5, heights=heights, turn_rad=(0.0, turn, 0.0)
    )
    fitted = FittedMotion(
        motion=motion, sigmas=np.full(7, 0.1), errors_px=np.full(40, 0.1, np.float64)
    )
    return PairMotion(at_s=at_s, lasting_s=0.04, fitted=fitted)


def drive(speed_of: Speed, *, seed: int, lasting_s: float = 40.0) -> list[PairMotion]:
    """Return pairs of a straight drive; the camera's pitch wanders, and yaw follows the bend."""
    chance = np.random.default_rng(seed)
    pairs = []
    for at_s in np.arange(0.1, lasting_s, 0.2):
        heights = speed_of(float(at_s)) * 0.04 / HEIGHT_M
        pairs.append(
            a_pair(
                float(at_s),
                pitch=5.0 + chance.normal(0, 0.3),
                yaw=-1.0 + chance.normal(0, 0.3),
                heights=heights * (1 + chance.normal(0, 0.01)),
                turn=0.0,
            )
        )
    return pairs


def fixes_of(speed_of: Speed, *, offset_s: float, seed: int, lasting_s: float = 40.0) -> np.ndarray:
    """Return fixes of a drive to the north, by a clock that is ahead of the camera's."""
    chance = np.random.default_rng([seed, 9])
    fine = np.arange(0.0, lasting_s + 10, 0.02)
    driven = np.cumsum([speed_of(float(t)) * 0.02 for t in fine])
    times = np.arange(0.0, lasting_s, 1.0)
    error = np.cumsum(chance.normal(0, 0.3, (len(times), 2)), axis=0)
    north = np.interp(times, fine, driven)
    return np.column_stack((times + offset_s, 400_000 + error[:, 0], 300_000 + north + error[:, 1]))


def stopping(t: float) -> float:
    return 0.0 if 18 < t < 24 else 9.0


def steady(_: float) -> float:
    return 9.0


@pytest.mark.parametrize("offset_s", [-2.6, 0.0, 1.7])
def test_a_stop_tells_the_clock_and_the_way_the_height(offset_s: float) -> None:
    pairs = drive(stopping, seed=1)

    found = pool_clock(pairs, fixes_of(stopping, offset_s=offset_s, seed=1))

    assert found is not None
    assert found.offset.value == pytest.approx(offset_s, abs=0.15)
    assert found.offset.sigma < 0.15
    assert found.height.value == pytest.approx(HEIGHT_M, abs=3 * found.height.sigma)
    assert found.height.sigma < 0.08
    assert not found.at_edge


def test_at_a_steady_speed_the_clock_stays_unknown_and_the_height_does_not() -> None:
    found = pool_clock(drive(steady, seed=2), fixes_of(steady, offset_s=1.0, seed=2))

    assert found is not None
    assert found.offset.sigma > 0.5
    assert found.height.value == pytest.approx(HEIGHT_M, rel=0.06)


def test_a_clock_that_is_farther_off_than_was_looked_for_lies_at_the_edge() -> None:
    pairs = drive(stopping, seed=3, lasting_s=60)

    found = pool_clock(pairs, fixes_of(stopping, offset_s=7.0, seed=3, lasting_s=60))

    assert found is not None
    assert found.at_edge


def test_too_little_in_common_is_no_estimate() -> None:
    pairs = drive(stopping, seed=4)
    fixes = fixes_of(stopping, offset_s=0.0, seed=4)

    assert pool_clock(pairs[:5], fixes) is None
    assert pool_clock(pairs, fixes[:3]) is None
    assert pool_clock(pairs, fixes + np.array([500.0, 0.0, 0.0])) is None
    assert pool_pose(pairs[:5], height_m=HEIGHT_M) is None


def test_the_pose_is_a_robust_mean_whose_sigma_covers_the_truth() -> None:
    inside = 0
    for seed in range(60):
        pairs = drive(steady, seed=seed)
        # Three pairs followed a lorry and not the road.
        pairs[10:13] = [
            a_pair(p.at_s, pitch=20.0, yaw=9.0, heights=0.2, turn=0.0) for p in pairs[10:13]
        ]
        found = pool_pose(pairs, height_m=HEIGHT_M)
        assert found is not None
        inside += abs(found.pitch.value - 5.0) <= 2 * found.pitch.sigma

    assert inside >= 54


def test_a_few_seconds_of_pairs_do_not_pretend_to_know() -> None:
    inside = told = 0
    for seed in range(200):
        chance = np.random.default_rng(seed)
        of_second = chance.normal(0, 0.3, 8)
        pairs = [
            a_pair(0.2 * i, pitch=5.0 + of_second[i // 5], yaw=0.0, heights=0.3, turn=0.0)
            for i in range(35)
        ]
        found = pool_pose(pairs, height_m=HEIGHT_M)
        assert found is not None
        told += 1
        inside += abs(found.pitch.value - 5.0) <= 2 * found.pitch.sigma

    assert inside / told > 0.85
    assert pool_pose(pairs[:20], height_m=HEIGHT_M) is None


def test_sparse_fixes_round_a_bend_bias_neither_height_nor_clock() -> None:
    def bend(t: float) -> float:
        return 0.25 if 12 < t < 18 or 26 < t < 32 else 0.0

    chance = np.random.default_rng(2)
    fine = np.arange(0.0, 60.0, 0.02)
    heading = np.cumsum([bend(float(t)) * 0.02 for t in fine])
    east, north = np.cumsum(8 * np.sin(heading) * 0.02), np.cumsum(8 * np.cos(heading) * 0.02)
    times = np.arange(0.0, 50.0, 4.0)
    fixes = np.column_stack(
        (times + 1.0, np.interp(times, fine, east), np.interp(times, fine, north))
    )
    fixes[:, 1:] += chance.normal(0, 0.05, (len(times), 2))
    pairs = [
        a_pair(
            float(t), pitch=0.0, yaw=0.0, heights=8 * 0.04 / HEIGHT_M, turn=bend(float(t)) * 0.04
        )
        for t in np.arange(0.1, 49.0, 0.2)
    ]

    found = pool_clock(pairs, fixes)

    assert found is not None
    assert found.height.value == pytest.approx(HEIGHT_M, rel=0.01)
    assert found.offset.value == pytest.approx(1.0, abs=0.15)


def test_yaw_is_read_off_where_the_road_is_straight() -> None:
    chance = np.random.default_rng(5)
    pairs = []
    for at_s in np.arange(0.0, 30.0, 0.3):
        bend = chance.uniform(0.0, 0.02)
        yaw = 2.0 + 40 * bend + chance.normal(0, 0.1)
        pairs.append(a_pair(float(at_s), pitch=5.0, yaw=yaw, heights=0.3, turn=0.3 * bend))

    found = pool_pose(pairs, height_m=HEIGHT_M)

    assert found is not None
    assert found.yaw.value == pytest.approx(2.0, abs=0.1)


def test_the_dip_by_braking_is_told_from_the_pitch() -> None:
    def braking(t: float) -> float:
        return 10.0 - 2.0 * (min(max(t - 10, 0), 4) - min(max(t - 20, 0), 4))

    chance = np.random.default_rng(7)
    pairs = []
    for at_s in np.arange(0.1, 40.0, 0.2).tolist():
        slower = (braking(at_s - 0.1) - braking(at_s + 0.1)) / 0.2
        pairs.append(
            a_pair(
                at_s,
                pitch=5.0 + 0.4 * slower + chance.normal(0, 0.15),
                yaw=0.0,
                heights=braking(at_s) * 0.04 / HEIGHT_M,
                turn=0.0,
            )
        )

    found = pool_pose(pairs, height_m=HEIGHT_M)
    steadily = pool_pose(drive(steady, seed=3), height_m=HEIGHT_M)

    assert found is not None
    assert found.dive.value == pytest.approx(0.4, abs=0.08)
    assert found.pitch.value == pytest.approx(5.0, abs=0.08)
    assert steadily is not None
    assert steadily.dive.sigma > 0.1


@pytest.mark.parametrize("share", [0.85, 1.1])
def test_a_turn_tells_the_focal_length(share: float) -> None:
    def turning(t: float) -> float:
        return 0.35 if 18 < t < 22.5 else 0.0

    fine = np.arange(0.0, 50.0, 0.02)
    heading = np.cumsum([turning(float(t)) * 0.02 for t in fine])
    east, north = np.cumsum(7 * np.sin(heading) * 0.02), np.cumsum(7 * np.cos(heading) * 0.02)
    times = np.arange(0.0, 40.0, 1.0)
    error = np.random.default_rng(3).normal(0, 0.1, (len(times), 2))
    fixes = np.column_stack((times, np.interp(times, fine, east), np.interp(times, fine, north)))
    fixes[:, 1:] += error
    # Taken for too long by a share, a lens shows every turn too small by it.
    pairs = [
        a_pair(t, pitch=0.0, yaw=0.0, heights=7 * 0.04 / HEIGHT_M, turn=share * turning(t) * 0.04)
        for t in np.arange(0.1, 39.0, 0.2).tolist()
    ]

    found = pool_clock(pairs, fixes, focal_share=0.2)
    straight = pool_clock(
        drive(stopping, seed=1), fixes_of(stopping, offset_s=0.0, seed=1), focal_share=0.2
    )

    assert found is not None
    assert found.focal_share.value == pytest.approx(share, abs=2 * found.focal_share.sigma)
    assert found.focal_share.sigma < 0.04
    assert found.offset.value == pytest.approx(0.0, abs=0.15)
    assert straight is not None
    assert straight.focal_share.sigma > 0.12


def test_a_slow_bend_seems_to_tell_the_clock_but_does_not() -> None:
    fixes = fixes_of(steady, offset_s=0.4, seed=11)
    fixes[:, 1:] = 400_000 + np.cumsum(np.full((len(fixes), 2), 6.0), axis=0)

    found = pool_clock(drive(steady, seed=11), fixes)

    assert found is not None
    assert not found.is_known(10.0)
    stops = pool_clock(drive(stopping, seed=1), fixes_of(stopping, offset_s=0.0, seed=1))
    assert stops is not None
    assert stops.is_known(0.3)


@pytest.mark.parametrize("drift", [0.0, 0.001])
def test_a_clock_that_drifts_is_followed_over_a_long_drive(drift: float) -> None:
    pairs, fixes = [], []
    for number, begins in enumerate((0.0, 900.0, 1800.0)):
        late = 0.6 + drift * begins
        pairs += [replace(p, at_s=p.at_s + begins) for p in drive(stopping, seed=number)]
        own = fixes_of(stopping, offset_s=late + begins, seed=number)
        own[:, 2] += 10_000 * number
        fixes.append(own)

    course = pool_drift(pairs, np.concatenate(fixes))

    assert course is not None
    offset, found = course
    assert found.value == pytest.approx(drift, abs=3 * found.sigma)
    assert found.sigma < 0.0001
    assert offset.value == pytest.approx(0.6, abs=0.2)
    assert pool_drift(pairs[:195], fixes[0]) is None
