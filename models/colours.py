"""Gives a picture the colours of another: the same road on another day, by another camera. Pure."""

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

_GAIN = 0.5, 2.0
_FLAT = 1.0


def recolour(picture: Pixels, like: Pixels, share: float) -> Pixels:
    """Bring mean and spread of a picture's colours towards those of another.

    Each channel of CIE Lab is shifted and stretched on its own, after E. Reinhard, M. Ashikhmin,
    B. Gooch, P. Shirley, "Color transfer between images", IEEE Computer Graphics and Applications
    21(5), 2001; there in another space of the same kind. A spread is at most halved or doubled,
    so that a flat picture does not drown in noise.

    Args:
        picture: H×W×3 uint8 BGR.
        like: H'×W'×3 uint8 BGR; a small one will do.
        share: How far it goes: 0 leaves the picture as it is, 1 takes on the other's colours.

    Returns:
        H×W×3 uint8 BGR.
    """
    lab = cv2.cvtColor(picture, cv2.COLOR_BGR2LAB)
    mean, spread = _colours(lab)
    wanted_mean, wanted_spread = _colours(cv2.cvtColor(like, cv2.COLOR_BGR2LAB))
    gain = 1 + share * (np.clip(wanted_spread / np.maximum(spread, _FLAT), *_GAIN) - 1)
    middle = mean + share * (wanted_mean - mean)
    levels = np.arange(256)[:, None]
    table = np.clip((levels - mean) * gain + middle, 0, 255).astype(np.uint8)
    changed = cv2.LUT(lab, table.reshape(1, 256, 3))
    return np.asarray(cv2.cvtColor(changed, cv2.COLOR_LAB2BGR), np.uint8)


def _colours(lab: cv2.typing.MatLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    mean, spread = cv2.meanStdDev(lab)
    return np.asarray(mean, np.float64).reshape(-1), np.asarray(spread, np.float64).reshape(-1)
