"""Bundle: which approved defects a gang mends in one visit. Pure.

Savings by G. Clarke and J. W. Wright, "Scheduling of Vehicles from a Central Depot to a Number of
Delivery Points", Operations Research 12 (1964): visits are joined end to end while that saves time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.places import GridRef
from pipeline.geometry.network import RoadNetwork

Array = NDArray[np.float64]

# How much longer a way by road is than a straight line, where no road is known.
_DETOUR = 1.4
_ON_ROAD_M = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleSettings:
    """What a visit costs, in minutes of a gang: our assumption, to be set by each council.

    Attributes:
        visit_min: To come, to set up traffic management and to clear it away, once a visit.
        defect_min: To mend one defect.
        speed_kmh: From one defect to the next.
        longest_min: Of a gang's day on site.
        farthest_m: From one defect to the next by road; beyond that they are never joined.
    """

    visit_min: float = 45.0
    defect_min: float = 20.0
    speed_kmh: float = 25.0
    longest_min: float = 360.0
    farthest_m: float = 5000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Some defects in the order in which a gang goes along them.

    Attributes:
        order: Indices of defects.
        minutes: What it takes.
        saved_min: What is saved against one visit each.
        driven_m: From the first to the last.
    """

    order: tuple[int, ...]
    minutes: float
    saved_min: float
    driven_m: float


def driven_between(
    places: Sequence[GridRef], network: RoadNetwork | None, *, settings: BundleSettings
) -> Array:
    """Return N×N driven distances, metres; infinite beyond the farthest.

    By road where both lie on one, in the direction that is shorter; otherwise as the crow flies,
    times a detour.
    """
    at = np.array([(p.easting_m, p.northing_m) for p in places]).reshape(-1, 2)
    apart = _DETOUR * np.hypot(*(at[:, None] - at[None, :]).transpose(2, 0, 1))
    if network is not None and len(network.sections):
        _by_road(apart, at, network, settings.farthest_m)
    apart[apart > settings.farthest_m] = np.inf
    np.fill_diagonal(apart, 0.0)
    return np.asarray(apart, np.float64)


def bundle(driven_m: Array, *, settings: BundleSettings) -> tuple[Visit, ...]:
    """Return visits that together mend every defect once, the longest first.

    Args:
        driven_m: N×N distances from defect to defect, metres.
        settings: What a visit costs.
    """
    count = len(driven_m)
    travel_min = driven_m / 1000.0 / settings.speed_kmh * 60.0
    saving = settings.visit_min - travel_min
    pairs = sorted(
        (-float(saving[i, j]), i, j)
        for i in range(count)
        for j in range(i + 1, count)
        if saving[i, j] > 0
    )
    home: dict[int, tuple[int, ...]] = {index: (index,) for index in range(count)}
    for _, i, j in pairs:
        joined = _joined(home[i], home[j], i, j)
        if joined is None or _minutes(joined, travel_min, settings) > settings.longest_min:
            continue
        for index in joined:
            home[index] = joined
    visits = [_visit(order, driven_m, travel_min, settings) for order in set(home.values())]
    return tuple(sorted(visits, key=lambda visit: (-len(visit.order), visit.order)))


def _joined(
    ours: tuple[int, ...], theirs: tuple[int, ...], i: int, j: int
) -> tuple[int, ...] | None:
    """Return two visits as one in which i and j follow one another; None if they cannot."""
    if ours == theirs or i not in {ours[0], ours[-1]} or j not in {theirs[0], theirs[-1]}:
        return None
    first = ours if ours[-1] == i else ours[::-1]
    second = theirs if theirs[0] == j else theirs[::-1]
    return first + second


def _minutes(order: tuple[int, ...], travel_min: Array, settings: BundleSettings) -> float:
    steps = sum(float(travel_min[a, b]) for a, b in pairwise(order))
    return settings.visit_min + settings.defect_min * len(order) + steps


def _visit(
    order: tuple[int, ...], driven_m: Array, travel_min: Array, settings: BundleSettings
) -> Visit:
    minutes = _minutes(order, travel_min, settings)
    alone = (settings.visit_min + settings.defect_min) * len(order)
    return Visit(
        order=order,
        minutes=minutes,
        saved_min=alone - minutes,
        driven_m=sum(float(driven_m[a, b]) for a, b in pairwise(order)),
    )


def _by_road(apart: Array, at: Array, network: RoadNetwork, farthest_m: float) -> None:
    """Put road distances where both ends lie on a road."""
    on = _on_road(at, network)
    for i, here in on.items():
        for j, there in on.items():
            if i != j:
                apart[i, j] = _driven(network, here, there, farthest_m)
    apart[:] = np.minimum(apart, apart.T)


def _on_road(at: Array, network: RoadNetwork) -> dict[int, tuple[int, float]]:
    """Return the nearest section and the chainage on it of each place that lies on a road."""
    near = network.near(at, _ON_ROAD_M)
    aside = np.abs(near.across_m) + near.beyond_m
    found: dict[int, tuple[int, float]] = {}
    for k in np.argsort(aside, kind="stable"):
        found.setdefault(int(near.point[k]), (int(near.section[k]), float(near.along_m[k])))
    return found


def _driven(
    network: RoadNetwork, here: tuple[int, float], there: tuple[int, float], farthest_m: float
) -> float:
    """Return how far it is to drive from one place on a road to another; infinite if too far."""
    ways = [abs(there[1] - here[1])] if here[0] == there[0] else []
    for node, before in _ends(network, here):
        reached = network.reached_from(node, farthest_m)
        ways += [
            before + reached[other] + after
            for other, after in _ends(network, there)
            if other in reached
        ]
    return min(ways, default=float("inf"))


def _ends(network: RoadNetwork, place: tuple[int, float]) -> tuple[tuple[int, float], ...]:
    """Return the junctions at the ends of a place's section, and how far it is to each."""
    section, along = place
    length = float(network.length_m[section])
    return (
        (network.node(section, at_end=False), along),
        (network.node(section, at_end=True), length - along),
    )
