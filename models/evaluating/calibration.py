"""Fits confidence so that of boxes at 0.7 seven in ten are right, and measures whether they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from models.confidence import EDGE, Beta
from models.evaluating.figures import ALL
from models.evaluating.matching import Array, Found, judge
from models.evaluating.truth import ImageTruth
from pipeline.domain.errors import InputError

LEAST_SCORE = 0.05
BINS = 15
# As strong as this many boxes for the curve that changes nothing.
_PRIOR_BOXES = 10.0
_FEWEST = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """How confidence and truth agree.

    Attributes:
        error: Expected calibration error: mean over the boxes of |share that is right −
            confidence|, in bins of equal numbers of boxes.
        boxes: How many boxes that is measured on.
        claimed: Mean confidence of each bin.
        right: Share of its boxes that is right, at IoU 0.5.
    """

    error: float
    boxes: int
    claimed: tuple[float, ...]
    right: tuple[float, ...]


def scores_and_hits(
    found: Sequence[Found], truths: Sequence[ImageTruth], kind: str
) -> tuple[Array, Array]:
    """Return confidence and whether it is right (0 or 1, IoU 0.5) of every box of a kind.

    Kinds that a source confuses are judged as one there, so a box of the other type is right.
    """
    scores, hits = [np.zeros(0)], [np.zeros(0)]
    for source in sorted({t.source for t in truths}):
        ours = [t for t in truths if t.source == source and kind not in t.unlabelled]
        if not ours:
            continue
        confused = ours[0].confused
        kinds = confused if kind in confused else {kind}
        judged = judge(
            [f for f in found if f.kind == kind],
            [label for t in ours for label in t.labels],
            [t.image for t in ours],
            kinds,
        )
        scores.append(judged.confidences)
        hits.append(judged.right[:, 0].astype(np.float64))
    return np.concatenate(scores), np.concatenate(hits)


def fit(
    found: Sequence[Found], truths: Sequence[ImageTruth], kinds: Sequence[str]
) -> dict[str, Beta]:
    """Fit each kind on images that were not learnt from.

    Raises:
        InputError: A kind has fewer than 30 boxes to fit on.
    """
    fitted = {}
    for kind in kinds:
        scores, hits = scores_and_hits(found, truths, kind)
        known = scores >= LEAST_SCORE / 5
        if known.sum() < _FEWEST:
            raise InputError(
                f"{kind}: {int(known.sum())} boxes are too few to fit confidence on; give the "
                "tune split more images of it"
            )
        fitted[kind] = _fit_one(scores[known], hits[known])
    return fitted


def calibrated(found: Sequence[Found], curves: Mapping[str, Beta]) -> list[Found]:
    """Return the detections with fitted confidence, where there is a curve for the kind."""
    kinds = np.array([f.kind for f in found])
    values = np.array([f.confidence for f in found])
    for kind, curve in curves.items():
        of_kind = kinds == kind
        values[of_kind] = curve.apply(values[of_kind])
    return [
        Found(image=f.image, kind=f.kind, box=f.box, confidence=float(value))
        for f, value in zip(found, values, strict=True)
    ]


def reliability(scores: Array, hits: Array, *, bins: int = BINS) -> Reliability:
    """Compare confidence with truth in bins of equal numbers of boxes, scores of 0.05 and more."""
    known = scores >= LEAST_SCORE
    order = np.argsort(scores[known], kind="stable")
    parts = [p for p in np.array_split(order, bins) if len(p)]
    claimed = [float(scores[known][p].mean()) for p in parts]
    right = [float(hits[known][p].mean()) for p in parts]
    gaps = [len(p) * abs(c - r) for p, c, r in zip(parts, claimed, right, strict=True)]
    return Reliability(
        error=sum(gaps) / max(int(known.sum()), 1),
        boxes=int(known.sum()),
        claimed=tuple(claimed),
        right=tuple(right),
    )


def reliability_of(
    found: Sequence[Found], truths: Sequence[ImageTruth], kinds: Sequence[str]
) -> dict[str, Reliability]:
    """Return the reliability of each kind, and under `all` of the boxes of all kinds together."""
    pairs = {kind: scores_and_hits(found, truths, kind) for kind in kinds}
    measured = {kind: reliability(*pair) for kind, pair in pairs.items() if len(pair[0])}
    scores = np.concatenate([pair[0] for pair in pairs.values()])
    hits = np.concatenate([pair[1] for pair in pairs.values()])
    return {ALL: reliability(scores, hits), **measured}


def _fit_one(scores: Array, hits: Array) -> Beta:
    p = np.clip(scores, EDGE, 1 - EDGE)
    ln_p, ln_q = np.log(p), -np.log1p(-p)

    def loss(values: Array) -> float:
        logit = values[0] * ln_p + values[1] * ln_q + values[2]
        likelihood = np.logaddexp(0, logit) - hits * logit
        return float(likelihood.sum() + _PRIOR_BOXES * ((values - [1, 1, 0]) ** 2).sum() / 10)

    found = minimize(loss, np.array([1.0, 1.0, 0.0]), bounds=[(0.01, 20), (0.0, 20), (-20, 20)])
    a, b, c = (float(value) for value in found.x)
    return Beta(a=a, b=b, c=c)
