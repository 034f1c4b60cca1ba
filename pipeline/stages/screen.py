"""Screen: can this frame be judged at all, and if not, why. Pure.

The checks are cheap and forgiving: they refuse only what shows no road surface to anybody.
The full quality gate (wet lens, dirt, a moved camera) judges stretches, not single frames.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.domain.looks import NotLooked, NotLookedReason


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenSettings:
    """From which figures on a frame is refused; grey levels 0…255 of the lower half.

    Attributes:
        darkest_mean: Below this mean the road is too dark.
        brightest_share: Above this share of pixels at 250 or more it is washed out.
        flattest_std: Below this standard deviation there is nothing in the picture at all.
        softest_gradient: Below this mean absolute Laplacian, in grey levels at 320 px width and
            per unit of contrast, there is no detail.
    """

    darkest_mean: float = 14.0
    brightest_share: float = 0.6
    flattest_std: float = 2.0
    softest_gradient: float = 0.02


def screen_frame(pixels: NDArray[np.uint8], *, settings: ScreenSettings) -> NotLooked | None:
    """Return None if the frame can be judged, or why it cannot.

    Args:
        pixels: H×W×3 uint8 BGR.
        settings: The limits.
    """
    height, width = pixels.shape[:2]
    lower = cv2.cvtColor(pixels[height // 2 :], cv2.COLOR_BGR2GRAY)
    grey = cv2.resize(lower, (320, max(32, 160 * height // width)), interpolation=cv2.INTER_AREA)
    mean, std = float(grey.mean()), float(grey.std())
    if mean < settings.darkest_mean:
        return _refuse(NotLookedReason.TOO_DARK, f"mean grey {mean:.0f}")
    bright = float((grey >= 250).mean())  # noqa: PLR2004
    if bright > settings.brightest_share:
        return _refuse(NotLookedReason.TOO_BRIGHT, f"{bright:.0%} of the road is white")
    if std < settings.flattest_std:
        return _refuse(NotLookedReason.OBSTRUCTED, f"contrast {std:.1f}")
    detail = float(np.abs(cv2.Laplacian(grey, cv2.CV_32F)).mean()) / std
    if detail < settings.softest_gradient:
        return _refuse(NotLookedReason.BLURRED, f"detail {detail:.3f}")
    return None


def sharpness(pixels: NDArray[np.uint8]) -> float:
    """Return the variance of the Laplacian of a crop: comparable within one camera only."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_32F).var())


def _refuse(reason: NotLookedReason, detail: str) -> NotLooked:
    return NotLooked(reason=reason, detail=detail)
