"""Which boxes are right: matched greedily by confidence, each label once, at ten overlaps. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.looks import PixelBox

Array = NDArray[np.float64]

# COCO's overlaps and recall points.
OVERLAPS: Array = np.arange(50, 100, 5) / 100
_RECALL_POINTS: Array = np.linspace(0, 1, 101)
_SAME_BOX = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One labelled box."""

    image: str
    kind: str
    box: PixelBox


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One detected box."""

    image: str
    kind: str
    box: PixelBox
    confidence: float


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Judged:
    """The detections of one kind on some images, the surest first.

    Attributes:
        kind: What was looked for.
        confidences: N.
        right: N×10: whether each box matches a label at each of `OVERLAPS`.
        image_of: N: number of each box's image.
        labels_on: How many labels each image has.
    """

    kind: str
    confidences: Array
    right: NDArray[np.bool_]
    image_of: NDArray[np.int64]
    labels_on: NDArray[np.int64]

    @property
    def labels(self) -> int:
        """How many there were to find."""
        return int(self.labels_on.sum())


def judge(
    found: Sequence[Found], labels: Sequence[Label], images: Sequence[str], kinds: Collection[str]
) -> Judged:
    """Judge the boxes of one kind, or of several kinds taken as one.

    Args:
        found: Detections; those on other images or of other kinds are left out.
        labels: Likewise.
        images: Which images count.
        kinds: One name, or several that are not told apart. Of several, a box that overlaps a
            surer one of another name by more than 0.6 is the same box.
    """
    number = {image: i for i, image in enumerate(images)}
    boxes: list[list[Found]] = [[] for _ in images]
    truths: list[list[PixelBox]] = [[] for _ in images]
    for one in sorted(found, key=lambda f: (-f.confidence, f.image, f.box.left_px)):
        if one.kind in kinds and one.image in number:
            boxes[number[one.image]].append(one)
    for label in labels:
        if label.kind in kinds and label.image in number:
            truths[number[label.image]].append(label.box)
    confidences: list[float] = []
    right: list[NDArray[np.bool_]] = []
    image_of: list[int] = []
    for i, (ours, truth) in enumerate(zip(boxes, truths, strict=True)):
        distinct = ours if len(kinds) == 1 else _without_doubles(ours)
        right.append(_matched(distinct, truth))
        confidences += [one.confidence for one in distinct]
        image_of += [i] * len(distinct)
    order = np.argsort(-np.array(confidences, np.float64), kind="stable")
    none = np.zeros((0, len(OVERLAPS)), np.bool_)
    return Judged(
        kind=" or ".join(sorted(kinds)),
        confidences=np.array(confidences, np.float64)[order],
        right=np.concatenate([none, *right])[order],
        image_of=np.array(image_of, np.int64)[order],
        labels_on=np.array([len(truth) for truth in truths], np.int64),
    )


def judge_labels(found: Sequence[Found], labels: Sequence[Label], kind: str) -> NDArray[np.bool_]:
    """Return, for each label of a kind, whether a box of that kind is around it, at IoU 0.5."""
    ours: dict[str, list[PixelBox]] = {}
    for one in sorted(found, key=lambda f: (-f.confidence, f.image, f.box.left_px)):
        if one.kind == kind:
            ours.setdefault(one.image, []).append(one.box)
    hit = np.zeros(len(labels), np.bool_)
    of_image: dict[str, list[int]] = {}
    for i, label in enumerate(labels):
        of_image.setdefault(label.image, []).append(i)
    for image, members in of_image.items():
        boxes = ours.get(image, [])
        if not boxes:
            continue
        overlaps = _ious(boxes, [labels[i].box for i in members])
        for row in overlaps:
            free = [hit[i] for i in members]
            best = int(np.where(free, -1, row).argmax())
            if not free[best] and row[best] >= OVERLAPS[0]:
                hit[members[best]] = True
    return hit


def average_precision(
    judged: Judged, weights: Array | None = None, *, overlaps: int = len(OVERLAPS)
) -> Array:
    """Return the average precision at each overlap (COCO's 101 recall points).

    Args:
        judged: The detections.
        weights: How often each image counts; once each if None.
        overlaps: At how many of `OVERLAPS`, from the first.

    Returns:
        NaN where there is nothing to find.
    """
    weigh = np.ones(len(judged.labels_on)) if weights is None else weights
    labels = float(weigh @ judged.labels_on)
    if labels <= 0:
        return np.full(overlaps, np.nan)
    each = weigh[judged.image_of]
    seen = each > 0
    if not seen.any():
        return np.zeros(overlaps)
    each = each[seen]
    counted = np.cumsum(each)
    values = np.zeros(overlaps)
    for i in range(overlaps):
        hits = np.cumsum(each * judged.right[seen, i])
        precision = np.maximum.accumulate((hits / counted)[::-1])[::-1]
        # A little less than each point: recall is a sum of shares and may miss it by rounding.
        index = np.searchsorted(hits / labels, _RECALL_POINTS - 1e-12, side="left")
        reached = index < len(precision)
        values[i] = np.where(reached, precision[np.minimum(index, len(precision) - 1)], 0).mean()
    return values


def _without_doubles(ours: Sequence[Found]) -> list[Found]:
    kept: list[Found] = []
    for one in ours:
        if all(one.kind == other.kind or one.box.iou(other.box) <= _SAME_BOX for other in kept):
            kept.append(one)
    return kept


def _matched(ours: Sequence[Found], truth: Sequence[PixelBox]) -> NDArray[np.bool_]:
    """Return, for boxes by falling confidence and each overlap, whether a label is theirs."""
    right = np.zeros((len(ours), len(OVERLAPS)), np.bool_)
    if not ours or not truth:
        return right
    overlaps = _ious([one.box for one in ours], truth)
    for at, least in enumerate(OVERLAPS):
        free = np.ones(len(truth), np.bool_)
        for i in range(len(ours)):
            best = int(np.where(free, overlaps[i], -1).argmax())
            if free[best] and overlaps[i, best] >= least:
                free[best] = False
                right[i, at] = True
    return right


def _ious(ours: Sequence[PixelBox], truth: Sequence[PixelBox]) -> Array:
    a = np.array([_edges(box) for box in ours])[:, None]
    b = np.array([_edges(box) for box in truth])[None]
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    shared = np.prod(np.maximum(sides, 0), axis=2)
    both = np.prod(a[..., 2:] - a[..., :2], axis=2) + np.prod(b[..., 2:] - b[..., :2], axis=2)
    ious: Array = shared / np.maximum(both - shared, 1e-9)
    return ious


def _edges(box: PixelBox) -> tuple[float, float, float, float]:
    return box.left_px, box.top_px, box.right_px, box.bottom_px
