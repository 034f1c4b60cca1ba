"""From many pairs of pictures to one camera, with a sigma for each figure. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from pipeline.geometry.egomotion import FittedMotion
from pipeline.geometry.ground import camera_axes

Array = NDArray[np.float64]

# What pairs have in common, and more of them does not mend: degrees.
_COMMON_DEG = 0.04
# Pairs within this time share the vehicle's pitching and swaying.
_BLOCK_S = 1.0
# A camera up to two metres or so ahead of the rear axle: degrees of yaw for a bend of one radian
# in a height of the camera.
_BEND_DEG = 50.0
# Vehicles dip by up to a degree or so for each m/s² of braking, measured over twice this time.
_DIVE_DEG, _BRAKES_S, _FEWEST_NEAR = 0.6, 0.6, 3
FEWEST_PAIRS = 8
_FEWEST_BLOCKS = 5
_OUTLIER = 3.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairMotion:
    """What one pair of pictures gave.

    Attributes:
        at_s: The middle of the pair, seconds by the camera's clock.
        lasting_s: Time between the two.
        fitted: The motion.
    """

    at_s: float
    lasting_s: float
    fitted: FittedMotion

    @property
    def heights_a_s(self) -> float:
        """Speed, in heights of the camera a second."""
        return self.fitted.motion.heights / self.lasting_s

    @property
    def turn_a_s(self) -> float:
        """Turn of the vehicle to the right, radians a second."""
        motion = self.fitted.motion
        axes = camera_axes(
            pitch_deg=motion.pitch_deg, yaw_deg=motion.yaw_deg, roll_deg=motion.roll_deg
        )
        return float(-axes[2] @ np.array(motion.turn_rad)) / self.lasting_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure and its sigma (95 % of truths lie within twice this)."""

    value: float
    sigma: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseEstimate:
    """How the camera sits against the direction of travel, degrees; and the dip by braking.

    Attributes:
        dive: Degrees by which the nose dips for each m/s² of braking.
    """

    pitch: Estimate
    yaw: Estimate
    roll: Estimate
    dive: Estimate


def pool_pose(
    pairs: Sequence[PairMotion], *, height_m: float, least_a_s: float = 0.0
) -> PoseEstimate | None:
    """Return the camera's pose from pairs taken while it moved; None where too few agree.

    A vehicle that brakes dips its nose, nearly in proportion (its springs are linear); so the
    pitch is that of an even speed, and the dip is found beside it.

    Args:
        pairs: In order of time.
        height_m: Of the camera, for the braking in metres.
        least_a_s: Slower pairs, in heights a second, show too little motion for the pose.
    """
    braking = _braking_heights(pairs) * height_m
    moving = np.array([pair.heights_a_s > least_a_s for pair in pairs], np.bool_)
    pairs = [pair for pair, moves in zip(pairs, moving, strict=True) if moves]
    if len(pairs) < FEWEST_PAIRS:
        return None
    at_s = np.array([pair.at_s for pair in pairs])
    values = np.array([pair.fitted.motion.values[:3] for pair in pairs])
    sigmas = np.array([pair.fitted.sigmas[:3] for pair in pairs])
    if len(set(np.floor(at_s / _BLOCK_S))) < _FEWEST_BLOCKS:
        return None
    # On a bend a camera ahead of the rear axle moves sideways too, in proportion to the bend.
    bends = np.array(
        [pair.fitted.motion.turn_rad[1] / max(pair.fitted.motion.heights, 1e-3) for pair in pairs]
    )
    ones = np.ones(len(pairs))
    pitch, dive = _regressed(
        values[:, 0], sigmas[:, 0], at_s, np.column_stack((ones, braking[moving])), _DIVE_DEG
    )
    yaw, _ = _regressed(values[:, 1], sigmas[:, 1], at_s, np.column_stack((ones, bends)), _BEND_DEG)
    roll, _ = _regressed(values[:, 2], sigmas[:, 2], at_s, ones[:, None], 1.0)
    return PoseEstimate(pitch=pitch, yaw=yaw, roll=roll, dive=dive)


def _braking_heights(pairs: Sequence[PairMotion]) -> Array:
    """Return how hard the vehicle brakes in each pair, heights of the camera a second squared."""
    if not pairs:
        return np.zeros(0)
    at_s = np.array([pair.at_s for pair in pairs])
    rates = np.array([pair.heights_a_s for pair in pairs])
    early, late = at_s - _BRAKES_S, at_s + _BRAKES_S
    before, after = (np.interp(when, at_s, rates) for when in (early, late))
    # Beyond a hole in the footage nothing is known of the speed.
    near = np.interp(late, at_s, np.arange(len(at_s))) - np.interp(
        early, at_s, np.arange(len(at_s))
    )
    apart = np.minimum(late, at_s[-1]) - np.maximum(early, at_s[0])
    known = near >= _FEWEST_NEAR
    slower: Array = np.where(known, (before - after) / np.maximum(apart, _BRAKES_S), 0.0)
    return slower


def _regressed(
    values: Array, sigmas: Array, at_s: Array, columns: Array, second_sigma: float
) -> tuple[Estimate, Estimate]:
    """Return the coefficients of a robust weighted regression, with their sigmas.

    Pairs within a second count as one trial: they share the vehicle's pitching. Of the second
    coefficient it is known beforehand that it is about 0; without a second column it is that.
    """
    known = np.diag([0.0, 1 / second_sigma**2])[: columns.shape[1], : columns.shape[1]]
    off = values - np.median(values)
    # What is far off by the second column alone must not be taken for an outlier at once.
    for gate in (2 * _OUTLIER, _OUTLIER, _OUTLIER):
        scatter = 1.48 * float(np.median(np.abs(off)))
        good = np.abs(off) <= gate * max(scatter, _COMMON_DEG)
        x, y = columns[good], values[good]
        weights = 1 / (sigmas[good] ** 2 + scatter**2 + _COMMON_DEG**2)
        inverse = np.linalg.pinv(x.T @ (x * weights[:, None]) + known)
        found = inverse @ (x.T @ (weights * y))
        off = values - columns @ found
    left = weights * (y - x @ found)
    blocks = np.floor(at_s[good] / _BLOCK_S).astype(int)
    pulls = np.array([(x[blocks == b] * left[blocks == b, None]).sum(axis=0) for b in set(blocks)])
    count = len(pulls)
    chance = pulls.T @ pulls * (count / max(count - x.shape[1], 1))
    spread = inverse @ (chance + known) @ inverse
    # Few trials know their own spread badly: Student's factor, as our sigma is half of 95 %.
    few = float(stats.t.ppf(0.975, max(count - x.shape[1], 1))) / 2
    own = few * np.sqrt(np.diag(spread))
    first = Estimate(value=float(found[0]), sigma=math.hypot(own[0], _COMMON_DEG))
    if len(found) == 1:
        return first, Estimate(value=0.0, sigma=second_sigma)
    return first, Estimate(value=float(found[1]), sigma=float(own[1]))
