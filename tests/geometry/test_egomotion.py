"""Motion between two pictures of a road: against the projection, with noise and with outliers."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.geometry.egomotion import Expected, Motion, Pinhole, fit_motion, homography
from pipeline.geometry.ground import image_points
from pipeline.simulator.drive import simulated_rig

CAMERA = Pinhole(width_px=640, height_px=360, focal_px=457.0)
SPREAD = np.array([5.0, 5.0, 5.0, 1.0, 0.02, 0.02, 0.02])
MOTION = Motion(
    pitch_deg=6.0, yaw_deg=2.0, roll_deg=-1.0, heights=0.3, turn_rad=(0.001, 0.004, -0.002)
)


def road_pixels(count: int, *, seed: int = 0) -> np.ndarray:
    chance = np.random.default_rng(seed)
    return np.column_stack((chance.uniform(60, 580, count), chance.uniform(200, 340, count)))


def through(matrix: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    seen = np.column_stack((pixels, np.ones(len(pixels)))) @ matrix.T
    return np.asarray(seen[:, :2] / seen[:, 2:])


def test_driving_straight_on_moves_the_road_as_the_projection_says() -> None:
    rig = replace(simulated_rig(), pitch_deg=7.0, yaw_deg=-3.0, roll_deg=1.5, mount_height_m=1.4)
    ground = np.array([[-2.0, 6.0], [0.5, 9.0], [2.5, 12.0], [-1.0, 4.5]])
    half = 0.5  # the house counts from the picture's edge, OpenCV from its first pixel's middle
    before = image_points(ground, rig) - half
    after = image_points(ground - [0.0, 0.7], rig) - half
    motion = Motion(pitch_deg=7.0, yaw_deg=-3.0, roll_deg=1.5, heights=0.7 / 1.4)

    assert through(homography(motion, Pinhole.of(rig)), before) == pytest.approx(after, abs=1e-6)


def test_a_turn_to_the_right_moves_the_picture_to_the_left() -> None:
    turned = Motion(pitch_deg=5, yaw_deg=0, roll_deg=0, heights=0.0, turn_rad=(0.0, 0.01, 0.0))
    middle = np.array([[319.5, 250.0]])

    [[x, _]] = through(homography(turned, CAMERA), middle)

    assert x == pytest.approx(319.5 - 457.0 * 0.01, abs=0.3)


def test_a_motion_is_found_again_though_a_third_of_the_points_lie() -> None:
    before = road_pixels(150)
    chance = np.random.default_rng(1)
    after = through(homography(MOTION, CAMERA), before) + chance.normal(0, 0.1, (150, 2))
    after[:50] += chance.uniform(3, 12, (50, 2))
    start = Motion(pitch_deg=4.0, yaw_deg=0.0, roll_deg=0.0, heights=0.25)

    found = fit_motion(before, after, CAMERA, Expected(motion=start, spread=SPREAD), first=start)

    off = np.abs(found.motion.values - MOTION.values)
    assert (off[:3] < 0.25).all()
    assert off[3] < 0.01
    assert (off[4:] < 0.001).all()
    assert found.explained(0.7) == pytest.approx(2 / 3, abs=0.05)


def test_stated_sigmas_are_those_of_repeated_trials() -> None:
    before = road_pixels(100)
    truth = through(homography(MOTION, CAMERA), before)
    expected = Expected(motion=MOTION, spread=SPREAD)
    off, stated = [], []
    for seed in range(40):
        noise = np.random.default_rng(seed).normal(0, 0.1, truth.shape)
        found = fit_motion(
            before, truth + noise, CAMERA, expected, first=MOTION, tolerances_px=(0.5,)
        )
        off.append(found.motion.values - MOTION.values)
        stated.append(found.sigmas)

    ratio = np.std(off, axis=0) / np.mean(stated, axis=0)

    assert ((ratio > 0.6) & (ratio < 1.6)).all()


def test_what_is_held_fixed_stays() -> None:
    before = road_pixels(60)
    after = through(homography(MOTION, CAMERA), before)
    start = replace(MOTION, heights=0.2)
    spread = np.array([0.0, 0.0, 0.0, 1.0, 0.02, 0.02, 0.02])

    found = fit_motion(before, after, CAMERA, Expected(motion=start, spread=spread), first=start)

    assert found.motion.pitch_deg == MOTION.pitch_deg
    assert found.motion.heights == pytest.approx(0.3, abs=1e-3)
    assert (found.sigmas[:3] == 0).all()
