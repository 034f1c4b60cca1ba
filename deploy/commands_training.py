"""`roadwear models scenes`, `dataset`, `train` and `export`."""

import shutil
from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.doors import expected_failures, progress, say
from models.candidate import make_candidate
from models.datasets import build_dataset, read_dataset_plan, read_manifest
from models.datasets.build import SET_ASIDE
from models.datasets.declared import Split
from models.datasets.reading import image_files
from models.datasets.scenes import SceneRules, write_clean_scenes
from models.exporting import form_table
from models.plan import read_plan
from pipeline.domain.errors import InputError


def dataset(
    declaration: Annotated[Path, typer.Argument(help="The dataset's TOML file.")],
    root: Annotated[Path, typer.Option(help="What its folders are relative to.")],
    out: Annotated[Path, typer.Option(help="Folder for the built set.")],
) -> None:
    """Build a training set: check images and labels, split by road, set aside what is wrong."""
    with expected_failures():
        plan = read_dataset_plan(declaration)
        count = sum(len(image_files(source, root)) for source in plan.sources)
        with progress("Checking images", count) as bar:
            built = build_dataset(plan, root, out, on_image=lambda: bar.advance(bar.task_ids[0], 1))
        for split in Split:
            items = built.of(split)
            roads = len({item.road for item in items})
            boxes = sum(item.boxes for item in items)
            say(f"{split:5} {len(items)} images of {roads} roads or scenes, {boxes} boxes")
        if built.set_aside:
            say(f"{len(built.set_aside)} images were set aside; why: {out / SET_ASIDE}")
        say(f"sha256 {built.sha256}; written to {out}")


def train(
    plan: Annotated[Path, typer.Argument(help="The training plan's TOML file.")],
    dataset: Annotated[Path, typer.Option(help="A set that `models dataset` built.")],
    out: Annotated[Path, typer.Option(help="Folder for the run; an unfinished one goes on.")],
    device: Annotated[str, typer.Option(help="cpu or cuda:0 …")] = "cpu",
    workers: Annotated[int, typer.Option(help="Processes that prepare pictures.")] = 2,
    compiled: Annotated[
        bool,
        typer.Option("--compile", help="Compile the network first: quicker after some minutes."),
    ] = False,
) -> None:
    """Train by a frozen plan; run again after a kill, it goes on after the last whole epoch."""
    with expected_failures():
        frozen = read_plan(plan)
        built = read_manifest(dataset)
        try:
            from models.ultralytics_.training import Machine, Step  # noqa: PLC0415 - torch
            from models.ultralytics_.training import train as run  # noqa: PLC0415
        except ImportError as error:
            raise InputError(
                "training needs torch and ultralytics, which are not installed; "
                'run: pip install "roadwear[train]"'
            ) from error
        if compiled and shutil.which("g++") is None:
            raise InputError("--compile needs a C++ compiler; run: apt-get install g++")
        with progress(f"Training {frozen.name}", frozen.epochs) as bar:

            def on_step(step: Step) -> None:
                bar.update(bar.task_ids[0], completed=step.epoch + step.done / step.steps)
                # The vendor reports once more, after the last epoch, what the best one gave.
                if step.tuned and step.epoch < step.epochs:
                    say(_epoch_words(step))

            best = run(
                frozen,
                built,
                out,
                machine=Machine(device=device, workers=workers, compiled=compiled),
                on_step=on_step,
            )
    say(f"The best epoch's weights: {best}")


def _epoch_words(step: Any) -> str:  # noqa: ANN401 - a Step; torch is not imported for its type
    losses = ", ".join(f"{name} {value:.3f}" for name, value in step.losses.items())
    score = step.tuned.get("metrics/score", 0.0)
    return (
        f"epoch {step.epoch + 1} of {step.epochs}: {losses}; on the tune roads AP50 of defects "
        f"{score:.3f}, the mean of all sources"
    )


def scenes(
    out: Annotated[Path, typer.Argument(help="Folder for the pictures and their labels.")],
    streets: Annotated[int, typer.Option(help="How many streets, each with a camera.")] = 40,
    pictures: Annotated[int, typer.Option(help="Of each street.")] = 4,
    first_seed: Annotated[int, typer.Option(help="Of the first street.")] = 5000,
) -> None:
    """Render clean simulated streets with covers, patches and shadows: what is no damage."""
    with expected_failures():
        rules = SceneRules(streets=streets, pictures=pictures, first_seed=first_seed)
        with progress("Rendering", streets * pictures) as bar:
            count = write_clean_scenes(
                rules, out, on_picture=lambda: bar.advance(bar.task_ids[0], 1)
            )
        say(f"{count} pictures written to {out}")


def export(
    run: Annotated[Path, typer.Argument(help="Folder of a finished `models train`.")],
    dataset: Annotated[Path, typer.Option(help="The set: calibrates, chooses and reports.")],
    out: Annotated[Path, typer.Option(help="Folder for the candidate.")],
    name: Annotated[str, typer.Option(help="The candidate's name; the plan's by default.")] = "",
    weights: Annotated[str, typer.Option(help="Which weights of the run.")] = "best.pt",
) -> None:
    """Make a candidate: plain weights, OpenVINO in 32, 16 and 8 bits, ONNX, and its card.

    The default form loses at most 0.015 AP50 on no kind of defect (tune split): the one that
    computes most in float of those 1.5 times as quick as 32 bits, else the quickest. Thresholds
    and confidence are fitted on the tune split too.
    """
    with expected_failures():
        made = make_candidate(run, read_manifest(dataset), out, name=name, weights=weights, say=say)
        print(form_table(made.forms, made.chosen))
        say(f"The candidate's card: {made.card.path}")
