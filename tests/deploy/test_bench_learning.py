"""The benchmark of learning: its judging, its set and its interval; the training has its own."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from deploy.bench_learning import (
    LESSONS,
    StreetFigures,
    interval_of_gain,
    with_lessons,
    write_month,
)
from models import load_detector
from models.datasets import build_dataset, read_dataset_plan
from models.datasets.declared import Split
from pipeline.simulator.bench_eye import CASES, EyeBench, run_eye_bench


def test_a_gain_on_every_street_is_beyond_doubt_and_none_is_not() -> None:
    before = StreetFigures(boxes=(10, 20, 10), right=(5, 10, 5))
    after = StreetFigures(boxes=(10, 20, 10), right=(8, 16, 8))

    assert after.precision - before.precision == pytest.approx(0.3)
    assert interval_of_gain(before, after) == pytest.approx((0.3, 0.3))
    assert interval_of_gain(before, before) == (0.0, 0.0)


def test_a_month_of_lessons_joins_what_was_learnt_before(tmp_path: Path) -> None:
    old = tmp_path / "old"
    for part in ("images", "labels"):
        (old / part).mkdir(parents=True)
    for number in range(2):
        chance = np.random.default_rng(number)
        small = chance.integers(60, 200, (6, 6, 3), dtype=np.uint8)
        picture = cv2.resize(small, (96, 64), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(old / "images" / f"{number}.png"), picture)
        (old / "labels" / f"{number}.txt").write_text("3 0.5 0.5 0.2 0.2\n")
    (old / "set.toml").write_text(
        'name = "old"\nclasses = ["longitudinal_crack", "transverse_crack", "alligator_crack", '
        '"pothole"]\n[[sources]]\nname = "old"\nform = "yolo"\nimages = "images"\n'
        'labels = "labels"\nsplit = "train"\nlabelled = ["pothole"]\nlicence = "none"\n'
    )
    before = build_dataset(read_dataset_plan(old / "set.toml"), old, tmp_path / "built")

    lessons = write_month([601], load_detector(), tmp_path / LESSONS)
    built = with_lessons(before, tmp_path / LESSONS, tmp_path / "set")

    assert lessons
    train = built.of(Split.TRAIN)
    assert sum(item.known is None for item in train) == 2
    assert sum(item.known is not None for item in train) == len(lessons)
    assert built.unlabelled["old"] == before.unlabelled["old"]
    assert not built.set_aside
    kinds = [box.kind for lesson in lessons for box in lesson.boxes]
    assert any(kind is not None for kind in kinds)


def test_a_near_hole_is_seen_more_often_than_a_far_one() -> None:
    streets: list[str] = []

    figures = run_eye_bench(
        EyeBench(seeds=(3,), cases=CASES[:1], every_m=12.0),
        load_detector(),
        on_street=lambda: streets.append("one"),
    )["van, 1.4 m"]

    assert len(streets) == 2
    near, far = figures.recall(reach=0), figures.recall(reach=5)
    assert near is not None
    assert far is not None
    assert near > far
    assert figures.sound_m > 80
    assert figures.alarms_a_km == 1000 * figures.alarms.total() / figures.sound_m
