"""What two pictures of a flat road say of the camera's pose and motion. Pure.

A camera moves along the road; between two pictures it also turns a little. Points of the road
then move by a homography with seven unknowns: pitch, yaw and roll against the direction of
travel, the distance as a multiple of the camera's height, and the turn between the pictures
(three). Forward motion on a flat road leaves one ambiguity: of focal length and height only the
product shows, so the focal length must be given (Hartley and Zisserman, *Multiple View
Geometry*, 2nd ed., 13.1: homographies induced by a plane).
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from pipeline.domain.camera import CameraRig
from pipeline.geometry.ground import camera_axes

Array = NDArray[np.float64]

# Steps in which the solver counts: a degree, a tenth of a height, two thousandths of a radian.
_STEPS = np.array([1.0, 1.0, 1.0, 0.1, 0.002, 0.002, 0.002])
_MOST_STEPS = 15
_NEARLY_NOTHING = 1e-6
_FAR_OFF = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinhole:
    """A camera without its mount: the principal point is the picture's centre.

    Pixels are counted from the middle of the first one, as OpenCV does; a box of the house
    begins half a pixel earlier.
    """

    width_px: int
    height_px: int
    focal_px: float

    @classmethod
    def of(cls, rig: CameraRig, *, width_px: int | None = None) -> "Pinhole":
        """Return a rig's camera, for pictures scaled to another width."""
        scale = 1.0 if width_px is None else width_px / rig.width_px
        return cls(
            width_px=round(rig.width_px * scale),
            height_px=round(rig.height_px * scale),
            focal_px=rig.focal_px * scale,
        )

    def rays(self, pixels: Array) -> Array:
        """Return N×3 directions (right, down, 1) of N×2 pixels."""
        return np.column_stack(((pixels - self.centre) / self.focal_px, np.ones(len(pixels))))

    def pixels(self, seen: Array) -> Array:
        """Return N×2 pixels of N×3 points in camera axes; far off for points behind it."""
        depth = np.maximum(seen[:, 2:], _NEARLY_NOTHING)
        return np.asarray(seen[:, :2] / depth * self.focal_px + self.centre, np.float64)

    @property
    def matrix(self) -> Array:
        """The 3×3 that makes pixels of directions."""
        x, y = self.centre
        return np.array([[self.focal_px, 0, x], [0, self.focal_px, y], [0, 0, 1]])

    @property
    def centre(self) -> Array:
        """The picture's middle, pixels."""
        return np.array([(self.width_px - 1) / 2, (self.height_px - 1) / 2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """How a camera sat and moved between two pictures.

    Attributes:
        pitch_deg: Of the first picture, against the direction of travel (DESIGN §4).
        yaw_deg: Likewise.
        roll_deg: Likewise.
        heights: Distance travelled, in heights of the camera over the road.
        turn_rad: Rotation from the first picture to the second about the first one's axes right,
            down and forward, as a vector. To the right, the second number is positive.
    """

    pitch_deg: float
    yaw_deg: float
    roll_deg: float
    heights: float
    turn_rad: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def values(self) -> Array:
        """Return all seven."""
        return np.array([self.pitch_deg, self.yaw_deg, self.roll_deg, self.heights, *self.turn_rad])

    @classmethod
    def from_values(cls, values: Array) -> "Motion":
        """Return the motion of seven numbers."""
        pitch, yaw, roll, heights, *turn = (float(value) for value in values)
        return cls(
            pitch_deg=pitch,
            yaw_deg=yaw,
            roll_deg=roll,
            heights=heights,
            turn_rad=(turn[0], turn[1], turn[2]),
        )

    def with_heights(self, heights: float) -> "Motion":
        """Return the same camera, farther or less far, without a turn."""
        return replace(self, heights=heights, turn_rad=(0.0, 0.0, 0.0))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Expected:
    """What is known of a motion beforehand.

    Attributes:
        motion: The likeliest.
        spread: Standard deviation of each of its seven numbers; 0 holds a number fixed.
    """

    motion: Motion
    spread: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedMotion:
    """A motion and how well it explains the points.

    Attributes:
        motion: The fitted one.
        sigmas: Standard deviation of each of its seven numbers, if points err independently.
        errors_px: N: how far each point lies from where the motion would have it.
        before: N×2, the points in the first picture …
        after: … and in the second, pixels.
    """

    motion: Motion
    sigmas: Array
    errors_px: Array
    before: Array = field(default_factory=lambda: np.zeros((0, 2)))
    after: Array = field(default_factory=lambda: np.zeros((0, 2)))

    def explained(self, within_px: float) -> float:
        """Return the share of points that lie as near."""
        return float(np.mean(self.errors_px < within_px))


def homography(motion: Motion, camera: Pinhole) -> Array:
    """Return the 3×3 that takes pixels of the road in the first picture to the second."""
    axes = _axes(motion.values)
    travelled = np.array([0.0, motion.heights, 0.0])
    plane = -axes[2]
    turn = Rotation.from_rotvec(motion.turn_rad).as_matrix()
    moved = turn.T @ (np.eye(3) - np.outer(axes.T @ travelled, plane))
    made = camera.matrix @ moved @ np.linalg.inv(camera.matrix)
    scaled: Array = made / made[2, 2]
    return scaled


def fit_motion(
    before: Array,
    after: Array,
    camera: Pinhole,
    expected: Expected,
    *,
    first: Motion,
    tolerances_px: tuple[float, ...] = (3.0, 1.0, 0.5),
) -> FittedMotion:
    """Fit a motion to points of the road in two pictures.

    Points that belong to something else are outvoted (Cauchy's loss, at falling tolerances).

    Args:
        before: N×2 pixels in the first picture.
        after: N×2, where the same points lie in the second.
        camera: The camera.
        expected: What is known beforehand.
        first: Where the search begins.
        tolerances_px: From what distance on a point begins to be doubted, one fit for each.
    """
    rays = camera.rays(before)
    middle, spread = expected.motion.values, expected.spread
    free = spread > 0

    def residuals(values: Array, tolerance: float) -> Array:
        trial = middle.copy()
        trial[free] = values
        off = camera.pixels(_moved(trial, rays)) - after
        prior = np.clip((trial - middle)[free] / spread[free], -_FAR_OFF, _FAR_OFF)
        # The loss, ln(1 + z²), must not doubt what was known before: of this, it is the square.
        known = np.sign(prior) * np.sqrt(np.expm1(prior**2))
        return np.concatenate((off.ravel() / tolerance, known))

    found = first.values[free]
    for tolerance in tolerances_px:
        solved = least_squares(
            residuals,
            found,
            loss="cauchy",
            x_scale=_STEPS[free],
            max_nfev=_MOST_STEPS,
            args=(tolerance,),
        )
        found = solved.x
    values = middle.copy()
    values[free] = found
    off = camera.pixels(_moved(values, rays)) - after
    errors = np.hypot(off[:, 0], off[:, 1])
    sigmas = np.zeros(len(middle))
    sigmas[free] = _sigmas(solved.jac, errors, tolerances_px[-1])
    return FittedMotion(
        motion=Motion.from_values(values),
        sigmas=sigmas,
        errors_px=errors,
        before=before,
        after=after,
    )


def seen_again(before: Array, camera: Pinhole, motion: Motion) -> Array:
    """Return N×2: where points of the road, N×2 pixels of the first picture, lie in the second."""
    return camera.pixels(_moved(motion.values, camera.rays(before)))


def _moved(values: Array, rays: Array) -> Array:
    """Return N×3: road points under rays of the first picture, in axes of the second."""
    axes = _axes(values)
    directions = rays @ axes.T
    down = np.maximum(-directions[:, 2:], _NEARLY_NOTHING)
    points = directions / down - np.array([0.0, values[3], 0.0])
    seen: Array = points @ axes @ Rotation.from_rotvec(values[4:]).as_matrix()
    return seen


def _axes(values: Array) -> Array:
    return camera_axes(
        pitch_deg=float(values[0]), yaw_deg=float(values[1]), roll_deg=float(values[2])
    )


def _sigmas(jacobian: Array, errors_px: Array, tolerance_px: float) -> Array:
    """Return standard deviations from the solver's last Jacobian, which weighs doubt in."""
    good = errors_px[errors_px < 3 * tolerance_px]
    spread = 1.48 * float(np.median(good)) / 1.18 if len(good) else tolerance_px
    information = jacobian.T @ jacobian * (tolerance_px / max(spread, 0.02)) ** 2
    return np.sqrt(np.maximum(np.diag(np.linalg.pinv(information)), 0.0))
