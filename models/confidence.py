"""Confidence that means what it says: of boxes at 0.7, seven in ten are right.

Beta calibration (Kull, Silva Filho and Flach, 2017): logit p' = a·ln p − b·ln(1 − p) + c with a > 0
and b ≥ 0. It never changes the order of two boxes of one kind, so average precision stays as it is.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
EDGE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Beta:
    """A fitted curve: logit p' = a·ln p − b·ln(1 − p) + c."""

    a: float
    b: float
    c: float

    def apply(self, scores: Array) -> Array:
        """Return calibrated confidences of scores between 0 and 1."""
        p = np.clip(scores, EDGE, 1 - EDGE)
        logit = self.a * np.log(p) - self.b * np.log1p(-p) + self.c
        calibrated: Array = 1 / (1 + np.exp(-logit))
        return calibrated

    def score_for(self, confidence: float) -> float:
        """Return a score below which no calibrated confidence reaches this; 1 if none does."""
        scores = np.linspace(0, 1, 10_001)
        first = int(np.searchsorted(self.apply(scores), confidence))
        return float(scores[max(first - 1, 0)])
