"""A chain of hidden states against the sum over all ways, counted out."""

from itertools import pairwise, product

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.geometry.chain import likeliest, probabilities

Array = NDArray[np.float64]


def a_chain(seed: int, *, broken: bool = False) -> tuple[list[Array], list[Array | None]]:
    chance = np.random.default_rng(seed)
    sizes = (2, 3, 2, 4)
    alone = [chance.normal(0, 2, size) for size in sizes]
    steps: list[Array | None] = [chance.normal(0, 2, pair) for pair in pairwise(sizes)]
    if broken:
        steps[1] = None
    return alone, steps


def all_ways(alone: list[Array], steps: list[Array | None]) -> dict[tuple[int, ...], float]:
    ways = {}
    for way in product(*(range(len(one)) for one in alone)):
        cost = alone[0][way[0]]
        for i, step in enumerate(steps):
            cost += alone[i + 1][way[i + 1]] if step is None else step[way[i], way[i + 1]]
        ways[way] = float(cost)
    return ways


@pytest.mark.parametrize("broken", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_probabilities_and_the_likeliest_way_are_those_of_all_ways(
    seed: int,
    broken: bool,  # noqa: FBT001 - a parameter
) -> None:
    alone, steps = a_chain(seed, broken=broken)
    ways = all_ways(alone, steps)
    total = sum(np.exp(cost) for cost in ways.values())

    found = probabilities(alone, steps)

    for i, one in enumerate(found):
        for state, value in enumerate(one):
            wanted = sum(np.exp(cost) for way, cost in ways.items() if way[i] == state) / total
            assert value == pytest.approx(wanted)
    assert tuple(likeliest(alone, steps)) == max(ways, key=lambda way: ways[way])
