"""The ellipse on the road whose picture fills a box: place and size with their errors. Pure.

A defect's rim is taken as an ellipse with one axis across and one along the direction of
travel. The picture of an ellipse under a projection is a conic, and a conic's bounding box
follows from its dual (Hartley & Zisserman, Multiple View Geometry, §2.2.3 and §8.2), so the four
edges of a box determine the ellipse's centre and half axes without approximation. The errors
come from the implicit function theorem at the solution.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.camera import CameraRig
from pipeline.domain.looks import PixelBox
from pipeline.geometry.distortion import bent, straightened
from pipeline.geometry.ground import camera_axes, ground_points, image_points

Array = NDArray[np.float64]

_STEPS: Final = 12
_CLOSE_PX: Final = 1e-6
_SMALLEST_M: Final = 0.01
_LONGEST_SHARE: Final = 0.9
_STEP_M: Final = 1e-5
_LEAST_BEND: Final = 0.3
# How far each of the rig's figures is moved for its slope, and where its sigma stands.
_RIG_STEPS: Final = (
    ("pitch_deg", 1e-3, "pitch_sigma_deg"),
    ("yaw_deg", 1e-3, "yaw_sigma_deg"),
    ("roll_deg", 1e-3, "roll_sigma_deg"),
    ("mount_height_m", 1e-4, "mount_height_sigma_m"),
    ("focal_px", 1e-1, "focal_sigma_px"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundEllipse:
    """An ellipse on the road in the vehicle's frame, metres, axes across and along travel."""

    right_m: float
    forward_m: float
    width_m: float
    length_m: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelErrors:
    """Standard deviations of a box's four edges, source pixels."""

    left_px: float
    top_px: float
    right_px: float
    bottom_px: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EllipseErrors:
    """Covariances of (right, forward, width, length), m²: what each look adds, and what all share.

    Attributes:
        own: 4×4, from the box's edges and from the pitching of the vehicle at that instant.
        shared: 4×4, from how well the rig is known.
    """

    own: Array
    shared: Array


def project_ellipse(ellipse: GroundEllipse, rig: CameraRig) -> PixelBox:
    """Return the box around an ellipse's picture, not clipped to the picture.

    Raises:
        ValueError: The ellipse does not lie wholly ahead of the camera and below the horizon.
    """
    edges = _boxes_of(_halves(ellipse), _onto(rig), _centre(rig))
    if not np.isfinite(edges).all():
        raise ValueError("the ellipse is not wholly ahead of the camera")
    return _box(_edges_through(bent, edges, rig))


def ellipse_of_box(box: PixelBox, rig: CameraRig) -> GroundEllipse | None:
    """Return the ellipse on the road whose picture has this box.

    Returns:
        None when the box reaches above the horizon.
    """
    pinhole = replace(rig, distortion=0.0) if rig.distortion else rig
    found = _solve(_edges_through(straightened, _edges(box), rig), pinhole)
    if found is None:
        return None
    right, forward, half_width, half_length = found.tolist()
    return GroundEllipse(
        right_m=right, forward_m=forward, width_m=2 * half_width, length_m=2 * half_length
    )


def ellipse_errors(
    ellipse: GroundEllipse, rig: CameraRig, *, pixels: PixelErrors, pitch_jitter_deg: float
) -> EllipseErrors:
    """Propagate pixel and rig errors to an ellipse's place and size.

    Args:
        ellipse: The solution.
        rig: The camera, with sigmas.
        pixels: Of the box's edges.
        pitch_jitter_deg: Standard deviation of the vehicle's own pitching about the mount's pitch.
    """
    halves = _halves(ellipse)
    back = np.linalg.pinv(_slopes_by_ellipse(halves, rig))
    by_rig = -back @ _slopes_by_rig(halves, rig)
    edges = np.square([pixels.left_px, pixels.top_px, pixels.right_px, pixels.bottom_px])
    edges *= _stretch(halves, rig) ** 2
    by_pitch = by_rig[:, 0]
    own = (back * edges) @ back.T + np.outer(by_pitch, by_pitch) * pitch_jitter_deg**2
    variances = np.square([getattr(rig, sigma) for _, _, sigma in _RIG_STEPS])
    shared = (by_rig * variances) @ by_rig.T
    to_full = np.array([1.0, 1.0, 2.0, 2.0])
    both = np.outer(to_full, to_full)
    return EllipseErrors(own=own * both, shared=shared * both)


def _edges_through(way: Callable[..., Array], edges: Array, rig: CameraRig) -> Array:
    """Return a box's edges through the lens, one way or the other: those of their middles."""
    if not rig.distortion:
        return edges
    left, top, right, bottom = edges
    across, down = (left + right) / 2, (top + bottom) / 2
    middles = np.array([[left, down], [across, top], [right, down], [across, bottom]])
    moved = way(middles - _centre(rig), focal_px=rig.focal_px, distortion=rig.distortion)
    return np.asarray(np.diag((moved + _centre(rig))[:, [0, 1, 0, 1]]), np.float64)


def _stretch(halves: Array, rig: CameraRig) -> float:
    """Return by how much a pixel of the lens's picture grows where an ellipse is straightened.

    The slope of r / (1 + k · r²), by the radius, at the picture of the ellipse's middle.
    """
    if not rig.distortion:
        return 1.0
    [seen] = image_points(halves[None, :2], rig) - _centre(rig)
    bend = rig.distortion * float(seen @ seen) / rig.focal_px**2
    return abs(1 - bend) / max(1 + bend, _LEAST_BEND) ** 2


def _solve(edges: Array, rig: CameraRig) -> Array | None:
    """Newton's method from the box's middle lines.

    A box flatter than a line of its width would be (pixel noise on a far crack) has no ellipse:
    the middle lines then stand as the answer, with the errors that such a box has.
    """
    first = guess = _first_guess(edges, rig)
    if first is None or guess is None:
        return None
    onto, centre = _onto(rig), _centre(rig)
    for _ in range(_STEPS):
        miss = edges - _boxes_of(guess, onto, centre)
        if np.abs(miss).max() < _CLOSE_PX:
            return guess
        try:
            guess = guess + np.linalg.solve(_slopes_by_ellipse(guess, rig), miss)
        except np.linalg.LinAlgError:
            break
        if not np.isfinite(guess).all():
            break
        guess[2:] = np.maximum(guess[2:], _SMALLEST_M / 2)
        guess[3] = min(guess[3], _LONGEST_SHARE * max(guess[1], _SMALLEST_M))
    return first


def _first_guess(edges: Array, rig: CameraRig) -> Array | None:
    left, top, right, bottom = edges
    middle = (left + right) / 2
    far, near = ground_points(np.array([[middle, top], [middle, bottom]]), rig)
    if not np.isfinite([far, near]).all():
        return None
    forward = (far[1] + near[1]) / 2
    share = (near[1] + far[1]) / (2 * forward)
    row = (top * near[1] + bottom * far[1]) / (near[1] + far[1]) * share
    ends = ground_points(np.array([[left, row], [right, row]]), rig)
    if not np.isfinite(ends).all():
        return None
    return np.array(
        [
            (ends[0, 0] + ends[1, 0]) / 2,
            forward,
            max((ends[1, 0] - ends[0, 0]) / 2, _SMALLEST_M),
            max((far[1] - near[1]) / 2, _SMALLEST_M),
        ]
    )


def _boxes_of(halves: Array, onto: Array, centre: Array) -> Array:
    """Return the boxes of the pictures of ellipses.

    Args:
        halves: …×4: right, forward, half width, half length, metres.
        onto: …×3×3, from the road's plane to the picture, from its middle.
        centre: …×2, the picture's middle, pixels.

    Returns:
        …×4: left, top, right, bottom; nan where an ellipse is not wholly ahead of the camera.
    """
    middle, half = halves[..., :2], halves[..., 2:]
    ahead = np.concatenate((middle, np.ones_like(middle[..., :1])), axis=-1)
    dual = -ahead[..., :, None] * ahead[..., None, :]
    dual[..., (0, 1), (0, 1)] += half**2
    conic = onto @ dual @ np.swapaxes(onto, -1, -2)
    depth = np.where(conic[..., 2, 2] < 0, conic[..., 2, 2], np.nan)[..., None]
    at = conic[..., :2, 2] / depth
    spread = np.sqrt(np.maximum(at**2 - conic[..., (0, 1), (0, 1)] / depth, 0.0))
    return np.concatenate((centre + at - spread, centre + at + spread), axis=-1)


def _slopes_by_ellipse(halves: Array, rig: CameraRig) -> Array:
    """Return 4×4: how each edge (row) moves with each of an ellipse's figures (column)."""
    steps = _STEP_M * np.eye(4)
    boxes = _boxes_of(halves + np.stack((steps, -steps)), _onto(rig), _centre(rig))
    slopes: Array = (boxes[0] - boxes[1]).T / (2 * _STEP_M)
    return slopes


def _slopes_by_rig(halves: Array, rig: CameraRig) -> Array:
    """Return 4×5: how each edge (row) moves with each of the rig's figures, as in `_RIG_STEPS`."""
    boxes = _boxes_of(halves, _onto_when_turned(rig), _centre(rig))
    steps = np.array([step for _, step, _ in _RIG_STEPS])
    slopes: Array = (boxes[0] - boxes[1]).T / (2 * steps)
    return slopes


def _halves(ellipse: GroundEllipse) -> Array:
    return np.array([ellipse.right_m, ellipse.forward_m, ellipse.width_m / 2, ellipse.length_m / 2])


def _box(edges: Array) -> PixelBox:
    left, top, right, bottom = edges.tolist()
    return PixelBox(left_px=left, top_px=top, right_px=right, bottom_px=bottom)


def _edges(box: PixelBox) -> Array:
    return np.array([box.left_px, box.top_px, box.right_px, box.bottom_px])


def _centre(rig: CameraRig) -> Array:
    return np.array([rig.width_px / 2, rig.height_px / 2])


@lru_cache(maxsize=64)
def _onto(rig: CameraRig) -> Array:
    """Return the 3×3 matrix from the road's plane to the picture, from its middle."""
    axes = camera_axes(pitch_deg=rig.pitch_deg, yaw_deg=rig.yaw_deg, roll_deg=rig.roll_deg)
    plane = np.diag([1.0, 1.0, -rig.mount_height_m])
    lens = np.diag([rig.focal_px, rig.focal_px, 1.0])
    return np.asarray(lens @ axes.T @ plane, np.float64)


@lru_cache(maxsize=64)
def _onto_when_turned(rig: CameraRig) -> Array:
    """Return 2×5×3×3: the same with each of the rig's figures a step greater, and a step less."""
    return np.stack([_onto_moved(rig, direction) for direction in (1, -1)])


def _onto_moved(rig: CameraRig, direction: int) -> Array:
    moved: Sequence[dict[str, Any]] = [
        {name: getattr(rig, name) + direction * step} for name, step, _ in _RIG_STEPS
    ]
    return np.stack([_onto(replace(rig, **change)) for change in moved])
