"""A lens that bends straight lines: from what it shows to what a pinhole would, and back. Pure.

The one-parameter division model (A. W. Fitzgibbon, *Simultaneous linear estimation of multiple
view geometry and lens distortion*, CVPR 2001): a point that appears at radius r, counted in
focal lengths from the picture's middle, a pinhole of the same focal length would show at
r / (1 + distortion · r²). To first order `distortion` is the k1 of OpenCV's model; of a barrel
lens it is negative.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Maps = tuple[NDArray[np.float32], NDArray[np.float32]]

# Beyond this a model with one parameter says nothing any more.
_LEAST_SHARE = 0.2


def straightened(offsets_px: Array, *, focal_px: float, distortion: float) -> Array:
    """Return where a pinhole would show what a lens shows.

    Args:
        offsets_px: …×2, right and down of the picture's middle, as the lens shows them.
        focal_px: Focal length.
        distortion: Of the lens.
    """
    squares = (offsets_px**2).sum(axis=-1, keepdims=True) / focal_px**2
    straight: Array = offsets_px / np.maximum(1 + distortion * squares, _LEAST_SHARE)
    return straight


def bent(offsets_px: Array, *, focal_px: float, distortion: float) -> Array:
    """Return where a lens shows what a pinhole would show: the inverse of `straightened`."""
    squares = (offsets_px**2).sum(axis=-1, keepdims=True) / focal_px**2
    root = np.sqrt(np.maximum(1 - 4 * distortion * squares, 0.0))
    seen: Array = offsets_px * 2 / (1 + root)
    return seen


def straightening_maps(
    width_px: int, height_px: int, *, focal_px: float, distortion: float
) -> Maps:
    """Return for `cv2.remap` from where each pixel of the straightened picture is taken."""
    middle = np.array([(width_px - 1) / 2, (height_px - 1) / 2])
    rows, columns = np.mgrid[0:height_px, 0:width_px].astype(np.float64)
    offsets = np.stack((columns, rows), axis=-1) - middle
    taken = bent(offsets, focal_px=focal_px, distortion=distortion) + middle
    return taken[..., 0].astype(np.float32), taken[..., 1].astype(np.float32)
