"""Fits the quality gate: photographs spoilt on purpose teach a small network what is wrong.

The network has one hidden layer and is fitted whole (L-BFGS): a minute on one core.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from pipeline.domain.errors import InputError
from pipeline.domain.looks import NotLookedReason
from pipeline.domain.quality import QualityModel
from pipeline.geometry.quality import measures_of, shares_of
from pipeline.simulator.degrade import SPOILS

Picture = NDArray[np.uint8]
Numbers = NDArray[np.float64]
REASONS = tuple(SPOILS)
_SEED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class FitRules:
    """How the gate is fitted.

    Attributes:
        hidden: Units of the hidden layer.
        decay: How strongly large weights are held down.
        refused_share: At most so many of the sound pictures that were not fitted on are refused.
        rounds: Of the optimiser, at most.
    """

    hidden: int = 32
    decay: float = 2e-4
    refused_share: float = 0.008
    rounds: int = 600


@dataclass(frozen=True, slots=True)
class Measured:
    """Measures of pictures: N × 29, and what is wrong with each (0: nothing)."""

    measures: Numbers
    wrong: NDArray[np.int64]


def measure(
    pictures: Sequence[tuple[Picture, bool]],
    *,
    seed: int = _SEED,
    on_picture: Callable[[], None] = lambda: None,
) -> Measured:
    """Spoil each picture in every way, and measure all of them.

    Args:
        pictures: Each with whether it shows the road ahead: only then can it be upside down.
        seed: Same seed, same spoiling.
        on_picture: Told after each picture.
    """
    rows: list[Numbers] = []
    wrong: list[int] = []
    for number, (picture, ahead) in enumerate(pictures):
        rng = np.random.default_rng([seed, number])
        rows.append(measures_of(picture))
        wrong.append(0)
        for index, (reason, spoils) in enumerate(SPOILS.items(), 1):
            if reason is NotLookedReason.UPSIDE_DOWN and not ahead:
                continue
            for spoil in spoils:
                rows.append(measures_of(spoil(picture, rng)))
                wrong.append(index)
        on_picture()
    return Measured(np.array(rows), np.array(wrong))


def fit(taught: Measured, tuned: Measured, rules: FitRules) -> QualityModel:
    """Return a network fitted on some pictures, its threshold set by others.

    Args:
        taught: What it is fitted on.
        tuned: Of these sound pictures at most the allowed share is refused.
        rules: How.

    Raises:
        InputError: There is nothing to fit on.
    """
    if not len(taught.wrong) or not len(tuned.wrong):
        raise InputError("there are no pictures to fit the quality gate on")
    mean, scale = taught.measures.mean(axis=0), taught.measures.std(axis=0) + 1e-6
    scaled = np.clip((taught.measures - mean) / scale, -8, 8)
    units, outputs = rules.hidden, len(REASONS) + 1
    rng = np.random.default_rng(_SEED)
    start = np.concatenate(
        [
            rng.normal(0, 1 / np.sqrt(scaled.shape[1]), units * (scaled.shape[1] + 1)),
            rng.normal(0, 1 / np.sqrt(units), outputs * (units + 1)),
        ]
    )
    counts = np.bincount(taught.wrong, minlength=outputs).astype(np.float64)
    weight = (counts.sum() / outputs / np.maximum(counts, 1))[taught.wrong]
    weight[taught.wrong == 0] *= 2.0
    found = minimize(
        _loss,
        start,
        args=(scaled, taught.wrong, weight / weight.sum(), units, rules.decay),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": rules.rounds},
    )
    hidden, output = _unpacked(found.x, scaled.shape[1], units)
    model = QualityModel(
        reasons=REASONS,
        mean=_rounded(mean),
        scale=_rounded(scale),
        hidden=tuple(map(_rounded, hidden)),
        output=tuple(map(_rounded, output)),
        threshold=0.5,
    )
    sound = shares_of(tuned.measures[tuned.wrong == 0], model)[:, 0]
    limit = float(np.quantile(sound, rules.refused_share))
    return QualityModel(
        reasons=model.reasons,
        mean=model.mean,
        scale=model.scale,
        hidden=model.hidden,
        output=model.output,
        threshold=round(min(0.5, limit), 4),
    )


def read_pictures(folder: Path) -> Iterator[tuple[str, Picture]]:
    """Yield the pictures of a folder with their names, in order.

    Raises:
        InputError: There is none.
    """
    paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in {".jpg", ".png"})
    if not paths:
        raise InputError(f"{folder}: there are no pictures in it")
    for path in paths:
        picture = cv2.imread(str(path))
        if picture is not None:
            yield path.name, np.asarray(picture, np.uint8)


def _loss(
    weights: Numbers,
    scaled: Numbers,
    wrong: NDArray[np.int64],
    share: Numbers,
    units: int,
    decay: float,
) -> tuple[float, Numbers]:
    """Return the weighted cross entropy, and its gradient."""
    hidden, output = _unpacked(weights, scaled.shape[1], units)
    between = np.tanh(scaled @ hidden[:, 1:].T + hidden[:, 0])
    raw = between @ output[:, 1:].T + output[:, 0]
    raw -= raw.max(axis=1, keepdims=True)
    logs = raw - np.log(np.exp(raw).sum(axis=1, keepdims=True))
    rows = np.arange(len(wrong))
    loss = -float((share * logs[rows, wrong]).sum()) + decay * float(weights @ weights)
    error = np.exp(logs)
    error[rows, wrong] -= 1
    error *= share[:, None]
    to_output = np.concatenate([error.sum(axis=0)[:, None], error.T @ between], axis=1)
    back = (error @ output[:, 1:]) * (1 - between**2)
    to_hidden = np.concatenate([back.sum(axis=0)[:, None], back.T @ scaled], axis=1)
    gradient = np.concatenate([to_hidden.ravel(), to_output.ravel()]) + 2 * decay * weights
    return loss, gradient


def _unpacked(weights: Numbers, measures: int, units: int) -> tuple[Numbers, Numbers]:
    cut = units * (measures + 1)
    return weights[:cut].reshape(units, measures + 1), weights[cut:].reshape(-1, units + 1)


def _rounded(values: Numbers) -> tuple[float, ...]:
    return tuple(round(float(value), 5) for value in values)
