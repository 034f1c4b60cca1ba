"""A candidate is made of a finished training: by the command, and by the flow."""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from models.card import ModelCard, load_card
from models.datasets import BuiltDataset
from models.datasets.declared import Split
from models.evaluating.looking import look_at_images
from models.evaluating.truth import truth_of_dataset
from models.exporting import (
    FORMS,
    FormFigures,
    choose,
    detector_of,
    first_card,
    fitted,
    make_forms,
    measure_forms,
    read_run_plan,
    redaction_threshold,
    write_card,
)
from pipeline.domain.errors import InputError

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What was made of a training.

    Attributes:
        card: Its card.
        forms: What each form costs and gives.
        chosen: The name of the form that is shipped.
    """

    card: ModelCard
    forms: tuple[FormFigures, ...]
    chosen: str


def make_candidate(
    run: Path,
    dataset: BuiltDataset,
    out: Path,
    *,
    name: str = "",
    weights: str = "best.pt",
    say: Say = lambda _: None,
) -> Candidate:
    """Make plain weights, OpenVINO in 32, 16 and 8 bits, ONNX where it is installed, and a card.

    The default form loses at most 0.015 AP50 on no kind of defect (tune split): the one that
    computes most in float of those 1.5 times as quick as 32 bits, else the quickest. Thresholds
    and confidence are fitted on the tune split too.

    Args:
        run: Folder of a finished training.
        dataset: The set that it was trained on: calibrates, chooses and reports.
        out: The candidate's folder; it is there when all is in it, and not before.
        name: The candidate's; the plan's by default.
        weights: Which weights of the run.
        say: Told what is being done.

    Raises:
        InputError: The run is another dataset's, the folder is taken, torch is not installed, or
            the tune split has too little of a kind.
    """
    plan = read_run_plan(run)
    if plan["dataset_sha256"] != dataset.sha256:
        raise InputError(f"{run} was trained on another dataset than {dataset.folder}")
    if Path(weights).name != weights:
        raise InputError("--weights is the name of a file in the run's folder weights/")
    out = out.resolve()
    if out.exists() and any(out.iterdir()):
        raise InputError(f"{out} is not empty; choose another folder")
    called = name or str(plan["name"])
    part = out.with_name(f".{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    content = _exported(run / "weights" / weights, part, (called, plan), dataset, say)
    forms, chosen = _fitted(part, content, dataset, say)
    if out.exists():
        out.rmdir()
    part.rename(out)
    return Candidate(card=load_card(str(_card_path(out, called))), forms=forms, chosen=chosen)


def _exported(
    checkpoint: Path,
    folder: Path,
    named: tuple[str, Mapping[str, Any]],
    dataset: BuiltDataset,
    say: Say,
) -> dict[str, Any]:
    """Write what computes in float; return what the card says of it.

    Raises:
        InputError: Torch is not installed, or this is no checkpoint.
    """
    try:
        from models.ultralytics_.export import (  # noqa: PLC0415 - torch
            export_float,
            write_plain_weights,
        )
    except ImportError as error:
        raise InputError(
            "exporting needs torch and ultralytics, which are not installed; "
            'run: pip install "roadwear[export]"'
        ) from error
    called, plan = named
    torch_file = folder / "weights" / f"{called}.pt"
    say("Plain weights, OpenVINO and ONNX in float …")
    write_plain_weights(checkpoint, torch_file)
    xml, onnx = export_float(torch_file, int(plan["input_px"]), torch_file.parent)
    if onnx is None:
        say("ONNX is left out: the onnx package is not installed.")
    return first_card(called, plan, dataset, [torch_file, xml, xml.with_suffix(".bin")], folder)


def _fitted(
    folder: Path, content: dict[str, Any], dataset: BuiltDataset, say: Say
) -> tuple[tuple[FormFigures, ...], str]:
    """Make and measure the forms, choose one, fit its thresholds, and write the card."""
    called = str(content["name"])
    path = _card_path(folder, called)
    card = write_card(path, content)
    torch_file = card.torch_weights
    onnx = torch_file.with_suffix(".onnx")
    say("8-bit forms …")
    forms = make_forms(card, dataset, onnx if onnx.is_file() else None)
    figures = measure_forms(forms, card, dataset, on_form=lambda word: say(f"Measuring {word} …"))
    chosen = choose(figures)
    (folder / FORMS).write_text(json.dumps([asdict(f) for f in figures], indent=1), "utf-8")
    form = next(f for f in forms if f.name == chosen)
    truths = truth_of_dataset(dataset, Split.TUNE)
    paths = [dataset.folder / item.image for item in dataset.of(Split.TUNE)]
    found = look_at_images(detector_of(form, card), paths)
    kept = [torch_file, form.path, form.path.with_suffix(".bin")]
    content |= fitted(card, found, truths)
    content |= {"redaction": {"bystander_threshold": redaction_threshold(called, found, truths)}}
    content |= {"openvino": {"precision": form.precision, "form": chosen}}
    content |= {
        "files": first_card(called, content["data"]["plan"], dataset, kept, folder)["files"]
    }
    write_card(path, content)
    return figures, chosen


def _card_path(folder: Path, name: str) -> Path:
    return folder / "cards" / f"{name}.toml"
