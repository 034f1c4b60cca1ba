"""From pixels to the ground and back: a camera over a flat road. Pure.

Frames of reference: *vehicle* x right, y forward, z up, origin on the road under the camera;
*camera* x right, y down, z forward. Angles are signed as in DESIGN §4: pitch + = nose down,
yaw + = to the right, roll + = right side down.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.camera import CameraRig
from pipeline.geometry.distortion import bent, straightened

Array = NDArray[np.float64]

# Camera axes in the vehicle's frame when every angle is zero: columns are right, down, forward.
_LEVEL: Final = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
_HORIZON_MARGIN = 1e-6


def camera_axes(*, pitch_deg: float, yaw_deg: float, roll_deg: float) -> Array:
    """Return the 3×3 rotation from camera to vehicle coordinates."""
    pitch, yaw, roll = (math.radians(angle) for angle in (pitch_deg, yaw_deg, roll_deg))
    turn = np.array(
        [[math.cos(yaw), math.sin(yaw), 0], [-math.sin(yaw), math.cos(yaw), 0], [0, 0, 1]]
    )
    nod = np.array(
        [[1, 0, 0], [0, math.cos(pitch), math.sin(pitch)], [0, -math.sin(pitch), math.cos(pitch)]]
    )
    lean = np.array(
        [[math.cos(roll), -math.sin(roll), 0], [math.sin(roll), math.cos(roll), 0], [0, 0, 1]]
    )
    axes: Array = turn @ nod @ _LEVEL @ lean
    return axes


def ground_points(pixels: Array, rig: CameraRig) -> Array:
    """Return where rays through pixels meet the road.

    Args:
        pixels: N×2, columns u (right) and v (down), source pixels.
        rig: The camera.

    Returns:
        N×2, columns right and forward of the camera's foot, metres; NaN above the horizon.
    """
    offsets = pixels - np.array([rig.width_px / 2, rig.height_px / 2])
    if rig.distortion:
        offsets = straightened(offsets, focal_px=rig.focal_px, distortion=rig.distortion)
    rays = np.column_stack((offsets / rig.focal_px, np.ones(len(pixels))))
    axes = camera_axes(pitch_deg=rig.pitch_deg, yaw_deg=rig.yaw_deg, roll_deg=rig.roll_deg)
    directions = rays @ axes.T
    down = -directions[:, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = np.where(down > _HORIZON_MARGIN, rig.mount_height_m / down, np.nan)
    met: Array = directions[:, :2] * reach[:, None]
    return met


def image_points(ground: Array, rig: CameraRig) -> Array:
    """Return the pixels at which points on the road appear.

    Args:
        ground: N×2, columns right and forward of the camera's foot, metres.
        rig: The camera.

    Returns:
        N×2, columns u and v; NaN for points behind the camera. They may lie off the picture.
    """
    axes = camera_axes(pitch_deg=rig.pitch_deg, yaw_deg=rig.yaw_deg, roll_deg=rig.roll_deg)
    below = np.column_stack((ground, np.full(len(ground), -rig.mount_height_m)))
    seen = below @ axes
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = np.where(seen[:, 2] > _HORIZON_MARGIN, seen[:, 2], np.nan)
        pixels: Array = seen[:, :2] / depth[:, None] * rig.focal_px
    if rig.distortion:
        pixels = bent(pixels, focal_px=rig.focal_px, distortion=rig.distortion)
    pixels += np.array([rig.width_px / 2, rig.height_px / 2])
    return pixels


def row_at_range(rig: CameraRig, range_m: float) -> float:
    """Return the picture row (source pixels, may lie off the picture) of the road so far ahead."""
    return float(image_points(np.array([[0.0, range_m]]), rig)[0, 1])


def focal_px_from_hfov(width_px: int, hfov_deg: float) -> float:
    """Return the focal length of a pinhole camera with this horizontal field of view.

    >>> round(focal_px_from_hfov(1280, 90.0), 6)
    640.0
    """
    return width_px / 2 / math.tan(math.radians(hfov_deg) / 2)


def to_grid(right_m: float, forward_m: float, heading_deg: float) -> tuple[float, float]:
    """Return (east, north) of a point given right and forward of a heading from grid north."""
    heading = math.radians(heading_deg)
    return (
        right_m * math.cos(heading) + forward_m * math.sin(heading),
        -right_m * math.sin(heading) + forward_m * math.cos(heading),
    )
