"""The camera's clock and height, from the way that is seen and the way by GPS. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.geometry.calibration import FEWEST_PAIRS, Estimate, PairMotion

Array = NDArray[np.float64]

# What pairs have in common, and more of them does not mend: a share of the height.
_COMMON_SHARE = 0.006
# Between two pairs, and between two fixes, the speed is drawn as a straight line: seconds.
_COMMON_S = 0.04
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
# A focal length that is known better than this share is not looked for in the turns; a search
# takes so many, and no turn tells it better than so.
_LENS_KNOWN, _SHARES_TRIED, _COMMON_LENS = 0.05, 41, 0.015
# Neighbouring intervals are alike over so many lags; a short drive shows it badly, so at least …
_LAGS, _LEAST_ALIKE = 4, 2.5
# By GPS, whose noise adds some: the speed changed by 20 %, or the vehicle turned.
_SPEED_CHANGE, _TURN_RAD = 0.25, math.radians(45)
# Over less time no clock drifts by anything that matters; and how well its offset must be known.
_DRIFTS_OVER_S, _KNOWN_S = 600.0, 0.3
_CLEAR_SHARE = 0.25
# A lens at an end of what was searched may lie beyond it: nothing is told then.
_AT_AN_END = 0.02
_NOTHING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockEstimate:
    """What the course of the speed says of the camera's height and clock.

    Attributes:
        height: Of the camera over the road, metres.
        offset: What is added to the camera's clock to give the track's, seconds; its sigma says
            how well the two courses tell: where the vehicle keeps its speed and direction, they
            do not.
        focal_share: The true focal length as a share of the one that was taken; where the
            vehicle does not turn, or it was known, the sigma says no more than before.
        tells: Whether the vehicle stopped, changed its speed by a fifth or turned: without, the
            courses may seem to tell the offset by chance.
        intervals: How many intervals between fixes were compared.
        unexplained: Share of the way by GPS, in squares, that the camera's way does not explain.
        within_s: Offsets up to this were tried.
        at_edge: Whether the likeliest offset lies at the edge of what was searched.
    """

    height: Estimate
    offset: Estimate
    focal_share: Estimate
    tells: bool
    intervals: int
    unexplained: float
    within_s: float
    at_edge: bool

    def is_known(self, sigma_s: float) -> bool:
        """Return whether the offset is told, with that sigma or less.

        An offset that is known fills a small part of what was searched: were all alike, 0.58.
        """
        clear = min(sigma_s, self.within_s * _CLEAR_SHARE)
        return self.tells and not self.at_edge and self.offset.sigma <= clear


def pool_clock(
    pairs: Sequence[PairMotion],
    fixes: Array,
    *,
    within_s: float = 4.0,
    step_s: float = 0.05,
    focal_share: float = 0.0,
) -> ClockEstimate | None:
    """Return the camera's height and clock from the way in heights and the way in metres.

    Seen from the camera the way is a chain of arrows, in heights; by GPS it is one in metres.
    Joined at the right offset they are alike but for a scale, the height, and for each stretch a
    turn. What is left over is alike in neighbouring intervals, since fixes are smoothed: so many
    fewer of them count.

    Were the focal length taken for too long by a share, all turns would be seen too small by the
    same; so where the vehicle turns, the two ways tell it.

    Args:
        pairs: In order of time, also of a vehicle that stands.
        fixes: N×3: seconds (of the track's clock), easting, northing.
        within_s: Offsets up to so much are tried, less where the footage is short …
        step_s: … in such steps.
        focal_share: How well the focal length is known, as a share of it; from a twentieth on
            it is looked for.

    Returns:
        None where too few intervals between fixes are covered by pairs, the vehicle hardly moved
        in them, or the height cannot be.
    """
    if len(pairs) < FEWEST_PAIRS:
        return None
    course = _Course.of(pairs)
    within_s = min(within_s, (course.longest_s - _LEAST_COMMON_S) / 2)
    if within_s < step_s:
        return None
    ways = course.covered_by(_thinned(fixes), within_s)
    if len(ways.metres) < _FEWEST_INTERVALS or ways.rms_mps < _SLOWEST_MPS:
        return None
    offsets = np.arange(-within_s, within_s + step_s / 2, step_s)
    shares = np.ones(1)
    if focal_share > _LENS_KNOWN:
        # Farther than two sigma from what was assumed, no lens is looked for.
        shares = np.exp(np.linspace(-2, 2, _SHARES_TRIED) * focal_share)
    courses = [course if share == 1.0 else _Course.of(pairs, 1 / share) for share in shares]
    fits = [[ways.fit(one, float(offset)) for offset in offsets] for one in courses]
    misfits, heights = (
        np.array([[getattr(f, what) for f in row] for row in fits]) for what in ("misfit", "height")
    )
    best = np.unravel_index(int(misfits.argmin()), misfits.shape)
    likeliest = fits[best[0]][best[1]]
    alike = _alike(ways.left_over(courses[best[0]], float(offsets[best[1]]), likeliest), ways)
    freedom = max((2 * len(ways.metres) - 2 - len(np.unique(ways.stretch))) / alike, 1.0)
    # The posterior of the offset where the size of the errors is not known (Student's form).
    chance = np.exp(-freedom / 2 * np.log(misfits / misfits.min()))
    if len(shares) > 1:
        chance *= np.exp(-(np.log(shares) ** 2) / 2 / focal_share**2)[:, None]
    chance /= chance.sum()
    by_offset, by_share = chance.sum(axis=0), chance.sum(axis=1)
    height = float((chance * heights).sum())
    if not _LOWEST_M < height < _HIGHEST_M:
        return None
    by_fixes = math.sqrt(likeliest.misfit / freedom / likeliest.weight)
    by_others = math.sqrt(float((chance * (heights - height) ** 2).sum()))
    return ClockEstimate(
        height=Estimate(
            value=height, sigma=math.hypot(by_fixes, by_others, _COMMON_SHARE * height)
        ),
        offset=_of_chances(offsets, by_offset, common=_COMMON_S),
        focal_share=_focal_share(shares, by_share, focal_share),
        tells=ways.tell,
        intervals=len(ways.metres),
        unexplained=likeliest.misfit / ways.squares,
        within_s=within_s,
        at_edge=int(best[1]) in (0, len(offsets) - 1),
    )


def _focal_share(shares: Array, chances: Array, known: float) -> Estimate:
    """Return what turns tell of the focal length; what was known, where they tell nothing."""
    if len(shares) == 1 or chances[0] + chances[-1] > _AT_AN_END:
        return Estimate(value=1.0, sigma=max(known, _COMMON_LENS))
    return _of_chances(shares, chances, common=_COMMON_LENS)


def pool_drift(
    pairs: Sequence[PairMotion], fixes: Array, *, within_s: float = 4.0
) -> tuple[Estimate, Estimate] | None:
    """Return how the clock goes over a long drive: its offset at second 0, and its drift.

    The offset is found in each stretch of footage by itself; a line through those that tell it is
    the clock's course. Cheap clocks gain or lose a second or two a day, but a clip whose frame
    rate is said wrongly (30 for 29.97 a second) loses three and a half an hour.

    Args:
        pairs: In order of time.
        fixes: As for `pool_clock`.
        within_s: Likewise.

    Returns:
        Seconds, and seconds a second; None where fewer than two stretches ten minutes apart tell.
    """
    at_s = np.array([pair.at_s for pair in pairs])
    told = []
    for part in np.split(np.arange(len(pairs)), np.flatnonzero(np.diff(at_s) > _WIDEST_HOLE_S) + 1):
        some = [pairs[i] for i in part]
        found = pool_clock(some, fixes, within_s=within_s)
        if found is not None and found.is_known(_KNOWN_S):
            told.append((float(at_s[part].mean()), found.offset.value, found.offset.sigma))
    if len(told) < 2 or told[-1][0] - told[0][0] < _DRIFTS_OVER_S:  # noqa: PLR2004
        return None
    when, offsets, sigmas = np.array(told).T
    columns = np.column_stack((np.ones_like(when), when)) / sigmas[:, None]
    spread = np.linalg.inv(columns.T @ columns)
    offset, drift = spread @ columns.T @ (offsets / sigmas)
    return (
        Estimate(value=float(offset), sigma=math.sqrt(spread[0, 0])),
        Estimate(value=float(drift), sigma=math.sqrt(spread[1, 1])),
    )


def _of_chances(values: Array, chances: Array, *, common: float) -> Estimate:
    middle = float(chances @ values)
    spread = math.sqrt(float(chances @ (values - middle) ** 2) + common**2)
    return Estimate(value=middle, sigma=spread)


def _alike(left: NDArray[np.complex128], ways: "_Ways") -> float:
    """Return how many neighbouring intervals tell no more than one: from their correlation."""
    size = float((abs(left) ** 2).mean())
    total = 1.0
    for lag in range(1, _LAGS + 1):
        together = ways.stretch[lag:] == ways.stretch[:-lag]
        if size == 0 or together.sum() < _FEWEST_INTERVALS:
            break
        products = left[lag:] * left[:-lag].conj()
        correlation = float(products[together].real.mean()) / size
        if correlation <= 0:
            break
        total += 2 * correlation
    return max(total, _LEAST_ALIKE)


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

    @property
    def tell(self) -> bool:
        """Whether in any stretch the speed changes by a fifth, or the course by much."""
        paces = abs(self.metres) / (self.end_s - self.begin_s)
        for one in np.unique(self.stretch):
            own = self.stretch == one
            if np.ptp(paces[own]) > _SPEED_CHANGE * paces[own].max():
                return True
            if np.ptp(np.unwrap(np.angle(self.metres[own]))) > _TURN_RAD:
                return True
        return False

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

    def left_over(self, course: "_Course", offset_s: float, fit: _Fit) -> NDArray[np.complex128]:
        """Return what of each interval the fit does not explain, along (real) and across."""
        begin, end = self.begin_s - offset_s, self.end_s - offset_s
        seen = course.way_at(end) - course.way_at(begin)
        alike = self.metres * seen.conj()
        left = np.empty_like(self.metres)
        for one in np.unique(self.stretch):
            own = self.stretch == one
            turn = np.exp(1j * np.angle(alike[own].sum()))
            left[own] = self.metres[own] - fit.height * turn * seen[own]
        return np.asarray(left * np.exp(-1j * np.angle(self.metres)), np.complex128)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Course:
    """The camera's way by its own clock, in stretches without a hole."""

    starts_s: Array
    ends_s: Array
    at_s: Array
    way: NDArray[np.complex128]

    @classmethod
    def of(cls, pairs: Sequence[PairMotion], turns: float = 1.0) -> "_Course":
        """Return the way of pairs, in order of time, all of their turns so much larger."""
        at_s = np.array([pair.at_s for pair in pairs])
        holes = np.flatnonzero(np.diff(at_s) > _WIDEST_HOLE_S)
        turned = turns * _summed(np.array([pair.turn_a_s for pair in pairs]), at_s)
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
