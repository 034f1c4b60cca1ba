"""Everything that is measured of one detector on labelled photographs, as one document."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from models.card import ModelCard
from models.evaluating.calibration import Reliability, reliability_of
from models.evaluating.figures import KindFigures, figures_of
from models.evaluating.matching import Found, Label, judge_labels
from models.evaluating.truth import ImageTruth
from pipeline.domain.looks import Bystander, BystanderKind, DefectKind
from pipeline.stages.redact import RedactSettings, paint_over

DEFECTS = tuple(kind.value for kind in DefectKind)
BYSTANDERS = tuple(kind.value for kind in BystanderKind)
_SMALLEST_BYSTANDER_PX = 8.0
_HIDDEN_SHARE = 0.9
_WHITE = 255
# Side of the square of a label's area, in pixels of the photograph.
SIZE_EDGES_PX = (0, 12, 16, 24, 32, 48, 64, 96, 1e9)
# Lower edge of a label as a share of the picture's height: near things lie low.
ROW_EDGES = (0, 0.2, 0.4, 0.6, 0.8, 1.001)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A detector's boxes on the images, and what it takes for a finding.

    Attributes:
        name: The model's.
        found: Boxes of confidence 0.01 and more.
        thresholds: Operating threshold of each kind.
    """

    name: str
    found: Sequence[Found]
    thresholds: Mapping[str, float]

    @classmethod
    def of(cls, card: ModelCard, found: Sequence[Found]) -> "Judgement":
        """Judge a model's boxes by its card's thresholds."""
        defects = {kind.value: value for kind, value in card.thresholds.items()}
        hidden = {kind.value: card.bystander_threshold for kind in card.bystander_kinds.values()}
        return cls(name=card.name, found=found, thresholds=defects | hidden)

    @property
    def reported(self) -> list[Found]:
        """The boxes that reach their operating threshold."""
        return [f for f in self.found if f.confidence >= self.thresholds.get(f.kind, 0.5)]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallBin:
    """How many labels of one size, or at one place, were found at the operating threshold."""

    at_least: float
    below: float
    labels: int
    found: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanFigures:
    """False alarms on photographs without any labelled defect.

    Attributes:
        photographs: How many there are.
        alarms: Boxes above their operating threshold, by kind.
        with_alarm: How many photographs have one at least.
    """

    photographs: int
    alarms: dict[str, int]
    with_alarm: int

    @property
    def a_hundred(self) -> float:
        """False alarms in a hundred photographs."""
        return 100 * sum(self.alarms.values()) / max(self.photographs, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactionFigures:
    """People or vehicles, and how many of them would be painted over.

    Attributes:
        labels: How many there are, at least eight pixels wide and high: less shows nobody.
        hidden: How many lie to nine tenths under what is painted over.
    """

    labels: int
    hidden: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was measured of one detector."""

    name: str
    thresholds: dict[str, float]
    figures: tuple[KindFigures, ...]
    reliability: dict[str, Reliability]
    clean: dict[str, CleanFigures]
    by_size: dict[str, tuple[RecallBin, ...]]
    by_row: dict[str, tuple[RecallBin, ...]]
    redaction: dict[str, RedactionFigures]

    @property
    def clean_alarms_a_hundred(self) -> float:
        """False alarms in a hundred photographs without damage, of all sources together."""
        photographs = sum(one.photographs for one in self.clean.values())
        return 100 * sum(sum(c.alarms.values()) for c in self.clean.values()) / max(photographs, 1)

    def as_document(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return asdict(self)


def measure(
    judgement: Judgement, truths: Sequence[ImageTruth], kinds: Sequence[str], *, rounds: int
) -> Measured:
    """Measure a detector on labelled photographs.

    Args:
        judgement: What it found.
        truths: What is there.
        kinds: All kinds of the labels, people and vehicles too.
        rounds: Draws for the intervals.
    """
    return Measured(
        name=judgement.name,
        thresholds=dict(judgement.thresholds),
        figures=figures_of(judgement.found, truths, kinds, judgement.thresholds, rounds=rounds),
        reliability=reliability_of(judgement.found, truths, DEFECTS),
        clean=clean_figures(judgement, truths),
        by_size={k: recall_bins(judgement, truths, k, _side, SIZE_EDGES_PX) for k in DEFECTS},
        by_row={k: recall_bins(judgement, truths, k, _row(truths), ROW_EDGES) for k in DEFECTS},
        redaction=redaction_figures(judgement, truths),
    )


def clean_figures(judgement: Judgement, truths: Sequence[ImageTruth]) -> dict[str, CleanFigures]:
    """Return the false alarms on photographs without a labelled defect, by source.

    Only kinds that the source labels count; nothing is known of the others.
    """
    figures = {}
    for source in sorted({t.source for t in truths}):
        clean = [
            t
            for t in truths
            if t.source == source and not any(label.kind in DEFECTS for label in t.labels)
        ]
        if not clean:
            continue
        names = {t.image for t in clean}
        unknown = clean[0].unlabelled
        alarms = [
            f
            for f in judgement.reported
            if f.image in names and f.kind in DEFECTS and f.kind not in unknown
        ]
        figures[source] = CleanFigures(
            photographs=len(clean),
            alarms={
                kind: sum(f.kind == kind for f in alarms) for kind in DEFECTS if kind not in unknown
            },
            with_alarm=len({f.image for f in alarms}),
        )
    return figures


def recall_bins(
    judgement: Judgement,
    truths: Sequence[ImageTruth],
    kind: str,
    measure_of: Callable[[Label], float],
    edges: Sequence[float],
) -> tuple[RecallBin, ...]:
    """Return the recall of one kind by a measure of its labels, at IoU 0.5."""
    known = [t for t in truths if kind not in t.unlabelled]
    labels = [label for t in known for label in t.labels if label.kind == kind]
    hit = judge_labels(judgement.reported, labels, kind)
    at = np.digitize([measure_of(label) for label in labels], edges) - 1
    return tuple(
        RecallBin(
            at_least=edges[i],
            below=edges[i + 1],
            labels=int((at == i).sum()),
            found=int(hit[at == i].sum()),
        )
        for i in range(len(edges) - 1)
        if (at == i).any()
    )


def redaction_figures(
    judgement: Judgement, truths: Sequence[ImageTruth]
) -> dict[str, RedactionFigures]:
    """Return how many people and vehicles the redaction would hide, whatever it takes them for."""
    painted: dict[str, list[Bystander]] = {}
    for one in judgement.reported:
        if one.kind in BYSTANDERS:
            bystander = Bystander(
                kind=BystanderKind(one.kind), box=one.box, confidence=one.confidence
            )
            painted.setdefault(one.image, []).append(bystander)
    labels, hidden = Counter[str](), Counter[str]()
    for truth in truths:
        shown = [
            label
            for label in truth.labels
            if label.kind in BYSTANDERS
            and min(label.box.width_px, label.box.height_px) >= _SMALLEST_BYSTANDER_PX
        ]
        if not shown:
            continue
        wide, high = truth.size_px
        white = np.full((high, wide, 3), 255, np.uint8)
        clean = paint_over(white, painted.get(truth.image, []), RedactSettings())[..., 0] < _WHITE
        for label in shown:
            labels[label.kind] += 1
            box = label.box
            rows = slice(max(int(box.top_px), 0), int(np.ceil(box.bottom_px)))
            part = clean[rows, max(int(box.left_px), 0) : int(np.ceil(box.right_px))]
            hidden[label.kind] += bool(part.mean() >= _HIDDEN_SHARE)
    return {
        kind: RedactionFigures(labels=labels[kind], hidden=hidden[kind])
        for kind in BYSTANDERS
        if labels[kind]
    }


def _side(label: Label) -> float:
    return float(np.sqrt(label.box.width_px * label.box.height_px))


def _row(truths: Sequence[ImageTruth]) -> Callable[[Label], float]:
    heights = {t.image: t.size_px[1] for t in truths}
    return lambda label: label.box.bottom_px / heights[label.image]
