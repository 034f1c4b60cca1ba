"""How a lens bends, from points of a flat road in pairs of pictures. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from pipeline.geometry.calibration import Estimate
from pipeline.geometry.distortion import bent, straightened
from pipeline.geometry.egomotion import Expected, FittedMotion, Pinhole, fit_motion, seen_again

Array = NDArray[np.float64]

# As far as lenses go that are sold for the road; from step to step in turn.
_TRIED = tuple(np.arange(-0.45, 0.26, 0.05).tolist())
_STEP, _CLOSE = 0.01, 0.002
_TOLERANCE_PX = 0.3
# No road is a plane: camber and dips look a little like a lens.
_COMMON = 0.01
_FEWEST_PAIRS, _MOST_PAIRS = 10, 30
_FEWEST_POINTS, _MOST_POINTS = 40, 250
# About the motion that a pinhole gave: degrees, heights and radians.
_SPREAD = np.array([4.0, 4.0, 4.0, 0.5, 0.02, 0.02, 0.02])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Trial:
    before: Array
    after: Array
    fitted: FittedMotion


def fit_distortion(motions: Sequence[FittedMotion], camera: Pinhole) -> Estimate | None:
    """Return the distortion with which pairs of pictures fit a moving plane best.

    A lens that bends makes the near road to the sides move by too little, or too much, for any
    pose. Each pair is fitted anew for each distortion that is tried; the sigma comes from how
    well the pairs agree among one another (a sandwich estimate).

    Args:
        motions: Of pairs that do not share their errors: not of one second.
        camera: The lens as it was taken, without distortion.

    Returns:
        None where too few pairs show enough points, or no distortion among those tried fits best.
    """
    trials = [_thinned(one) for one in motions if len(one.before) >= _FEWEST_POINTS]
    if len(trials) < _FEWEST_PAIRS:
        return None
    trials = [trials[i] for i in _spread_over(len(trials), _MOST_PAIRS)]
    costs = np.array([_costs(trials, camera, share) for share in _TRIED])
    best = int(costs.sum(axis=1).argmin())
    if best in (0, len(_TRIED) - 1):
        return None
    near = (_TRIED[best - 1], _TRIED[best + 1])
    middle = float(
        minimize_scalar(
            lambda share: _costs(trials, camera, share).sum(),
            bounds=near,
            method="bounded",
            options={"xatol": _CLOSE},
        ).x
    )
    # How the pairs agree: by the slope and the bend of each one's costs there.
    low, here, high = (_costs(trials, camera, middle + by) for by in (-_STEP, 0.0, _STEP))
    slopes, bend = (high - low) / (2 * _STEP), float((high - 2 * here + low).sum()) / _STEP**2
    if bend <= 0:
        return None
    count = len(slopes)
    sigma = math.sqrt(float(((slopes - slopes.mean()) ** 2).sum()) * count / (count - 1)) / bend
    return Estimate(value=middle, sigma=math.hypot(sigma, _COMMON))


def _thinned(motion: FittedMotion) -> _Trial:
    kept = _spread_over(len(motion.before), _MOST_POINTS)
    return _Trial(before=motion.before[kept], after=motion.after[kept], fitted=motion)


def _spread_over(count: int, most: int) -> list[int]:
    return sorted({round(i) for i in np.linspace(0, count - 1, min(count, most))})


def _costs(trials: Sequence[_Trial], camera: Pinhole, distortion: float) -> Array:
    """Return of each pair how badly it fits; where the lens showed the points, not straightened."""
    return np.array([_cost(trial, camera, distortion) for trial in trials])


def _cost(trial: _Trial, camera: Pinhole, distortion: float) -> float:
    focal = camera.focal_px
    before, after = (
        straightened(points - camera.centre, focal_px=focal, distortion=distortion) + camera.centre
        for points in (trial.before, trial.after)
    )
    motion = trial.fitted.motion
    found = fit_motion(
        before,
        after,
        camera,
        Expected(motion=motion, spread=_SPREAD),
        first=motion,
        tolerances_px=(_TOLERANCE_PX,),
    )
    there = seen_again(before, camera, found.motion) - camera.centre
    off = bent(there, focal_px=focal, distortion=distortion) + camera.centre - trial.after
    return float(np.log1p((off**2).sum(axis=1) / _TOLERANCE_PX**2).sum())
