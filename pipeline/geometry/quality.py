"""What is measured of a picture, and what a small network makes of it. Pure; cv2 on arrays.

Twenty-nine measures of a picture, each with a meaning, go into a small network that was fitted on
photographs spoilt on purpose.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.domain.looks import NotLookedReason
from pipeline.domain.quality import QualityModel

Picture = NDArray[np.uint8]
Measures = NDArray[np.float64]
STILL_SIZE = (160, 90)
_WIDE = 320
_BLOCK = 16


def measures_of(pixels: Picture) -> Measures:
    """Return what is measured of a picture.

    Args:
        pixels: H×W×3 uint8 BGR, upright.

    Returns:
        29 numbers: light and contrast of the whole and of the lower half; detail at two scales,
        how much it depends on the direction, how it is spread over blocks, and above against
        below; white, black and flat areas; colour.
    """
    high = max(96, round(_WIDE * pixels.shape[0] / pixels.shape[1]))
    small = np.asarray(cv2.resize(pixels, (_WIDE, high), interpolation=cv2.INTER_AREA), np.uint8)
    grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).astype(np.float32)
    lower = grey[high // 2 :]
    return np.array(
        [*_light(grey), *_light(lower), *_detail(lower), *_spread(grey), *_upright(small, grey)]
    )


def judge_frame(measures: Measures, model: QualityModel) -> NotLookedReason | None:
    """Return why a picture cannot be judged; None if it can."""
    shares = shares_of(measures[None], model)[0]
    if shares[0] >= model.threshold:
        return None
    return model.reasons[int(np.argmax(shares[1:]))]


def shares_of(measures: Measures, model: QualityModel) -> Measures:
    """Return the network's outputs for N pictures: N × (1 + reasons), each row adding up to 1."""
    scaled = np.clip((measures - np.array(model.mean)) / np.array(model.scale), -8, 8)
    hidden, output = np.array(model.hidden), np.array(model.output)
    between = np.tanh(scaled @ hidden[:, 1:].T + hidden[:, 0])
    raw = between @ output[:, 1:].T + output[:, 0]
    powers = np.exp(raw - raw.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def standing_view(pixels: Picture) -> Picture:
    """Return a small grey copy of a picture, for finding what stays the same over many."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.resize(grey, STILL_SIZE, interpolation=cv2.INTER_AREA), np.uint8)


def _light(grey: NDArray[np.float32]) -> list[float]:
    darkest, middle, brightest = np.percentile(grey, (5, 50, 95))
    return [
        float(grey.mean()),
        float(darkest),
        float(middle),
        float(brightest),
        float(grey.std()),
        float((grey >= 245).mean()),  # noqa: PLR2004
        float((grey <= 20).mean()),  # noqa: PLR2004
    ]


def _detail(grey: NDArray[np.float32]) -> list[float]:
    """Return detail at two scales and how much it depends on the direction, as logarithms."""
    contrast = float(grey.std()) + 1.0
    half = cv2.resize(grey, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    fine = float(np.abs(cv2.Laplacian(grey, cv2.CV_32F)).mean())
    coarse = float(np.abs(cv2.Laplacian(half, cv2.CV_32F)).mean())
    across, along = np.diff(grey, axis=1), np.diff(grey, axis=0)
    sides = float(np.square(across).mean()), float(np.square(along).mean())
    both = float((across[:-1] * along[:, :-1]).mean())
    trace = sides[0] + sides[1] + 0.1
    lean = np.hypot(sides[0] - sides[1], 2 * both) / trace
    return [
        float(np.log(fine + 0.1)),
        float(np.log(coarse + 0.1)),
        float(np.log((fine + 0.1) / contrast)),
        float(np.log((coarse + 0.1) / (fine + 0.1))),
        float(lean),
    ]


def _spread(grey: NDArray[np.float32]) -> list[float]:
    """Return how detail is spread over blocks: drops and dirt make some far softer than others."""
    edges = np.abs(cv2.Laplacian(grey, cv2.CV_32F))
    rows, columns = grey.shape[0] // _BLOCK, grey.shape[1] // _BLOCK
    cut = edges[: rows * _BLOCK, : columns * _BLOCK].reshape(rows, _BLOCK, columns, _BLOCK)
    blocks = np.log(cut.mean(axis=(1, 3)) + 0.1)
    low, middle, high = np.percentile(blocks, (10, 50, 90))
    lower = blocks[rows // 2 :]
    bottom = blocks[-max(1, rows // 4) :]
    steps = np.abs(np.diff(blocks, axis=0)).mean() + np.abs(np.diff(blocks, axis=1)).mean()
    return [
        float(low),
        float(middle),
        float(high - low),
        float(lower.std()),
        float(bottom.mean() - middle),
        float((lower < np.log(1.3)).mean()),
        float(steps),
    ]


def _upright(small: Picture, grey: NDArray[np.float32]) -> list[float]:
    """Return what tells above from below, and colour."""
    third = grey.shape[0] // 3
    top, bottom = grey[:third], grey[-third:]
    colours = small.astype(np.float32)
    spread = colours.max(axis=2) - colours.min(axis=2)
    blue = colours[..., 0] - colours[..., 2]
    return [
        float(top.mean() - bottom.mean()),
        float(blue[:third].mean() - blue[-third:].mean()),
        float(spread.mean() + spread[-third:].mean()),
    ]
