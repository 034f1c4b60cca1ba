"""Learning: a decision is a lesson about its box and no more; precision counts defects once."""

from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.domain.decisions import Move, RejectReason
from pipeline.domain.ids import DefectId, ObservationId, natural_uuid
from pipeline.domain.learning import (
    JudgedSighting,
    LessonBox,
    PrecisionBy,
    Unreviewed,
    WideView,
)
from pipeline.domain.looks import DefectKind, PixelBox
from pipeline.domain.places import GridRef
from pipeline.stages.learn import drifts, lessons_of, most_useful, precision_by
from tests.builders import E0, N0, NOON

VIEW = WideView(key="depot/place_view/a.jpg", width_px=640, height_px=360, frame_width_px=1280)
BOX = PixelBox(left_px=600, top_px=500, right_px=680, bottom_px=530)


def judged(
    number: int,
    *,
    reason: RejectReason | None = None,
    model: str = "road-v1",
    day: int = 0,
    view: WideView | None = VIEW,
    defect: int | None = None,
) -> JudgedSighting:
    return JudgedSighting(
        observation_id=ObservationId(natural_uuid("o", number)),
        defect_id=DefectId(natural_uuid("d", number if defect is None else defect)),
        kind=DefectKind.POTHOLE,
        confidence=0.6,
        box=BOX,
        model_id=model,
        vehicle="1142",
        at=GridRef(easting_m=E0, northing_m=N0),
        move=Move.REJECT if reason else Move.APPROVE,
        reason=reason,
        decided_at=NOON + timedelta(days=day),
        view=view,
    )


def test_a_lesson_says_what_the_engineer_saw_in_pixels_of_the_kept_view() -> None:
    other = replace(
        judged(2, reason=RejectReason.MANHOLE_OR_COVER),
        box=PixelBox(left_px=0, top_px=0, right_px=100, bottom_px=100),
    )

    [lesson] = lessons_of([judged(1), other])

    half = PixelBox(left_px=300, top_px=250, right_px=340, bottom_px=265)
    assert set(lesson.boxes) == {
        LessonBox(box=half, kind=DefectKind.POTHOLE),
        LessonBox(box=PixelBox(left_px=0, top_px=0, right_px=50, bottom_px=50), kind=None),
    }


@pytest.mark.parametrize(
    ("reason", "kinds"),
    [
        (RejectReason.NOT_A_DEFECT, [None]),
        (RejectReason.BELOW_LEVEL, [DefectKind.POTHOLE]),
        (RejectReason.DUPLICATE, [DefectKind.POTHOLE]),
        (RejectReason.OTHER, []),
    ],
)
def test_what_a_reason_teaches(reason: RejectReason, kinds: list[DefectKind | None]) -> None:
    made = lessons_of([judged(1, reason=reason)])

    assert [box.kind for lesson in made for box in lesson.boxes] == kinds


def test_without_a_kept_view_there_is_no_lesson() -> None:
    assert lessons_of([judged(1, view=None)]) == ()


def test_precision_counts_a_defect_once_however_often_it_was_seen() -> None:
    sightings = [judged(n, defect=1) for n in range(9)]
    sightings += [judged(20, reason=RejectReason.SHADOW_OR_WATER)]
    sightings += [judged(21, reason=RejectReason.OTHER)]

    [model] = precision_by(sightings, PrecisionBy.MODEL)
    [area] = precision_by(sightings, PrecisionBy.AREA)

    assert (model.group, model.judged, model.right, model.share) == ("road-v1", 2, 1, 0.5)
    # Wilson's interval of 1 in 2, from the formula.
    assert (model.low, model.high) == pytest.approx((0.0945, 0.9055), abs=1e-3)
    assert area.group.endswith("km N")


def test_drift_is_named_when_it_is_beyond_chance_and_only_then() -> None:
    def month(day: int, right: int, wrong: int, model: str) -> list[JudgedSighting]:
        base = day * 1000 + (0 if model == "a" else 500)
        hits = [judged(base + n, model=model, day=day) for n in range(right)]
        return hits + [
            judged(base + right + n, model=model, day=day, reason=RejectReason.NOT_A_DEFECT)
            for n in range(wrong)
        ]

    since = NOON + timedelta(days=30)
    before = month(0, 45, 5, "a") + month(0, 45, 5, "b")
    steady = month(40, 44, 6, "a") + month(40, 44, 6, "b")
    worse = month(40, 20, 30, "a") + month(40, 44, 6, "b")

    found = drifts(before + worse, since=since)

    assert drifts(before + steady, since=since) == ()
    assert (PrecisionBy.MODEL, "a") in {(d.by, d.group) for d in found}
    assert (PrecisionBy.MODEL, "b") not in {(d.by, d.group) for d in found}
    assert drifts(before + month(40, 0, 10, "a"), since=since) == ()


def waiting(name: str, *, confidence: float, east_m: float, seen: int, looked: int) -> Unreviewed:
    return Unreviewed(
        defect_id=DefectId(natural_uuid("w", name)),
        kind=DefectKind.POTHOLE,
        confidence=confidence,
        at=GridRef(easting_m=E0 + east_m, northing_m=N0),
        passes_seen=seen,
        passes_looked=looked,
    )


def test_the_unsure_the_new_and_the_disputed_come_first_with_their_reasons() -> None:
    known = [judged(n) for n in range(12)]
    plain = waiting("plain", confidence=0.97, east_m=0, seen=2, looked=2)
    unsure = waiting("unsure", confidence=0.5, east_m=0, seen=2, looked=2)
    far = waiting("far", confidence=0.97, east_m=9000, seen=2, looked=2)
    torn = waiting("torn", confidence=0.5, east_m=9000, seen=1, looked=2)

    order = most_useful([plain, unsure, far, torn], known)

    assert order[0].defect_id == torn.defect_id
    assert order[-1].defect_id == plain.defect_id
    assert order[-1].reasons == ()
    assert order[0].reasons == (
        "the network is unsure (50%)",
        "0 decisions within 500 m",
        "1 of 2 passes that looked saw it",
    )
