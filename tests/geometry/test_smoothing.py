"""Smoothing: motion is recovered, a bend is followed, and what is stated of the error is true."""

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from pipeline.geometry.smoothing import Array, Motion, MotionModel, fill_in, smooth_motion

MODEL = MotionModel()


def nothing_said(t: Array) -> Array:
    return np.full((len(t), 2), np.nan)


def smoothed(t: Array, at: Array, sigma_m: float = 2.0, velocity: Array | None = None) -> Motion:
    said = nothing_said(t) if velocity is None else velocity
    return smooth_motion(t, at, np.full(len(t), sigma_m), said, MODEL)


def drive(chance: np.random.Generator, seconds: int = 100) -> tuple[Array, Array]:
    """Return instants and true places of a vehicle that speeds up, slows down and sways."""
    t = np.arange(0.0, seconds)
    pace = np.array((8.0, 3.0)) + np.cumsum(chance.normal(0, 0.7, (seconds, 2)), axis=0)
    return t, np.cumsum(pace, axis=0)


def test_even_motion_is_recovered() -> None:
    t = np.arange(0.0, 30.0)
    at = np.column_stack((400_000 + 9 * t, 200_000 - 4 * t))

    motion = smoothed(t, at)

    assert np.allclose(motion.at, at, atol=1e-3)
    assert np.allclose(motion.velocity, (9, -4), atol=0.01)


@pytest.mark.parametrize("rate_hz", [1, 5])
def test_truths_lie_within_two_sigma_as_often_as_stated(rate_hz: int) -> None:
    """Of each drive one instant, drawn at random: the others share its slow error."""
    chance = np.random.default_rng(rate_hz)
    inside = 0
    drives = 120
    for _ in range(drives):
        whole, path = drive(chance, 60)
        t = np.arange(0.0, 59.0, 1 / rate_hz)
        at = np.column_stack([np.interp(t, whole, path[:, i]) for i in (0, 1)])
        axis = 2 * 2.0 / 2.4477
        keep = math.exp(-1 / rate_hz / 60)
        slow = np.empty_like(at)
        slow[0] = chance.normal(0, axis * math.sqrt(0.95), 2)
        for i in range(1, len(t)):
            fresh = axis * math.sqrt(0.95 * (1 - keep**2))
            slow[i] = keep * slow[i - 1] + chance.normal(0, fresh, 2)
        noise = chance.normal(0, axis * math.sqrt(0.05), at.shape)
        motion = smoothed(t, at + slow + noise)
        k = int(chance.integers(len(t)))
        inside += math.dist(motion.at[k], at[k]) <= 2 * motion.sigma_m[k]

    interval = binomtest(inside, drives).proportion_ci()

    assert interval.low <= 0.95 <= interval.high


def test_a_fix_that_is_thrown_off_hardly_moves_the_path() -> None:
    t = np.arange(0.0, 40.0)
    at = np.column_stack((9 * t, np.zeros_like(t)))
    at[20, 1] += 40

    motion = smoothed(t, at)

    assert abs(motion.at[20, 1]) < 4


def test_a_stated_velocity_makes_the_heading_better() -> None:
    chance = np.random.default_rng(3)
    t, path = drive(chance)
    true = np.gradient(path, t, axis=0)
    fixes = path + chance.normal(0, 1, path.shape)

    without = smoothed(t, fixes).velocity - true
    told = smoothed(t, fixes, velocity=true + chance.normal(0, 0.2, true.shape)).velocity - true

    assert np.sqrt((told**2).mean()) < 0.5 * np.sqrt((without**2).mean())


def test_a_vehicle_that_stands_does_not_wander() -> None:
    chance = np.random.default_rng(4)
    t = np.arange(0.0, 60.0)
    speed = 10 * np.clip(np.abs(t - 30) / 6 - 1.5, 0, 1)
    along = np.cumsum(speed)
    at = np.column_stack((along, np.zeros_like(t)))
    wander = np.cumsum(chance.normal(0, 0.1, at.shape), axis=0)

    standing = smoothed(t, at + wander).at[24:37]

    assert np.ptp(standing, axis=0).max() < 0.5 * np.ptp((at + wander)[24:37], axis=0).max()


def test_a_bend_is_followed_between_fixes() -> None:
    t = np.arange(0.0, 20.0)
    radius_m, speed = 25.0, 9.0
    angle = speed * t / radius_m
    at = radius_m * np.column_stack((np.sin(angle), np.cos(angle)))
    velocity = speed * np.column_stack((np.cos(angle), -np.sin(angle)))

    filled = fill_in(smoothed(t, at, 0.05, velocity), within_m=0.05, longest_s=10, model=MODEL)

    dense = np.arange(1.0, 18.0, 0.05)
    path = np.column_stack([np.interp(dense, filled.t, filled.at[:, i]) for i in (0, 1)])
    straight = np.column_stack([np.interp(dense, t, at[:, i]) for i in (0, 1)])
    assert np.abs(np.linalg.norm(path, axis=1) - radius_m).max() < 0.12
    assert np.abs(np.linalg.norm(straight, axis=1) - radius_m).max() > 0.3


def test_in_a_gap_the_doubt_grows_and_a_long_one_stays_empty() -> None:
    t = np.array([0.0, 1.0, 2.0, 10.0, 11.0, 12.0, 40.0, 41.0])
    at = np.column_stack((10 * t, np.zeros_like(t)))

    filled = fill_in(smoothed(t, at, 1.0), within_m=0.05, longest_s=10, model=MODEL)

    bridged = (filled.t > 2) & (filled.t < 10)
    assert np.diff(filled.t[(filled.t >= 2) & (filled.t <= 10)]).max() <= 5
    assert filled.sigma_m[bridged].max() > 1.5 * filled.sigma_m[0]
    assert np.allclose(filled.at[bridged, 0], 10 * filled.t[bridged], atol=0.5)
    assert not ((filled.t > 12) & (filled.t < 40)).any()


def test_a_sharp_corner_is_a_corner_and_not_a_receiver_that_is_thrown_off() -> None:
    t = np.arange(0.0, 60.0)
    driven = 13.0 * t
    turns_at = 390.0
    truth = np.column_stack((np.minimum(driven, turns_at), np.maximum(driven - turns_at, 0.0)))
    chance = np.random.default_rng(4)
    slow = np.cumsum(chance.normal(0, 0.2, (len(t), 2)), axis=0)
    seen = truth + slow + chance.normal(0, 0.3, truth.shape)

    motion = smooth_motion(t, seen, np.full(len(t), 2.0), np.full_like(seen, np.nan), MotionModel())

    off_m = np.linalg.norm(motion.at - seen, axis=1)
    assert off_m.max() < 2.0
