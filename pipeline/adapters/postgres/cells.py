"""Squares of the National Grid, 250 m wide, by which what lies near is looked up (migration 0029).

Under row security an index is used where whole numbers are compared, and not where places are.
"""

import math
from collections.abc import Iterable

from pipeline.domain.places import GridRef

_WIDE_M = 250.0
# A stretch has a point at least so often for which its square is kept.
_POINTS_APART_M = 25.0

Cell = tuple[int, int]


def cells_near(place: GridRef, within_m: float) -> frozenset[Cell]:
    """Return the squares that come nearer to a place than so many metres, and some more."""
    easts, norths = (
        range(math.floor((at - within_m) / _WIDE_M), math.floor((at + within_m) / _WIDE_M) + 1)
        for at in (place.easting_m, place.northing_m)
    )
    return frozenset((east, north) for east in easts for north in norths)


def cells_of_stretches(place: GridRef, within_m: float) -> frozenset[Cell]:
    """Return the squares under which stretches are kept that come so near to a place.

    The point of a stretch that is nearest to the place lies half of 25 m from one that has its
    square kept, at most.
    """
    return cells_near(place, within_m + _POINTS_APART_M / 2)


def apart(cells: Iterable[Cell]) -> tuple[list[int], list[int]]:
    """Return the two numbers of squares, as a query takes them: easts and norths."""
    ordered = sorted(cells)
    return [east for east, _ in ordered], [north for _, north in ordered]
