"""The ellipse on the road whose picture fills a box: place and size with their errors. Pure.

A defect's rim is taken as an ellipse with one axis across and one along the direction of
travel. The picture of an ellipse under a projection is a conic, and a conic's bounding box
follows from its dual (Hartley & Zisserman, Multiple View Geometry, §2.2.3 and §8.2), so the four
edges of a box determine the ellipse's centre and half axes without approximation. The errors
come from the implicit function theorem at the solution.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.camera import CameraRig
from pipeline.domain.looks import PixelBox
from pipeline.geometry.ground import camera_axes, ground_points

Array = NDArray[np.float64]
Edges = tuple[float, float, float, float]

_STEPS: Final = 12
_CLOSE_PX: Final = 1e-6
_SMALLEST_M: Final = 0.01
_LONGEST_SHARE: Final = 0.9


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
    halves = np.array(
        [ellipse.right_m, ellipse.forward_m, ellipse.width_m / 2, ellipse.length_m / 2]
    )
    left, top, right, bottom = _box_of(halves, rig)
    return PixelBox(left_px=left, top_px=top, right_px=right, bottom_px=bottom)


def ellipse_of_box(box: PixelBox, rig: CameraRig) -> GroundEllipse | None:
    """Return the ellipse on the road whose picture has this box.

    Returns:
        None when the box reaches above the horizon.
    """
    found = _solve(_edges(box), rig)
    if found is None:
        return None
    right, forward, half_width, half_length = (float(part) for part in found)
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
    halves = np.array(
        [ellipse.right_m, ellipse.forward_m, ellipse.width_m / 2, ellipse.length_m / 2]
    )
    by_ellipse = np.column_stack(
        [_slope(partial(_box_moved, halves, i, rig), 1e-4) for i in range(4)]
    )
    back = np.linalg.pinv(by_ellipse)
    by_pitch = -back @ _slope(partial(_box_turned, halves, rig, "pitch_deg"), 1e-3)
    edges = np.diag(np.square([pixels.left_px, pixels.top_px, pixels.right_px, pixels.bottom_px]))
    own = back @ edges @ back.T + np.outer(by_pitch, by_pitch) * pitch_jitter_deg**2
    shared = np.zeros((4, 4))
    for name, step, sigma in (
        ("pitch_deg", 1e-3, rig.pitch_sigma_deg),
        ("yaw_deg", 1e-3, rig.yaw_sigma_deg),
        ("roll_deg", 1e-3, rig.roll_sigma_deg),
        ("mount_height_m", 1e-4, rig.mount_height_sigma_m),
        ("focal_px", 1e-1, rig.focal_sigma_px),
    ):
        effect = -back @ _slope(partial(_box_turned, halves, rig, name), step)
        shared += np.outer(effect, effect) * sigma**2
    to_full = np.diag([1.0, 1.0, 2.0, 2.0])
    return EllipseErrors(own=to_full @ own @ to_full, shared=to_full @ shared @ to_full)


def _solve(edges: Array, rig: CameraRig) -> Array | None:
    """Newton's method from the box's middle lines.

    A box flatter than a line of its width would be (pixel noise on a far crack) has no ellipse:
    the middle lines then stand as the answer, with the errors that such a box has.
    """
    first = guess = _first_guess(edges, rig)
    if first is None or guess is None:
        return None
    for _ in range(_STEPS):
        try:
            miss = edges - np.array(_box_of(guess, rig))
            if np.abs(miss).max() < _CLOSE_PX:
                return guess
            columns = [_slope(partial(_box_moved, guess, i, rig), 1e-5) for i in range(4)]
            guess = guess + np.linalg.solve(np.column_stack(columns), miss)
        except (ValueError, np.linalg.LinAlgError):
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


def _box_of(halves: Array, rig: CameraRig) -> Edges:
    """Return left, top, right, bottom of the picture of an ellipse (right, forward, half axes)."""
    right, forward, half_width, half_length = halves
    dual = np.array(
        [
            [half_width**2 - right**2, -right * forward, -right],
            [-right * forward, half_length**2 - forward**2, -forward],
            [-right, -forward, -1.0],
        ]
    )
    onto = _onto(rig)
    conic = onto @ dual @ onto.T
    if conic[2, 2] >= 0:
        raise ValueError("the ellipse is not wholly ahead of the camera")
    spans = []
    for axis, centre in ((0, rig.width_px / 2), (1, rig.height_px / 2)):
        middle = conic[axis, 2] / conic[2, 2]
        half = np.sqrt(max(middle**2 - conic[axis, axis] / conic[2, 2], 0.0))
        spans.append((centre + middle - half, centre + middle + half))
    return float(spans[0][0]), float(spans[1][0]), float(spans[0][1]), float(spans[1][1])


def _edges(box: PixelBox) -> Array:
    return np.array([box.left_px, box.top_px, box.right_px, box.bottom_px])


@lru_cache(maxsize=64)
def _onto(rig: CameraRig) -> Array:
    """Return the 3×3 matrix from the road's plane to the picture, from its middle."""
    axes = camera_axes(pitch_deg=rig.pitch_deg, yaw_deg=rig.yaw_deg, roll_deg=rig.roll_deg)
    plane = np.diag([1.0, 1.0, -rig.mount_height_m])
    lens = np.diag([rig.focal_px, rig.focal_px, 1.0])
    return np.asarray(lens @ axes.T @ plane, np.float64)


def _box_moved(halves: Array, index: int, rig: CameraRig, step: float) -> Edges:
    """Return the box when one of the ellipse's figures is changed."""
    moved = halves.copy()
    moved[index] += step
    return _box_of(moved, rig)


def _box_turned(halves: Array, rig: CameraRig, name: str, step: float) -> Edges:
    """Return the box when one of the rig's figures is changed."""
    turned: dict[str, Any] = {name: getattr(rig, name) + step}
    return _box_of(halves, replace(rig, **turned))


def _slope(function: Callable[[float], Edges], step: float) -> Array:
    """Return the central difference of a box with respect to one parameter."""
    slope: Array = (np.array(function(step)) - np.array(function(-step))) / (2 * step)
    return slope
