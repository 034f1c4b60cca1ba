"""`roadwear models dataset` and `roadwear models train`."""

import shutil
from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.doors import expected_failures, progress, say
from models.datasets import build_dataset, read_dataset_plan, read_manifest
from models.datasets.build import SET_ASIDE
from models.datasets.declared import Split
from models.datasets.reading import image_files
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
            from models.ultralytics_.training import Step  # noqa: PLC0415 - torch
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
                if step.tuned:
                    say(_epoch_words(step))

            best = run(
                frozen,
                built,
                out,
                device=device,
                workers=workers,
                compiled=compiled,
                on_step=on_step,
            )
    say(f"The best epoch's weights: {best}")


def _epoch_words(step: Any) -> str:  # noqa: ANN401 - a Step; torch is not imported for its type
    losses = ", ".join(f"{name} {value:.3f}" for name, value in step.losses.items())
    at_half, mean = (step.tuned.get(f"metrics/{name}(B)", 0.0) for name in ("mAP50", "mAP50-95"))
    return (
        f"epoch {step.epoch + 1} of {step.epochs}: {losses}; on the tune roads AP50 {at_half:.3f}, "
        f"AP50-95 {mean:.3f}, the mean of all classes"
    )
