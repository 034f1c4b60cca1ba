"""Seen, grown, gone: what passes over a place say."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from pipeline.domain.condition import Condition, PassOver
from pipeline.domain.ids import DriveId, natural_uuid
from pipeline.domain.observations import Measurement
from pipeline.stages.condition import ConditionSettings, condition_of
from tests.builders import NOON


def a_pass(day: int, size: float | None = 0.5, *, share: float = 0.07) -> PassOver:
    def measured(value: float) -> Measurement:
        return Measurement(value=value, sigma=share * value, how="test")

    return PassOver(
        drive_id=DriveId(natural_uuid("drive", day)),
        at=NOON + timedelta(days=day),
        width_m=None if size is None else measured(size),
        length_m=None if size is None else measured(1.5 * size),
    )


def condition(*sizes: float | None, share: float = 0.07) -> Condition:
    passes = [a_pass(day, size, share=share) for day, size in enumerate(sizes)]
    return condition_of(passes, settings=ConditionSettings())


def test_a_hole_that_every_pass_sees_alike_has_nothing_to_be_said() -> None:
    found = condition(0.5, 0.52, 0.49, 0.5, 0.51)

    assert (found.looked, found.seen, found.missed_lately, found.gone) == (5, 5, 0, 0.0)
    assert found.growth is None
    assert found.sentences == ()


def test_a_hole_that_grows_by_a_third_is_said_to_have_grown_since_then() -> None:
    found = condition(0.5, 0.51, 0.49, 0.66, 0.65)

    assert found.growth is not None
    assert found.growth.since == NOON + timedelta(days=3)
    assert found.growth.ratio == pytest.approx(1.31, abs=0.02)
    assert 1 < found.growth.low < 1.31 < found.growth.high
    assert "since 13 February 2026 it is measured 1.31 times as wide" in found.sentences[0]


def test_growth_within_the_errors_is_not_claimed() -> None:
    assert condition(0.5, 0.55).growth is None
    assert condition(0.5, 0.66, 0.65, share=0.4).growth is None
    assert condition(0.66, 0.65, 0.5).growth is None


def test_a_hole_that_does_not_grow_is_seldom_said_to() -> None:
    chance = np.random.default_rng(3)

    def noisy(size: Measurement) -> Measurement:
        return replace(size, value=size.value * float(np.exp(chance.normal(0, 0.07))))

    def passes() -> list[PassOver]:
        made = [a_pass(day) for day in range(6)]
        return [
            replace(one, width_m=noisy(one.width_m), length_m=noisy(one.length_m))
            for one in made
            if one.width_m and one.length_m
        ]

    grown = [
        condition_of(passes(), settings=ConditionSettings()).growth is not None for _ in range(400)
    ]

    assert np.mean(grown) <= 0.05


def test_two_passes_that_look_and_see_nothing_make_it_probably_gone() -> None:
    always = condition(0.5, 0.5, 0.5, 0.5, 0.5, None)
    twice = condition(0.5, 0.5, 0.5, 0.5, 0.5, None, None)

    assert not always.probably_gone
    assert "The last pass looked at its place and did not see it (5 of 6" in always.sentences[0]
    assert always.sentences[0].endswith("it may have been missed.")
    assert (twice.looked, twice.seen, twice.missed_lately) == (7, 5, 2)
    assert twice.probably_gone
    assert twice.sentences[0].endswith("it is probably repaired, hidden, or was never there.")


def test_what_is_often_missed_is_not_soon_said_to_be_gone() -> None:
    found = condition(0.5, None, 0.5, None, None, 0.5, None, None)

    assert (found.missed_lately, found.seen, found.looked) == (2, 3, 8)
    assert not found.probably_gone


def test_seen_again_it_is_there_again_and_passes_before_it_was_known_do_not_count() -> None:
    found = condition(None, None, 0.5, None, None, 0.5)

    assert (found.looked, found.seen, found.missed_lately, found.gone) == (4, 2, 0, 0.0)


def test_the_order_of_arrival_does_not_matter() -> None:
    passes = [a_pass(day, size) for day, size in enumerate((0.5, 0.5, None, 0.7, 0.7, None))]

    there, back = (condition_of(p, settings=ConditionSettings()) for p in (passes, passes[::-1]))

    assert there == back


def test_what_grew_and_was_then_patched_has_not_grown() -> None:
    assert condition(0.3, 0.3, 0.6, 0.6, 0.3, 0.3).growth is None
    assert condition(0.3, 0.3, 0.6, 0.6, 0.58, 0.6).growth is not None
