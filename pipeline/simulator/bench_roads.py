"""The matching benchmark: drives through counties with roads 12 m apart; is the section right?

Every county is new, every drive has its own GPS errors, which last. Part of the drives go over
roads that the network file leaves out. What is judged is the section that is named at every
`every_m` of a drive, with the probability that is stated for it.
"""

import resource
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from time import process_time

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.roads import RoadSection
from pipeline.geometry.network import RoadNetwork
from pipeline.line.roads import samples_of
from pipeline.simulator.county import County, CountyDrive, CountyRules, drive_county
from pipeline.simulator.drive import Gps
from pipeline.stages.match import MatchSettings, match_drive
from pipeline.stages.place import Placer, PlaceSettings
from pipeline.stages.smooth import SmoothSettings, smooth_track

Array = NDArray[np.float64]

# 50,000 sections: a county's network.
A_COUNTY = CountyRules(rows=158, columns=158)
_BESIDE_M = 15.0
_BINS = (0.0, 0.6, 0.8, 0.95, 0.99, 1.0)
_MIB = 1024.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RoadsBench:
    """What is driven.

    Attributes:
        seeds: One county each.
        drives: So many through each county.
        length_m: Of a drive.
        county: What each county is like.
        gps: How the receiver errs.
        missing: This share of the sections is left out of the network in a second round.
    """

    seeds: tuple[int, ...] = tuple(range(10))
    drives: int = 5
    length_m: float = 10_000.0
    county: CountyRules = field(default_factory=lambda: CountyRules(rows=24, columns=24))
    gps: Gps = field(default_factory=Gps)
    missing: float = 0.05


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Named:
    """What was named at N places of drives.

    Attributes:
        right: N times whether it was the true section; of a road that is left out, whether it was
            said that the road is not known.
        probability: N stated probabilities.
        beside: N times whether another road, that is not joined to the true one, lay within 15 m.
        unknown: N times whether the true section is left out of the network.
    """

    right: NDArray[np.bool_]
    probability: Array
    beside: NDArray[np.bool_]
    unknown: NDArray[np.bool_]


def run_roads_bench(
    bench: RoadsBench, *, on_drive: Callable[[], None] = lambda: None
) -> dict[str, dict[str, float]]:
    """Drive, match, and compare with the truth; the table's columns."""
    whole, holed = [], []
    for seed in bench.seeds:
        county = County(bench.county, seed=seed)
        chance = np.random.default_rng([seed, 47])
        kept = chance.random(len(county.sections)) >= bench.missing
        everything = RoadNetwork(county.sections)
        part = RoadNetwork([s for s, keep in zip(county.sections, kept, strict=True) if keep])
        for number in range(bench.drives):
            drive = drive_county(
                county.sections, length_m=bench.length_m, seed=1000 * seed + number, gps=bench.gps
            )
            whole.append(_named(drive, county.sections, everything, everything))
            holed.append(_named(drive, county.sections, everything, part))
            on_drive()
    some = _joined(holed)
    return {
        "whole network": _figures(_joined(whole)),
        "roads left out": _figures(some)
        | {"right on roads left out": float(some.right[some.unknown].mean())},
    }


def run_scale_bench(
    kilometres: Sequence[int], *, county: CountyRules, on_drive: Callable[[], None] = lambda: None
) -> dict[str, dict[str, float]]:
    """Match so many kilometres in one network, in drives of 50 km: seconds and memory of each."""
    sections = County(county, seed=0).sections
    began = process_time()
    network = RoadNetwork(sections)
    ready_s = process_time() - began
    settings = MatchSettings()
    table = {}
    for distance in kilometres:
        spent, driven = 0.0, 0.0
        for number in range(max(distance // 50, 1)):
            drive = drive_county(
                sections, length_m=min(distance, 50) * 1000.0, seed=90_000 + distance + number
            )
            placer = _placer(drive)
            began = process_time()
            samples = samples_of(placer, settings)
            if samples is not None:
                match_drive(samples, network, settings=settings)
            spent += process_time() - began
            driven += placer.length_m / 1000
            on_drive()
        table[f"{distance} km"] = {
            "sections": float(len(sections)),
            "seconds to index": ready_s,
            "km matched": driven,
            "seconds": spent,
            "seconds a 1000 km": spent / driven * 1000,
            "most memory, MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MIB,
        }
    return table


def _placer(drive: CountyDrive) -> Placer:
    """Return a drive as the line places it: smoothed."""
    return Placer(smooth_track(drive.track, settings=SmoothSettings()), PlaceSettings())


def _named(
    drive: CountyDrive,
    sections: Sequence[RoadSection],
    everything: RoadNetwork,
    network: RoadNetwork,
) -> Named:
    """Match one drive to a network, and compare what is named at each sample with the truth."""
    settings = MatchSettings()
    samples = samples_of(_placer(drive), settings)
    if samples is None:
        raise ValueError("a simulated drive has fixes")
    matched = match_drive(samples, network, settings=settings)
    known = {section.section_id for section in network.sections}
    at = np.searchsorted(drive.second, samples.second).clip(0, len(drive.section) - 1)
    truth = drive.section[at]
    near = everything.near(drive.place[at], _BESIDE_M)
    right, probability = [], []
    beside = np.zeros(len(at), bool)
    for point, other in zip(near.point.tolist(), near.section.tolist(), strict=True):
        if other != truth[point] and not everything.meets(int(truth[point]), other):
            beside[point] = True
    for chainage, true in zip(samples.chainage_m.tolist(), truth.tolist(), strict=True):
        shares = matched.sections_at(chainage)
        best = max(shares, key=lambda one: shares[one])
        name = network.sections[best].section_id if best >= 0 else None
        wanted = sections[true].section_id
        right.append(name == wanted if wanted in known else name is None)
        probability.append(shares[best])
    return Named(
        right=np.array(right),
        probability=np.array(probability),
        beside=beside,
        unknown=np.array([sections[true].section_id not in known for true in truth.tolist()]),
    )


def _joined(parts: Iterable[Named]) -> Named:
    every = list(parts)
    return Named(
        right=np.concatenate([one.right for one in every]),
        probability=np.concatenate([one.probability for one in every]),
        beside=np.concatenate([one.beside for one in every]),
        unknown=np.concatenate([one.unknown for one in every]),
    )


def _figures(named: Named) -> dict[str, float]:
    """Return shares of right sections, and how far the stated probability is from them."""
    figures = {
        "places": float(len(named.right)),
        "section right": float(named.right.mean()),
        "places beside another road": float(named.beside.sum()),
        "right beside another road": float(named.right[named.beside].mean()),
        "stated probability, mean": float(named.probability.mean()),
    }
    error = 0.0
    for low, high in pairwise(_BINS):
        inside = (named.probability >= low) & ((named.probability < high) | (high == _BINS[-1]))
        if not inside.any():
            continue
        stated, true = named.probability[inside].mean(), named.right[inside].mean()
        error += abs(float(stated - true)) * float(inside.mean())
        label = f"{low:g}–{high:g} stated"
        figures[f"{label}: places"] = float(inside.sum())
        figures[f"{label}: mean"] = float(stated)
        figures[f"{label}: right"] = float(true)
    return figures | {"calibration error": error}
