"""What both runtimes share: pictures in, boxes out. numpy and OpenCV only; pure."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.card import ModelCard
from pipeline.domain.looks import Bystander, Detection, Looked, PixelBox
from pipeline.domain.runs import DetectorIdentity

Pixels = NDArray[np.uint8]
Array = NDArray[np.float32]

_PAD = 114
_MOST_BOXES = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Letterbox:
    """How a picture of one size goes into the network: scaled, then padded to whole strides.

    Attributes:
        source_px: Height and width of the picture.
        inner_px: Height and width that it is scaled to.
        input_px: Height and width of the network's input, with the padding.
        left_px: Where the picture begins in it.
        top_px: Likewise.
    """

    source_px: tuple[int, int]
    inner_px: tuple[int, int]
    input_px: tuple[int, int]
    left_px: int
    top_px: int

    @classmethod
    def fit(cls, height_px: int, width_px: int, card: ModelCard) -> "Letterbox":
        """Return the smallest input, in whole strides, that holds the scaled picture."""
        scale = card.longest_side_px / max(height_px, width_px)
        inner = round(height_px * scale), round(width_px * scale)
        high, wide = (-(-side // card.stride_px) * card.stride_px for side in inner)
        return cls(
            source_px=(height_px, width_px),
            inner_px=inner,
            input_px=(high, wide),
            left_px=round((wide - inner[1]) / 2 - 0.1),
            top_px=round((high - inner[0]) / 2 - 0.1),
        )

    def apply(self, pixels: Pixels, *, into: Pixels) -> None:
        """Write the picture that the network is given, H×W×3 uint8 BGR, into room made for it."""
        high, wide = self.inner_px
        if self.inner_px != self.source_px:
            pixels = np.asarray(
                cv2.resize(pixels, (wide, high), interpolation=cv2.INTER_LINEAR), np.uint8
            )
        into[...] = _PAD
        into[self.top_px : self.top_px + high, self.left_px : self.left_px + wide] = pixels

    def back(self, boxes: Array) -> Array:
        """Return N×4 boxes [left, top, right, bottom] in source pixels, within the picture."""
        (high, wide), (inner_high, inner_wide) = self.source_px, self.inner_px
        scale = np.array([wide / inner_wide, high / inner_high] * 2, np.float32)
        back = (boxes - np.array([self.left_px, self.top_px] * 2, np.float32)) * scale
        limited: Array = np.clip(back, 0, np.array([wide, high, wide, high])).astype(np.float32)
        return limited


@dataclass(frozen=True, slots=True, kw_only=True)
class RawBoxes:
    """Boxes in source pixels with class and confidence, the surest first."""

    boxes: Array
    classes: NDArray[np.int64]
    confidences: Array


def boxes_from_output(
    output: Array, letterbox: Letterbox, *, floor: float, nms_iou: float
) -> RawBoxes:
    """Turn the network's raw output into boxes.

    Args:
        output: (4 + classes)×N: centre x, centre y, width, height in input pixels, then scores.
        letterbox: How the picture went in.
        floor: The least confidence that is kept.
        nms_iou: Boxes of one class that overlap more than this are one.
    """
    scores = output[4:]
    classes = scores.argmax(axis=0)
    confidences = scores.max(axis=0)
    keep = np.flatnonzero(confidences >= floor)
    centre, size = output[:2, keep], output[2:4, keep]
    corners = np.concatenate((centre - size / 2, size)).T.astype(np.float64)
    chosen = cv2.dnn.NMSBoxesBatched(
        corners.tolist(), confidences[keep].tolist(), classes[keep].tolist(), floor, nms_iou
    )
    order = keep[np.asarray(chosen, np.int64).reshape(-1)][:_MOST_BOXES]
    halves = output[2:4, order] / 2
    found = np.concatenate((output[:2, order] - halves, output[:2, order] + halves)).T
    return RawBoxes(
        boxes=letterbox.back(found.astype(np.float32)),
        classes=classes[order].astype(np.int64),
        confidences=confidences[order].astype(np.float32),
    )


def looked_from_boxes(raw: RawBoxes, card: ModelCard, *, floor: float | None) -> Looked:
    """Return the look: boxes below their operating threshold (or the floor) are left out.

    A defect's score becomes its confidence by the card's curve. The floor is one of scores.
    """
    sure = _confidences(raw, card)
    defects, bystanders = [], []
    for (left, top, right, bottom), label, score, confidence in zip(
        raw.boxes.tolist(), raw.classes.tolist(), raw.confidences.tolist(), sure, strict=True
    ):
        if right - left < 1 or bottom - top < 1:
            continue
        box = PixelBox(left_px=left, top_px=top, right_px=right, bottom_px=bottom)
        kind = card.defect_kinds.get(label)
        least = card.thresholds[kind] if kind is not None else 1.0
        if kind is not None and (confidence >= least if floor is None else score >= floor):
            defects.append(Detection(kind=kind, box=box, confidence=min(confidence, 1.0)))
        bystander = card.bystander_kinds.get(label)
        least = card.bystander_threshold if floor is None else floor
        if bystander is not None and score >= least:
            bystanders.append(Bystander(kind=bystander, box=box, confidence=min(score, 1.0)))
    return Looked(defects=tuple(defects), bystanders=tuple(bystanders))


def lowest_score(card: ModelCard, floor: float | None) -> float:
    """Return the score below which no box is of use to anybody."""
    return card.lowest_score if floor is None else floor


def _confidences(raw: RawBoxes, card: ModelCard) -> list[float]:
    sure = raw.confidences.astype(np.float64)
    for label, kind in card.defect_kinds.items():
        if kind in card.confidence:
            of_kind = raw.classes == label
            sure[of_kind] = card.confidence[kind].apply(sure[of_kind])
    return [float(value) for value in sure]


def identity_of(
    card: ModelCard, *, weights_sha256: str, runtime: str, precision: str
) -> DetectorIdentity:
    """Return what makes this detector's findings repeatable."""
    return DetectorIdentity(
        model_id=card.name,
        weights_sha256=weights_sha256,
        runtime=runtime,
        precision=precision,
        longest_side_px=card.longest_side_px,
        thresholds=tuple(sorted(card.thresholds.items())),
        bystander_threshold=card.bystander_threshold,
    )
