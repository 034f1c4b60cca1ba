"""The pinhole camera over a flat road: pixels to ground and ground to pixels.

Image axes are x to the right, y down and z forward; pixel ``i`` covers ``i`` to ``i + 1`` and the
principal point is the middle of the image. Vehicle axes are right, ahead and up from the ground
point under the camera.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import cos, pi, radians, sin
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.simulator.street import Hole, Street

    Floats32: TypeAlias = NDArray[np.float32]
    Floats64: TypeAlias = NDArray[np.float64]

RIM_POINTS = 64
FAR_M = 90.0
_NEAR_M = 0.3


class Camera(Protocol):
    """A pinhole camera on a vehicle.

    Attributes:
        width_px: Columns of the image.
        height_px: Rows of the image.
        focal_px: Focal length, pixels.
        mount_height_m: Height of the camera over the road, metres.
        pitch_deg: Nose down is positive, degrees.
        yaw_deg: Turned to the right is positive, degrees.
        roll_deg: Right side down is positive, degrees.

    """

    @property
    def width_px(self) -> int: ...  # noqa: D102
    @property
    def height_px(self) -> int: ...  # noqa: D102
    @property
    def focal_px(self) -> float: ...  # noqa: D102
    @property
    def mount_height_m(self) -> float: ...  # noqa: D102
    @property
    def pitch_deg(self) -> float: ...  # noqa: D102
    @property
    def yaw_deg(self) -> float: ...  # noqa: D102
    @property
    def roll_deg(self) -> float: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class Lens:
    """The numbers of a :class:`Camera`, hashable: a key for what depends on it alone."""

    width_px: int
    height_px: int
    focal_px: float
    mount_height_m: float
    pitch_deg: float = 0.0
    yaw_deg: float = 0.0
    roll_deg: float = 0.0

    @classmethod
    def of(cls, camera: Camera) -> Lens:
        """Copy the numbers of a camera."""
        return cls(
            width_px=camera.width_px,
            height_px=camera.height_px,
            focal_px=camera.focal_px,
            mount_height_m=camera.mount_height_m,
            pitch_deg=camera.pitch_deg,
            yaw_deg=camera.yaw_deg,
            roll_deg=camera.roll_deg,
        )

    def axes(self) -> Floats64:
        """Give the image axes x, y and z (rows) in vehicle axes right, ahead and up (columns)."""
        pitch, yaw, roll = (radians(turn) for turn in (self.pitch_deg, self.yaw_deg, self.roll_deg))
        right = np.array([cos(yaw), -sin(yaw), 0.0])
        ahead = np.array([sin(yaw), cos(yaw), 0.0])
        up = np.array([0.0, 0.0, 1.0])
        z = cos(pitch) * ahead - sin(pitch) * up
        y = -sin(pitch) * ahead - cos(pitch) * up
        x = cos(roll) * right + sin(roll) * y
        return np.stack([x, cos(roll) * y - sin(roll) * right, z])


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """Where the ground point under the camera is, and where the vehicle is heading."""

    easting_m: float
    northing_m: float
    heading_deg: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """The ground that the lower part of an image looks at.

    Attributes:
        first_row: First row that sees any ground nearer than ``FAR_M``.
        right_m: For every pixel from that row on, metres to the right of the camera.
        ahead_m: For every such pixel, metres ahead.
        is_far: Where such a pixel sees the sky or ground beyond ``FAR_M``.
        footprint_m: Length along the road that a pixel in mid-row covers, one per row, metres.
        range_m: Range of the pixel in mid-row, one per row, metres.

    """

    first_row: int
    right_m: Floats32
    ahead_m: Floats32
    is_far: NDArray[np.bool_]
    footprint_m: Floats64
    range_m: Floats64


def ground_at(lens: Lens, x_px: Floats64, y_px: Floats64) -> tuple[Floats64, Floats64]:
    """Metres to the right and ahead of the ground at image points; infinite above the horizon."""
    x_axis, y_axis, z_axis = lens.axes()
    x = (x_px - lens.width_px / 2) / lens.focal_px
    y = (y_px - lens.height_px / 2) / lens.focal_px
    ray = x[..., None] * x_axis + y[..., None] * y_axis + z_axis
    drop = -ray[..., 2]
    with np.errstate(divide="ignore"):
        scale = np.where(drop > 1e-6, lens.mount_height_m / drop, np.inf)
    with np.errstate(invalid="ignore"):
        return scale * ray[..., 0], scale * ray[..., 1]


@lru_cache(maxsize=32)
def see_ground(lens: Lens) -> Ground:
    """Find the ground under every pixel of a lens."""
    rows = np.arange(lens.height_px) + 0.5
    columns = np.arange(lens.width_px) + 0.5
    right, ahead = ground_at(lens, *np.broadcast_arrays(columns[None, :], rows[:, None]))
    is_far = ~(np.nan_to_num(np.hypot(right, ahead), nan=np.inf) < FAR_M)
    seen = np.flatnonzero(~is_far.all(axis=1))
    first = int(seen[0]) if seen.size else lens.height_px
    right, ahead, is_far = right[first:], ahead[first:], is_far[first:]
    right = np.where(is_far, 0.0, right)
    ahead = np.where(is_far, FAR_M, ahead)
    range_m = np.hypot(right, ahead)[:, lens.width_px // 2]
    fall = np.hypot(range_m, lens.mount_height_m)
    return Ground(
        first_row=first,
        right_m=right.astype(np.float32),
        ahead_m=ahead.astype(np.float32),
        is_far=is_far,
        footprint_m=fall * fall / (lens.focal_px * lens.mount_height_m),
        range_m=range_m,
    )


def project(
    lens: Lens, pose: Pose, east_m: Floats64, north_m: Floats64, up_m: Floats64
) -> tuple[Floats64, Floats64, Floats64]:
    """Image points of points in the world.

    Args:
        lens: The camera.
        pose: Where it is.
        east_m: Grid eastings, metres.
        north_m: Grid northings, metres.
        up_m: Heights over the road, metres.

    Returns:
        x and y in pixels, and the distance along the optical axis in metres; where that is not
        positive the point is behind the camera and x and y mean nothing.

    """
    heading = radians(pose.heading_deg)
    east, north = east_m - pose.easting_m, north_m - pose.northing_m
    right = east * cos(heading) - north * sin(heading)
    ahead = east * sin(heading) + north * cos(heading)
    seen = np.stack([right, ahead, up_m - lens.mount_height_m], axis=-1) @ lens.axes().T
    z = np.where(np.abs(seen[..., 2]) < 1e-9, 1e-9, seen[..., 2])
    x_px = lens.width_px / 2 + lens.focal_px * seen[..., 0] / z
    y_px = lens.height_px / 2 + lens.focal_px * seen[..., 1] / z
    return x_px, y_px, seen[..., 2]


def project_hole(
    hole: Hole, street: Street, camera: Camera, pose: Pose
) -> tuple[float, float, float, float] | None:
    """Find the box around the rim of a hole, as it lies on the ground.

    Args:
        hole: The hole.
        street: The street it is in.
        camera: The camera.
        pose: Where the camera is.

    Returns:
        Left, top, right and bottom in pixels, not cut at the edges of the image; None where a
        part of the rim is not in front of the camera.

    """
    turns = [2 * pi * i / RIM_POINTS for i in range(RIM_POINTS)]
    rim = [
        street.to_world(
            hole.s_m + hole.length_m / 2 * sin(turn), hole.d_m + hole.width_m / 2 * cos(turn)
        )
        for turn in turns
    ]
    east, north, _ = np.array(rim).T
    x_px, y_px, depth_m = project(Lens.of(camera), pose, east, north, np.zeros(RIM_POINTS))
    if float(depth_m.min()) < _NEAR_M:
        return None
    return float(x_px.min()), float(y_px.min()), float(x_px.max()), float(y_px.max())
