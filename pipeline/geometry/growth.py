"""Sizes over time: one of each pass, and whether they rose at some time. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import ndtri

from pipeline.domain.observations import Measurement

_DOUBT = 0.05
_LEAST_M = 1e-3
# Logarithms with their standard deviations.
Series = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rise:
    """A step upwards in a series.

    Attributes:
        first_after: Index of the first value after the step.
        ratio: Size after over size before.
        low: 95 % of true ratios are greater than this …
        high: … and less than this, but for 2.5 % each.
    """

    first_after: int
    ratio: float
    low: float
    high: float


def size_of_pass(looks: Sequence[Measurement]) -> Measurement:
    """Return the weighted mean of what one pass measured.

    Its looks share the rig's error, so the sigma never falls below the best look's.
    """
    sigmas = [max(look.sigma, _LEAST_M) for look in looks]
    weights = [1 / sigma**2 for sigma in sigmas]
    total = sum(w * look.value for w, look in zip(weights, looks, strict=True))
    return Measurement(value=total / sum(weights), sigma=min(sigmas), how=looks[0].how)


def rise_of(*series: Sequence[Measurement]) -> Rise | None:
    """Return the likeliest step upwards, or None where chance would do for an explanation.

    Every cut in two, before and after, is tried. At each the steps of all series, as logarithms,
    are averaged, weighed by their errors. The cut of the greatest step, in standard deviations, is
    taken; because many are tried, it must be the surer (Bonferroni). No rise is one that a fall
    follows, by the same measure.

    Args:
        series: Sizes of one thing in one direction each (its widths, its lengths), in order of
            time and equally long; their errors are taken as independent.
    """
    logs = [[_log(size) for size in one] for one in series]
    found = _greatest_step(logs, sign=1)
    if found is None:
        return None
    cut, step, sigma = found
    # What grew and was then patched is as small as before.
    if _greatest_step([one[cut:] for one in logs], sign=-1) is not None:
        return None
    return Rise(
        first_after=cut,
        ratio=math.exp(step),
        low=math.exp(step - 2 * sigma),
        high=math.exp(step + 2 * sigma),
    )


def _greatest_step(logs: Sequence[Series], *, sign: int) -> tuple[int, float, float] | None:
    """Return the cut of the greatest step upwards (or, sign −1, downwards), if it is sure."""
    count = len(logs[0])
    best: tuple[float, int, float, float] | None = None
    for cut in range(1, count):
        step, sigma = _weighted([_step(one, cut) for one in logs])
        if best is None or sign * step / sigma > best[0]:
            best = sign * step / sigma, cut, step, sigma
    if best is None or best[0] < -float(ndtri(_DOUBT / 2 / (count - 1))):
        return None
    return best[1:]


def _log(size: Measurement) -> tuple[float, float]:
    value = max(size.value, _LEAST_M)
    return math.log(value), max(size.sigma, _LEAST_M) / value


def _step(logs: Sequence[tuple[float, float]], cut: int) -> tuple[float, float]:
    (early, early_sigma), (late, late_sigma) = _weighted(logs[:cut]), _weighted(logs[cut:])
    return late - early, math.hypot(early_sigma, late_sigma)


def _weighted(values: Sequence[tuple[float, float]]) -> tuple[float, float]:
    weights = [1 / sigma**2 for _, sigma in values]
    mean = sum(w * v for w, (v, _) in zip(weights, values, strict=True)) / sum(weights)
    return mean, sum(weights) ** -0.5
