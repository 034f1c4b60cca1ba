"""A road network: which sections lie near, and how far it is to drive from one to another. Pure.

Sections are joined where their ends meet, and nowhere else: a bridge does not touch the road
under it, nor one carriageway the other.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from pipeline.domain.roads import SAME_JUNCTION_M, RoadSection, Ways

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

_TANGENT_M = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Nearby:
    """Places on sections near points; K of them, ordered by point.

    Attributes:
        point: K indices of points.
        section: K indices of sections.
        along_m: K chainages on the section's line.
        across_m: K offsets of the point, right of the line positive.
        beyond_m: K distances by which the point lies beyond the line's end; 0 beside it.
        course_deg: K directions of the line there, clockwise from grid north.
    """

    point: Indices
    section: Indices
    along_m: Array
    across_m: Array
    beyond_m: Array
    course_deg: Array


class RoadNetwork:
    """Sections with an index of where they lie and how they are joined."""

    def __init__(self, sections: Sequence[RoadSection]) -> None:
        """Index them."""
        self.sections = tuple(sections)
        self._lines = np.array(
            [
                shapely.linestrings([(ref.easting_m, ref.northing_m) for ref in section.line])
                for section in sections
            ],
            dtype=object,
        )
        self.length_m: Array = np.asarray(shapely.length(self._lines), np.float64)
        self._tree = shapely.STRtree(self._lines)
        ends = [(s.line[0], s.line[-1]) for s in sections]
        places = np.array([(r.easting_m, r.northing_m) for pair in ends for r in pair])
        self._nodes = _nodes_of(places.reshape(-1, 2)).reshape(-1, 2)
        self._leaving: dict[int, list[tuple[int, float]]] = {}
        for index, section in enumerate(self.sections):
            begin, end = (int(node) for node in self._nodes[index])
            length = float(self.length_m[index])
            if section.ways is not Ways.BACKWARD:
                self._leaving.setdefault(begin, []).append((end, length))
            if section.ways is not Ways.FORWARD:
                self._leaving.setdefault(end, []).append((begin, length))
        self._reached: dict[tuple[int, float], dict[int, float]] = {}

    def node(self, section: int, *, at_end: bool) -> int:
        """Return the junction at an end of a section."""
        return int(self._nodes[section, 1 if at_end else 0])

    def meets(self, section: int, other: int) -> bool:
        """Return whether two sections share a junction."""
        ours, theirs = self._nodes[section], self._nodes[other]
        return bool((ours[:, None] == theirs[None, :]).any())

    def chainages(self, section: int, points: Array) -> Array:
        """Return how far along a section's line N×2 points lie, metres; at its ends at most."""
        shapes = np.asarray(shapely.points(points), object)
        return np.asarray(shapely.line_locate_point(self._lines[section], shapes), np.float64)

    def near(self, points: Array, reach_m: Array | float) -> Nearby:
        """Find sections near points.

        Args:
            points: N×2 eastings and northings, metres.
            reach_m: How far, one for all or one each.
        """
        shapes = np.asarray(shapely.points(points), object)
        point, section = self._tree.query(shapes, predicate="dwithin", distance=reach_m)
        order = np.lexsort((section, point))
        point, section = point[order], section[order]
        lines, at = self._lines[section], shapes[point]
        length = self.length_m[section]
        along = np.asarray(shapely.line_locate_point(lines, at), np.float64)
        before, after = np.maximum(along - _TANGENT_M, 0), np.minimum(along + _TANGENT_M, length)
        tail, head, foot = (
            shapely.get_coordinates(shapely.line_interpolate_point(lines, where))
            for where in (before, after, along)
        )
        step = head - tail
        step /= np.maximum(np.hypot(*step.T), 1e-9)[:, None]
        miss = points[point] - foot
        ahead = (miss * step).sum(axis=1)
        at_end = (along <= 0) | (along >= length)
        return Nearby(
            point=point,
            section=section,
            along_m=along,
            across_m=miss[:, 0] * step[:, 1] - miss[:, 1] * step[:, 0],
            beyond_m=np.where(at_end, np.abs(ahead), 0.0),
            course_deg=np.degrees(np.arctan2(step[:, 0], step[:, 1])) % 360,
        )

    def reached_from(self, node: int, within_m: float) -> dict[int, float]:
        """Return the junctions within a driven distance of one, with the distance; memoised.

        E. W. Dijkstra, "A note on two problems in connexion with graphs", 1959.
        """
        found = self._reached.get((node, within_m))
        if found is None:
            found = self._reached[node, within_m] = self._reach(node, within_m)
        return found

    def _reach(self, node: int, within_m: float) -> dict[int, float]:
        found: dict[int, float] = {}
        waiting = [(0.0, node)]
        while waiting:
            distance, here = heapq.heappop(waiting)
            if here in found:
                continue
            found[here] = distance
            for other, length in self._leaving.get(here, ()):
                if distance + length <= within_m and other not in found:
                    heapq.heappush(waiting, (distance + length, other))
        return found


def _nodes_of(places: Array) -> Indices:
    """Number the junctions: places that lie together have one number."""
    if not len(places):
        return np.zeros(0, np.int64)
    shapes = np.asarray(shapely.points(places), object)
    a, b = shapely.STRtree(shapes).query(shapes, predicate="dwithin", distance=SAME_JUNCTION_M)
    name = np.arange(len(places))
    # Chains of near places become one: repeat until nothing changes.
    while True:
        lower = name.copy()
        np.minimum.at(lower, a, name[b])
        if (lower == name).all():
            return name.astype(np.int64)
        name = lower
