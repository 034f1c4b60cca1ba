"""Gather: one hole seen in many frames, on many drives, is one defect. Pure.

Sightings of one drive within seconds of one another share their GPS error, so they are joined
by what is left: centimetres to decimetres. Those groups are then joined across drives. There the
whole GPS error stands between them, but it moves all holes of a street alike; so the shift
between two passes is estimated from every hole nearby, and identity is judged after it.

Nothing depends on the order of arrival: everything is sorted by natural keys first, and the same
observations give the same partition. A person's word (`Constraint`) is kept.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.defects import Constraint, Defect
from pipeline.domain.ids import DefectId, ObservationId, natural_uuid
from pipeline.domain.observations import Observation
from pipeline.domain.places import GridRef, GroundError
from pipeline.domain.roads import RoadPlace, on_different_roads
from pipeline.geometry.association import Gates, Group, join_sweeps

Array = NDArray[np.float64]

_SAME_PLACE_M = 1.0
# A sweep that comes this near to a place again has come back to it.
_REACH_M = 40.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GatherSettings:
    """When two sightings are one hole.

    Attributes:
        same_pass_s: Sightings of one drive within this time share their GPS error.
        gate: Squared Mahalanobis distance within which two places may be one: wide (in two
            dimensions 99.97 % of true pairs lie within it), since one frame tells two holes apart.
        floor_m: Standard deviation that is always added: a rim has no sharp middle.
        pass_floor_m: Likewise between two passes, of which the headings err too.
        error_time_s: How long a GPS error lasts.
        window_m: Holes within this distance tell of the shift between two passes.
    """

    same_pass_s: float = 20.0
    gate: float = 16.0
    floor_m: float = 0.3
    pass_floor_m: float = 0.5
    error_time_s: float = 60.0
    window_m: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Sightings of one hole, with the id of the defect that they make."""

    defect_id: DefectId
    groups: tuple[tuple[Observation, ...], ...]

    @property
    def observations(self) -> tuple[Observation, ...]:
        """All sightings, in order of time."""
        return tuple(o for group in self.groups for o in group)


def gather_observations(
    observations: Iterable[Observation],
    *,
    constraints: Sequence[Constraint],
    known: Mapping[ObservationId, DefectId],
    before: Mapping[DefectId, Defect],
    settings: GatherSettings,
    roads: Mapping[ObservationId, RoadPlace] | None = None,
) -> tuple[Cluster, ...]:
    """Partition sightings into defects.

    Args:
        observations: All current live sightings of an area, in any order, each once or more.
        constraints: What persons said of pairs of sightings.
        known: To which defect a sighting belonged before; a defect keeps its id.
        before: The defects as they stood: one whose sightings were all superseded (the footage
            was scored again) hands its id to what is found in its place.
        settings: When two sightings are one hole.
        roads: On which section a sighting lies: passes over roads that are not joined, such as
            the halves of a dual carriageway, are never one unless a person says so.

    Returns:
        Clusters sorted by their first sighting.
    """
    unique = {o.observation_id: o for o in observations}
    ordered = sorted(unique.values(), key=_order)
    apart, together = _by_word(constraints)
    groups = [
        _group(number, members, settings)
        for number, sweep in enumerate(_sweeps(ordered, settings))
        for members in _join_frames(sweep, apart=apart, together=together, settings=settings)
    ]
    partition = join_sweeps(
        groups,
        Gates(
            gate=settings.gate,
            floor_m=settings.pass_floor_m,
            error_time_s=settings.error_time_s,
            window_m=settings.window_m,
        ),
        may_join=lambda a, b: (
            not _kept_apart(a.members, b.members, apart)
            and not on_different_roads(_places(a, roads or {}), _places(b, roads or {}))
        ),
        must_join=lambda a, b: _kept_apart(a.members, b.members, together),
    )
    return _name_clusters(
        [tuple(_members(unique, group) for group in part) for part in partition], known, before
    )


def fuse_position(groups: Sequence[Sequence[Observation]]) -> tuple[float, float, GroundError]:
    """Return easting, northing and error of a hole from its sightings, one group a pass.

    Within a pass only each look's own error averages out; what the pass shares is added back.
    Passes are independent and weighed by their whole error.
    """
    passes = [_fuse_pass(group) for group in groups]
    weights = [np.linalg.inv(cov) for _, cov in passes]
    fused = np.linalg.inv(sum(weights[1:], start=weights[0]))
    pulls = [weight @ at for (at, _), weight in zip(passes, weights, strict=True)]
    at = fused @ sum(pulls[1:], start=pulls[0])
    return float(at[0]), float(at[1]), _error(fused)


def _order(o: Observation) -> tuple[datetime, UUID]:
    return o.seen_at, o.observation_id


def _by_word(
    constraints: Sequence[Constraint],
) -> tuple[frozenset[frozenset[ObservationId]], frozenset[frozenset[ObservationId]]]:
    pairs = {
        word: frozenset(
            frozenset((c.first_id, c.second_id)) for c in constraints if c.together is word
        )
        for word in (False, True)
    }
    return pairs[False], pairs[True]


def _kept_apart(
    a: Iterable[UUID], b: Iterable[UUID], pairs: frozenset[frozenset[ObservationId]]
) -> bool:
    """Return whether any pair across the two sets is named."""
    if not pairs:
        return False
    others = tuple(b)
    return any(frozenset((x, y)) in pairs for x in a for y in others)


def _sweeps(ordered: Sequence[Observation], settings: GatherSettings) -> list[list[Observation]]:
    """Split each drive where it comes back to a place it has already seen.

    Sightings of one sweep may share their GPS error; two sweeps over one place do not.
    """
    drives: dict[UUID, list[_Sweep]] = {}
    for o in ordered:
        sweeps = drives.setdefault(o.drive_id, [_Sweep()])
        if sweeps[-1].comes_back(o, settings.same_pass_s):
            sweeps.append(_Sweep())
        sweeps[-1].add(o)
    found = [sweep.members for sweeps in drives.values() for sweep in sweeps]
    return sorted(found, key=lambda sweep: _order(sweep[0]))


class _Sweep:
    """Sightings of one drive while it goes on to new places, found again by squares of ground."""

    def __init__(self) -> None:
        self.members: list[Observation] = []
        self._squares: dict[tuple[int, int], list[Observation]] = {}

    def add(self, o: Observation) -> None:
        self.members.append(o)
        self._squares.setdefault(self._square(o), []).append(o)

    def comes_back(self, o: Observation, same_pass_s: float) -> bool:
        """Return whether the sweep was near this place longer ago than one pass takes."""
        east, north = self._square(o)
        return any(
            (o.seen_at - old.seen_at).total_seconds() > same_pass_s
            and o.at.distance_m(old.at) < _REACH_M
            for e in (east - 1, east, east + 1)
            for n in (north - 1, north, north + 1)
            for old in self._squares.get((e, n), ())
        )

    @staticmethod
    def _square(o: Observation) -> tuple[int, int]:
        return int(o.at.easting_m // _REACH_M), int(o.at.northing_m // _REACH_M)


def _join_frames(
    sweep: Sequence[Observation],
    *,
    apart: frozenset[frozenset[ObservationId]],
    together: frozenset[frozenset[ObservationId]],
    settings: GatherSettings,
) -> list[list[Observation]]:
    """Join the sightings of one sweep: nearest pairs first, a person's word last."""
    cluster_of = list(range(len(sweep)))
    members = {i: [i] for i in cluster_of}
    for _, i, j in _near_pairs(sweep, together, settings):
        a, b = cluster_of[i], cluster_of[j]
        if a == b or not _may_join(sweep, members[a], members[b], apart, together, settings):
            continue
        members[a] += members.pop(b)
        for k in members[a]:
            cluster_of[k] = a
    return [[sweep[k] for k in sorted(part)] for _, part in sorted(members.items())]


def _near_pairs(
    sweep: Sequence[Observation],
    together: frozenset[frozenset[ObservationId]],
    settings: GatherSettings,
) -> list[tuple[float, int, int]]:
    pairs = []
    for i, a in enumerate(sweep):
        for j in range(i + 1, len(sweep)):
            b = sweep[j]
            if (b.seen_at - a.seen_at).total_seconds() > settings.same_pass_s:
                break
            if together and frozenset((a.observation_id, b.observation_id)) in together:
                pairs.append((math.inf, i, j))
            elif a.kind.family == b.kind.family and a.frame != b.frame and _within(a, b, settings):
                apart_m2 = _mahalanobis([a], [b], settings)
                if apart_m2 <= settings.gate:
                    pairs.append((apart_m2, i, j))
    return sorted(pairs)


def _within(a: Observation, b: Observation, settings: GatherSettings) -> bool:
    """Return whether two sightings may pass the gate: cheap, and never wrongly no.

    A squared Mahalanobis distance is at least the squared distance over the trace of its spread.
    """
    trace = 2 * (settings.floor_m**2 + _drift([a], [b], settings)) + 1e-5
    for o in (a, b):
        trace += o.error.var_e + o.error.var_n - o.shared_error.var_e - o.shared_error.var_n
    return a.at.distance_m(b.at) ** 2 <= settings.gate * trace


def _may_join(
    sweep: Sequence[Observation],
    a: Sequence[int],
    b: Sequence[int],
    apart: frozenset[frozenset[ObservationId]],
    together: frozenset[frozenset[ObservationId]],
    settings: GatherSettings,
) -> bool:
    ours, theirs = [sweep[i] for i in a], [sweep[i] for i in b]
    our_ids, their_ids = ([o.observation_id for o in part] for part in (ours, theirs))
    if _kept_apart(our_ids, their_ids, apart):
        return False
    if _kept_apart(our_ids, their_ids, together):
        return True
    if {o.frame for o in ours} & {o.frame for o in theirs}:
        return False
    return _mahalanobis(ours, theirs, settings) <= settings.gate


def _mahalanobis(
    ours: Sequence[Observation], theirs: Sequence[Observation], settings: GatherSettings
) -> float:
    (at, own), (other, other_own) = _fuse_own(ours), _fuse_own(theirs)
    spread = own + other_own + np.eye(2) * (settings.floor_m**2 + _drift(ours, theirs, settings))
    step = at - other
    return float(step @ np.linalg.solve(spread, step))


def _drift(
    ours: Sequence[Observation], theirs: Sequence[Observation], settings: GatherSettings
) -> float:
    """Return the variance by which the GPS error changed between two parts of one pass."""
    (begin, end), (other_begin, other_end) = (
        (min(o.seen_at for o in part), max(o.seen_at for o in part)) for part in (ours, theirs)
    )
    apart_s = max(begin - other_end, other_begin - end, timedelta(0)).total_seconds()
    shared = (ours[0].shared_error.var_e + ours[0].shared_error.var_n) / 2
    return 2 * (1 - math.exp(-apart_s / settings.error_time_s)) * shared


def _fuse_own(observations: Sequence[Observation]) -> tuple[Array, Array]:
    """Return position and covariance from each look's own error alone."""
    total, pull = np.zeros((2, 2)), np.zeros(2)
    for o in observations:
        own = _matrix(o.error) - _matrix(o.shared_error) + np.eye(2) * 1e-6
        weight = np.linalg.inv(own)
        total += weight
        pull += weight @ np.array([o.at.easting_m, o.at.northing_m])
    fused = np.asarray(np.linalg.inv(total), np.float64)
    return fused @ pull, fused


def _fuse_pass(group: Sequence[Observation]) -> tuple[Array, Array]:
    at, own = _fuse_own(group)
    nearest = min(group, key=lambda o: (o.range_m, o.observation_id))
    return at, own + _matrix(nearest.shared_error)


def _matrix(error: GroundError) -> Array:
    return np.array([[error.var_e, error.cov_en], [error.cov_en, error.var_n]])


def _error(matrix: Array) -> GroundError:
    return GroundError(
        var_e=float(matrix[0, 0]), var_n=float(matrix[1, 1]), cov_en=float(matrix[0, 1])
    )


def _group(sweep: int, members: Sequence[Observation], settings: GatherSettings) -> Group:
    at, own = _fuse_own(members)
    _, whole = _fuse_pass(members)
    return Group(
        sweep=sweep,
        family=members[0].kind.family,
        at=at,
        own=own + np.eye(2) * settings.floor_m**2 / 2,
        shared=whole - own,
        second=members[0].seen_at.timestamp(),
        members=tuple(o.observation_id for o in members),
    )


def _places(group: Group, roads: Mapping[ObservationId, RoadPlace]) -> tuple[RoadPlace, ...]:
    found = (roads.get(ObservationId(member)) for member in group.members)
    return tuple(place for place in found if place is not None)


def _members(unique: Mapping[ObservationId, Observation], group: Group) -> tuple[Observation, ...]:
    return tuple(unique[ObservationId(member)] for member in group.members)


def _name_clusters(
    parts: Sequence[tuple[tuple[Observation, ...], ...]],
    known: Mapping[ObservationId, DefectId],
    before: Mapping[DefectId, Defect],
) -> tuple[Cluster, ...]:
    """Give each cluster the id most of its sightings had: the larger claim wins."""
    claims: list[tuple[int, int, DefectId]] = []
    for index, part in enumerate(parts):
        votes = Counter(
            known[o.observation_id] for g in part for o in g if o.observation_id in known
        )
        claims += [(-count, index, defect_id) for defect_id, count in votes.items()]
    names: dict[int, DefectId] = {}
    taken: set[DefectId] = set()
    for _, index, defect_id in sorted(claims):
        if index not in names and defect_id not in taken:
            names[index] = defect_id
            taken.add(defect_id)
    names.update(_inherited(parts, names, before, taken))
    clusters = []
    taken |= set(known.values()) | set(before)
    for index, part in enumerate(parts):
        defect_id = names.get(index) or _new_id(part, taken)
        taken.add(defect_id)
        clusters.append(Cluster(defect_id=defect_id, groups=part))
    return tuple(clusters)


def _inherited(
    parts: Sequence[tuple[tuple[Observation, ...], ...]],
    names: Mapping[int, DefectId],
    before: Mapping[DefectId, Defect],
    taken: set[DefectId],
) -> list[tuple[int, DefectId]]:
    """Return ids that clusters without a claim take over from where they lie, nearest first."""
    pairs = []
    for index, part in enumerate(parts):
        if index in names:
            continue
        easting, northing, _ = fuse_position(part)
        at = GridRef(easting_m=easting, northing_m=northing)
        pairs += [
            (at.distance_m(defect.at), index, defect_id)
            for defect_id, defect in before.items()
            if defect_id not in taken
            and (defect.said_kind or defect.kind.family == part[0][0].kind.family)
            and at.distance_m(defect.at) <= _SAME_PLACE_M
        ]
    heirs: dict[int, DefectId] = {}
    for _, index, defect_id in sorted(pairs):
        if index not in heirs and defect_id not in heirs.values():
            heirs[index] = defect_id
    return sorted(heirs.items())


def _new_id(part: tuple[tuple[Observation, ...], ...], taken: set[DefectId]) -> DefectId:
    first = min((o for group in part for o in group), key=_order)
    turn = 0
    while (name := DefectId(natural_uuid("defect", first.observation_id, turn))) in taken:
        turn += 1
    return name
