"""Streets drawn by chance: same seed, same street."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from pipeline.simulator.street import Arc, Crack, Feature, Hole, Manhole, Patch, Shadow, Street

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.random import Generator

    from pipeline.simulator.street import CrackKind, ShadowKind

    FeatureT = TypeVar("FeatureT", bound=Feature)

_END_MARGIN_M = 12.0
_EDGE_MARGIN_M = 0.55
_CLEARANCE_M = 0.6
_TRIES = 400
_CRACK_KINDS: tuple[CrackKind, ...] = ("longitudinal", "transverse", "alligator")
_SHADOW_KINDS: tuple[ShadowKind, ...] = ("tree", "pole", "building")


@dataclass(frozen=True, slots=True, kw_only=True)
class HoleRules:
    """How holes are drawn.

    Attributes:
        width_m: Least and greatest width, metres.
        aspect: Least and greatest length over width.
        depth_m: Least and greatest depth, metres.
        gap_m: Least distance along the road between two centres, metres.
        other_lane: Share of holes in the oncoming lane.
        cluster: Put holes in groups of three to five, an edge-to-edge metre apart at least.

    """

    width_m: tuple[float, float] = (0.3, 1.1)
    aspect: tuple[float, float] = (0.7, 1.5)
    depth_m: tuple[float, float] = (0.03, 0.09)
    gap_m: float = 6.0
    other_lane: float = 0.1
    cluster: bool = False


def make_street(  # noqa: PLR0913  each count is a plain knob of the scene
    seed: int,
    *,
    length_m: float = 300.0,
    width_m: float = 7.3,
    holes: int = 20,
    hole_width_m: tuple[float, float] = (0.3, 1.1),
    hole_gap_m: float = 6.0,
    manholes: int = 6,
    patches: int = 6,
    shadows: int = 8,
    cracks: int = 6,
    cluster: bool = False,
    origin_m: tuple[float, float] = (530_000.0, 180_000.0),
    heading_deg: float | None = None,
) -> Street:
    """Draw a street by chance.

    Args:
        seed: Same seed, same street.
        length_m: Length of the centreline, metres.
        width_m: Carriageway between the kerbs, metres.
        holes: Number of potholes.
        hole_width_m: Least and greatest width of a hole, metres.
        hole_gap_m: Least distance along the road between the centres of two holes, metres.
        manholes: Number of iron covers.
        patches: Number of reinstatements.
        shadows: Number of shadows; they may fall on anything.
        cracks: Number of cracks.
        cluster: Draw the holes in groups, a metre from edge to edge at least.
        origin_m: Grid easting and northing of the start, metres.
        heading_deg: Direction at the start, degrees clockwise from grid north; None draws one.

    Returns:
        The street.

    Raises:
        ValueError: There is no room for that many features.

    """
    rng = np.random.default_rng(seed)
    heading = float(rng.uniform(0, 360)) if heading_deg is None else heading_deg
    bare = Street(
        easting_m=origin_m[0],
        northing_m=origin_m[1],
        heading_deg=heading,
        arcs=_arcs(rng, length_m),
        width_m=width_m,
        seed=seed,
    )
    rules = HoleRules(width_m=hole_width_m, gap_m=hole_gap_m, cluster=cluster)
    dug = (_clustered if cluster else _spaced)(rng, bare, rules, holes)
    lying: list[Feature] = list(dug)
    covers = _scatter(rng, manholes, lying, lambda: _manhole(rng, bare))
    mended = _scatter(rng, patches, lying, lambda: _patch(rng, bare))
    cracked = _scatter(rng, cracks, lying, lambda: _crack(rng, bare))
    return replace(
        bare,
        holes=dug,
        manholes=covers,
        patches=mended,
        cracks=cracked,
        shadows=tuple(_shadow(rng, bare) for _ in range(shadows)),
    )


def _arcs(rng: Generator, length_m: float) -> tuple[Arc, ...]:
    """Gentle bends of 40 to 90 m with radii of 150 to 700 m, and straights between."""
    arcs: list[Arc] = []
    left_m = length_m
    while left_m > 0:
        piece_m = float(rng.uniform(40, 90))
        if left_m - piece_m < 40:
            piece_m = left_m
        bend = float(rng.choice([-1.0, 0.0, 1.0])) / float(rng.uniform(150, 700))
        arcs.append(Arc(length_m=piece_m, curvature_per_m=bend))
        left_m -= piece_m
    return tuple(arcs)


def _lane_d_m(rng: Generator, street: Street, width_m: float, *, other_lane: bool) -> float:
    """Draw an offset in one lane at which something of that width touches no marking."""
    half = street.width_m / 2
    slack = half - 2 * _EDGE_MARGIN_M - width_m
    near_centre = _EDGE_MARGIN_M + width_m / 2 + float(rng.uniform(0, 1)) * max(slack, 0.0)
    return near_centre if other_lane else -near_centre


def _hole(rng: Generator, street: Street, rules: HoleRules, s_m: float) -> Hole:
    width_m = float(rng.uniform(*rules.width_m))
    other = bool(rng.random() < rules.other_lane)
    return Hole(
        s_m=s_m,
        d_m=_lane_d_m(rng, street, width_m, other_lane=other),
        width_m=width_m,
        length_m=width_m * float(rng.uniform(*rules.aspect)),
        depth_m=float(rng.uniform(*rules.depth_m)),
        shape_seed=int(rng.integers(2**31)),
    )


def _spaced(rng: Generator, street: Street, rules: HoleRules, count: int) -> tuple[Hole, ...]:
    """Holes whose centres keep ``gap_m`` along the road."""
    slack_m = street.length_m - 2 * _END_MARGIN_M - max(count - 1, 0) * rules.gap_m
    if slack_m < 0:
        raise ValueError(f"no room for {count} holes {rules.gap_m} m apart")
    at = np.sort(rng.uniform(0, slack_m, count)) + np.arange(count) * rules.gap_m
    return tuple(_hole(rng, street, rules, _END_MARGIN_M + float(s)) for s in at)


def _clustered(rng: Generator, street: Street, rules: HoleRules, count: int) -> tuple[Hole, ...]:
    """Holes in groups of three to five, at least a metre from edge to edge."""
    dug: list[Hole] = []
    centre_m, left = 0.0, 0
    for _ in range(_TRIES * max(count, 1)):
        if len(dug) == count:
            break
        if left == 0:
            centre_m = float(rng.uniform(_END_MARGIN_M + 4, street.length_m - _END_MARGIN_M - 4))
            left = int(rng.integers(3, 6))
        hole = _hole(rng, street, rules, centre_m + float(rng.uniform(-3, 3)))
        if all(hole.gap_to_m(other) >= 1.0 for other in dug):
            dug.append(hole)
            left -= 1
        elif rng.random() < 0.02:
            left = 0
    if len(dug) < count:
        raise ValueError(f"no room for {count} holes in groups")
    return tuple(sorted(dug, key=lambda hole: hole.s_m))


def _scatter(
    rng: Generator, count: int, lying: list[Feature], draw: Callable[[], FeatureT]
) -> tuple[FeatureT, ...]:
    """Draw features that stand clear of all that lies there already, and of each other."""
    del rng  # drawn from inside ``draw``
    kept: list[FeatureT] = []
    for _ in range(_TRIES * max(count, 1)):
        if len(kept) == count:
            return tuple(kept)
        feature = draw()
        if _is_clear(feature, lying):
            kept.append(feature)
            lying.append(feature)
    raise ValueError(f"no room for {count} features")


def _is_clear(feature: Feature, lying: Sequence[Feature]) -> bool:
    return all(feature.gap_to_m(other) >= _CLEARANCE_M for other in lying)


def _anywhere(rng: Generator, street: Street, width_m: float) -> tuple[float, float]:
    """Draw a chainage and an offset in either lane."""
    s_m = float(rng.uniform(_END_MARGIN_M, street.length_m - _END_MARGIN_M))
    return s_m, _lane_d_m(rng, street, width_m, other_lane=bool(rng.random() < 0.4))


def _manhole(rng: Generator, street: Street) -> Manhole:
    size_m = float(rng.uniform(0.5, 0.7))
    s_m, d_m = _anywhere(rng, street, size_m)
    square = bool(rng.random() < 0.4)
    return Manhole(s_m=s_m, d_m=d_m, width_m=size_m, length_m=size_m, square=square)


def _patch(rng: Generator, street: Street) -> Patch:
    width_m = float(rng.uniform(0.8, 1.9))
    s_m, d_m = _anywhere(rng, street, width_m)
    tone = float(rng.choice([rng.uniform(0.72, 0.86), rng.uniform(1.06, 1.14)]))
    length_m = float(rng.uniform(1.2, 4.0))
    return Patch(s_m=s_m, d_m=d_m, width_m=width_m, length_m=length_m, tone=tone)


def _crack(rng: Generator, street: Street) -> Crack:
    kind = _CRACK_KINDS[int(rng.integers(3))]
    width_m, length_m = {
        "longitudinal": (0.25, float(rng.uniform(2.5, 6.0))),
        "transverse": (float(rng.uniform(1.6, 2.3)), 0.3),
        "alligator": (float(rng.uniform(0.8, 1.4)), float(rng.uniform(1.2, 2.6))),
    }[kind]
    s_m, d_m = _anywhere(rng, street, width_m)
    return Crack(s_m=s_m, d_m=d_m, width_m=width_m, length_m=length_m, kind=kind)


def _shadow(rng: Generator, street: Street) -> Shadow:
    kind = _SHADOW_KINDS[int(rng.choice(3, p=[0.6, 0.2, 0.2]))]
    s_m = float(rng.uniform(0, street.length_m))
    reach_m = float(rng.uniform(0.5, 1.0)) * street.width_m
    length_m = {
        "tree": float(rng.uniform(3.0, 7.0)),
        "pole": float(rng.uniform(0.15, 0.3)),
        "building": float(rng.uniform(5.0, 12.0)),
    }[kind]
    side = float(rng.choice([-1.0, 1.0]))
    d_m = side * (street.width_m / 2 + 2.0 - reach_m / 2)
    return Shadow(s_m=s_m, d_m=d_m, width_m=reach_m, length_m=length_m, kind=kind)
