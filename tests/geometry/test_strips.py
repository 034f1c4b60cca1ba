"""How far to the side of a driven line a place lies."""

import numpy as np
import pytest

from pipeline.geometry.strips import right_of

LINE = np.array([(0.0, 0.0), (0.0, 10.0), (10.0, 20.0)])


@pytest.mark.parametrize(
    ("at", "wanted"),
    [
        ((2, 5), 2),
        ((-3, 5), -3),
        ((0, 5), 0),
        ((4, 15), -np.sqrt(0.5)),
        ((-1, 10.5), -np.hypot(1, 0.5)),
        ((1, -0.1), None),
        ((10.5, 20.5), None),
    ],
)
def test_a_place_lies_right_or_left_of_a_line_or_beyond_its_ends(
    at: tuple[float, float], wanted: float | None
) -> None:
    found = right_of(LINE, np.array(at, float))

    assert found == (None if wanted is None else pytest.approx(wanted, abs=1e-9))
