"""Makes a candidate of trained weights: its forms, their figures in one table, and its card.

What is fitted or chosen (form, thresholds, confidence) is fitted on the tune split, which the
training leaves out; what is reported stands on the val split.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
import openvino
import tomli_w

from models.card import ModelCard, load_card, sha256_of_file
from models.datasets import BuiltDataset
from models.datasets.declared import Split
from models.evaluating.calibration import calibrated, fit
from models.evaluating.figures import ALL, figures_of
from models.evaluating.looking import FLOOR, frame_of, look_at_images
from models.evaluating.matching import Found
from models.evaluating.measure import BYSTANDERS, DEFECTS, Judgement, redaction_figures
from models.evaluating.truth import ImageTruth, truth_of_dataset
from models.quantising import quantise
from pipeline.domain.errors import InputError
from pipeline.domain.footage import Frame
from pipeline.domain.ports import Detector

FORMS = "forms.json"
# A form that loses more than this on any kind of defect is not taken, however quick.
LEAST_LOSS = 0.015
# A form this many times as quick as f32 is quick enough.
QUICK_ENOUGH = 1.5
FLOAT_BLOCKS = (0, 1, 3, 5)
# Low on purpose: a person painted over twice is better than one missed.
REDACTION_SCORES = (0.2, 0.15, 0.1, 0.07, 0.05, 0.03)
LEAST_HIDDEN = 0.95
_WIDE_PX = (720, 1280)
_SQUARE_PX = (640, 640)
_SPEED_LOOKS = 20
_SPEED_ROUNDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One way to execute the same network.

    Attributes:
        name: torch, f32, f16, int8 (its first so many blocks in float: int8-3), onnx.
        path: Its file: `.pt`, `.xml` or `.onnx`.
        precision: In which it computes.
    """

    name: str
    path: Path
    precision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FormFigures:
    """What a form costs and gives.

    Attributes:
        name: The form's.
        bytes: Size of its files.
        tune: AP50 on the tune split, by kind of defect, over all sources that label it.
        val: AP50 on the val split: reported, not chosen by.
        ms_a_look: Wall-clock milliseconds a look at 1280×720 takes, all cores, median of rounds.
        ms_a_square_look: Likewise at 640×640.
    """

    name: str
    bytes: int
    tune: dict[str, float]
    val: dict[str, float]
    ms_a_look: float
    ms_a_square_look: float


def make_forms(
    card: ModelCard,
    dataset: BuiltDataset,
    onnx: Path | None,
    *,
    float_blocks: Sequence[int] = FLOAT_BLOCKS,
) -> list[Form]:
    """Write the OpenVINO forms beside the float one, and return all forms there are.

    Args:
        card: Of the candidate: its torch weights and its model in f32.
        dataset: Its train pictures calibrate the 8-bit forms.
        onnx: The ONNX file, if there is one.
        float_blocks: An 8-bit form is made for each: so many of the first blocks stay in float.
    """
    base = card.openvino_model
    forms = [
        Form(name="torch", path=card.torch_weights, precision="f32"),
        Form(name="f32", path=base, precision="f32"),
    ]
    # Compressed weights, computed in float32: half the size.
    half = base.with_name(f"{card.name}-f16.xml")
    openvino.save_model(openvino.Core().read_model(base), half, compress_to_fp16=True)
    forms.append(Form(name="f16", path=half, precision="f32"))
    pictures = [dataset.folder / item.image for item in dataset.of(Split.TRAIN)]
    for blocks in float_blocks:
        name = f"int8-{blocks}" if blocks else "int8"
        path = base.with_name(f"{card.name}-{name}.xml")
        model = quantise(base, pictures, card, float_blocks=blocks)
        openvino.save_model(model, path, compress_to_fp16=True)
        forms.append(Form(name=name, path=path, precision="int8"))
    if onnx is not None:
        forms.append(Form(name="onnx", path=onnx, precision="f32"))
    return forms


def measure_forms(
    forms: Sequence[Form],
    card: ModelCard,
    dataset: BuiltDataset,
    *,
    on_form: Callable[[str], None] = lambda _: None,
) -> tuple[FormFigures, ...]:
    """Measure every form on both splits, and its speed, in turns so that no one is favoured."""
    truths = {split: truth_of_dataset(dataset, split) for split in (Split.TUNE, Split.VAL)}
    paths = {split: [dataset.folder / item.image for item in dataset.of(split)] for split in truths}
    scores: dict[str, dict[Split, dict[str, float]]] = {}
    for form in forms:
        on_form(form.name)
        detector = detector_of(form, card)
        scores[form.name] = {
            split: ap50_by_kind(look_at_images(detector, paths[split]), truth)
            for split, truth in truths.items()
        }
    on_form("speed")
    wide, square = (_speeds(forms, card, shape) for shape in (_WIDE_PX, _SQUARE_PX))
    return tuple(
        FormFigures(
            name=form.name,
            bytes=sum(p.stat().st_size for p in form.path.parent.glob(f"{form.path.stem}.*")
                      if p.suffix in _files_of(form)),
            tune=scores[form.name][Split.TUNE],
            val=scores[form.name][Split.VAL],
            ms_a_look=wide[form.name],
            ms_a_square_look=square[form.name],
        )
        for form in forms
    )  # fmt: skip


def choose(figures: Sequence[FormFigures]) -> str:
    """Return the form to be shipped.

    Of the OpenVINO forms that lose at most 0.015 AP50 on no kind of defect on the tune split,
    against OpenVINO in f32, the quickest; but where several are 1.5 times as quick as f32 or more,
    the slowest of these, which computes most in float: a tune split of some hundred pictures
    cannot tell losses of this size from chance.
    """
    base = next(f for f in figures if f.name == "f32")
    fit_ones = [
        f
        for f in figures
        if f.name not in {"torch", "onnx"}
        and all(base.tune[kind] - f.tune[kind] <= LEAST_LOSS for kind in base.tune)
    ]
    quick = [f for f in fit_ones if base.ms_a_look >= QUICK_ENOUGH * f.ms_a_look]
    if quick:
        return max(quick, key=lambda f: f.ms_a_look).name
    return min(fit_ones, key=lambda f: f.ms_a_look).name


def ap50_by_kind(found: Sequence[Found], truths: Sequence[ImageTruth]) -> dict[str, float]:
    """Return AP50 of each kind of defect over all sources that label it."""
    figures = figures_of(found, truths, DEFECTS, {}, rounds=0)
    return {f.kind: f.ap50 for f in figures if f.source == ALL and f.ap50 is not None}


def detector_of(form: Form, card: ModelCard) -> Detector:
    """Return a detector that executes one form, and gives boxes of any score of 0.01 or more."""
    files = {
        path.relative_to(card.folder).as_posix(): sha256_of_file(path)
        for suffix in _files_of(form)
        if (path := form.path.with_suffix(suffix)).is_file()
    }
    own = replace(card, files=files, precision=form.precision)
    if form.name == "torch":
        from models.ultralytics_.detector import UltralyticsDetector  # noqa: PLC0415 - torch

        return UltralyticsDetector(own, floor=FLOOR)
    from models.detector_openvino import OpenVinoDetector  # noqa: PLC0415 - a runtime on demand

    return OpenVinoDetector(own, floor=FLOOR)


def fitted(card: ModelCard, found: Sequence[Found], truths: Sequence[ImageTruth]) -> dict[str, Any]:
    """Return a card's `confidence` and `thresholds`, fitted on the tune split.

    The threshold of a kind is the calibrated confidence of the best F1, rounded down to 0.01.

    Raises:
        InputError: The tune split has too little of a kind.
    """
    kinds = [kind.value for kind in card.defect_kinds.values()]
    curves = fit(found, truths, kinds)
    sure = calibrated(found, curves)
    best = {
        f.kind: f.best_threshold
        for f in figures_of(sure, truths, kinds, {}, rounds=0)
        if f.source == ALL
    }
    missing = [kind for kind in kinds if kind not in best]
    if missing:
        raise InputError(f"the tune split has no label of: {', '.join(missing)}")
    return {
        "confidence": {kind: asdict(curve) for kind, curve in curves.items()},
        "thresholds": {kind: max(int(best[kind] * 100), 1) / 100 for kind in kinds},
    }


def redaction_threshold(name: str, found: Sequence[Found], truths: Sequence[ImageTruth]) -> float:
    """Return the highest score from which on enough of all people and vehicles are painted over.

    Enough is 95 in 100 of each that the tune split labels; the lowest score, if none is enough.

    Args:
        name: The model's.
        found: Boxes of people and vehicles of score 0.01 and more.
        truths: The tune split.
    """
    for score in REDACTION_SCORES:
        thresholds = dict.fromkeys(BYSTANDERS, score)
        judgement = Judgement(name=name, found=found, thresholds=thresholds)
        hidden = redaction_figures(judgement, truths)
        if all(one.hidden >= LEAST_HIDDEN * one.labels for one in hidden.values()):
            return score
    return REDACTION_SCORES[-1]


def write_card(path: Path, content: Mapping[str, Any]) -> ModelCard:
    """Write a card, and read it back."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(tomli_w.dumps(dict(content)), "utf-8")
    return load_card(str(path))


def first_card(
    name: str, plan: Mapping[str, Any], dataset: BuiltDataset, files: Sequence[Path], folder: Path
) -> dict[str, Any]:
    """Return the card of weights of which nothing was measured yet."""
    counts = {
        source: sum(item.source == source for item in dataset.of(Split.TRAIN))
        for source in sorted({item.source for item in dataset.of(Split.TRAIN)})
    }
    return {
        "name": name,
        "architecture": plan["architecture"],
        "licence": "AGPL-3.0",
        "classes": list(dataset.classes),
        "input": {"longest_side_px": plan["input_px"], "stride_px": 32, "nms_iou": 0.6},
        "thresholds": {kind: 0.25 for kind in dataset.classes if kind not in BYSTANDERS},
        "redaction": {"bystander_threshold": REDACTION_SCORES[-1]},
        "data": {
            "dataset": dataset.name,
            "dataset_sha256": dataset.sha256,
            "trained_on": counts,
            "plan": dict(plan),
        },
        "files": [
            {"path": path.relative_to(folder).as_posix(), "sha256": sha256_of_file(path)}
            for path in files
        ],
    }


def read_run_plan(run: Path) -> dict[str, Any]:
    """Return the resolved plan of a training's folder.

    Raises:
        InputError: It is no such folder.
    """
    try:
        plan: dict[str, Any] = json.loads((run / "plan.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{run} is no folder of `roadwear models train`") from error
    return plan


def form_table(figures: Sequence[FormFigures], chosen: str) -> str:
    """Return the table of forms in Markdown."""
    kinds = list(figures[0].val)
    words = [kind.replace("_", " ") for kind in kinds]
    lines = [
        "| form | MB | ms, 16:9 | ms, square | " + " | ".join(f"{w} AP50" for w in words) + " |",
        "|---|---|---|---|" + "---|" * len(kinds),
    ]
    for f in figures:
        mark = " (default)" if f.name == chosen else ""
        times = f"{f.ms_a_look:.1f} | {f.ms_a_square_look:.1f}"
        values = " | ".join(f"{f.val[kind]:.3f}" for kind in kinds)
        lines.append(f"| {f.name}{mark} | {f.bytes / 1e6:.1f} | {times} | {values} |")
    return "\n".join(lines)


def _files_of(form: Form) -> tuple[str, ...]:
    return (".xml", ".bin") if form.path.suffix == ".xml" else (form.path.suffix,)


def _speeds(forms: Sequence[Form], card: ModelCard, shape_px: tuple[int, int]) -> dict[str, float]:
    """Return milliseconds a look of each form at pictures of one height and width, in turns."""
    chance = np.random.default_rng(0)
    small = chance.integers(60, 200, (45, 80, 3), dtype=np.uint8)
    picture = cv2.resize(small, shape_px[::-1], interpolation=cv2.INTER_CUBIC)
    looks = {form.name: detector_of(form, card) for form in forms}
    times: dict[str, list[float]] = {form.name: [] for form in forms}
    for turn in range(_SPEED_ROUNDS + 1):
        for name, detector in looks.items():
            began = time.perf_counter()
            for _ in detector.look(_same(np.asarray(picture, np.uint8), _SPEED_LOOKS)):
                pass
            if turn:  # the first turn compiles
                times[name].append((time.perf_counter() - began) / _SPEED_LOOKS * 1000)
    return {name: median(values) for name, values in times.items()}


def _same(picture: np.ndarray[Any, np.dtype[np.uint8]], count: int) -> Iterator[Frame]:
    for number in range(count):
        yield frame_of(picture, number)
