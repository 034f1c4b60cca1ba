"""A county's roads, and drives on them, with the truth: which section the vehicle was on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from math import cos, exp, pi, sin

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.places import R95_PER_AXIS, GridRef
from pipeline.domain.roads import RoadSection, Ways
from pipeline.domain.track import Fix, Track
from pipeline.simulator.drive import STARTED_AT, Gps

Array = NDArray[np.float64]
Spot = tuple[float, float]

_ORIGIN = (420_000.0, 180_000.0)
_APART_M = 12.0
_ROUNDABOUT_M = 16.0
_STEP_M = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CountyRules:
    """What the network is like.

    Attributes:
        rows: Streets from east to west …
        columns: … and from north to south, that cross them.
        block_m: Between two of them.
        band: Of so many rows one is a dual carriageway, and one a main road with a service road
            beside it, 12 m off.
    """

    rows: int = 20
    columns: int = 20
    block_m: float = 100.0
    band: int = 10


class County:
    """Sections in a network with what is hard to match: same rules and seed, same county.

    Dual carriageways whose halves lie 12 m apart; service roads 12 m beside main roads; streets
    that cross a dual carriageway on a bridge; roundabouts.
    """

    def __init__(self, rules: CountyRules, *, seed: int) -> None:
        """Build it."""
        self._rng = np.random.default_rng([seed, 41])
        self._rules = rules
        self._sections: list[RoadSection] = []
        self._build()
        self.sections = tuple(self._sections)

    def _build(self) -> None:
        rules, block = self._rules, self._rules.block_m
        jitter = self._rng.normal(0, block * 0.06, (rules.rows, rules.columns, 2))
        for row in range(rules.rows):
            kind = self._kind(row)
            if kind:
                # Wide roads are straighter; their streets join them where they cross.
                jitter[row, :, 1] = jitter[row, 0, 1]
        self._at = {
            (row, column): (
                _ORIGIN[0] + column * block + float(jitter[row, column, 0]),
                _ORIGIN[1] + row * block + float(jitter[row, column, 1]),
            )
            for row in range(rules.rows)
            for column in range(rules.columns)
        }
        self._rounds = {
            place for place in self._at if not self._kind(place[0]) and self._rng.random() < 0.03
        }
        for place in sorted(self._rounds):
            self._roundabout(self._at[place])
        for row in range(rules.rows):
            self._along(row)
        for column in range(rules.columns):
            self._across(column)

    def _kind(self, row: int) -> str:
        place = row % self._rules.band
        return {3: "dual", 7: "service"}.get(place, "") if row < self._rules.rows - 1 else ""

    def _along(self, row: int) -> None:
        """Build one street from west to east."""
        kind = self._kind(row)
        for column in range(self._rules.columns - 1):
            a, b = (row, column), (row, column + 1)
            if not kind:
                self._street(self._port(a, "E"), self._port(b, "W"), bent=True)
                continue
            near, far = (self._at[one] for one in (a, b))
            beside = [(x, y + _APART_M) for x, y in (near, far)]
            if kind == "dual":
                # Traffic keeps left: eastbound is the northern half.
                self._add((beside[0], beside[1]), Ways.FORWARD, "A Road")
                self._add((near, far), Ways.BACKWARD, "A Road")
            else:
                self._add((near, far), Ways.BOTH, "B Road")
                self._add((beside[0], beside[1]), Ways.BOTH, "Unclassified")

    def _across(self, column: int) -> None:
        """Build one street from south to north, over and through what it crosses."""
        bridge = column % self._rules.band == 5
        row = 0
        while row < self._rules.rows - 1:
            above = row + 1
            if self._kind(above) == "dual" and bridge and above + 1 < self._rules.rows:
                above += 1
            self._street(self._port((row, column), "N"), self._port((above, column), "S"))
            row = above
            kind = self._kind(row)
            if kind == "dual" or (kind == "service" and column % 3 == 0):
                x, y = self._at[row, column]
                self._add(((x, y), (x, y + _APART_M)), Ways.BOTH, "Unclassified")

    def _port(self, place: tuple[int, int], side: str) -> Spot:
        """Return where a street leaves a crossing."""
        x, y = self._at[place]
        if place in self._rounds:
            east, north = {"N": (0, 1), "E": (1, 0), "S": (0, -1), "W": (-1, 0)}[side]
            return x + east * _ROUNDABOUT_M, y + north * _ROUNDABOUT_M
        if side == "N" and self._kind(place[0]):
            return x, y + _APART_M
        return x, y

    def _roundabout(self, middle: Spot) -> None:
        """Build four arcs, driven clockwise."""
        for quarter in range(4):
            angles = pi / 2 - pi / 2 * (quarter + np.linspace(0, 1, 5))
            arc = [
                (
                    middle[0] + _ROUNDABOUT_M * round(cos(a), 9),
                    middle[1] + _ROUNDABOUT_M * round(sin(a), 9),
                )
                for a in angles.tolist()
            ]
            self._add(tuple(arc), Ways.FORWARD, "Unclassified")

    def _street(self, a: Spot, b: Spot, *, bent: bool = False) -> None:
        bend = self._rng.normal(0, 3.0, 2) if bent else np.zeros(2)
        middle = (a[0] + b[0]) / 2 + float(bend[0]), (a[1] + b[1]) / 2 + float(bend[1])
        self._add((a, middle, b), Ways.BOTH, "Unclassified")

    def _add(self, line: tuple[Spot, ...], ways: Ways, road_class: str) -> None:
        self._sections.append(
            RoadSection(
                section_id=f"S{len(self._sections)}",
                line=tuple(GridRef(easting_m=x, northing_m=y) for x, y in line),
                ways=ways,
                usrn=10_000_000 + len(self._sections),
                road_class=road_class,
            )
        )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CountyDrive:
    """A drive with its truth, every metre.

    Attributes:
        track: What the receiver said, once a second.
        second: When the vehicle was at each metre.
        section: Index of the section there.
        place: N×2 where it truly was.
    """

    track: Track
    second: Array
    section: NDArray[np.int64]
    place: Array


def drive_county(
    sections: tuple[RoadSection, ...],
    *,
    length_m: float,
    seed: int,
    gps: Gps | None = None,
    lane_m: float = 1.75,
    started_at: datetime = STARTED_AT,
) -> CountyDrive:
    """Drive at random, never turning back but at a dead end."""
    gps = gps or Gps()
    rng = np.random.default_rng([seed, 43])
    way = _wander(sections, length_m, rng)
    parts, owners = [], []
    for index, along in way:
        line = np.array([(r.easting_m, r.northing_m) for r in sections[index].line])
        points = _left_of(_every_metre(line if along else line[::-1]),
                          lane_m if sections[index].ways is Ways.BOTH else 0.0)  # fmt: skip
        parts.append(points)
        owners.append(np.full(len(points), index))
    place, section = np.concatenate(parts), np.concatenate(owners)
    steps = np.concatenate(([0.0], np.hypot(*np.diff(place, axis=0).T)))
    speed = rng.uniform(6, 14)
    second = np.cumsum(steps) / speed
    times = np.arange(0.0, float(second[-1]), 1 / gps.rate_hz)
    true = np.column_stack([np.interp(times, second, place[:, k]) for k in (0, 1)])
    said = true + _gps_errors(len(times), gps, rng)
    fixes = tuple(
        Fix(
            taken_at=started_at + timedelta(seconds=t),
            at=GridRef(easting_m=e, northing_m=n),
            sigma_m=gps.sigma_m,
        )
        for t, (e, n) in zip(times.tolist(), said.tolist(), strict=True)
    )
    return CountyDrive(track=Track(fixes=fixes), second=second, section=section, place=place)


def _wander(
    sections: tuple[RoadSection, ...], length_m: float, rng: np.random.Generator
) -> list[tuple[int, bool]]:
    """Return sections in the order driven, and whether along their lines."""
    leaving: dict[Spot, list[tuple[int, bool]]] = {}
    for index, section in enumerate(sections):
        for along in (True, False):
            if section.ways is (Ways.BACKWARD if along else Ways.FORWARD):
                continue
            leaving.setdefault(_end(section, begin=along), []).append((index, along))
    here = int(rng.integers(len(sections)))
    way = [(here, sections[here].ways is not Ways.BACKWARD)]
    driven = 0.0
    while driven < length_m:
        index, along = way[-1]
        line = sections[index].line
        driven += sum(a.distance_m(b) for a, b in pairwise(line))
        choices = leaving.get(_end(sections[index], begin=not along), [])
        onward = [choice for choice in choices if choice[0] != index] or choices
        if not onward:
            break
        way.append(onward[int(rng.integers(len(onward)))])
    return way


def _end(section: RoadSection, *, begin: bool) -> Spot:
    ref = section.line[0 if begin else -1]
    return round(ref.easting_m, 2), round(ref.northing_m, 2)


def _every_metre(line: Array) -> Array:
    steps = np.concatenate(([0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))))
    at = np.linspace(0.0, steps[-1], max(int(steps[-1] / _STEP_M), 1) + 1)
    return np.column_stack([np.interp(at, steps, line[:, k]) for k in (0, 1)])


def _left_of(points: Array, metres: float) -> Array:
    step = np.gradient(points, axis=0)
    step /= np.maximum(np.hypot(*step.T), 1e-9)[:, None]
    return np.asarray(points + metres * np.column_stack((-step[:, 1], step[:, 0])))


def _gps_errors(count: int, gps: Gps, rng: np.random.Generator) -> Array:
    """Return errors that last: a first-order Gauss-Markov process on each axis."""
    axis = 2 * gps.sigma_m / R95_PER_AXIS
    lasting = exp(-1 / (gps.rate_hz * gps.error_time_s))
    noise = rng.normal(0, axis, (count, 2))
    errors = np.empty_like(noise)
    errors[0] = noise[0]
    for i in range(1, count):
        errors[i] = lasting * errors[i - 1] + (1 - lasting**2) ** 0.5 * noise[i]
    return errors
