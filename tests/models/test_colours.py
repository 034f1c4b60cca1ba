"""A picture that takes on another's colours."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from models.colours import recolour

Pixels = NDArray[np.uint8]


def a_road(level: int, spread: int, seed: int = 1) -> Pixels:
    chance = np.random.default_rng(seed)
    grey = chance.integers(level - spread, level + spread, (90, 160, 1))
    return np.repeat(grey, 3, axis=2).astype(np.uint8)


def light_of(picture: Pixels) -> tuple[float, float]:
    light = cv2.cvtColor(picture, cv2.COLOR_BGR2LAB)[:, :, 0]
    return float(light.mean()), float(light.std())


def test_a_picture_takes_on_anothers_light_and_contrast_and_keeps_its_own_content() -> None:
    ours, theirs = a_road(90, 20), a_road(170, 30, seed=2)
    ours[40:50, 60:80] = 30

    changed = recolour(ours, theirs, share=1.0)

    assert light_of(changed) == pytest.approx(light_of(theirs), rel=0.05)
    assert np.corrcoef(changed.ravel(), ours.ravel())[0, 1] > 0.98
    half_way = light_of(recolour(ours, theirs, share=0.5))[0]
    assert half_way == pytest.approx((light_of(ours)[0] + light_of(theirs)[0]) / 2, rel=0.03)


def test_nothing_of_another_leaves_the_picture_as_it_is() -> None:
    ours = a_road(90, 20)

    same = recolour(ours, a_road(170, 30), share=0.0)

    assert np.abs(same.astype(int) - ours).max() <= 2


def test_a_flat_picture_does_not_drown_in_noise() -> None:
    flat = a_road(128, 1)

    changed = recolour(flat, a_road(120, 100), share=1.0)

    assert light_of(changed)[1] <= 2.5 * max(light_of(flat)[1], 1.0)
