"""Holes that are pasted, and streets that are clean."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from models.datasets.scenes import SceneRules, write_clean_scenes
from models.pasting import Paster, cut_out, stain
from pipeline.domain.errors import InputError

NOTHING = np.zeros((0, 4), np.float32)


def a_road(level: int) -> "np.typing.NDArray[np.uint8]":
    chance = np.random.default_rng(level)
    return chance.integers(level - 8, level + 8, (200, 320, 3), dtype=np.uint8)


def a_hole() -> "tuple[np.typing.NDArray[np.uint8], np.typing.NDArray[np.float32]]":
    picture = a_road(110)
    cv2.ellipse(picture, (160, 120), (40, 20), 0, 0, 360, (20, 20, 20), -1)
    return picture, np.array([[0.5, 0.6, 0.25, 0.2]], np.float32)


def test_a_pasted_hole_lies_where_its_box_says_and_takes_on_the_roads_light() -> None:
    [cutout] = cut_out(*a_hole())
    spot = np.array([[0.5, 0.5, 0.15, 0.12]], np.float32)
    road = a_road(180)
    before = road.copy()

    picture, boxes = Paster([cutout], spot).paste(road, NOTHING, np.random.default_rng(1))

    assert (road == before).all()
    assert len(boxes) >= 1
    x, y, w, h = boxes[0] * (320, 200, 320, 200)
    middle = picture[round(y), round(x)].mean()
    around = picture[round(y), round(x - w)].mean()
    assert around == pytest.approx(180, abs=9)
    assert middle < 120
    changed = np.argwhere((picture != road).any(axis=2))
    (top, left), (bottom, right) = changed.min(axis=0), changed.max(axis=0)
    assert x - w <= left < right <= x + w
    assert y - h <= top < bottom <= y + h


def test_a_stain_is_darker_road_with_its_texture_and_keeps_clear_of_damage() -> None:
    road = np.random.default_rng(1).integers(110, 190, (200, 320, 3), dtype=np.uint8)
    spots = np.array([[0.5, 0.5, 0.1, 0.08]], np.float32)

    stained = stain(road, NOTHING, spots, np.random.default_rng(4))
    changed = (stained != road).any(axis=2)

    assert 0.001 < changed.mean() < 0.2
    assert (stained <= road).all()
    dark = stained[changed].astype(float)
    assert 60 < dark.mean() < road[changed].mean() - 8
    # Darkened, not painted over: light grains are still lighter than dark ones.
    assert np.corrcoef(dark.ravel(), road[changed].astype(float).ravel())[0, 1] > 0.3
    everywhere = np.array([[0.5, 0.5, 1, 1]], np.float32)
    assert (stain(road, everywhere, spots, np.random.default_rng(4)) == road).all()


def test_nothing_is_pasted_over_what_is_taken_or_larger_than_it_was_seen() -> None:
    [cutout] = cut_out(*a_hole())
    everywhere = np.array([[0.5, 0.5, 1, 1]], np.float32)
    huge = np.array([[0.5, 0.5, 0.9, 0.9]], np.float32)
    road, chance = a_road(150), np.random.default_rng(2)
    spot = np.array([[0.5, 0.5, 0.15, 0.12]], np.float32)

    assert len(Paster([cutout], spot).paste(road, everywhere, chance)[1]) == 0
    same, boxes = Paster([cutout], huge).paste(road, NOTHING, chance)

    assert len(boxes) == 0
    assert (same == road).all()


def test_a_hole_at_the_pictures_edge_is_not_cut_out() -> None:
    picture, _ = a_hole()

    assert list(cut_out(picture, np.array([[0.05, 0.6, 0.1, 0.2]], np.float32))) == []


def test_clean_scenes_have_no_label_and_are_the_same_again(tmp_path: Path) -> None:
    rules = SceneRules(streets=1, pictures=2)

    count = write_clean_scenes(rules, tmp_path / "a")
    write_clean_scenes(rules, tmp_path / "b")

    pictures = sorted((tmp_path / "a" / "images").iterdir())
    assert len(pictures) == count == 2
    for path in pictures:
        twin = tmp_path / "b" / "images" / path.name
        assert twin.read_bytes() == path.read_bytes()
        assert (tmp_path / "a" / "labels" / f"{path.stem}.txt").read_text() == ""
    with pytest.raises(InputError, match="holds pictures already"):
        write_clean_scenes(rules, tmp_path / "a")
