"""Footage that cannot be judged is told by what is wrong with it, minute by minute."""

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.adapters.quality_file import quality_model
from pipeline.domain.looks import NotLookedReason
from pipeline.domain.quality import (
    ClipQuality,
    FrameQuality,
    MinuteQuality,
    SeenFrame,
    words_of,
)
from pipeline.geometry.quality import judge_frame, measures_of, standing_view
from pipeline.simulator.bench_gate import knock_bench, simulated_frames
from pipeline.simulator.degrade import SPOILS
from pipeline.stages.judge import JudgeSettings, Standing, judge_minutes

DARK, DIRTY = NotLookedReason.TOO_DARK, NotLookedReason.DIRTY_LENS
Picture = NDArray[np.uint8]


@pytest.fixture(scope="module")
def street() -> list[Picture]:
    """Two minutes of a rendered drive, a picture every five seconds."""
    return simulated_frames(2, lambda: None)


def seen(second: float, reason: NotLookedReason | None) -> SeenFrame:
    view = np.zeros((90, 160), np.uint8)
    return SeenFrame(quality=FrameQuality(seconds=second, reason=reason), view=view)


def minutes_of(reasons: list[NotLookedReason | None]) -> list[NotLookedReason | None]:
    frames = [seen(5.0 * i, reason) for i, reason in enumerate(reasons)]
    settings = JudgeSettings(least_frames=99)
    quality, _ = judge_minutes(
        frames, lasts_s=5.0 * len(reasons), standing=Standing(), settings=settings
    )
    return [minute.reason for minute in quality.minutes]


def test_a_sound_street_is_refused_nowhere(street: list[Picture]) -> None:
    model = quality_model()

    assert [judge_frame(measures_of(picture), model) for picture in street] == [None] * 24


@pytest.mark.parametrize(
    "reason", [r for r in SPOILS if r not in {NotLookedReason.UPSIDE_DOWN, DIRTY}]
)
def test_what_is_wrong_is_told(street: list[Picture], reason: NotLookedReason) -> None:
    rng = np.random.default_rng(5)
    model = quality_model()
    spoilt = [spoil(picture, rng) for spoil in SPOILS[reason] for picture in street[::3]]

    told = [judge_frame(measures_of(picture), model) for picture in spoilt]

    assert sum(what is not None for what in told) >= 0.85 * len(told)
    assert sum(what is reason for what in told) > len(told) / 2


def test_a_camera_that_was_knocked_is_seen_in_what_stays_the_same(street: list[Picture]) -> None:
    found = knock_bench(street, quality_model())

    assert found["minutes"] == 4 and found["refused before"] == 0
    assert found["told"] == found["refused"] >= 2


def test_a_minute_is_used_if_half_of_it_can_be_judged() -> None:
    assert minutes_of([None] * 6 + [DARK] * 6) == [None]
    assert minutes_of([None] * 5 + [DARK] * 7) == [DARK]
    assert minutes_of([DARK] * 4 + [DIRTY] * 5 + [None] * 3) == [DIRTY]
    assert minutes_of([None] * 12 + [DIRTY] * 12) == [None, DIRTY]
    assert minutes_of([None]) == [None]


def test_a_clip_says_which_of_its_minutes_are_not_used() -> None:
    quality = ClipQuality(
        minutes=(
            MinuteQuality(from_s=0, to_s=60, frames=12, usable=12, reason=None),
            MinuteQuality(from_s=60, to_s=90, frames=6, usable=0, reason=DIRTY),
        )
    )

    assert [quality.reason_at(s) for s in (0, 59.9, 60, 89, 95)] == [
        None,
        None,
        DIRTY,
        DIRTY,
        DIRTY,
    ]
    assert words_of([quality], "1142") == (
        "33% cannot be used (vehicle 1142): 33% the lens or the windscreen is dirty; clean it"
    )
    assert words_of([ClipQuality(minutes=quality.minutes[:1])], "1142") is None


def test_views_are_small_and_grey(street: list[Picture]) -> None:
    assert standing_view(street[0]).shape == (90, 160)
