"""From many pairs of pictures to one camera and one clock, each with its sigma. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from pipeline.geometry.egomotion import FittedMotion
from pipeline.geometry.ground import camera_axes

Array = NDArray[np.float64]

# What pairs have in common, and more of them does not mend: degrees, a share of the height.
_COMMON_DEG = 0.04
_COMMON_SHARE = 0.006
# Between two pairs, and between two fixes, the speed is drawn as a straight line: seconds.
_COMMON_S = 0.04
# Pairs within this time share the vehicle's pitching and swaying.
_BLOCK_S = 1.0
# A camera up to two metres or so ahead of the rear axle: degrees of yaw for a bend of one radian
# in a height of the camera.
_BEND_DEG = 50.0
_FEWEST_PAIRS = 8
_FEWEST_BLOCKS = 5
_FEWEST_INTERVALS = 6
# A fix says little of the speed over less than this.
_LEAST_INTERVAL_S = 0.9
# Between fixes farther apart the vehicle may have gone round a corner.
_WIDEST_INTERVAL_S = 5.0
# Of a vehicle that hardly moves, GPS shows its own errors; and no camera sits lower or higher.
_SLOWEST_MPS = 2.0
_LOWEST_M, _HIGHEST_M = 0.4, 6.0
_WIDEST_HOLE_S = 1.6
# What must be left for comparison when the offsets that are tried are taken off both ends.
_LEAST_COMMON_S = 8.0
_OUTLIER = 3.0
_NOTHING = 1e-9


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
    """How the camera sits against the direction of travel, degrees."""

    pitch: Estimate
    yaw: Estimate
    roll: Estimate
    pairs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockEstimate:
    """What the course of the speed says of the camera's height and clock.

    Attributes:
        height: Of the camera over the road, metres.
        offset: What is added to the camera's clock to give the track's, seconds; its sigma says
            how well the two courses tell: where the vehicle keeps its speed and direction, they
            do not.
        intervals: How many intervals between fixes were compared.
        unexplained: Share of the way by GPS, in squares, that the camera's way does not explain.
        within_s: Offsets up to this were tried.
        at_edge: Whether the likeliest offset lies at the edge of what was searched.
    """

    height: Estimate
    offset: Estimate
    intervals: int
    unexplained: float
    within_s: float
    at_edge: bool


def pool_pose(pairs: Sequence[PairMotion]) -> PoseEstimate | None:
    """Return the camera's pose from pairs taken while it moved; None where too few agree."""
    if len(pairs) < _FEWEST_PAIRS:
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
    pitch, roll = (_regressed(values[:, i], sigmas[:, i], at_s, ones[:, None]) for i in (0, 2))
    yaw = _regressed(values[:, 1], sigmas[:, 1], at_s, np.column_stack((ones, bends)))
    return PoseEstimate(pitch=pitch, yaw=yaw, roll=roll, pairs=len(pairs))


def pool_clock(
    pairs: Sequence[PairMotion],
    fixes: Array,
    *,
    within_s: float = 4.0,
    step_s: float = 0.05,
) -> ClockEstimate | None:
    """Return the camera's height and clock from the way in heights and the way in metres.

    Seen from the camera the way is a chain of arrows, in heights; by GPS it is one in metres.
    Joined at the right offset they are alike but for a scale, the height, and for each stretch a
    turn. The errors of successive intervals between fixes are nearly independent, since a GPS
    error changes slowly.

    Args:
        pairs: In order of time, also of a vehicle that stands.
        fixes: N×3: seconds (of the track's clock), easting, northing.
        within_s: Offsets up to so much are tried, less where the footage is short …
        step_s: … in such steps.

    Returns:
        None where too few intervals between fixes are covered by pairs, the vehicle hardly moved
        in them, or the height cannot be.
    """
    course = _Course.of(pairs)
    if course is None:
        return None
    within_s = min(within_s, (course.longest_s - _LEAST_COMMON_S) / 2)
    if within_s < step_s:
        return None
    ways = course.covered_by(_thinned(fixes), within_s)
    if len(ways.metres) < _FEWEST_INTERVALS or ways.rms_mps < _SLOWEST_MPS:
        return None
    offsets = np.arange(-within_s, within_s + step_s / 2, step_s)
    fits = [ways.fit(course, float(offset)) for offset in offsets]
    misfits, heights = np.array([f.misfit for f in fits]), np.array([f.height for f in fits])
    freedom = max(2 * len(ways.metres) - 2 - len(np.unique(ways.stretch)), 1)
    # The posterior of the offset where the size of the errors is not known (Student's form).
    chance = np.exp(-freedom / 2 * np.log(misfits / misfits.min()))
    chance /= chance.sum()
    offset, height = float(chance @ offsets), float(chance @ heights)
    if not _LOWEST_M < height < _HIGHEST_M:
        return None
    best = int(misfits.argmin())
    by_fixes = math.sqrt(fits[best].misfit / freedom / fits[best].weight)
    by_offset = math.sqrt(float(chance @ (heights - height) ** 2))
    spread = math.sqrt(float(chance @ (offsets - offset) ** 2) + _COMMON_S**2)
    return ClockEstimate(
        height=Estimate(
            value=height, sigma=math.hypot(by_fixes, by_offset, _COMMON_SHARE * height)
        ),
        offset=Estimate(value=offset, sigma=spread),
        intervals=len(ways.metres),
        unexplained=fits[best].misfit / ways.squares,
        within_s=within_s,
        at_edge=best in (0, len(offsets) - 1),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    misfit: float
    height: float
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Ways:
    """Intervals between fixes: when, how far by GPS (east + i·north), on which stretch."""

    begin_s: Array
    end_s: Array
    metres: NDArray[np.complex128]
    stretch: NDArray[np.int64]

    @property
    def squares(self) -> float:
        """The sum of the squares of the ways by GPS."""
        return max(float((abs(self.metres) ** 2).sum()), _NOTHING)

    @property
    def rms_mps(self) -> float:
        """The root of the mean square of the speed by GPS."""
        return float(np.sqrt(np.mean((abs(self.metres) / (self.end_s - self.begin_s)) ** 2)))

    def fit(self, course: "_Course", offset_s: float) -> _Fit:
        """Join the camera's way to that of GPS: one scale, and a turn for each stretch."""
        begin, end = self.begin_s - offset_s, self.end_s - offset_s
        seen = course.way_at(end) - course.way_at(begin)
        alike = self.metres * seen.conj()
        joined = sum(abs(alike[self.stretch == s].sum()) for s in np.unique(self.stretch))
        weight = max(float((abs(seen) ** 2).sum()), _NOTHING)
        height = float(joined) / weight
        misfit = self.squares - height * float(joined)
        return _Fit(misfit=max(misfit, _NOTHING), height=height, weight=weight)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Course:
    """The camera's way by its own clock, in stretches without a hole."""

    starts_s: Array
    ends_s: Array
    at_s: Array
    way: NDArray[np.complex128]

    @classmethod
    def of(cls, pairs: Sequence[PairMotion]) -> "_Course | None":
        if len(pairs) < _FEWEST_PAIRS:
            return None
        at_s = np.array([pair.at_s for pair in pairs])
        holes = np.flatnonzero(np.diff(at_s) > _WIDEST_HOLE_S)
        turned = _summed(np.array([pair.turn_a_s for pair in pairs]), at_s)
        rates = np.array([pair.heights_a_s for pair in pairs])
        # A right turn takes east + i·north to the south of east.
        way = rates * np.exp(-1j * turned.real)
        return cls(
            starts_s=at_s[np.concatenate(([0], holes + 1))],
            ends_s=at_s[np.concatenate((holes, [len(at_s) - 1]))],
            at_s=at_s,
            way=_summed(way, at_s),
        )

    @property
    def longest_s(self) -> float:
        """The longest stretch without a hole."""
        return float((self.ends_s - self.starts_s).max())

    def way_at(self, at_s: Array) -> NDArray[np.complex128]:
        """Return the way since the beginning, in heights, turned with the camera."""
        real, imaginary = (
            np.interp(at_s, self.at_s, part) for part in (self.way.real, self.way.imag)
        )
        return np.asarray(real + 1j * imaginary, np.complex128)

    def covered_by(self, fixes: Array, within_s: float) -> _Ways:
        """Return the intervals between fixes that are covered whichever offset is right."""
        begin, end = fixes[:-1, 0], fixes[1:, 0]
        index = np.searchsorted(self.starts_s, begin - within_s, side="right") - 1
        whole = (index >= 0) & (end + within_s <= self.ends_s[np.maximum(index, 0)])
        whole &= end - begin <= _WIDEST_INTERVAL_S
        steps = np.diff(fixes[:, 1:], axis=0)[whole]
        return _Ways(
            begin_s=begin[whole],
            end_s=end[whole],
            metres=steps[:, 0] + 1j * steps[:, 1],
            stretch=index[whole],
        )


def _summed(rates: "Array | NDArray[np.complex128]", at_s: Array) -> NDArray[np.complex128]:
    """Return the integral of a rate along time, from the first instant on."""
    parts = (rates[1:] + rates[:-1]) / 2 * np.diff(at_s)
    return np.concatenate(([0.0 + 0.0j], np.cumsum(parts)))


def _thinned(fixes: Array) -> Array:
    """Return fixes that are far enough apart in time to tell of the speed."""
    kept = [0]
    for i in range(1, len(fixes)):
        if fixes[i, 0] - fixes[kept[-1], 0] >= _LEAST_INTERVAL_S:
            kept.append(i)
    thin: Array = fixes[kept]
    return thin


def _regressed(values: Array, sigmas: Array, at_s: Array, columns: Array) -> Estimate:
    """Return the first coefficient of a robust weighted regression, and its sigma.

    Pairs within a second count as one trial: they share the vehicle's pitching. A second
    coefficient is that of a bend, of which something is known.
    """
    middle = np.median(values)
    scatter = 1.48 * float(np.median(np.abs(values - middle)))
    good = np.abs(values - middle) <= _OUTLIER * max(scatter, _COMMON_DEG)
    x, y = columns[good], values[good]
    weights = 1 / (sigmas[good] ** 2 + scatter**2 + _COMMON_DEG**2)
    known = np.diag([0.0, 1 / _BEND_DEG**2])[: x.shape[1], : x.shape[1]]
    inverse = np.linalg.pinv(x.T @ (x * weights[:, None]) + known)
    found = inverse @ (x.T @ (weights * y))
    left = weights * (y - x @ found)
    blocks = np.floor(at_s[good] / _BLOCK_S).astype(int)
    pulls = np.array([(x[blocks == b] * left[blocks == b, None]).sum(axis=0) for b in set(blocks)])
    count = len(pulls)
    chance = pulls.T @ pulls * (count / max(count - x.shape[1], 1))
    spread = inverse @ (chance + known) @ inverse
    # Few trials know their own spread badly: Student's factor, as our sigma is half of 95 %.
    few = float(stats.t.ppf(0.975, max(count - x.shape[1], 1))) / 2
    sigma = math.hypot(few * math.sqrt(spread[0, 0]), _COMMON_DEG)
    return Estimate(value=float(found[0]), sigma=sigma)
