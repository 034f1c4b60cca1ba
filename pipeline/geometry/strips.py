"""How far to the side of a driven line a place lies. Pure."""

import numpy as np
from numpy.typing import NDArray

_A_LITTLE = 1e-9


def right_of(line: NDArray[np.float64], at: NDArray[np.float64]) -> float | None:
    """Return how far right of a line a place lies, metres; to its left negative.

    Args:
        line: N×2 eastings and northings, in the direction of driving.
        at: Easting and northing.

    Returns:
        None where the place lies beyond one of the line's ends.
    """
    begin, step = line[:-1], np.diff(line, axis=0)
    length = np.maximum(np.hypot(*step.T), _A_LITTLE)
    along = ((at - begin) * step).sum(axis=1) / length**2
    away = at - (begin + step * along.clip(0, 1)[:, None])
    nearest = int(np.hypot(*away.T).argmin())
    before_it = nearest == 0 and along[0] < 0
    after_it = nearest == len(step) - 1 and along[-1] > 1
    if before_it or after_it:
        return None
    sideways = away[nearest, 0] * step[nearest, 1] - away[nearest, 1] * step[nearest, 0]
    return float(np.copysign(np.hypot(*away[nearest]), sideways))
