"""The pinhole over a flat road: there and back, and the signs of its angles."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.geometry.ellipse import (
    GroundEllipse,
    PixelErrors,
    ellipse_errors,
    ellipse_of_box,
    project_ellipse,
)
from pipeline.geometry.ground import ground_points, image_points, to_grid
from pipeline.simulator.optics import Lens, ground_at
from tests.builders import a_rig

angles = st.floats(-8, 8)


@given(st.floats(-4, 4), st.floats(3, 30), st.floats(0, 12), angles, angles)
def test_ground_to_pixel_to_ground_comes_home(
    right: float, forward: float, pitch: float, yaw: float, roll: float
) -> None:
    rig = a_rig(pitch_deg=pitch, yaw_deg=yaw, roll_deg=roll)

    home = ground_points(image_points(np.array([[right, forward]]), rig), rig)

    assert home[0] == pytest.approx([right, forward], abs=1e-6)


@pytest.mark.parametrize(
    ("change", "axis", "sign"),
    [
        ({"pitch_deg": 8.0}, 1, -1),  # nose down: the road moves up the picture
        ({"yaw_deg": 3.0}, 0, -1),  # to the right: the road moves left
    ],
)
def test_angles_are_signed_as_agreed(change: dict[str, float], axis: int, sign: int) -> None:
    point = np.array([[0.5, 10.0]])

    before, now = image_points(point, a_rig()), image_points(point, a_rig(**change))

    assert np.sign(now[0, axis] - before[0, axis]) == sign


def test_roll_lifts_the_right_side_of_the_picture_when_the_right_side_is_down() -> None:
    point = np.array([[4.0, 10.0]])

    assert image_points(point, a_rig(roll_deg=3.0))[0, 1] < image_points(point, a_rig())[0, 1]


def test_the_simulator_and_the_line_agree_though_neither_uses_the_other() -> None:
    rig = a_rig(pitch_deg=5.0, yaw_deg=-3.0, roll_deg=2.0)
    pixels = np.array([[200.0, 500.0], [700.0, 650.0], [1100.0, 420.0]])

    right, ahead = ground_at(Lens.of(rig), pixels[:, 0], pixels[:, 1])

    assert ground_points(pixels, rig) == pytest.approx(np.column_stack((right, ahead)))


@given(st.floats(-3, 3), st.floats(4, 14), st.floats(0.1, 1.5), st.floats(0.1, 1.5), angles)
def test_the_ellipse_of_a_projected_ellipse_is_itself(
    right: float, forward: float, width: float, length: float, yaw: float
) -> None:
    rig = a_rig(yaw_deg=yaw, roll_deg=1.0)
    ellipse = GroundEllipse(right_m=right, forward_m=forward, width_m=width, length_m=length)

    found = ellipse_of_box(project_ellipse(ellipse, rig), rig)

    assert found is not None
    for name in ("right_m", "forward_m", "width_m", "length_m"):
        assert getattr(found, name) == pytest.approx(getattr(ellipse, name), abs=2e-3)


def test_the_box_of_an_ellipse_is_that_of_its_rim() -> None:
    rig = a_rig(yaw_deg=2.0, roll_deg=-1.0)
    turn = np.linspace(0, 2 * np.pi, 2000)
    rim = np.column_stack((1.5 + 0.4 * np.cos(turn), 8 + 0.3 * np.sin(turn)))

    box = project_ellipse(GroundEllipse(right_m=1.5, forward_m=8, width_m=0.8, length_m=0.6), rig)

    pixels = image_points(rim, rig)
    assert [box.left_px, box.top_px] == pytest.approx(pixels.min(axis=0), abs=0.01)
    assert [box.right_px, box.bottom_px] == pytest.approx(pixels.max(axis=0), abs=0.01)


def test_propagated_errors_are_what_noise_does() -> None:
    rig = a_rig(pitch_sigma_deg=0.0)
    ellipse = GroundEllipse(right_m=1.0, forward_m=8.0, width_m=0.8, length_m=0.6)
    box = project_ellipse(ellipse, rig)
    noise = PixelErrors(left_px=1.0, top_px=1.0, right_px=1.0, bottom_px=1.0)
    rng = np.random.default_rng(1)
    seen = []
    for _ in range(400):
        off = rng.normal(0, 1, 4)
        edges = [
            edge + step
            for edge, step in zip(
                (box.left_px, box.top_px, box.right_px, box.bottom_px), off, strict=True
            )
        ]
        found = ellipse_of_box(type(box)(**dict(zip(_EDGES, edges, strict=True))), rig)
        assert found is not None
        seen.append((found.right_m, found.forward_m, found.width_m, found.length_m))

    stated = np.sqrt(np.diag(ellipse_errors(ellipse, rig, pixels=noise, pitch_jitter_deg=0).own))

    assert np.std(seen, axis=0) == pytest.approx(stated, rel=0.15)


def test_heading_turns_the_vehicle_into_the_grid() -> None:
    assert to_grid(0, 10, 90) == pytest.approx((10, 0), abs=1e-9)
    assert to_grid(2, 0, 90) == pytest.approx((0, -2), abs=1e-9)


def test_a_box_above_the_horizon_has_no_place() -> None:
    box = project_ellipse(GroundEllipse(right_m=0, forward_m=8, width_m=1, length_m=1), a_rig())
    high = type(box)(left_px=600, top_px=10, right_px=640, bottom_px=40)

    assert ellipse_of_box(high, a_rig()) is None


_EDGES = ("left_px", "top_px", "right_px", "bottom_px")
