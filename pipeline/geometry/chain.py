"""A chain of hidden states: how probable each is, and the likeliest way through. Pure."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def probabilities(alone: Sequence[Array], steps: Sequence[Array | None]) -> list[Array]:
    """Return the probability of each state of each sample, given all samples.

    The sum over all ways, forwards and backwards: L. R. Rabiner, "A tutorial on hidden Markov
    models and selected applications in speech recognition", Proceedings of the IEEE 77(2), 1989.

    Args:
        alone: For each sample the logarithm of each state's probability, were it the first.
        steps: For each sample but the first the logarithms, states before × states, of going
            from one to the other; None where nothing ties it to the sample before.
    """
    forward = [alone[0]]
    for here, step in zip(alone[1:], steps, strict=True):
        last = forward[-1]
        forward.append(here if step is None else _log_sum(last[:, None] + step, axis=0))
        forward[-1] = forward[-1] - forward[-1].max()
    backward = [np.zeros_like(alone[-1])]
    for i in range(len(alone) - 2, -1, -1):
        step = steps[i]
        following = (
            np.zeros_like(alone[i])
            if step is None
            else _log_sum(step + backward[-1][None, :], axis=1)
        )
        backward.append(following - following.max())
    found = []
    for ahead, back in zip(forward, reversed(backward), strict=True):
        weight = np.exp(ahead + back - (ahead + back).max())
        found.append(weight / weight.sum())
    return found


def _log_sum(values: Array, axis: int) -> Array:
    most = values.max(axis=axis, keepdims=True)
    return np.asarray(np.log(np.exp(values - most).sum(axis=axis)) + most.squeeze(axis))


def likeliest(alone: Sequence[Array], steps: Sequence[Array | None]) -> list[int]:
    """Return the state of each sample on the likeliest way (A. J. Viterbi, 1967).

    Args:
        alone: As for `probabilities`.
        steps: Likewise.
    """
    best, came_from = alone[0], []
    for here, step in zip(alone[1:], steps, strict=True):
        whole = (here[None, :] + best.max()) if step is None else best[:, None] + step
        if step is None:
            came_from.append(np.full(len(here), int(best.argmax())))
            best = whole[0]
        else:
            came_from.append(whole.argmax(axis=0))
            best = whole.max(axis=0)
    way = [int(best.argmax())]
    for sources in reversed(came_from):
        way.append(int(sources[way[-1]]))
    return way[::-1]
