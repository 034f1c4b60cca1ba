"""Lenses that bend: there and back, on the road, and found from how the road moves."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.domain.looks import PixelBox
from pipeline.geometry.distortion import bent, straightened, straightening_maps
from pipeline.geometry.egomotion import (
    Expected,
    FittedMotion,
    Motion,
    Pinhole,
    fit_motion,
    seen_again,
)
from pipeline.geometry.ellipse import GroundEllipse, ellipse_of_box, project_ellipse
from pipeline.geometry.ground import camera_axes, ground_points, image_points
from pipeline.geometry.lens import fit_distortion
from tests.builders import a_rig

CAMERA = Pinhole(width_px=640, height_px=360, focal_px=450.0)
SPREAD = np.array([2.0, 2.0, 2.0, 0.5, 0.01, 0.02, 0.01])


@pytest.mark.parametrize("distortion", [-0.35, -0.1, 0.05])
def test_what_is_bent_is_straightened_again(distortion: float) -> None:
    at = np.array([[0.0, 0.0], [300.0, -160.0], [-310.0, 170.0], [5.0, 100.0]])

    seen = bent(at, focal_px=450.0, distortion=distortion)

    assert straightened(seen, focal_px=450.0, distortion=distortion) == pytest.approx(at)
    nearer = np.hypot(*seen.T)[1:] < np.hypot(*at.T)[1:]
    assert nearer.all() if distortion < 0 else not nearer.any()


def test_a_straightened_picture_shows_lines_straight() -> None:
    columns, rows = straightening_maps(640, 360, focal_px=450.0, distortion=-0.3)

    assert columns.shape == rows.shape == (360, 640)
    # A straight vertical line at the side is taken from a bulging one.
    assert columns[180, 600] > columns[10, 600]


def test_places_and_sizes_are_right_through_a_lens_that_bends() -> None:
    rig = a_rig(distortion=-0.25)
    ground = np.array([[-2.0, 5.0], [0.0, 8.0], [2.5, 6.0]])
    assert ground_points(image_points(ground, rig), rig) == pytest.approx(ground)

    turns = np.linspace(0, 2 * np.pi, 90)
    rim = np.column_stack((1.8 + 0.4 * np.cos(turns), 6.0 + 0.3 * np.sin(turns)))
    seen = image_points(rim, rig)
    (left, top), (right, bottom) = seen.min(axis=0).tolist(), seen.max(axis=0).tolist()
    box = PixelBox(left_px=left, top_px=top, right_px=right, bottom_px=bottom)

    found = ellipse_of_box(box, rig)
    pinhole = ellipse_of_box(box, replace(rig, distortion=0.0))

    assert found is not None
    assert found.width_m == pytest.approx(0.8, rel=0.03)
    assert (found.right_m, found.forward_m) == pytest.approx((1.8, 6.0), abs=0.05)
    assert pinhole is not None
    assert abs(pinhole.width_m - 0.8) > 0.035
    ellipse = GroundEllipse(right_m=1.0, forward_m=7.0, width_m=0.6, length_m=0.5)
    again = ellipse_of_box(project_ellipse(ellipse, rig), rig)
    assert again is not None
    assert again.width_m == pytest.approx(0.6, rel=0.02)


def through_a_lens(distortion: float, *, count: int, noise_px: float = 0.1) -> list[FittedMotion]:
    """Return motions as they are fitted to a lens's points, taken for a pinhole's."""
    chance = np.random.default_rng(1)
    fitted = []
    for _ in range(count):
        motion = Motion(
            pitch_deg=8 + chance.normal(0, 0.2),
            yaw_deg=1.0,
            roll_deg=0.5,
            heights=float(chance.uniform(0.15, 0.6)),
            turn_rad=(0.0, float(chance.normal(0, 0.003)), 0.0),
        )
        ground = np.column_stack(
            (chance.uniform(-2.2, 2.2, 150), chance.uniform(1.5, 11, 150), np.full(150, -1.0))
        )
        axes = camera_axes(
            pitch_deg=motion.pitch_deg, yaw_deg=motion.yaw_deg, roll_deg=motion.roll_deg
        )
        straight = CAMERA.pixels(ground @ axes)
        before, after = (
            bent(at - CAMERA.centre, focal_px=450.0, distortion=distortion) + CAMERA.centre
            for at in (straight, seen_again(straight, CAMERA, motion))
        )
        after = after + chance.normal(0, noise_px, after.shape)
        expected = Expected(motion=motion.with_heights(motion.heights), spread=SPREAD)
        fitted.append(fit_motion(before, after, CAMERA, expected, first=expected.motion))
    return fitted


@pytest.mark.parametrize("distortion", [-0.28, 0.0, 0.08])
def test_how_a_lens_bends_is_found_from_the_road(distortion: float) -> None:
    found = fit_distortion(through_a_lens(distortion, count=10), CAMERA)

    assert found is not None
    assert found.value == pytest.approx(distortion, abs=2 * found.sigma)
    assert found.sigma < 0.03


def test_too_few_pairs_tell_nothing_of_a_lens() -> None:
    assert fit_distortion(through_a_lens(-0.2, count=5), CAMERA) is None
    assert fit_distortion([], CAMERA) is None
