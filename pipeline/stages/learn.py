"""Learn: decisions become lessons, precision by area and model, and a word when it drifts. Pure."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from math import exp, hypot

from scipy.stats import binomtest, fisher_exact

from pipeline.domain.ids import DefectId
from pipeline.domain.learning import (
    Drift,
    JudgedSighting,
    Lesson,
    LessonBox,
    Precision,
    PrecisionBy,
    Unreviewed,
    Usefulness,
    WideView,
)
from pipeline.domain.looks import PixelBox

_SQUARE_M = 5000
_NEAR_M = 500.0
# So many decisions nearby make an area two thirds known.
_KNOWN_AFTER = 5.0
_DRIFT_P = 0.01
_FEWEST_JUDGED = 20
_WORTH_SAYING = 0.4


def lessons_of(sightings: Sequence[JudgedSighting]) -> tuple[Lesson, ...]:
    """Return one lesson a picture: its boxes of which a decision tells what they are.

    A picture shows more than was decided on: outside the boxes nothing is known.
    """
    of_view: dict[str, list[LessonBox]] = defaultdict(list)
    views: dict[str, WideView] = {}
    for one in sorted(sightings, key=lambda s: str(s.observation_id)):
        if one.view is None or one.is_defect is None:
            continue
        box = _in_view(one.box, one.view)
        if box is not None:
            views[one.view.key] = one.view
            kind = one.kind if one.is_defect else None
            of_view[one.view.key].append(LessonBox(box=box, kind=kind))
    return tuple(Lesson(view=views[key], boxes=tuple(of_view[key])) for key in sorted(views))


def precision_by(
    sightings: Sequence[JudgedSighting], by: PrecisionBy, *, before: datetime | None = None
) -> tuple[Precision, ...]:
    """Return the precision of each group, defects counted once, the largest group first.

    Args:
        sightings: Of decided defects.
        by: What is told apart.
        before: Only decisions before this count; all if None.
    """
    groups: dict[str, dict[DefectId, bool]] = defaultdict(dict)
    for one in sightings:
        if one.is_defect is None or (before is not None and one.decided_at >= before):
            continue
        groups[_group(one, by)][one.defect_id] = one.is_defect
    made = [_precision(name, list(verdicts.values())) for name, verdicts in groups.items()]
    return tuple(sorted(made, key=lambda p: (-p.judged, p.group)))


def drifts(sightings: Sequence[JudgedSighting], *, since: datetime) -> tuple[Drift, ...]:
    """Name the models, vehicles, areas and kinds whose precision has changed beyond chance.

    Fisher's exact test, at a chance of 1 in 100 over all comparisons (Bonferroni); groups with
    fewer than 20 decisions before or since are not judged.

    Args:
        sightings: Of decided defects.
        since: Where “of late” begins.
    """
    kinds = (PrecisionBy.MODEL, PrecisionBy.VEHICLE, PrecisionBy.AREA, PrecisionBy.KIND)
    pairs = []
    for by in kinds:
        old = {p.group: p for p in precision_by(sightings, by, before=since)}
        late = [one for one in sightings if one.decided_at >= since]
        for new in precision_by(late, by):
            known = old.get(new.group)
            if known and min(known.judged, new.judged) >= _FEWEST_JUDGED:
                pairs.append((by, known, new))
    found = []
    for by, known, new in pairs:
        table = [[p.right, p.judged - p.right] for p in (known, new)]
        chance = float(fisher_exact(table).pvalue)
        if chance < _DRIFT_P / len(pairs):
            found.append(Drift(by=by, group=new.group, before=known, since=new, p_value=chance))
    return tuple(sorted(found, key=lambda d: d.p_value))


def most_useful(
    unreviewed: Sequence[Unreviewed], judged: Sequence[JudgedSighting]
) -> tuple[Usefulness, ...]:
    """Order possible defects by what a decision on them would teach, the most useful first.

    Args:
        unreviewed: What nobody has decided on.
        judged: What was decided: places near it are known already.
    """
    decided = {one.defect_id: one.at for one in judged}
    places = [(at.easting_m, at.northing_m) for at in decided.values()]
    made = [_usefulness(one, places) for one in unreviewed]
    return tuple(sorted(made, key=lambda u: (-u.score, str(u.defect_id))))


def _usefulness(one: Unreviewed, places: Sequence[tuple[float, float]]) -> Usefulness:
    unsure = 4 * one.confidence * (1 - one.confidence)
    near = sum(hypot(one.at.easting_m - e, one.at.northing_m - n) <= _NEAR_M for e, n in places)
    new = exp(-near / _KNOWN_AFTER)
    looked = max(one.passes_looked, one.passes_seen)
    seen = one.passes_seen / looked if looked else 1.0
    torn = 4 * seen * (1 - seen)
    words = (
        (unsure, f"the network is unsure ({one.confidence:.0%})"),
        (new, f"{near} decisions within {_NEAR_M:.0f} m"),
        (torn, f"{one.passes_seen} of {looked} passes that looked saw it"),
    )
    return Usefulness(
        defect_id=one.defect_id,
        score=unsure + new + torn,
        reasons=tuple(text for value, text in words if value >= _WORTH_SAYING),
    )


def _in_view(box: PixelBox, view: WideView) -> PixelBox | None:
    """Return a box of the footage in pixels of its wide view; None if hardly a pixel is left."""
    scale = view.width_px / view.frame_width_px
    left, top = max(box.left_px * scale, 0.0), max(box.top_px * scale, 0.0)
    right = min(box.right_px * scale, float(view.width_px))
    bottom = min(box.bottom_px * scale, float(view.height_px))
    if right - left < 1 or bottom - top < 1:
        return None
    return PixelBox(left_px=left, top_px=top, right_px=right, bottom_px=bottom)


def _group(one: JudgedSighting, by: PrecisionBy) -> str:
    east, north = (int(value // _SQUARE_M) for value in (one.at.easting_m, one.at.northing_m))
    return {
        PrecisionBy.MODEL: one.model_id,
        PrecisionBy.VEHICLE: one.vehicle,
        PrecisionBy.AREA: f"{east * _SQUARE_M // 1000} km E, {north * _SQUARE_M // 1000} km N",
        PrecisionBy.MONTH: f"{one.decided_at:%Y-%m}",
        PrecisionBy.KIND: one.kind.value,
    }[by]


def _precision(group: str, verdicts: Sequence[bool]) -> Precision:
    judged, right = len(verdicts), sum(verdicts)
    interval = binomtest(right, judged).proportion_ci(method="wilson")
    return Precision(
        group=group, judged=judged, right=right, low=float(interval.low), high=float(interval.high)
    )
