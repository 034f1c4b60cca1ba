"""Route: in which order places are gone to. Pure.

Nearest neighbour first, then two-opt (Croes 1958): two legs that cross are uncrossed, as long as
that shortens the way. As the crow flies: whoever goes knows the roads.
"""

from collections.abc import Sequence

import numpy as np

from pipeline.domain.places import GridRef

_SHORTER_M = 1e-6


def route(places: Sequence[GridRef]) -> tuple[int, ...]:
    """Return the order, beginning with the first place; 200 places take a second or so."""
    if not places:
        return ()
    at = np.array([(place.easting_m, place.northing_m) for place in places])
    apart = np.hypot(*(at[:, None] - at[None]).transpose(2, 0, 1))
    order, left = [0], set(range(1, len(places)))
    while left:
        order.append(min(left, key=lambda one: (apart[order[-1], one], one)))
        left.discard(order[-1])
    while _uncross(order, apart):
        pass
    return tuple(order)


def _uncross(order: list[int], apart: np.ndarray) -> bool:
    """Turn one part of the way round if that shortens it; return whether it did."""
    for first in range(1, len(order) - 1):
        for last in range(first + 1, len(order)):
            before, begins, ends = order[first - 1], order[first], order[last]
            now = apart[before, begins]
            then = apart[before, ends]
            if last + 1 < len(order):
                now += apart[ends, order[last + 1]]
                then += apart[begins, order[last + 1]]
            if then < now - _SHORTER_M:
                order[first : last + 1] = reversed(order[first : last + 1])
                return True
    return False
