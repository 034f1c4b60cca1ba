"""The likeliest motion behind noisy fixes: a Kalman filter and its smoother. Pure.

A vehicle moves smoothly; a receiver errs. Its error is two things: a slow one, which a second fix
repeats and no number of fixes averages out, and a small new one at each fix. Both are estimated
together with place and velocity (Rauch, Tung and Striebel, 1965), so that what is stated of the
error stays true: ten fixes a second are no ten times better than one.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.places import R95_PER_AXIS

Array = NDArray[np.float64]

# Fixes farther off than 999 of 1,000 are, count less the farther they are (chi-square, 2 degrees).
_GATE = 13.8
_FASTEST_MPS = 40.0
# A corner shows over so many seconds either side; what of its acceleration, squared, is the
# density of a vehicle that takes it; what noise explains (its variance, so often); and the most.
_CORNER_S, _CORNER_FACTOR, _NOISES, _HARDEST_M2S3 = 2.0, 2.0, 4.0, 80.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionModel:
    """How vehicles move and receivers err.

    Attributes:
        error_time_s: How long the slow error lasts (a first-order Gauss-Markov process).
        new_share: Share of the error's variance that is new at every fix.
        restlessness_m2s3: Spectral density of the acceleration: its square, by how long it lasts.
        speed_sigma_mps: Of a receiver's own speed …
        course_sigma_share: … and across it, as a share of the speed.
        standing_mps: A vehicle slower than this …
        standing_s: … for so long stands still.
    """

    error_time_s: float = 60.0
    new_share: float = 0.05
    restlessness_m2s3: float = 1.0
    speed_sigma_mps: float = 0.3
    course_sigma_share: float = 0.05
    standing_mps: float = 0.5
    standing_s: float = 3.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Motion:
    """Where a vehicle was at N instants, and how it moved.

    Attributes:
        t: N: seconds, ascending.
        at: N×2: easting and northing, m.
        velocity: N×2: m/s.
        sigma_m: N: 95 % of truths lie within twice this.
        velocity_sigma: N: standard deviation of each component of the velocity, m/s.
    """

    t: Array
    at: Array
    velocity: Array
    sigma_m: Array
    velocity_sigma: Array


def smooth_motion(
    t: Array, at: Array, sigma_m: Array, velocity: Array, model: MotionModel
) -> Motion:
    """Return the likeliest motion at the instants of the fixes.

    Args:
        t: N: seconds, strictly ascending.
        at: N×2: where the receiver said it was, m.
        sigma_m: N: 95 % of fixes lie within twice this.
        velocity: N×2: what the receiver said of its velocity, m/s; not a number where nothing.
        model: How vehicles move and receivers err.
    """
    motion = _smoothed(t, at, sigma_m, velocity, np.zeros(len(t), np.bool_), model)
    standing = _standing(motion, model)
    if standing.any():
        motion = _smoothed(t, at, sigma_m, velocity, standing, model)
    return motion


def fill_in(motion: Motion, *, within_m: float, longest_s: float, model: MotionModel) -> Motion:
    """Add instants where a straight line between two would miss the path.

    Between two instants the likeliest path of this model is the cubic with their places and
    velocities; what it may deviate from that grows with the cube of the time between.

    Args:
        motion: The smoothed motion.
        within_m: How far a straight line may lie off.
        longest_s: Nothing is added in longer gaps.
        model: As it was smoothed with.
    """
    gaps = np.diff(motion.t)
    bend = np.linalg.norm(np.diff(motion.velocity, axis=0), axis=1) * gaps / 8
    doubt = np.sqrt(model.restlessness_m2s3 * gaps**3 / 192)
    parts = np.ceil(np.sqrt(np.maximum(bend, doubt / 4) / within_m)).astype(int)
    parts = np.where(gaps > longest_s, 1, np.clip(parts, 1, 32))
    before = np.repeat(np.arange(len(gaps)), parts)
    first = np.repeat(np.cumsum(parts) - parts, parts)
    share = (np.arange(len(before)) - first) / parts[before]
    path = _between(motion, before, share, model)
    last = slice(-1, None)
    return Motion(
        t=np.concatenate((path.t, motion.t[last])),
        at=np.concatenate((path.at, motion.at[last])),
        velocity=np.concatenate((path.velocity, motion.velocity[last])),
        sigma_m=np.concatenate((path.sigma_m, motion.sigma_m[last])),
        velocity_sigma=np.concatenate((path.velocity_sigma, motion.velocity_sigma[last])),
    )


def _between(motion: Motion, before: NDArray[np.intp], share: Array, model: MotionModel) -> Motion:
    """Return the motion at shares of the gaps that follow some instants (cubic Hermite)."""
    gap = np.diff(motion.t)[before]
    s = share[:, None]
    a, b = motion.at[before], motion.at[before + 1]
    va, vb = motion.velocity[before] * gap[:, None], motion.velocity[before + 1] * gap[:, None]
    at = (
        (2 * s**3 - 3 * s**2 + 1) * a
        + (s**3 - 2 * s**2 + s) * va
        + (3 * s**2 - 2 * s**3) * b
        + (s**3 - s**2) * vb
    )
    pace = (6 * s**2 - 6 * s) * (a - b) + (3 * s**2 - 4 * s + 1) * va + (3 * s**2 - 2 * s) * vb
    ends = (1 - share) * motion.sigma_m[before] ** 2 + share * motion.sigma_m[before + 1] ** 2
    doubt = model.restlessness_m2s3 * gap**3 * (share * (1 - share)) ** 3 / 3
    return Motion(
        t=motion.t[before] + share * gap,
        at=at,
        velocity=pace / gap[:, None],
        sigma_m=np.sqrt(ends + doubt * (R95_PER_AXIS / 2) ** 2),
        velocity_sigma=(1 - share) * motion.velocity_sigma[before]
        + share * motion.velocity_sigma[before + 1],
    )


def _standing(motion: Motion, model: MotionModel) -> NDArray[np.bool_]:
    """Return at which instants the vehicle stands still."""
    slow = np.linalg.norm(motion.velocity, axis=1) < model.standing_mps
    edges = np.flatnonzero(np.diff(np.concatenate(([0], slow.astype(int), [0]))))
    standing = np.zeros(len(slow), np.bool_)
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        standing[begin:end] = motion.t[end - 1] - motion.t[begin] >= model.standing_s
    return standing


def _smoothed(
    t: Array,
    at: Array,
    sigma_m: Array,
    velocity: Array,
    standing: NDArray[np.bool_],
    model: MotionModel,
) -> Motion:
    """Filter forwards, then smooth backwards.

    The state is place, velocity and the slow error in units of the stated one; it is the same for
    east and north, so both are columns of one state and share its covariance.
    """
    count = len(t)
    axis = sigma_m * 2 / R95_PER_AXIS
    restlessness = _restlessness(t, at, axis, velocity, model)
    origin = at[0].copy()
    ahead_x, ahead_p = np.zeros((count, 3, 2)), np.zeros((count, 3, 3))
    x, p = np.zeros((count, 3, 2)), np.zeros((count, 3, 3))
    moves = np.zeros((count, 3, 3))
    state = np.zeros((3, 2))
    spread = np.diag([(100 * axis[0]) ** 2, _FASTEST_MPS**2, 1.0])
    for i in range(count):
        if i:
            moves[i], noise = _move(float(t[i] - t[i - 1]), float(restlessness[i]), model)
            state = moves[i] @ state
            spread = moves[i] @ spread @ moves[i].T + noise
        ahead_x[i], ahead_p[i] = state, spread
        seen = np.array([1.0, 0.0, axis[i] * math.sqrt(1 - model.new_share)])
        state, spread = _update(state, spread, seen, at[i] - origin, axis[i] ** 2 * model.new_share)
        told = np.zeros(2) if standing[i] else velocity[i]
        if not np.isnan(told).any():
            doubt = 0.05 if standing[i] else _speed_sigma(told, model)
            # What is said more than once a second is hardly said anew.
            often = 1.0 if i == 0 else max(1.0, 1 / float(t[i] - t[i - 1]))
            seen = np.array([0.0, 1.0, 0.0])
            state, spread = _update(state, spread, seen, told, doubt**2 * often)
        x[i], p[i] = state, spread
    for i in range(count - 2, -1, -1):
        gain = np.linalg.solve(ahead_p[i + 1], moves[i + 1] @ p[i]).T
        x[i] += gain @ (x[i + 1] - ahead_x[i + 1])
        p[i] += gain @ (p[i + 1] - ahead_p[i + 1]) @ gain.T
    return Motion(
        t=t,
        at=x[:, 0] + origin,
        velocity=x[:, 1],
        sigma_m=np.sqrt(np.maximum(p[:, 0, 0], 1e-6)) * R95_PER_AXIS / 2,
        velocity_sigma=np.sqrt(np.maximum(p[:, 1, 1], 1e-8)),
    )


def _restlessness(t: Array, at: Array, axis: Array, velocity: Array, model: MotionModel) -> Array:
    """Return N: the spectral density of the acceleration before each fix.

    Where the places alone turn or brake harder than the model's vehicle does, beyond what their
    noise explains, it is as hard as they do: else a sharp corner would be taken for a receiver
    that is thrown off, and the path would run on straight. A receiver that states its velocity
    says so itself.
    """
    early, late = (
        np.column_stack([np.interp(t + by, t, at[:, k]) for k in (0, 1)])
        for by in (-_CORNER_S, _CORNER_S)
    )
    hard = ((early + late - 2 * at) ** 2).sum(axis=1) / _CORNER_S**4
    noise = 2 * 6 * axis**2 * model.new_share / _CORNER_S**4
    inside = (t - _CORNER_S >= t[0]) & (t + _CORNER_S <= t[-1]) & np.isnan(velocity).any(axis=1)
    found = np.where(inside, _CORNER_FACTOR * (hard - _NOISES * noise), 0.0)
    clipped: Array = np.clip(found, model.restlessness_m2s3, _HARDEST_M2S3)
    return clipped


def _move(seconds: float, restlessness_m2s3: float, model: MotionModel) -> tuple[Array, Array]:
    """Return the transition over some seconds, and what is uncertain of it."""
    keep = math.exp(-seconds / model.error_time_s)
    move = np.array([[1.0, seconds, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, keep]])
    q = restlessness_m2s3
    noise = np.array(
        [
            [q * seconds**3 / 3, q * seconds**2 / 2, 0.0],
            [q * seconds**2 / 2, q * seconds, 0.0],
            [0.0, 0.0, 1 - keep**2],
        ]
    )
    return move, noise


def _update(
    state: Array, spread: Array, seen: Array, value: Array, variance: float
) -> tuple[Array, Array]:
    """Take in one measurement of both axes; one that is too far off counts less."""
    off = value - seen @ state
    expected = float(seen @ spread @ seen)
    total = expected + variance
    apart = float(off @ off) / total
    if apart > _GATE:
        total *= apart / _GATE
    gain = spread @ seen / total
    # Joseph's form with the noise that was used: it stays symmetric and positive.
    keep = np.eye(3) - np.outer(gain, seen)
    return (
        state + np.outer(gain, off),
        keep @ spread @ keep.T + np.outer(gain, gain) * (total - expected),
    )


def _speed_sigma(told: Array, model: MotionModel) -> float:
    return max(model.speed_sigma_mps, model.course_sigma_share * float(np.hypot(*told)))
