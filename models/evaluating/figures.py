"""Figures of a detector on labelled images, with intervals that know that a road is one trial."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from models.evaluating.matching import Array, Found, Judged, average_precision, judge
from models.evaluating.truth import ImageTruth

ALL = "all"
ROUNDS = 1000
_SEED = 20_26
_INTERVAL = (2.5, 97.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class KindFigures:
    """How one kind was found on the images of one source.

    Attributes:
        source: Which images; `all` for every image whose source labels the kind.
        kind: Which; several names joined by “or” were judged as one.
        labels: How many there were to find.
        roads: On how many roads or scenes.
        ap50: Average precision at IoU 0.5; None where there was nothing to find.
        ap50_interval: Its 95 % interval, roads drawn anew; None without intervals.
        ap50_95: Mean of the average precision at IoU 0.5, 0.55 … 0.95.
        threshold: The operating threshold that the next three belong to.
        precision: Share of the boxes that are right; None without boxes.
        recall: Share of the labels that were found.
        f1: Their harmonic mean.
        best_f1: The best F1 over all thresholds, and
        best_threshold: the confidence at which it is reached.
    """

    source: str
    kind: str
    labels: int
    roads: int
    ap50: float | None
    ap50_interval: tuple[float, float] | None
    ap50_95: float | None
    threshold: float
    precision: float | None
    recall: float | None
    f1: float | None
    best_f1: float
    best_threshold: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """AP50 of a candidate minus that of the other, on the same images.

    Attributes:
        source: Which images.
        kind: Which.
        value: The difference.
        interval: 95 %, roads drawn anew, the same for both.
    """

    source: str
    kind: str
    value: float
    interval: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Images and kinds that are judged together."""

    source: str
    kinds: tuple[str, ...]
    images: tuple[ImageTruth, ...]


def groups_of(truths: Sequence[ImageTruth], kinds: Sequence[str]) -> tuple[Group, ...]:
    """Return what is judged: each kind over all sources that label it, and on each source.

    Where a source confuses kinds, they are also judged as one.
    """
    groups = []
    for source in (ALL, *sorted({truth.source for truth in truths})):
        ours = [t for t in truths if source in (ALL, t.source)]
        for kind in kinds:
            known = tuple(t for t in ours if kind not in t.unlabelled)
            groups.append(Group(source=source, kinds=(kind,), images=known))
        confused = sorted({frozenset(t.confused) for t in ours if t.confused}, key=sorted)
        for together in confused:
            known = tuple(t for t in ours if not together & t.unlabelled)
            groups.append(Group(source=source, kinds=tuple(sorted(together)), images=known))
    return tuple(g for g in groups if any(_of_kinds(t, g.kinds) for t in g.images))


def figures_of(
    found: Sequence[Found],
    truths: Sequence[ImageTruth],
    kinds: Sequence[str],
    thresholds: Mapping[str, float],
    *,
    rounds: int = ROUNDS,
) -> tuple[KindFigures, ...]:
    """Return the figures of every group.

    Args:
        found: The detections, of confidence 0.01 and more.
        truths: The images.
        kinds: Which kinds are judged.
        thresholds: Operating threshold of each kind; 0.5 where none is given. Of kinds judged as
            one, the least.
        rounds: Draws for the intervals; 0 for none.
    """
    return tuple(
        _figures(_judged(group, found), group, thresholds, rounds)
        for group in groups_of(truths, kinds)
    )


def score_of(found: Sequence[Found], truths: Sequence[ImageTruth], kinds: Sequence[str]) -> float:
    """Return one figure for choosing among networks: the mean AP50 over sources.

    Each source counts alike, by the mean of its kinds; kinds that it confuses count as one. 0
    where there is nothing to find.
    """
    by_source: dict[str, list[float]] = {}
    for group in groups_of(truths, kinds):
        confused = frozenset[str]().union(*(t.confused for t in group.images))
        if group.source == ALL or (len(group.kinds) == 1 and group.kinds[0] in confused):
            continue
        judged = _judged(group, found)
        once = float(average_precision(judged, overlaps=1)[0])
        by_source.setdefault(group.source, []).append(once)
    means = [float(np.mean(values)) for values in by_source.values()]
    return float(np.mean(means)) if means else 0.0


def differences(
    candidate: Sequence[Found],
    other: Sequence[Found],
    truths: Sequence[ImageTruth],
    kinds: Sequence[str],
    *,
    rounds: int = ROUNDS,
) -> tuple[Difference, ...]:
    """Compare two detectors on the same images: roads are drawn once for both."""
    made = []
    for group in groups_of(truths, kinds):
        weights = road_weights([t.road for t in group.images], rounds)
        values = []
        for found in (candidate, other):
            judged = _judged(group, found)
            once = average_precision(judged, overlaps=1)[0]
            values.append((once, _drawn(judged, weights)))
        (a, drawn_a), (b, drawn_b) = values
        made.append(
            Difference(
                source=group.source,
                kind=" or ".join(sorted(group.kinds)),
                value=float(a - b),
                interval=_interval(drawn_a - drawn_b),
            )
        )
    return tuple(made)


def road_weights(roads: Sequence[str], rounds: int) -> Array:
    """Draw roads with replacement, and then images within each drawn road.

    Successive photographs of one road are alike: were only images drawn, the interval would be
    too narrow; were only roads drawn, a handful of them would hide what one road's images vary.

    Returns:
        rounds×images: how often each image counts.
    """
    chance = np.random.default_rng(_SEED)
    names = sorted(set(roads))
    members = {name: [i for i, road in enumerate(roads) if road == name] for name in names}
    weights = np.zeros((rounds, len(roads)))
    for row in weights:
        for number in chance.integers(0, len(names), len(names)):
            inside = members[names[number]]
            np.add.at(row, chance.choice(inside, len(inside)), 1.0)
    return weights


def _figures(
    judged: Judged, group: Group, thresholds: Mapping[str, float], rounds: int
) -> KindFigures:
    precisions = average_precision(judged)
    threshold = min(thresholds.get(kind, 0.5) for kind in group.kinds)
    hits = np.cumsum(judged.right[:, 0])
    count = np.arange(1, len(hits) + 1)
    f1 = 2 * hits / (count + judged.labels)
    best = int(f1.argmax()) if len(f1) else 0
    kept = int((judged.confidences >= threshold).sum())
    right = int(hits[kept - 1]) if kept else 0
    roads = [t.road for t in group.images]
    interval = None
    if rounds:
        interval = _interval(_drawn(judged, road_weights(roads, rounds)))
    return KindFigures(
        source=group.source,
        kind=judged.kind,
        labels=judged.labels,
        roads=len({t.road for t in group.images if _of_kinds(t, group.kinds)}),
        ap50=float(precisions[0]),
        ap50_interval=interval,
        ap50_95=float(precisions.mean()),
        threshold=threshold,
        precision=right / kept if kept else None,
        recall=right / judged.labels,
        f1=2 * right / (kept + judged.labels),
        best_f1=float(f1[best]) if len(f1) else 0.0,
        best_threshold=float(judged.confidences[best]) if len(f1) else 1.0,
    )


def _judged(group: Group, found: Sequence[Found]) -> Judged:
    labels = [label for t in group.images for label in t.labels]
    return judge(found, labels, [t.image for t in group.images], group.kinds)


def _of_kinds(truth: ImageTruth, kinds: Collection[str]) -> bool:
    return any(label.kind in kinds for label in truth.labels)


def _drawn(judged: Judged, weights: Array) -> Array:
    return np.array([average_precision(judged, row, overlaps=1)[0] for row in weights])


def _interval(values: Array) -> tuple[float, float]:
    low, high = np.nanpercentile(values, _INTERVAL)
    return float(low), float(high)
