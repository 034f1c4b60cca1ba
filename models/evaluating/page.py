"""The page of an evaluation: one HTML file with its pictures beside it. Needs matplotlib."""

import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.evaluating.figures import Difference, KindFigures
from models.evaluating.matching import Found, judge
from models.evaluating.measure import DEFECTS, Judgement, Measured, RecallBin
from models.evaluating.truth import ImageTruth
from pipeline.domain.errors import InputError

PAGE = "page.html"
FIGURES = "figures.json"
_EXAMPLES = 12
_AGREES = 0.5
_PREFACE = (
    "<p>Nothing here was measured on British roads: no labelled UK footage could be found. AP50 is "
    "the average precision at IoU 0.5 (COCO's 101 recall points); in brackets its 95 % interval, "
    "roads drawn anew and images within them. Kinds that a source does not label are not scored "
    "on it; kinds whose type it gets wrong are also judged as one.</p>"
)
_LEGEND = (
    "<p>White: a label that it missed. In colour: what it reported, with confidence and, where no "
    "label agrees, “?”. Half are drawn by chance, half are where it was most wrong.</p>"
)
_BGR = {
    "pothole": (60, 60, 230),
    "alligator_crack": (40, 190, 240),
    "longitudinal_crack": (230, 120, 40),
    "transverse_crack": (200, 200, 40),
}
_MISSED_BGR = (255, 255, 255)


def write_page(
    out: Path,
    measured: Sequence[Measured],
    apart: Sequence[Difference],
    judgements: Sequence[Judgement],
    truths: Sequence[ImageTruth],
    paths: Sequence[Path],
) -> Path:
    """Write the page of one detector, or of two side by side.

    Args:
        out: Folder for page, pictures and figures.
        measured: What was measured; the first is the one the page is about.
        apart: How the first differs from the second.
        judgements: Their boxes.
        truths: What is on the images.
        paths: The images, in the order of the truths.

    Raises:
        InputError: matplotlib is not installed, or the folder cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        pictures = [
            _curves(out, judgements, truths),
            _reliability(out, measured),
            _recall(out, measured, "by_size", "side, px"),
            _recall(out, measured, "by_row", "lower edge, share of height"),
        ]
        examples = _examples(out, judgements[0], truths, paths)
        content = [one.as_document() for one in measured]
        (out / FIGURES).write_text(json.dumps(content, indent=1), "utf-8")
        page = out / PAGE
        page.write_text(_page(measured, apart, pictures, examples), "utf-8")
    except OSError as error:
        raise InputError(f"{out} cannot be written ({error.strerror})") from error
    return page


def _page(
    measured: Sequence[Measured],
    apart: Sequence[Difference],
    pictures: Sequence[str],
    examples: Sequence[tuple[str, str]],
) -> str:
    names = " and ".join(one.name for one in measured)
    parts = [
        f"<h1>What {html.escape(names)} can see</h1>",
        _PREFACE,
    ]
    for one in measured:
        parts += [f"<h2>{html.escape(one.name)}: found and missed</h2>", _figures(one.figures)]
    if apart:
        parts += [
            f"<h2>{html.escape(measured[0].name)} minus {html.escape(measured[1].name)}</h2>",
            _differences(apart),
        ]
    parts += ["<h2>False alarms on photographs without damage</h2>", _clean(measured)]
    parts += ["<h2>People and vehicles that the redaction hides</h2>", _redaction(measured)]
    titles = ("Precision and recall", "Is confidence true?", "Recall by size", "Recall by place")
    for title, picture in zip(titles, pictures, strict=True):
        parts += [f"<h2>{title}</h2>", _img(picture, title)]
        if picture.startswith("reliability"):
            parts.append(_calibration(measured))
        if picture.startswith("by_"):
            parts.append(_bins(measured, picture.removesuffix(".png")))
    parts += [
        "<h2>What it did, looked at</h2>",
        _LEGEND,
    ]
    parts += [f"<figure>{_img(p, c)}<figcaption>{html.escape(c)}</figcaption></figure>"
              for p, c in examples]  # fmt: skip
    return (
        '<!doctype html><html lang="en-GB"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>What {html.escape(names)} can see</title><style>{_STYLE}</style><main>"
        + "\n".join(parts)
        + "</main></html>\n"
    )


_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;color:#0b0c0c;margin:0}"
    "main{max-width:64rem;margin:auto;padding:1rem}table{border-collapse:collapse;width:100%}"
    "th,td{padding:.25rem .5rem;border-bottom:1px solid #b1b4b6;text-align:right}"
    "td{white-space:nowrap}th:first-child,td:first-child,th:nth-child(2),td:nth-child(2){text-align:left;white-space:normal}"
    "td:last-child{white-space:normal}"
    "img{max-width:100%;height:auto}figure{margin:1rem 0}"
)


def _img(path: str, words: str) -> str:
    return f'<img src="{html.escape(path)}" alt="{html.escape(words)}" loading="lazy">'


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _figures(figures: Sequence[KindFigures]) -> str:
    head = (
        "source", "kind", "labels", "roads", "AP50", "AP50-95", "threshold", "recall",
        "precision", "F1", "best F1",
    )  # fmt: skip
    rows = [
        (
            f.source,
            f.kind.replace("_", " "),
            str(f.labels),
            str(f.roads),
            f"{_number(f.ap50)} {_between(f.ap50_interval)}",
            _number(f.ap50_95),
            f"{f.threshold:.2f}",
            _number(f.recall),
            _number(f.precision),
            _number(f.f1),
            f"{f.best_f1:.2f} at {f.best_threshold:.2f}",
        )
        for f in figures
    ]
    return _table(head, rows)


def _differences(apart: Sequence[Difference]) -> str:
    rows = [
        (d.source, d.kind.replace("_", " "), f"{d.value:+.3f}",
         f"{d.interval[0]:+.3f} to {d.interval[1]:+.3f}")
        for d in apart
    ]  # fmt: skip
    return _table(("source", "kind", "AP50", "95 % interval, paired"), rows)


def _clean(measured: Sequence[Measured]) -> str:
    rows = [
        (
            one.name,
            source,
            str(clean.photographs),
            f"{clean.a_hundred:.1f}",
            str(clean.with_alarm),
            ", ".join(f"{kind.replace('_', ' ')} {n}" for kind, n in clean.alarms.items() if n),
        )
        for one in measured
        for source, clean in one.clean.items()
    ]
    head = ("model", "source", "photographs", "false alarms in 100", "with one", "of kind")
    return _table(head, rows)


def _redaction(measured: Sequence[Measured]) -> str:
    rows = [
        (one.name, kind, str(r.labels), str(r.hidden), f"{r.hidden / r.labels:.3f}")
        for one in measured
        for kind, r in one.redaction.items()
    ]
    return _table(("model", "kind", "labelled (by machine)", "hidden", "share"), rows)


def _calibration(measured: Sequence[Measured]) -> str:
    rows = [
        (one.name, kind.replace("_", " "), f"{r.error:.3f}", str(r.boxes))
        for one in measured
        for kind, r in one.reliability.items()
    ]
    return _table(("model", "kind", "expected calibration error", "boxes"), rows)


def _bins(measured: Sequence[Measured], name: str) -> str:
    rows = []
    for one in measured:
        groups: dict[str, tuple[RecallBin, ...]] = getattr(one, name)
        for kind, bins in groups.items():
            words = ", ".join(f"from {b.at_least:g}: {b.found} of {b.labels}" for b in bins)
            if bins:
                rows.append((one.name, kind.replace("_", " "), words))
    return _table(("model", "kind", "found of labelled"), rows)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _between(interval: tuple[float, float] | None) -> str:
    return f"({interval[0]:.3f} to {interval[1]:.3f})" if interval else ""


def _plots() -> tuple[Any, Any]:
    """Return an empty figure and its axes, one for each kind of defect."""
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - only for who evaluates
    except ImportError as error:
        raise InputError('the page needs matplotlib; run: pip install "roadwear[train]"') from error
    figure = Figure(figsize=(13, 3.4), layout="tight")
    return figure, figure.subplots(1, len(DEFECTS), sharey=True)


def _save(out: Path, name: str, figure: Any) -> str:  # noqa: ANN401 - the vendor's
    figure.savefig(out / name, dpi=110)
    return name


def _curves(out: Path, judgements: Sequence[Judgement], truths: Sequence[ImageTruth]) -> str:
    figure, axes = _plots()
    for axis, kind in zip(axes, DEFECTS, strict=True):
        known = [t for t in truths if kind not in t.unlabelled]
        labels = [label for t in known for label in t.labels]
        for one in judgements:
            judged = judge(one.found, labels, [t.image for t in known], {kind})
            hits = np.cumsum(judged.right[:, 0])
            count = np.arange(1, len(hits) + 1)
            axis.plot(hits / max(judged.labels, 1), hits / count, label=one.name)
        axis.set(title=kind.replace("_", " "), xlabel="recall", xlim=(0, 1), ylim=(0, 1))
    axes[0].set_ylabel("precision")
    axes[0].legend()
    return _save(out, "curves.png", figure)


def _reliability(out: Path, measured: Sequence[Measured]) -> str:
    figure, axes = _plots()
    for axis, kind in zip(axes, DEFECTS, strict=True):
        axis.plot((0, 1), (0, 1), color="0.7", linewidth=1)
        for one in measured:
            r = one.reliability.get(kind)
            if r is not None:
                axis.plot(r.claimed, r.right, marker="o", label=f"{one.name}, {r.error:.3f}")
        axis.set(title=kind.replace("_", " "), xlabel="confidence", xlim=(0, 1), ylim=(0, 1))
        axis.legend()
    axes[0].set_ylabel("share that is right")
    return _save(out, "reliability.png", figure)


def _recall(out: Path, measured: Sequence[Measured], name: str, words: str) -> str:
    figure, axes = _plots()
    for axis, kind in zip(axes, DEFECTS, strict=True):
        for one in measured:
            bins: tuple[RecallBin, ...] = getattr(one, name)[kind]
            axis.plot(
                [f"{b.at_least:g}" for b in bins],
                [b.found / b.labels for b in bins],
                marker="o",
                label=one.name,
            )
        axis.set(title=kind.replace("_", " "), xlabel=f"{words}, from", ylim=(0, 1))
    axes[0].set_ylabel("recall at the operating threshold")
    axes[0].legend()
    return _save(out, f"{name}.png", figure)


def _examples(
    out: Path, judgement: Judgement, truths: Sequence[ImageTruth], paths: Sequence[Path]
) -> list[tuple[str, str]]:
    """Draw some images by chance and some where it was most wrong; return files and words."""
    reported = [f for f in judgement.reported if f.kind in DEFECTS]
    by_image: dict[str, list[Found]] = {}
    for one in reported:
        by_image.setdefault(one.image, []).append(one)
    wrong = []
    for truth in truths:
        missed, unsure = _errors(by_image.get(truth.image, []), truth)
        wrong.append(len(missed) + len(unsure))
    order = np.random.default_rng(0).permutation(len(truths))
    worst = sorted(order.tolist(), key=lambda i: -wrong[i])[: _EXAMPLES // 2]
    drawn = [i for i in order.tolist() if i not in worst][: _EXAMPLES // 2]
    made: list[tuple[str, str]] = []
    for i in (*drawn, *worst):
        name = f"example-{len(made):02}.jpg"
        picture = _drawn(paths[i], by_image.get(truths[i].image, []), truths[i])
        cv2.imwrite(str(out / name), picture)
        made.append((name, truths[i].image))
    return made


def _errors(ours: Sequence[Found], truth: ImageTruth) -> tuple[list[int], list[Found]]:
    """Return the numbers of the missed labels, and the boxes that no label agrees with."""
    labels = [label for label in truth.labels if label.kind in DEFECTS]
    free = set(range(len(labels)))
    unsure = []
    ours = [one for one in ours if one.kind not in truth.unlabelled]
    for one in sorted(ours, key=lambda f: -f.confidence):
        hit = [
            i for i in free if labels[i].kind == one.kind and labels[i].box.iou(one.box) >= _AGREES
        ]
        if hit:
            free.discard(max(hit, key=lambda i: labels[i].box.iou(one.box)))
        else:
            unsure.append(one)
    return sorted(free), unsure


def _drawn(path: Path, ours: Sequence[Found], truth: ImageTruth) -> NDArray[np.uint8]:
    picture = np.asarray(cv2.imread(str(path)), np.uint8)
    labels = [label for label in truth.labels if label.kind in DEFECTS]
    missed, unsure = _errors(ours, truth)
    for i in missed:
        box = labels[i].box
        corners = (
            (round(box.left_px), round(box.top_px)),
            (round(box.right_px), round(box.bottom_px)),
        )
        cv2.rectangle(picture, *corners, _MISSED_BGR, 1)
    for one in ours:
        box = one.box
        at = round(box.left_px), round(box.top_px)
        cv2.rectangle(picture, at, (round(box.right_px), round(box.bottom_px)), _BGR[one.kind], 2)
        words = f"{one.confidence:.2f}{'?' if one in unsure else ''}"
        cv2.putText(picture, words, (at[0], max(at[1] - 3, 10)), 0, 0.45, _BGR[one.kind], 1)
    return picture
