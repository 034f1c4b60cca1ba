"""Pastes real holes into pictures, where and as large as the same camera has seen holes. Pure.

A forward view holds few holes. A place, with its size, is taken from a real hole of the same
source, so the perspective is right without knowing the camera; what is pasted there is another
real hole, cut from any source whose pictures show it at least about as large.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Boxes = NDArray[np.float32]

_MARGIN = 0.3
_LARGEST_PX = 160
_SMALLEST_PX = 6
_ENLARGED_AT_MOST = 1.3
_SIZE_JITTER = 0.25
_SHIFT_ACROSS, _SHIFT_ALONG = 0.12, 0.04
_TRIES = 6
_STAIN_DARKENS, _STAIN_UNEVEN = (0.15, 0.5), 0.15


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Cutout:
    """A hole with some road around it.

    Attributes:
        pixels: H×W×3 uint8 BGR.
        inner: The hole's left, top, right and bottom edges as shares of the cut-out.
    """

    pixels: Pixels
    inner: tuple[float, float, float, float]

    @property
    def hole_px(self) -> tuple[float, float]:
        """The hole's width and height in pixels."""
        left, top, right, bottom = self.inner
        high, wide = self.pixels.shape[:2]
        return (right - left) * wide, (bottom - top) * high


def cut_out(picture: Pixels, boxes: Boxes) -> Iterable[Cutout]:
    """Yield the holes of a picture that are worth pasting.

    Args:
        picture: H×W×3 uint8 BGR.
        boxes: N×4 of holes: middle x, middle y, width, height as shares of the picture.
    """
    high, wide = picture.shape[:2]
    for x, y, w, h in boxes.tolist():
        box = (x - w / 2) * wide, (y - h / 2) * high, (x + w / 2) * wide, (y + h / 2) * high
        side_x, side_y = w * wide * _MARGIN, h * high * _MARGIN
        left, top = int(max(box[0] - side_x, 0)), int(max(box[1] - side_y, 0))
        right, bottom = int(min(box[2] + side_x, wide)), int(min(box[3] + side_y, high))
        # Without road on every side it could not be blended.
        room = min(box[0] - left, box[1] - top, right - box[2], bottom - box[3])
        if w * wide < _SMALLEST_PX or h * high < _SMALLEST_PX or room < 1:
            continue
        part = picture[top:bottom, left:right]
        shrink = min(1.0, _LARGEST_PX / max(part.shape[:2]))
        size = max(round(part.shape[1] * shrink), 1), max(round(part.shape[0] * shrink), 1)
        cols, rows = right - left, bottom - top
        yield Cutout(
            pixels=np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8),
            inner=(
                (box[0] - left) / cols,
                (box[1] - top) / rows,
                (box[2] - left) / cols,
                (box[3] - top) / rows,
            ),
        )


class Paster:
    """Pastes cut-outs at spots like those where holes were seen."""

    def __init__(self, cutouts: Sequence[Cutout], spots: Boxes) -> None:
        """Take what is pasted, and spots: N×4 as shares of a picture, as in `cut_out`."""
        self._cutouts = cutouts
        self._sizes = np.array([one.hole_px for one in cutouts], np.float32).reshape(-1, 2)
        self.spots = spots

    def paste(
        self, picture: Pixels, taken: Boxes, chance: np.random.Generator
    ) -> tuple[Pixels, Boxes]:
        """Paste one or two holes where nothing is taken.

        Args:
            picture: H×W×3 uint8 BGR; it is not changed.
            taken: N×4 boxes that must stay clear, as shares.
            chance: Source of what goes where.

        Returns:
            The new picture, and the boxes of what was pasted: M×4, as shares.
        """
        made: list[list[float]] = []
        for _ in range(int(chance.integers(1, 3))):
            for _ in range(_TRIES):
                spot = self._spot(chance)
                if any(_overlap(spot, other) for other in (*taken.tolist(), *made)):
                    continue
                pasted = self._put(picture, spot, chance)
                if pasted is not None:
                    picture = pasted
                    made.append(spot)
                break
        return picture, np.array(made, np.float32).reshape(-1, 4)

    def _spot(self, chance: np.random.Generator) -> list[float]:
        x, y, w, h = self.spots[int(chance.integers(len(self.spots)))].tolist()
        size = 1 + _SIZE_JITTER * chance.uniform(-1, 1)
        return [
            x + _SHIFT_ACROSS * chance.uniform(-1, 1),
            y + _SHIFT_ALONG * chance.uniform(-1, 1),
            w * size,
            h * size,
        ]

    def _put(
        self, picture: Pixels, spot: list[float], chance: np.random.Generator
    ) -> Pixels | None:
        """Blend a hole into the picture so that it fills the spot; None if none is fit for it."""
        high, wide = picture.shape[:2]
        hole = np.array([spot[2] * wide, spot[3] * high])
        fit = np.flatnonzero((self._sizes * _ENLARGED_AT_MOST >= hole).all(axis=1))
        if not len(fit) or hole.min() < _SMALLEST_PX:
            return None
        cutout = self._cutouts[int(fit[int(chance.integers(len(fit)))])]
        left, top, right, bottom = cutout.inner
        cols = round(float(hole[0]) / (right - left))
        rows = round(float(hole[1]) / (bottom - top))
        at_x = round(spot[0] * wide - (left + right) / 2 * cols)
        at_y = round(spot[1] * high - (top + bottom) / 2 * rows)
        if at_x < 0 or at_y < 0 or at_x + cols > wide or at_y + rows > high:
            return None
        patch = np.asarray(
            cv2.resize(cutout.pixels, (cols, rows), interpolation=cv2.INTER_AREA), np.uint8
        )
        mask = np.zeros((rows, cols), np.uint8)
        middle = round((left + right) / 2 * cols), round((top + bottom) / 2 * rows)
        # An ellipse as wide as the box would cut the rim off at its corners.
        axes = round(float(hole[0]) * 0.6), round(float(hole[1]) * 0.6)
        cv2.ellipse(mask, middle, axes, 0, 0, 360, 255, -1)
        mask[[0, -1], :] = 0
        mask[:, [0, -1]] = 0
        result = picture.copy()
        window = result[at_y : at_y + rows, at_x : at_x + cols]
        window[:] = _blend(patch, window, mask)
        return result


def stain(picture: Pixels, taken: Boxes, spots: Boxes, chance: np.random.Generator) -> Pixels:
    """Paint one to three dark flat patches, as of oil, damp or an old repair, that are no damage.

    The road's texture stays: it is only darker there. They lie where holes may lie, and are up to
    three times as large.

    Args:
        picture: H×W×3 uint8 BGR; it is not changed.
        taken: N×4 boxes that must stay clear, as shares.
        spots: M×4, where this camera has seen holes and how large.
        chance: Source of what goes where.
    """
    high, wide = picture.shape[:2]
    result = picture.astype(np.float32)
    for _ in range(int(chance.integers(1, 4))):
        x, y, w, h = spots[int(chance.integers(len(spots)))].tolist()
        size = chance.uniform(0.8, 3.0)
        spot = [x + _SHIFT_ACROSS * chance.uniform(-1, 1), y, w * size, h * size]
        if any(_overlap(spot, other) for other in taken.tolist()):
            continue
        left, top = int((spot[0] - spot[2] / 2) * wide), int((spot[1] - spot[3] / 2) * high)
        cols, rows = round(spot[2] * wide), round(spot[3] * high)
        if min(cols, rows) < _SMALLEST_PX or min(left, top) < 0:
            continue
        if left + cols > wide or top + rows > high:
            continue
        window = result[top : top + rows, left : left + cols]
        window *= 1 - chance.uniform(*_STAIN_DARKENS) * _blot(rows, cols, chance)[..., None]
    return np.asarray(np.clip(result + 0.5, 0, 255), np.uint8)


def _blot(rows: int, cols: int, chance: np.random.Generator) -> NDArray[np.float32]:
    """Return rows×cols from 0 to 1: an uneven round shape with a soft rim."""
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : cols * 1j].astype(np.float32)
    rough = chance.normal(0, _STAIN_UNEVEN, (5, 5)).astype(np.float32)
    uneven = cv2.resize(rough, (cols, rows), interpolation=cv2.INTER_CUBIC)
    inside = 0.75 + uneven - np.sqrt(x * x + y * y)
    # Nothing is dark at the window's very edge, whatever the shape.
    fade = np.minimum(1 - np.abs(x), 1 - np.abs(y)) * 8
    rim = chance.uniform(4, 20)
    return np.asarray(np.clip(np.minimum(inside * rim, fade), 0, 1), np.float32)


def _blend(patch: Pixels, window: Pixels, mask: Pixels) -> Pixels:
    """Let the patch take on the light of the window: same mean and softly joined edges."""
    inside = mask > 0
    ring = ~inside
    shift = window[ring].mean(axis=0) - patch[ring].mean(axis=0)
    soft = cv2.GaussianBlur(mask, (0, 0), max(min(mask.shape) / 14, 0.6))[..., None] / 255.0
    mixed = window * (1 - soft) + (patch + shift) * soft
    blended: Pixels = np.clip(mixed + 0.5, 0, 255).astype(np.uint8)
    return blended


def _overlap(a: Sequence[float], b: Sequence[float]) -> bool:
    return abs(a[0] - b[0]) * 2 < a[2] + b[2] and abs(a[1] - b[1]) * 2 < a[3] + b[3]
