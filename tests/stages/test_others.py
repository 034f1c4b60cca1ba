"""Sampling, screening, looking, covering, ranking and deciding."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.footage import Frame, FrameRef, Piece, WantedFrame
from pipeline.domain.looks import Look, LookAt, Looked, NotLooked, NotLookedReason
from pipeline.domain.roads import Hierarchy, RoadFacts
from pipeline.domain.runs import DetectorIdentity
from pipeline.domain.track import ClockOffset
from pipeline.stages.cover import LookedAt, cover_stretches, fill_stretches
from pipeline.stages.detect import look_at_frames
from pipeline.stages.prioritise import prioritise
from pipeline.stages.sample import SampleSettings, look_chainages, plan_looks
from pipeline.stages.screen import ScreenSettings, screen_frame
from tests.builders import NOON, SHA, a_clip, a_defect, a_policy, after

NO_CLOCK = ClockOffset(offset_s=0.0, sigma_s=0.1, how="test")
PIXELS = np.random.default_rng(0).integers(60, 180, (120, 200, 3), dtype=np.uint8)


def a_frame(pts: int) -> Frame:
    return Frame(ref=FrameRef(clip_sha256=SHA, pts=pts), taken_at=NOON, pixels=PIXELS)


class _Detector:
    """Looks at the first `good` frames, then falls silent."""

    identity: DetectorIdentity

    def __init__(self, good: int) -> None:
        self._good = good

    def look(self, frames: Iterable[Frame]) -> Iterator[LookAt]:
        for number, frame in enumerate(frames):
            if number == self._good:
                return
            yield frame.ref, Looked(defects=(), bystanders=())


def looks(good: int, frames: int, *, dark: tuple[int, ...] = ()) -> list[tuple[int, Look]]:
    refusal = NotLooked(reason=NotLookedReason.TOO_DARK)
    return [
        (frame.ref.pts, look)
        for frame, look in look_at_frames(
            map(a_frame, range(frames)),
            _Detector(good),
            screen=lambda f: refusal if f.ref.pts in dark else None,
        )
    ]


@pytest.mark.parametrize("good", [0, 3, 10])
def test_a_detector_that_dies_leaves_no_road_that_reads_as_sound(good: int) -> None:
    outcome = looks(good, 10)

    assert [pts for pts, _ in outcome] == list(range(10))
    assert [isinstance(look, Looked) for _, look in outcome] == [True] * good + [False] * (
        10 - good
    )


def test_refused_frames_keep_their_place_and_reason() -> None:
    outcome = looks(99, 6, dark=(0, 3, 5))

    assert [pts for pts, _ in outcome] == list(range(6))
    assert [isinstance(look, NotLooked) for _, look in outcome] == [
        True, False, False, True, False, True,
    ]  # fmt: skip


@given(st.floats(10, 110), st.floats(1, 50))
def test_the_same_frames_are_chosen_however_the_footage_is_cut(cut_s: float, rate: float) -> None:
    clip = a_clip(duration_s=120)
    chainages = look_chainages(0, 120 * rate, settings=SampleSettings())
    instants = [
        (NOON + timedelta(seconds=c / rate), NOON + timedelta(seconds=(c + 1.5) / rate))
        for c in chainages
    ]

    def planned(begin: int, end: int) -> list[WantedFrame]:
        piece = Piece(clip_sha256=SHA, from_pts=begin, to_pts=end)
        plan = plan_looks(
            chainages, instants, clip=clip, started_at=NOON, clock=NO_CLOCK, piece=piece
        )
        return [look.frame for look in plan]

    middle = clip.pts_at(cut_s)
    assert planned(0, middle) + planned(middle, 1 << 40) == planned(0, 1 << 40)


def test_the_clock_offset_is_added_to_the_cameras_clock() -> None:
    piece = Piece(clip_sha256=SHA, from_pts=0, to_pts=1 << 40)

    (look,) = plan_looks(
        [30.0],
        [(after(10), after(10.1))],
        clip=a_clip(),
        started_at=NOON,
        clock=replace(NO_CLOCK, offset_s=4.0),
        piece=piece,
    )

    assert a_clip().seconds_at(look.frame.pts) == pytest.approx(6.0)
    assert a_clip().seconds_at(look.frame.latest_pts) == pytest.approx(6.1)


def test_a_look_waits_half_a_second_at_most_for_a_key_frame() -> None:
    piece = Piece(clip_sha256=SHA, from_pts=0, to_pts=1 << 40)

    (look,) = plan_looks(
        [30.0], [(after(10), after(70))], clip=a_clip(), started_at=NOON, clock=NO_CLOCK,
        piece=piece,
    )  # fmt: skip

    assert a_clip().seconds_at(look.frame.latest_pts) == pytest.approx(10.5)


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        (PIXELS, None),
        (PIXELS // 20, NotLookedReason.TOO_DARK),
        (np.full((120, 200, 3), 254, np.uint8), NotLookedReason.TOO_BRIGHT),
        (np.full((120, 200, 3), 120, np.uint8), NotLookedReason.OBSTRUCTED),
        (
            np.tile(np.linspace(40, 200, 200, dtype=np.uint8)[None, :, None], (120, 1, 3)),
            NotLookedReason.BLURRED,
        ),
    ],
)
def test_a_frame_that_shows_no_road_is_refused_by_name(
    pixels: "np.typing.NDArray[np.uint8]", reason: NotLookedReason | None
) -> None:
    verdict = screen_frame(pixels, settings=ScreenSettings())

    assert (verdict.reason if verdict else None) is reason


def test_coverage_is_what_was_judged_and_the_rest_has_a_reason() -> None:
    outcome = [LookedAt(chainage_m=c, reason=None) for c in (0.0, 3.0, 6.0)]
    outcome += [LookedAt(chainage_m=c, reason=NotLookedReason.TOO_DARK) for c in (9.0, 30.0)]

    stretches = cover_stretches(outcome, near_m=4, far_m=14, spacing_m=3, limit_m=100)

    assert [(s.from_m, s.to_m, s.reason) for s in stretches] == [
        (4.0, 20.0, None),
        (34.0, 37.0, NotLookedReason.TOO_DARK),
    ]


@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.sampled_from([None, *NotLookedReason])),
        max_size=15,
        unique_by=lambda item: item[0],
    )
)
def test_every_metre_of_a_drive_has_exactly_one_outcome(
    marks: list[tuple[int, NotLookedReason | None]],
) -> None:
    outcome = [LookedAt(chainage_m=3.0 * c, reason=reason) for c, reason in sorted(marks)]
    parts = cover_stretches(outcome, near_m=4, far_m=14, spacing_m=3, limit_m=150)

    whole = fill_stretches(parts, from_m=0, to_m=150, reason=NotLookedReason.NO_FOOTAGE)

    assert whole[0].from_m == 0
    assert whole[-1].to_m == pytest.approx(150)
    assert all(a.to_m == pytest.approx(b.from_m) for a, b in itertools.pairwise(whole))


def test_depth_and_road_class_unknown_are_stated_reasons() -> None:
    (entry,) = prioritise([a_defect()], {}, {}, policy=a_policy())

    assert any("Depth is unknown" in reason for reason in entry.reasons)
    assert any("class is unknown" in reason for reason in entry.reasons)
    assert any("site" in reason for reason in entry.reasons)


@given(st.floats(0.05, 3), st.floats(0, 2), st.sampled_from([None, *Hierarchy]))
def test_a_wider_hole_or_a_busier_road_never_lowers_the_score(
    width: float, more: float, hierarchy: Hierarchy | None
) -> None:
    policy, road = a_policy(), RoadFacts(hierarchy=hierarchy)
    small, large = a_defect(width_m=width), a_defect(width_m=width + more)

    def score(defect: object, facts: RoadFacts) -> float:
        (entry,) = prioritise(
            [small if defect is small else large], {small.defect_id: facts}, {}, policy=policy
        )
        return entry.score

    assert score(large, road) >= score(small, road)
    assert score(small, RoadFacts(hierarchy=Hierarchy.STRATEGIC)) >= score(small, road)


def test_the_public_test_vector_gives_28_days() -> None:
    respond = a_policy().band_of(4 * 2).respond
    assert respond is not None
    assert respond.words == "28 days from a competent person's decision"
