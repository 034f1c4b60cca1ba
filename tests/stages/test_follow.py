"""Following the road on rendered pictures: a camera of which nothing is known is found."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from pipeline.geometry.calibration import pool_pose
from pipeline.geometry.egomotion import Pinhole
from pipeline.simulator.drive import Pass, PassRules, simulated_rig
from pipeline.simulator.footage import street_painter
from pipeline.simulator.making import make_street
from pipeline.simulator.surface import paint_surface
from pipeline.stages.follow import FollowSettings, PicturePair, RoadFollower, even_light

RIG = replace(
    simulated_rig(width_px=640, height_px=360, mount_height_m=2.0, pitch_deg=9.0),
    yaw_deg=2.5,
    roll_deg=-1.0,
)
APART_S = 0.04


STREET = make_street(4, length_m=120.0, holes=6)
DRIVEN = Pass(STREET, PassRules(), seed=4)


def slip_deg(at_s: float) -> float:
    """Return by how much the simulated vehicle, which sways, travels to the right of its nose."""
    here, there = DRIVEN.at(at_s).pose, DRIVEN.at(at_s + APART_S).pose
    east, north = there.easting_m - here.easting_m, there.northing_m - here.northing_m
    return float((np.degrees(np.arctan2(east, north)) - here.heading_deg + 180) % 360 - 180)


@pytest.fixture(scope="module")
def pairs() -> list[PicturePair]:
    street, driven = STREET, DRIVEN
    paint = street_painter(paint_surface(street), RIG)

    def grey(at_s: float) -> np.ndarray:
        return np.asarray(cv2.cvtColor(paint(driven, at_s), cv2.COLOR_BGR2GRAY), np.uint8)

    return [
        PicturePair(
            before=grey(at_s),
            after=grey(at_s + APART_S),
            at_s=at_s,
            lasting_s=APART_S,
            speed_mps=9.0,
        )
        for at_s in np.arange(0.4, 8.0, 0.4).tolist()
    ]


def followed(pairs: list[PicturePair]) -> RoadFollower:
    follower = RoadFollower(camera=Pinhole.of(RIG))
    for pair in pairs:
        follower.take(pair)
    return follower


def test_a_camera_of_which_nothing_is_known_is_found(pairs: list[PicturePair]) -> None:
    follower = followed(pairs)

    pose = pool_pose(follower.pairs, height_m=2.0)

    assert len(follower.pairs) + follower.refused == len(pairs)
    assert pose is not None
    assert pose.pitch.value == pytest.approx(9.0, abs=0.5)
    slip = np.mean([slip_deg(pair.at_s) for pair in follower.pairs])
    assert pose.yaw.value == pytest.approx(2.5 - slip, abs=0.6)
    assert pose.roll.value == pytest.approx(-1.0, abs=0.8)
    speeds = np.array([pair.heights_a_s * RIG.mount_height_m for pair in follower.pairs])
    assert np.median(speeds) == pytest.approx(9.0, rel=0.12)


def test_a_vehicle_that_stands_is_seen_to_stand(pairs: list[PicturePair]) -> None:
    chance = np.random.default_rng(0)
    first = pairs[-1].before

    def noisy() -> np.ndarray:
        return np.clip(first + chance.normal(0, 2, first.shape), 0, 255).astype(np.uint8)

    standing = [
        replace(pairs[0], before=noisy(), after=noisy(), at_s=9.0 + i, speed_mps=9.0)
        for i in range(3)
    ]

    follower = followed([*pairs, *standing])

    assert [pair.at_s for pair in follower.pairs[-3:]] == [9.0, 10.0, 11.0]
    assert all(abs(pair.heights_a_s) < 0.05 for pair in follower.pairs[-3:])


def test_pictures_without_a_road_give_nothing() -> None:
    chance = np.random.default_rng(0)
    settings = FollowSettings(searches=3, search_every=1)
    follower = RoadFollower(camera=Pinhole.of(RIG), settings=settings)

    for at_s in range(5):
        noise = chance.integers(0, 255, (2, 360, 640), dtype=np.uint8)
        follower.take(
            PicturePair(
                before=noise[0], after=noise[1], at_s=at_s, lasting_s=APART_S, speed_mps=9.0
            )
        )

    assert not follower.pairs


def test_even_light_takes_a_shadow_away() -> None:
    chance = np.random.default_rng(0)
    texture = chance.normal(0, 8, (120, 200))
    shaded = np.where(np.arange(200) < 100, 0.4, 1.0) * (150 + texture)

    even = even_light(np.clip(shaded, 0, 255).astype(np.uint8)).astype(float)

    left, right = even[:, 20:80], even[:, 120:180]
    assert left.mean() == pytest.approx(right.mean(), abs=8)
    assert left.std() == pytest.approx(right.std(), rel=0.35)
