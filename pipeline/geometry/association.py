"""Which groups of sightings, from passes with independent GPS errors, are one thing. Pure.

Two passes over a street see the same pattern of holes, shifted by the difference of two GPS
errors that change slowly. For every group the shift is estimated from all groups within a
window by scoring each candidate pairing (a deterministic consensus, not a random one), and
only then is the nearest counterpart judged, by what the two groups' own errors allow.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_PRIOR_GATE: Final = 13.82
_UNMATCHED: Final = 0.05
# Two groups farther apart are never one: 3.7 sigma of the shift and 4 of what is left after it.
_REACH_SIGMAS: Final = 8.0
_LATEST: Final = 24


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Group:
    """Sightings of one thing in one pass.

    Attributes:
        sweep: Number of the pass; two groups of one pass are never one thing.
        family: Only groups of one family may be one thing.
        at: Easting and northing, metres.
        own: 2×2 covariance of what the pass's other groups do not share, m².
        shared: 2×2 covariance of what they do, m².
        second: When, in seconds of any clock.
        members: Ids of the sightings, in order of time.
    """

    sweep: int
    family: str
    at: Array
    own: Array
    shared: Array
    second: float
    members: tuple[UUID, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """How near is near enough.

    Attributes:
        gate: Squared Mahalanobis distance within which two groups may be one, after the shift.
        floor_m: Standard deviation added to every comparison.
        error_time_s: Correlation time of the shared error.
        window_m: Neighbours within this distance help to estimate the shift.
    """

    gate: float
    floor_m: float
    error_time_s: float
    window_m: float


Judge = Callable[[Group, Group], bool]


def join_sweeps(
    groups: Sequence[Group], gates: Gates, *, may_join: Judge, must_join: Judge
) -> list[list[Group]]:
    """Partition groups into things.

    Args:
        groups: Sweeps in ascending order; within a sweep in order of time.
        gates: How near is near enough.
        may_join: Says no where a person has said that two groups are two things.
        must_join: Says yes where a person has said that they are one.

    Returns:
        Things, each a list of groups of different sweeps (unless a person joined them), in
        the order of their first group.
    """
    matcher = _Matcher(gates)
    seen = _Seen()
    things: list[list[Group]] = []
    home: dict[int, int] = {}
    sweeps: list[list[Group]] = []
    for group in groups:
        if sweeps and sweeps[-1][0].sweep == group.sweep:
            sweeps[-1].append(group)
        else:
            sweeps.append([group])
    for number, sweep in enumerate(sweeps):
        ballots = _ballots(sweep, seen.before(sweep, gates), sweeps, matcher, home)
        _assign(sweep, ballots, things, home, may_join)
        seen.add(number, sweep, home)
    return _joined_by_word(things, must_join)


def _joined_by_word(things: list[list[Group]], must_join: Judge) -> list[list[Group]]:
    """Join things that a person has said are one; it comes last, so that it moves no estimate."""
    joined: list[list[Group]] = []
    for thing in things:
        same = [other for other in joined if any(must_join(a, b) for a in thing for b in other)]
        joined = [other for other in joined if not any(other is one for one in same)]
        joined.append([group for part in (*same, thing) for group in part])
    return sorted(joined, key=lambda thing: min(group.sweep for group in thing))


class _Seen:
    """The groups of earlier sweeps, by where they lie."""

    def __init__(self) -> None:
        self._at = np.zeros((0, 2))
        self._spread = np.zeros(0)
        self._sweep = np.zeros(0, np.int64)
        self._thing = np.zeros(0, np.int64)

    def add(self, number: int, sweep: Sequence[Group], home: Mapping[int, int]) -> None:
        self._at = np.concatenate((self._at, [group.at for group in sweep]))
        self._spread = np.concatenate((self._spread, [_spread_m2(group) for group in sweep]))
        self._sweep = np.concatenate((self._sweep, np.full(len(sweep), number)))
        self._thing = np.concatenate((self._thing, [home[id(group)] for group in sweep]))

    def before(self, sweep: Sequence[Group], gates: Gates) -> dict[int, list[int]]:
        """Return the earlier sweeps that saw something near, each with the groups concerned.

        Of each group only the latest such sweeps, and of each thing near it the latest that saw
        it: what a thousand passes over a street say, these few say, too.
        """
        concerned: dict[int, list[int]] = {}
        for index, group in enumerate(sweep):
            spread = self._spread + _spread_m2(group) + 2 * gates.floor_m**2
            off = np.hypot(*(self._at - group.at).T)
            near = np.flatnonzero(off <= _REACH_SIGMAS * np.sqrt(spread))[::-1]
            _, newest = np.unique(self._thing[near], return_index=True)
            latest = np.unique(self._sweep[near])[-_LATEST:]
            for number in np.union1d(latest, self._sweep[near][newest]).tolist():
                concerned.setdefault(number, []).append(index)
        return concerned


def _spread_m2(group: Group) -> float:
    return float(np.trace(group.shared) + np.trace(group.own))


def _ballots(
    sweep: Sequence[Group],
    earlier: Mapping[int, Sequence[int]],
    sweeps: Sequence[Sequence[Group]],
    matcher: "_Matcher",
    home: dict[int, int],
) -> list[tuple[int, float, int, int]]:
    """Return (−votes, distance, index in the sweep, thing), the surest first."""
    votes: dict[tuple[int, int], tuple[int, float]] = {}
    for number in sorted(earlier):
        found = matcher.counterparts(sweep, sweeps[number], earlier[number])
        for index, counterpart, distance in found:
            key = (index, home[id(counterpart)])
            count, best = votes.get(key, (0, np.inf))
            votes[key] = (count + 1, min(best, distance))
    return sorted((-count, best, *key) for key, (count, best) in votes.items())


def _assign(
    sweep: Sequence[Group],
    ballots: Sequence[tuple[int, float, int, int]],
    things: list[list[Group]],
    home: dict[int, int],
    may_join: Judge,
) -> None:
    """Give each group at most one thing and each thing at most one group of the sweep."""
    placed: set[int] = set()
    filled: set[int] = set()
    for _, _, index, thing in ballots:
        group = sweep[index]
        if index in placed or thing in filled:
            continue
        if all(may_join(group, other) for other in things[thing]):
            things[thing].append(group)
            home[id(group)] = thing
            placed.add(index)
            filled.add(thing)
    for index, group in enumerate(sweep):
        if index not in placed:
            home[id(group)] = len(things)
            things.append([group])


@dataclass(frozen=True, slots=True)
class _Matcher:
    gates: Gates
    arrays: dict[int, "_Arrays"] = field(default_factory=dict)

    def counterparts(
        self, sweep: Sequence[Group], other: Sequence[Group], concerned: Sequence[int]
    ) -> list[tuple[int, Group, float]]:
        """Return, for each group concerned that has one, its counterpart in another sweep."""
        ours, theirs = self._arrays(sweep), self._arrays(other)
        found = []
        for index in concerned:
            group = sweep[index]
            reach = self.gates.window_m + 4 * np.sqrt(np.trace(group.shared) + theirs.widest)
            near = np.flatnonzero(np.hypot(*(theirs.at - group.at).T) <= reach)
            if not len(near):
                continue
            window = np.flatnonzero(np.hypot(*(ours.at - group.at).T) <= self.gates.window_m)
            shift = self._shift(group, ours, window, theirs, near)
            if shift is None:
                continue
            match = self._nearest(group, shift, theirs, near)
            if match is not None:
                found.append((index, other[match[0]], match[1]))
        return found

    def _arrays(self, sweep: Sequence[Group]) -> "_Arrays":
        number = sweep[0].sweep
        if number not in self.arrays:
            self.arrays[number] = _Arrays(sweep)
        return self.arrays[number]

    def _shift(
        self,
        group: Group,
        ours: "_Arrays",
        window: NDArray[np.intp],
        theirs: "_Arrays",
        near: NDArray[np.intp],
    ) -> Array | None:
        """Return the likeliest shift from this pass to the other around a group."""
        prior = np.linalg.inv(group.shared + theirs.shared[near].mean(axis=0) + group.own)
        offsets = theirs.at[near][None, :, :] - ours.at[window][:, None, :]
        same = ours.family[window][:, None] == theirs.family[near][None, :]
        strain = np.einsum("whi,ij,whj->wh", offsets, prior, offsets)
        candidates = offsets[same & (strain <= _PRIOR_GATE)]
        if not len(candidates):
            return None
        spread = self._spread(group, ours, window, theirs, near)
        best = max(
            range(len(candidates)),
            key=lambda c: self._score(candidates[c], offsets, same, spread, prior),
        )
        return self._refined(candidates[best], offsets, same, spread)

    def _spread(
        self,
        group: Group,
        ours: "_Arrays",
        window: NDArray[np.intp],
        theirs: "_Arrays",
        near: NDArray[np.intp],
    ) -> Array:
        """Return inverse 2×2 spreads (w×h) of what may differ after the shift."""
        lapse = np.abs(ours.second[window] - group.second)
        changed = 2 * (1 - np.exp(-lapse / self.gates.error_time_s))
        drift = changed[:, None, None] * (np.trace(group.shared) / 2) * np.eye(2)
        own = (ours.own[window] + 2 * drift)[:, None] + theirs.own[near][None, :]
        spread: Array = np.linalg.inv(own + np.eye(2) * self.gates.floor_m**2)
        return spread

    @staticmethod
    def _score(
        shift: Array, offsets: Array, same: NDArray[np.bool_], spread: Array, prior: Array
    ) -> float:
        miss = offsets - shift
        strain = np.einsum("whi,whij,whj->wh", miss, spread, miss)
        fit = np.where(same, np.exp(-strain / 2), 0.0).max(axis=1)
        return float(np.log(_UNMATCHED + fit).sum() - shift @ prior @ shift / 2)

    def _refined(
        self, shift: Array, offsets: Array, same: NDArray[np.bool_], spread: Array
    ) -> Array:
        miss = offsets - shift
        strain = np.where(same, np.einsum("whi,whij,whj->wh", miss, spread, miss), np.inf)
        best = strain.argmin(axis=1)
        rows = np.flatnonzero(strain.min(axis=1) <= self.gates.gate)
        if not len(rows):
            return shift
        weights = spread[rows, best[rows]]
        pulls = np.einsum("nij,nj->i", weights, offsets[rows, best[rows]])
        refined: Array = np.linalg.solve(weights.sum(axis=0), pulls)
        return refined

    def _nearest(
        self, group: Group, shift: Array, theirs: "_Arrays", near: NDArray[np.intp]
    ) -> tuple[int, float] | None:
        best: tuple[int, float] | None = None
        for j in near:
            if theirs.family[j] != group.family:
                continue
            miss = theirs.at[j] - group.at - shift
            spread = group.own + theirs.own[j] + np.eye(2) * self.gates.floor_m**2
            strain = float(miss @ np.linalg.solve(spread, miss))
            if strain <= self.gates.gate and (best is None or strain < best[1]):
                best = (int(j), strain)
        return best


class _Arrays:
    """A sweep's groups as arrays, for speed."""

    def __init__(self, sweep: Sequence[Group]) -> None:
        self.at = np.array([g.at for g in sweep])
        self.own = np.array([g.own for g in sweep])
        self.shared = np.array([g.shared for g in sweep])
        self.second = np.array([g.second for g in sweep])
        self.family = np.array([g.family for g in sweep])
        self.widest = float(np.trace(self.shared, axis1=1, axis2=2).max())
