"""Looks for people and number plates that the redaction left in kept pictures.

Two small detectors from OpenCV's model zoo look: YuNet for faces and LPD-YuNet for number plates.
They are given by whoever checks, and are no part of the product. A hit is a suspicion, not a
finding: each is written out, enlarged, for a person to look at.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.domain.errors import InputError
from pipeline.domain.looks import PixelBox

Pixels = NDArray[np.uint8]
Array = NDArray[np.float32]

FACE_SCORE = 0.6
PLATE_SCORE = 0.5
# Small faces and plates are found in enlarged pictures.
SCALES = (1.0, 2.0)
_SAME = 0.4
# A plate or a face does not fill a picture of a road, unless that is a small part of one.
_LARGEST_SHARE, _LARGEST_PX = 0.25, 80.0
# The layout of LPD-YuNet: anchors of these sides at these strides, offsets scaled by these.
_ANCHOR_SIDES = ((10, 16, 24), (32, 48), (64, 96), (128, 192, 256))
_STRIDES = (8, 16, 32, 64)
_VARIANCE = 0.1
# Of its fourteen offsets, where the four corners of a plate stand.
_CORNERS = (4, 6, 10, 12)
# Plates are wider than high, seen from the side a little less so; these bounds are generous.
_PLATE_ASPECT = (0.8, 8.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """Something in a kept picture that may be a face or a plate.

    Attributes:
        path: The picture.
        what: "face" or "plate".
        box: In pixels of the picture.
        score: The detector's own.
    """

    path: Path
    what: str
    box: PixelBox
    score: float


class Finder(Protocol):
    """Finds one sort of thing in a picture."""

    @property
    def what(self) -> str:
        """What it finds."""

    def find(self, picture: Pixels) -> list[tuple[PixelBox, float]]:
        """Return boxes and scores."""


class FaceFinder:
    """YuNet on pictures of any size."""

    what = "face"

    def __init__(self, model: Path, *, score: float = FACE_SCORE) -> None:
        """Load the network.

        Raises:
            InputError: The file is missing, or no such network.
        """
        _require(model)
        try:
            self._net = cv2.FaceDetectorYN.create(str(model), "", (320, 320), score)
        except cv2.error as error:
            raise InputError(f"{model.name} is no YuNet face detector") from error

    def find(self, picture: Pixels) -> list[tuple[PixelBox, float]]:
        """Return boxes and scores."""
        height, width = picture.shape[:2]
        self._net.setInputSize((width, height))
        _, found = self._net.detect(picture)
        if found is None:
            return []
        rows = np.asarray(found, np.float32)
        corners = np.concatenate((rows[:, :2], rows[:, :2] + rows[:, 2:4]), axis=1)
        return _boxes(corners, rows[:, -1])


class PlateFinder:
    """LPD-YuNet on pictures of any size."""

    what = "plate"

    def __init__(self, model: Path, *, score: float = PLATE_SCORE) -> None:
        """Load the network.

        Raises:
            InputError: The file is missing, or no such network.
        """
        _require(model)
        try:
            self._net = cv2.dnn.readNet(str(model))
        except cv2.error as error:
            raise InputError(f"{model.name} is no LPD-YuNet plate detector") from error
        self._score = score

    def find(self, picture: Pixels) -> list[tuple[PixelBox, float]]:
        """Return boxes around the plates' four corners, and scores."""
        height, width = (-(-side // _STRIDES[-1]) * _STRIDES[-1] for side in picture.shape[:2])
        room = np.zeros((height, width, 3), np.uint8)
        room[: picture.shape[0], : picture.shape[1]] = picture
        self._net.setInput(cv2.dnn.blobFromImage(room))
        places, chances, overlaps = self._net.forward(["loc", "conf", "iou"])
        anchors = _anchors(height, width)
        scores = np.sqrt(chances.reshape(-1, 2)[:, 1] * np.clip(overlaps.reshape(-1), 0, 1))
        keep = scores >= self._score
        offsets, at = places.reshape(-1, 14)[keep], anchors[keep]
        points = np.stack(
            [at[:, :2] + offsets[:, i : i + 2] * _VARIANCE * at[:, 2:] for i in _CORNERS], axis=1
        )
        corners = np.concatenate((points.min(axis=1), points.max(axis=1)), axis=1)
        return [
            (box, score)
            for box, score in _boxes(corners.astype(np.float32), scores[keep])
            if _PLATE_ASPECT[0] <= box.width_px / box.height_px <= _PLATE_ASPECT[1]
        ]


def suspicions(
    paths: Sequence[Path],
    finders: Sequence[Finder],
    *,
    on_image: Callable[[], None] = lambda: None,
) -> tuple[list[Suspicion], list[Path]]:
    """Return what may have been left in pictures, the likeliest first, and what cannot be read."""
    found: list[Suspicion] = []
    unreadable: list[Path] = []
    for path in paths:
        picture = cv2.imread(str(path))
        on_image()
        if picture is None:
            unreadable.append(path)
            continue
        pixels = np.asarray(picture, np.uint8)
        for finder in finders:
            found += [
                Suspicion(path=path, what=finder.what, box=box, score=score)
                for box, score in _at_scales(finder, pixels)
            ]
    return sorted(found, key=lambda s: (-s.score, str(s.path))), unreadable


def enlarged(path: Path, box: PixelBox, *, side_px: int = 240) -> Pixels:
    """Return what is around a box, enlarged, to be looked at."""
    picture = np.asarray(cv2.imread(str(path)), np.uint8)
    half = max(box.width_px, box.height_px) * 1.5
    x, y = (box.left_px + box.right_px) / 2, (box.top_px + box.bottom_px) / 2
    left, top = max(int(x - half), 0), max(int(y - half), 0)
    part = picture[top : int(y + half) + 1, left : int(x + half) + 1]
    scale = side_px / max(part.shape[:2])
    size = max(round(part.shape[1] * scale), 1), max(round(part.shape[0] * scale), 1)
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def _at_scales(finder: Finder, picture: Pixels) -> list[tuple[PixelBox, float]]:
    """Look at each scale; of boxes that overlap, the surest stays."""
    found: list[tuple[PixelBox, float]] = []
    for scale in SCALES:
        size = round(picture.shape[1] * scale), round(picture.shape[0] * scale)
        scaled = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR), np.uint8)
        found += [
            (
                PixelBox(
                    left_px=box.left_px / scale,
                    top_px=box.top_px / scale,
                    right_px=box.right_px / scale,
                    bottom_px=box.bottom_px / scale,
                ),
                score,
            )
            for box, score in finder.find(scaled)
        ]
    kept: list[tuple[PixelBox, float]] = []
    most = max(_LARGEST_SHARE * max(picture.shape[:2]), _LARGEST_PX)
    for box, score in sorted(found, key=lambda pair: -pair[1]):
        if max(box.width_px, box.height_px) <= most and all(
            box.iou(other) <= _SAME for other, _ in kept
        ):
            kept.append((box, score))
    return kept


def _anchors(height: int, width: int) -> Array:
    """Return N×4: middle x, middle y, width and height of every anchor, in pixels."""
    parts = []
    for sides, stride in zip(_ANCHOR_SIDES, _STRIDES, strict=True):
        y, x = np.mgrid[: height // stride, : width // stride].astype(np.float32)
        middles = np.stack(((x + 0.5) * stride, (y + 0.5) * stride), axis=-1)
        cells = [np.concatenate((middles, np.full_like(middles, side)), axis=-1) for side in sides]
        parts.append(np.stack(cells, axis=2).reshape(-1, 4))
    return np.concatenate(parts)


def _boxes(corners: Array, scores: Array) -> list[tuple[PixelBox, float]]:
    return [
        (PixelBox(left_px=left, top_px=top, right_px=right, bottom_px=bottom), float(score))
        for (left, top, right, bottom), score in zip(corners.tolist(), scores, strict=True)
        if right - left >= 1 and bottom - top >= 1
    ]


def _require(model: Path) -> None:
    if not model.is_file():
        raise InputError(f"{model}: there is no such file; it is in OpenCV's model zoo")
