"""Measures detections against labels: average precision and the best operating thresholds. Pure.

The protocol is that of the card: average precision at IoU 0.5 (COCO's 101 recall points), each
image's boxes matched greedily by confidence, each label once.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.errors import InputError
from pipeline.domain.looks import PixelBox

_RECALL_POINTS = np.linspace(0, 1, 101)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class KindFigures:
    """How one kind was found.

    Attributes:
        labels: How many there were to find.
        ap50: Average precision at IoU 0.5; None where there was nothing to find.
        best_f1: The best F1 over all thresholds, and
        best_threshold: the confidence at which it is reached.
    """

    kind: str
    labels: int
    ap50: float | None
    best_f1: float
    best_threshold: float


def average_precision(
    found: Sequence[Found], labels: Sequence[Label], kind: str, *, iou: float = 0.5
) -> KindFigures:
    """Return the figures of one kind over all the images that labels and detections are of."""
    wanted = [label for label in labels if label.kind == kind]
    hits, confidences = _matched([f for f in found if f.kind == kind], wanted, iou)
    if not wanted:
        return KindFigures(kind=kind, labels=0, ap50=None, best_f1=0.0, best_threshold=1.0)
    if not len(hits):
        return KindFigures(kind=kind, labels=len(wanted), ap50=0.0, best_f1=0.0, best_threshold=1.0)
    right = np.cumsum(hits)
    recall, precision = right / len(wanted), right / np.arange(1, len(hits) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    index = np.searchsorted(recall, _RECALL_POINTS, side="left")
    curve = np.where(index < len(envelope), envelope[np.minimum(index, len(envelope) - 1)], 0.0)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
    best = int(f1.argmax())
    return KindFigures(
        kind=kind,
        labels=len(wanted),
        ap50=float(curve.mean()),
        best_f1=float(f1[best]),
        best_threshold=float(confidences[best]),
    )


def figures_by_source(
    found: Sequence[Found],
    labels: Sequence[Label],
    images: Sequence[str],
    kinds: Sequence[str],
) -> dict[str, tuple[KindFigures, ...]]:
    """Return the figures of all images together, and of each source (the name before “__”)."""
    sources: dict[str, set[str]] = defaultdict(set)
    for image in images:
        sources["all"].add(image)
        sources[image.split("__")[0]].add(image)
    return {
        source: tuple(
            average_precision(
                [f for f in found if f.image in members],
                [label for label in labels if label.image in members],
                kind,
            )
            for kind in kinds
        )
        for source, members in sorted(sources.items())
    }


def read_labels(
    folder: Path, images: Mapping[str, tuple[int, int]], classes: Sequence[str]
) -> tuple[Label, ...]:
    """Read YOLO text labels.

    Args:
        folder: Holds one text file an image, of the image's stem; a missing one means no labels.
        images: File name to (width, height) in pixels.
        classes: Names by number.

    Raises:
        InputError: A line is not `class x y w h` with known class.
    """
    labels = []
    for image, size in images.items():
        path = folder / f"{Path(image).stem}.txt"
        if not path.is_file():
            continue
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if line.strip():
                labels.append(_label(image, line, size, classes, f"{path.name}:{number}"))
    return tuple(labels)


def _label(
    image: str, line: str, size: tuple[int, int], classes: Sequence[str], where: str
) -> Label:
    try:
        number, *numbers = line.split()
        x, y, wide, high = (float(part) for part in numbers)
        box = PixelBox(
            left_px=(x - wide / 2) * size[0],
            top_px=(y - high / 2) * size[1],
            right_px=(x + wide / 2) * size[0],
            bottom_px=(y + high / 2) * size[1],
        )
        return Label(image=image, kind=classes[int(number)], box=box)
    except (ValueError, IndexError) as error:
        raise InputError(f"{where}: not a YOLO label line (class x y w h): {line!r}") from error


def _matched(
    found: Sequence[Found], labels: Sequence[Label], iou: float
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return, by falling confidence, whether each box is right; each label counts once."""
    of_image: dict[str, list[PixelBox]] = defaultdict(list)
    for label in labels:
        of_image[label.image].append(label.box)
    used: dict[str, set[int]] = defaultdict(set)
    ordered = sorted(found, key=lambda f: (-f.confidence, f.image, f.box.left_px))
    hits = np.zeros(len(ordered), np.bool_)
    for i, box in enumerate(ordered):
        overlaps = [
            (box.box.iou(other), j)
            for j, other in enumerate(of_image[box.image])
            if j not in used[box.image]
        ]
        best = max(overlaps, default=(0.0, -1))
        if best[0] >= iou:
            used[box.image].add(best[1])
            hits[i] = True
    return hits, np.array([f.confidence for f in ordered])
