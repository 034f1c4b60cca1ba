"""What a candidate must pass before a person may release it."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from models.card import ModelCard, sha256_of_file
from models.evaluating.figures import ALL, Difference
from models.evaluating.measure import DEFECTS, Measured
from pipeline.domain.errors import InputError

GATE = "gate.json"
# Fewer streets than these say little of false alarms.
FEWEST_STREETS = 5
MOST_CALIBRATION_ERROR = 0.05
# Of one kind alone. Bins of a few boxes differ from their confidence by chance: 500 are needed.
MOST_OF_A_KIND = 0.1
_FEWEST_BOXES = 500
# Two runtimes, or two forms, of one network differ by rounding; more than this is a fault.
MOST_RUNTIME_DIFFERENCE = 0.015
_FEWEST_LABELS = 20
_LEAST_HIDDEN_LESS = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was checked, and what was found."""

    name: str
    passed: bool
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The outcome for one candidate.

    Attributes:
        card_sha256: Of the candidate's card as it was checked; it names the hashes of all files.
        against: The model that it was compared with.
        streets: How many simulated streets were driven.
        dataset_sha256: On what.
        at: When, ISO 8601.
        checks: What was checked.
        figures: AP50 by source and kind, for the card.
    """

    card_sha256: str
    against: str
    streets: int
    dataset_sha256: str
    at: str
    checks: tuple[Check, ...]
    figures: dict[str, dict[str, float]]

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return all(check.passed for check in self.checks)


def check_classes(differences: Sequence[Difference], measured: Measured) -> Check:
    """No kind of defect, on no source with 20 labels or more, is worse beyond doubt."""
    labels = {(f.source, f.kind): f.labels for f in measured.figures}
    judged = [
        d
        for d in differences
        if any(kind in d.kind for kind in DEFECTS)
        and labels.get((d.source, d.kind), 0) >= _FEWEST_LABELS
    ]
    # Written so that an interval that could not be computed fails.
    worse = [d for d in judged if not d.interval[1] >= 0]
    words = "; ".join(f"{d.kind} on {d.source} {d.value:+.3f}" for d in worse)
    return Check(
        name="no kind worse",
        passed=not worse,
        words=f"worse beyond doubt: {words}" if worse else f"{len(judged)} comparisons, none worse",
    )


def check_alarms(name: str, candidate: float, other: float, unit: str) -> Check:
    """False alarms are not up."""
    return Check(
        name=name,
        passed=candidate <= other,
        words=f"{candidate:.1f} false alarms {unit}, before {other:.1f}",
    )


def check_runtimes(one: dict[str, float], other: dict[str, float]) -> Check:
    """Both runtimes see the same: AP50 of each kind differs by 0.015 at most."""
    most = max(one, key=lambda kind: abs(one[kind] - other[kind]))
    apart = abs(one[most] - other[most])
    return Check(
        name="runtimes agree",
        passed=apart <= MOST_RUNTIME_DIFFERENCE,
        words=f"OpenVINO and torch differ by {apart:.3f} AP50 at most ({most})",
    )


def check_redaction(measured: Measured, other: Measured) -> Check:
    """People and vehicles are hidden no less: by 0.02 of the labels at most, of 20 or more."""
    shares = {
        kind: (one.hidden / one.labels, other.redaction[kind].hidden / one.labels)
        for kind, one in measured.redaction.items()
        if one.labels >= _FEWEST_LABELS
    }
    less = [kind for kind, (ours, theirs) in shares.items() if ours < theirs - _LEAST_HIDDEN_LESS]
    words = ", ".join(
        f"{k} {ours:.3f}, before {theirs:.3f}" for k, (ours, theirs) in shares.items()
    )
    return Check(name="redaction hides no less", passed=not less, words=words or "nobody to hide")


def check_calibration(measured: Measured) -> Check:
    """Confidence is true on images that it was not fitted on: of all boxes, and of each kind."""
    error = measured.reliability[ALL].error
    of_kinds = {
        kind: one.error
        for kind, one in measured.reliability.items()
        if kind != ALL and one.boxes >= _FEWEST_BOXES
    }
    parts = ", ".join(f"{kind} {value:.3f}" for kind, value in of_kinds.items())
    return Check(
        name="confidence is true",
        passed=error <= MOST_CALIBRATION_ERROR
        and all(value <= MOST_OF_A_KIND for value in of_kinds.values()),
        words=f"expected calibration error {error:.3f}, at most {MOST_CALIBRATION_ERROR}; "
        f"of kinds with {_FEWEST_BOXES} boxes, at most {MOST_OF_A_KIND}: {parts or 'none'}",
    )


def figures_for_card(measured: Measured) -> dict[str, dict[str, float]]:
    """Return AP50 by source and kind, as a card states it."""
    table: dict[str, dict[str, float]] = {}
    for f in measured.figures:
        if f.ap50 is not None:
            table.setdefault(f.source, {})[f.kind] = round(f.ap50, 3)
    return table


def write_verdict(card: ModelCard, verdict: Verdict) -> Path:
    """Write the verdict beside the candidate."""
    path = card.folder / GATE
    path.write_text(json.dumps(asdict(verdict), indent=1), "utf-8")
    return path


def read_verdict(card: ModelCard) -> Verdict:
    """Return the verdict on a candidate as it is now.

    Raises:
        InputError: There is none, or the card has changed since.
    """
    path = card.folder / GATE
    try:
        content: dict[str, Any] = json.loads(path.read_text("utf-8"))
        checks = tuple(Check(**check) for check in content.pop("checks"))
        verdict = Verdict(checks=checks, **content)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"{card.name} was not checked; run: roadwear models gate {card.path}"
        ) from error
    if verdict.card_sha256 != sha256_of_file(card.path):
        raise InputError(f"{card.name} has changed since it was checked; run the gate again")
    return verdict
