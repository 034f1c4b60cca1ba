"""Match: which road the vehicle was on, and how sure that is. Pure.

A hidden Markov model after P. Newson and J. Krumm, "Hidden Markov map matching through noise and
sparseness", ACM SIGSPATIAL 2009: a state is a section, a way of driving it and a place on it; the
distance driven must agree with the distance by road. Two things differ. A GPS error lasts for a
minute, so that thirty fixes on the wrong side say hardly more than one: what is judged is how
the offset from the road changes, given the last one. And what is wanted is a probability, so that
all ways are summed, not the best taken.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from pipeline.domain.roads import OnRoad, Ways
from pipeline.geometry.chain import likeliest, probabilities
from pipeline.geometry.network import Nearby, RoadNetwork

Array = NDArray[np.float64]

_OFF = -1
_NEVER = -1e9
_WIDEST_ROAD_M = 12.0
# What is seen ahead may lie on the road that was not taken.
_TURNED_OFF = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchSettings:
    """What a drive on a road looks like. Costs are natural logarithms of probabilities.

    Attributes:
        every_m: Distance driven between two samples.
        error_time_s: How long a GPS error lasts.
        lane_m: A vehicle keeps so far left of the line of a road with traffic both ways, plus or
            minus as much.
        wander_m: By so much its place in the lane differs from one sample to the next.
        beyond_m: A place beyond a line's end is unlikely, by this standard deviation.
        heading_deg: Headings of vehicle and road differ by this standard deviation.
        worst_heading: No heading costs more.
        detour_m: Distances driven and by road differ by this, on average …
        detour_share: … and by this share of the distance.
        turn_share: Where it turns, its heading is between two roads': so much of the turn is added.
        off_sigmas: Being on no known road is as likely as an offset of so many sigmas …
        off_step: … and each sample there costs so much: a road would have foretold its offset.
        leaving: Of driving from a known road onto an unknown one, or back.
        against: Of driving against one-way traffic.
        turning: Of turning round on the road.
        most: States of one sample; the nearest are kept.
    """

    every_m: float = 10.0
    error_time_s: float = 60.0
    lane_m: float = 1.5
    wander_m: float = 0.4
    beyond_m: float = 3.0
    heading_deg: float = 12.0
    worst_heading: float = 10.0
    detour_m: float = 2.0
    detour_share: float = 0.1
    turn_share: float = 0.5
    off_sigmas: float = 3.5
    off_step: float = -2.5
    leaving: float = -6.0
    against: float = -5.0
    turning: float = -5.0
    most: int = 12


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TrackSamples:
    """Where a vehicle was, N times, in order.

    Attributes:
        second: N times.
        chainage_m: N distances driven.
        at: N×2 eastings and northings, metres.
        heading_deg: N directions of driving, clockwise from grid north.
        sigma_m: N standard deviations of the place along any one axis.
        follows: N times whether the sample before is known to be the one before: not after a gap.
    """

    second: Array
    chainage_m: Array
    at: Array
    heading_deg: Array
    sigma_m: Array
    follows: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """A part of the likeliest way: one section, driven one way; section −1 is no known road."""

    section: int
    along: bool
    from_m: float
    to_m: float


@dataclass(frozen=True, slots=True, eq=False)
class _States:
    """What a sample may be: one row a state, the last is being on no known road."""

    section: NDArray[np.int64]
    along: NDArray[np.bool_]
    chainage_m: Array
    across_m: Array
    normal_deg: Array
    cost: Array


class MatchedDrive:
    """A drive on a network: asked for any chainage."""

    def __init__(
        self,
        network: RoadNetwork,
        samples: TrackSamples,
        legs: Sequence[Leg],
        shares: Sequence[dict[int, float]],
    ) -> None:
        """Keep the likeliest way, and for every sample the probability of each section."""
        self.network = network
        self.legs = tuple(legs)
        self._samples = samples
        self._shares = tuple(shares)
        self._from = np.array([s.from_m for s in legs])
        self._to = np.array([s.to_m for s in legs])

    def sections_at(self, chainage_m: float) -> dict[int, float]:
        """Return the probability of each section, −1 for no known road, at a distance driven.

        Near a junction it is not known exactly where along the drive the section changed: each
        side has the share of a normal error that lies on it.
        """
        samples = self._samples
        nearest = self._nearest(chainage_m)
        sigma = max(float(samples.sigma_m[nearest]), 0.1)
        edges = np.array([self._from, self._to]) - chainage_m
        edges[0, 0], edges[1, -1] = -np.inf, np.inf
        share = np.diff(ndtr(edges / sigma), axis=0)[0]
        found: dict[int, float] = {}
        for number in np.flatnonzero(share > 1e-3):  # noqa: PLR2004
            leg = self.legs[number]
            inside = min(max(chainage_m, leg.from_m), leg.to_m)
            for section, likely in self._shares[self._within(leg, inside)].items():
                found[section] = found.get(section, 0.0) + float(share[number]) * likely
        total = sum(found.values())
        return {section: value / total for section, value in found.items()}

    def _nearest(self, chainage_m: float) -> int:
        return int(np.abs(self._samples.chainage_m - chainage_m).argmin())

    def _within(self, leg: Leg, chainage_m: float) -> int:
        """Return the sample of a leg that is nearest to a chainage."""
        at = self._samples.chainage_m
        inside = np.flatnonzero((at >= leg.from_m) & (at <= leg.to_m))
        if not len(inside):
            return self._nearest((leg.from_m + leg.to_m) / 2)
        return int(inside[np.abs(at[inside] - chainage_m).argmin()])


def match_drive(
    samples: TrackSamples, network: RoadNetwork, *, settings: MatchSettings
) -> MatchedDrive:
    """Match a drive to a network.

    Args:
        samples: Where it was, about every `settings.every_m`; at least one.
        network: The roads.
        settings: What a drive on a road looks like.
    """
    states = _states(samples, network, settings)
    steps = [
        None if not samples.follows[i] else _step(states, i, samples, network, settings)
        for i in range(1, len(states))
    ]
    sigmas = samples.sigma_m.tolist()
    alone = [_alone(one, sigma, settings) for one, sigma in zip(states, sigmas, strict=True)]
    shares = probabilities(alone, steps)
    best = likeliest(alone, steps)
    return MatchedDrive(
        network,
        samples,
        _legs(samples, network, states, best),
        [_by_section(one, share) for one, share in zip(states, shares, strict=True)],
    )


def place_on_road(
    drive: MatchedDrive,
    at: tuple[float, float],
    *,
    chainage_m: float,
    heading_deg: float,
    sigma_m: float,
) -> OnRoad | None:
    """Say on which section something lies that was seen from a drive.

    Args:
        drive: The drive.
        at: Its easting and northing.
        chainage_m: The vehicle's when it passes the thing, or would pass it.
        heading_deg: The vehicle's when it saw it.
        sigma_m: Standard deviation of its place along any one axis.

    Returns:
        The likeliest section; None where the drive was likely on no known road, or where no
        section lies near.
    """
    network = drive.network
    driven = drive.sections_at(chainage_m)
    reach = 4 * sigma_m + _WIDEST_ROAD_M
    near = network.near(np.array([at]), reach)
    weights: dict[int, float] = {}
    for row in range(len(near.section)):
        section = int(near.section[row])
        known = driven.get(section, 0.0)
        # The vehicle may have turned off before what it saw ahead.
        joined = sum(p for s, p in driven.items() if s != section and _joined(network, s, section))
        out_m = max(math.hypot(near.across_m[row], near.beyond_m[row]) - _WIDEST_ROAD_M / 2, 0.0)
        fit = math.exp(-((out_m / max(sigma_m, 0.3)) ** 2) / 2)
        weights[row] = (known + _TURNED_OFF * joined) * fit
    total = sum(weights.values()) + driven.get(_OFF, 0.0)
    if not weights or total <= 0:
        return None
    row = max(weights, key=lambda one: weights[one])
    if weights[row] <= driven.get(_OFF, 0.0):
        return None
    section = int(near.section[row])
    return OnRoad(
        section_id=network.sections[section].section_id,
        chainage_m=float(near.along_m[row]),
        offset_m=float(near.across_m[row]),
        along=math.cos(math.radians(heading_deg - float(near.course_deg[row]))) >= 0,
        probability=min(weights[row] / total, 1.0),
    )


def _joined(network: RoadNetwork, section: int, other: int) -> bool:
    return section != _OFF and network.meets(section, other)


def _states(samples: TrackSamples, network: RoadNetwork, settings: MatchSettings) -> list[_States]:
    """Return for each sample what it may be: near sections, each way."""
    reach = 4 * samples.sigma_m + 3 * settings.lane_m + settings.beyond_m
    near = network.near(samples.at, reach)
    edges = np.searchsorted(near.point, np.arange(len(samples.at) + 1))
    spread = _heading_spread(samples, settings)
    made = []
    for i in range(len(samples.at)):
        rows = np.arange(edges[i], edges[i + 1])
        if len(rows) > settings.most // 2:
            gap = np.hypot(near.across_m[rows], near.beyond_m[rows])
            rows = rows[np.sort(np.argsort(gap, kind="stable")[: settings.most // 2])]
        heading = float(samples.heading_deg[i]), float(spread[i])
        made.append(_states_of(near, rows, heading, network, settings))
    return made


def _heading_spread(samples: TrackSamples, settings: MatchSettings) -> Array:
    """Return the standard deviation of each heading from the road's: wider where it turns."""
    turn = np.abs((np.diff(samples.heading_deg) + 180) % 360 - 180)
    turn = np.where(samples.follows[1:], turn, 0.0)
    around = np.concatenate(([0.0], turn)) + np.concatenate((turn, [0.0]))
    return np.hypot(settings.heading_deg, settings.turn_share * around)


def _states_of(
    near: Nearby,
    rows: NDArray[np.int64],
    heading: tuple[float, float],
    network: RoadNetwork,
    settings: MatchSettings,
) -> _States:
    heading_deg, spread_deg = heading
    section = np.concatenate((near.section[rows], near.section[rows], [_OFF])).astype(np.int64)
    count = len(rows)
    along = np.arange(len(section)) < count
    course = np.concatenate((near.course_deg[rows], near.course_deg[rows], [heading_deg]))
    ways = [network.sections[s].ways for s in near.section[rows].tolist()]
    both = np.array([way is Ways.BOTH for way in ways], bool)
    across = np.concatenate((near.across_m[rows], near.across_m[rows], [0.0]))
    # In its own lane it keeps left of the line, as it drives.
    lane = np.where(both, settings.lane_m, 0.0)
    across[:count] += lane
    across[count : 2 * count] -= lane
    turned = np.abs((heading_deg - course + 180) % 360 - 180)
    turned = np.where(along, turned, 180 - turned)
    turned[-1] = 0.0
    cost = -np.minimum((turned / spread_deg) ** 2 / 2, settings.worst_heading)
    beyond = near.beyond_m[rows]
    cost[:-1] -= np.tile((beyond / settings.beyond_m) ** 2 / 2, 2)
    wrong = np.array([way is Ways.BACKWARD for way in ways], bool)
    wrong_back = np.array([way is Ways.FORWARD for way in ways], bool)
    cost[:count] += np.where(wrong, settings.against, 0.0)
    cost[count:-1] += np.where(wrong_back, settings.against, 0.0)
    where = near.along_m[rows]
    return _States(
        section=section,
        along=along,
        chainage_m=np.concatenate((where, where, [0.0])),
        across_m=across,
        normal_deg=course,
        cost=cost,
    )


def _alone(states: _States, sigma_m: float, settings: MatchSettings) -> Array:
    """Return the cost of each state where nothing is known of the sample before."""
    spread = math.hypot(sigma_m, settings.lane_m)
    cost = states.cost - (states.across_m / spread) ** 2 / 2 - math.log(spread)
    cost[-1] = settings.leaving - settings.off_sigmas**2 / 2 - math.log(spread)
    return np.asarray(cost)


def _step(
    states: Sequence[_States],
    i: int,
    samples: TrackSamples,
    network: RoadNetwork,
    settings: MatchSettings,
) -> Array:
    """Return the cost of going from each state of a sample to each of the next."""
    before, after = states[i - 1], states[i]
    sigma = float(samples.sigma_m[i])
    lapse = float(samples.second[i] - samples.second[i - 1])
    lasting = math.exp(-lapse / settings.error_time_s)
    angle = np.radians(after.normal_deg[None, :] - before.normal_deg[:, None])
    kept = lasting * np.cos(angle)
    total = sigma**2 + settings.lane_m**2
    spread = total * (1 - kept**2) + settings.wander_m**2
    miss = after.across_m[None, :] - kept * before.across_m[:, None]
    cost = after.cost[None, :] - miss**2 / (2 * spread) - np.log(spread) / 2
    driven = float(samples.chainage_m[i] - samples.chainage_m[i - 1])
    jitter = sigma * math.sqrt(1 - lasting**2)
    cost[:-1, :-1] += _routes(before, after, driven, jitter, network, settings)
    # On no known road the offset is not known: as an offset of so many sigmas at each step.
    usual = -math.log(math.sqrt(total * (1 - lasting**2) + settings.wander_m**2))
    cost[:-1, -1] = settings.leaving + usual
    cost[-1, -1] = usual + settings.off_step
    cost[-1, :-1] = settings.leaving + _alone(after, sigma, settings)[:-1]
    return np.asarray(cost)


def _routes(
    before: _States,
    after: _States,
    driven_m: float,
    jitter_m: float,
    network: RoadNetwork,
    settings: MatchSettings,
) -> Array:
    """Return the cost of the difference between the distance driven and that by road."""
    cost = np.full((len(before.section) - 1, len(after.section) - 1), _NEVER)
    scale = settings.detour_m + settings.detour_share * driven_m + jitter_m
    within = _rounded_up(driven_m + 8 * scale)
    rows = list(
        zip(after.section[:-1].tolist(), after.along[:-1].tolist(),
            after.chainage_m[:-1].tolist(), strict=True)
    )  # fmt: skip
    lengths = network.length_m
    starts = [
        (section, along, where, network.node(section, at_end=not along),
         where if along else float(lengths[section]) - where)
        for section, along, where in rows
    ]  # fmt: skip
    for a in range(len(before.section) - 1):
        section, along = int(before.section[a]), bool(before.along[a])
        where = float(before.chainage_m[a])
        left = float(lengths[section]) - where if along else where
        ends_at = network.node(section, at_end=along)
        reached = network.reached_from(ends_at, within)
        for b, (other, other_along, there, node, into) in enumerate(starts):
            between = reached.get(node)
            ways = [] if between is None else [left + between + into]
            extra = 0.0
            if other == section:
                if other_along == along:
                    ways.append(there - where if along else where - there)
                else:
                    # Turned round on the road, or at its end.
                    ways = [*ways, abs(there - where)]
                    extra = settings.turning
            if ways:
                apart = min(abs(way - driven_m) for way in ways)
                cost[a, b] = extra - apart / scale
    return cost


def _rounded_up(metres: float) -> float:
    """Return one of a few distances, so that what was searched once is found again."""
    return 25.0 * 2.0 ** max(math.ceil(math.log2(max(metres, 1.0) / 25.0)), 0)


def _legs(
    samples: TrackSamples, network: RoadNetwork, states: Sequence[_States], best: Sequence[int]
) -> list[Leg]:
    """Join samples on one section; where it changes, say at what chainage that was."""
    found: list[Leg] = []
    at = samples.chainage_m
    begin = float(at[0])
    for i in range(len(best)):
        one = states[i]
        here = int(one.section[best[i]]), bool(one.along[best[i]])
        if i + 1 < len(best):
            other = states[i + 1]
            if (int(other.section[best[i + 1]]), bool(other.along[best[i + 1]])) == here:
                continue
            end = _change(samples, network, i, (one, best[i]), (other, best[i + 1]))
        else:
            end = float(at[-1])
        found.append(Leg(section=here[0], along=here[1], from_m=begin, to_m=end))
        begin = end
    return found


def _change(
    samples: TrackSamples,
    network: RoadNetwork,
    i: int,
    one: tuple[_States, int],
    other: tuple[_States, int],
) -> float:
    """Return the chainage at which the section changed between two samples: both ends' mean."""
    begin, end = float(samples.chainage_m[i]), float(samples.chainage_m[i + 1])
    said = []
    for (states, state), at_m, sign in ((one, begin, 1), (other, end, -1)):
        section, along = int(states.section[state]), bool(states.along[state])
        if section == _OFF:
            continue
        where = float(states.chainage_m[state])
        towards_end = along is (sign > 0)
        left = float(network.length_m[section]) - where if towards_end else where
        said.append(at_m + sign * left)
    middle = sum(said) / len(said) if said else (begin + end) / 2
    return min(max(middle, begin), end)


def _by_section(states: _States, share: Array) -> dict[int, float]:
    found: dict[int, float] = {}
    for section, value in zip(states.section.tolist(), share.tolist(), strict=True):
        if value > 1e-6:  # noqa: PLR2004
            found[section] = found.get(section, 0.0) + value
    return found
