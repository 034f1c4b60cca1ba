"""Properties of the simulator."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.simulator.making import make_street
from pipeline.simulator.optics import Lens, Pose, ground_at, project, project_hole
from pipeline.simulator.relief import Sun
from pipeline.simulator.street import Arc, Hole, Street
from pipeline.simulator.surface import paint_surface
from pipeline.simulator.view import render_view

LENS = Lens(
    width_px=640,
    height_px=360,
    focal_px=457.0,
    mount_height_m=1.4,
    pitch_deg=6.0,
    yaw_deg=3.0,
    roll_deg=2.0,
)


@pytest.mark.parametrize("seed", range(5))
def test_there_and_back_on_the_road(seed: int) -> None:
    street = make_street(seed)
    rng = np.random.default_rng(seed)
    s, d = rng.uniform(-20, street.length_m + 20, 200), rng.uniform(-8, 8, 200)
    for s_m, d_m in zip(s, d, strict=True):
        e, n, _ = street.to_world(s_m, d_m)
        back = street.to_road(np.array([e]), np.array([n]), s_m + 20)
        assert abs(back[0][0] - s_m) < 1e-6 and abs(back[1][0] - d_m) < 1e-6


def test_offsets_keep_millimetres_in_float32() -> None:
    street = make_street(3)
    e0, n0, _ = street.to_world(100.0, 0.0)
    for s_m in np.arange(80, 160, 7.0):
        e, n, _ = street.to_world(s_m, 2.0)
        s, d = street.offsets_to_road(
            np.array([e - e0], np.float32),
            np.array([n - n0], np.float32),
            from_e_m=e0,
            from_n_m=n0,
            near_s_m=100.0,
        )
        assert s.dtype == np.float32
        assert abs(s[0] - s_m) < 2e-3 and abs(d[0] - 2.0) < 2e-3


def test_curves_bend_the_way_they_say() -> None:
    street = Street(
        easting_m=0, northing_m=0, heading_deg=0, arcs=(Arc(length_m=100, curvature_per_m=0.01),)
    )
    e, n, h = street.to_world(100 * np.pi / 2, 0.0)
    assert (round(e, 6), round(n, 6), round(h, 6)) == (100.0, 100.0, 90.0)
    assert street.to_world(0.0, 1.0)[:2] == (1.0, 0.0)


@pytest.mark.parametrize("seed", range(20))
def test_holes_keep_their_distance(seed: int) -> None:
    street = make_street(seed)
    at = np.array([h.s_m for h in street.holes])
    assert np.diff(at).min() >= 6.0
    others = [*street.manholes, *street.patches, *street.cracks]
    assert all(h.gap_to_m(o) > 0 for h in street.holes for o in others)
    crowd = make_street(seed, cluster=True).holes
    assert len(crowd) == 20
    assert all(a.gap_to_m(b) >= 1.0 for i, a in enumerate(crowd) for b in crowd[:i])
    assert make_street(seed) == street


def test_ground_to_pixel_to_ground_comes_home() -> None:
    pose = Pose(easting_m=0.0, northing_m=0.0, heading_deg=0.0)
    right, ahead = np.array([-2.0, 0.5, 3.0]), np.array([5.0, 9.0, 20.0])
    x, y, z = project(LENS, pose, right, ahead, np.zeros(3))
    assert (z > 0).all()
    back = ground_at(LENS, x, y)
    assert np.allclose(back[0], right) and np.allclose(back[1], ahead)


def test_yaw_pitch_and_roll_turn_the_right_way() -> None:
    level = Lens(width_px=640, height_px=360, focal_px=400.0, mount_height_m=1.4)
    pose = Pose(easting_m=0.0, northing_m=0.0, heading_deg=0.0)

    def seen(**turn: float) -> tuple[float, float]:
        lens = Lens(width_px=640, height_px=360, focal_px=400.0, mount_height_m=1.4, **turn)
        x, y, _ = project(lens, pose, np.array([2.0]), np.array([10.0]), np.array([1.4]))
        return float(x[0]), float(y[0])

    straight = seen()
    assert seen(pitch_deg=5)[1] < straight[1]  # nose down lifts the scene
    assert seen(yaw_deg=5)[0] < straight[0]  # turning right moves it left
    assert seen(roll_deg=5)[1] < straight[1]  # right side down lifts what is on the right
    assert level.axes().shape == (3, 3)


def test_same_seed_same_pixels_and_the_hole_is_where_it_is_said_to_be() -> None:
    hole = Hole(s_m=20.0, d_m=-1.8, width_m=0.9, length_m=0.9, depth_m=0.07, shape_seed=1)
    street = Street(
        easting_m=5e5,
        northing_m=2e5,
        heading_deg=33.0,
        arcs=(Arc(length_m=40.0, curvature_per_m=0.004),),
        holes=(hole,),
    )
    bare = Street(easting_m=5e5, northing_m=2e5, heading_deg=33.0, arcs=street.arcs)
    e, n, h = street.to_world(13.0, -1.8)
    lens = Lens(width_px=1280, height_px=720, focal_px=914.0, mount_height_m=1.4, pitch_deg=6.0)

    def shoot(of: Street) -> np.ndarray:
        return render_view(
            paint_surface(of, sun=Sun()),
            of,
            camera=lens,
            easting_m=e,
            northing_m=n,
            heading_deg=h,
            near_s_m=13.0,
            rng=np.random.default_rng(1),
        )

    frame = shoot(street)
    assert np.array_equal(frame, shoot(street))
    changed = cv2.absdiff(frame, shoot(bare)).max(axis=2) > 20
    rows, columns = np.nonzero(changed)
    box = project_hole(hole, street, lens, Pose(easting_m=e, northing_m=n, heading_deg=h))
    assert box is not None
    assert np.abs(np.percentile(columns, [1, 99]) - [box[0], box[2]]).max() < 8
    assert np.abs(np.percentile(rows, [1, 99]) - [box[1], box[3]]).max() < 6
