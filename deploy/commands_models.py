"""`roadwear models`: list, verify, evaluate, export."""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any

import cv2
import typer

from deploy.commands_training import dataset, train
from deploy.doors import expected_failures, say
from models.card import DEFAULT_MODEL, MODELS_DIR, load_card, model_names, verify_card
from models.evaluate import Found, figures_by_source, read_labels
from pipeline.domain.errors import InputError
from pipeline.domain.looks import PixelBox

app = typer.Typer(no_args_is_help=True)
app.command()(dataset)
app.command()(train)
Name = Annotated[str, typer.Argument(help="The model's name.")]


@app.command("list")
def list_models() -> None:
    """List the models with what their cards say."""
    with expected_failures():
        for name in model_names():
            card = load_card(name)
            figures = card.content.get("figures", {}).get("all", {})
            words = ", ".join(f"{kind} {value:.3f}" for kind, value in figures.items())
            print(f"{card.name}: {card.content['architecture']}; AP50 {words}")


@app.command()
def verify(name: Name = DEFAULT_MODEL) -> None:
    """Check a model's files against its card."""
    with expected_failures():
        card = verify_card(name)
        say(f"{card.name}: all {len(card.files)} files are those of the card.")


@app.command()
def evaluate(
    detections: Annotated[Path, typer.Argument(help="JSON of `roadwear detect`.")],
    images: Annotated[Path, typer.Option(help="Folder of the images.")],
    labels: Annotated[Path, typer.Option(help="Folder of their YOLO labels.")],
    name: Annotated[str, typer.Option(help="Whose classes the labels use.")] = DEFAULT_MODEL,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Measure detections against labels: AP50 and best F1 of each kind and source."""
    with expected_failures():
        card = load_card(name)
        document = _read(detections)
        sizes = {image: _size(images / image) for image in document["images"]}
        truth = read_labels(labels, sizes, card.classes)
        found = [
            Found(
                image=row["image"],
                kind=row["kind"],
                box=PixelBox(**dict(zip(_EDGES, row["box_px"], strict=True))),
                confidence=row["confidence"],
            )
            for row in document["detections"]
        ]
        figures = figures_by_source(found, truth, document["images"], card.classes)
    if as_json:
        print(
            json.dumps(
                {s: {k.kind: k.ap50 for k in kinds} for s, kinds in figures.items()}, indent=1
            )
        )
        return
    for source, kinds in figures.items():
        print(source)
        for kind in kinds:
            if kind.ap50 is not None:
                print(
                    f"  {kind.kind:20} AP50 {kind.ap50:.3f}  best F1 {kind.best_f1:.2f} at "
                    f"{kind.best_threshold:.2f}  ({kind.labels} labels)"
                )


@app.command()
def export(name: Name = DEFAULT_MODEL) -> None:
    """Make the OpenVINO model of a card's weights; needs torch."""
    with expected_failures():
        from models.ultralytics_.export import export_openvino  # noqa: PLC0415 - torch

        card = load_card(name)
        for path in export_openvino(card, MODELS_DIR / "weights"):
            print(f'[[files]]\npath = "weights/{path.name}"')
            print(f'sha256 = "{hashlib.sha256(path.read_bytes()).hexdigest()}"\n')
        say(f"Put these lines into models/cards/{name}.toml, in place of the former ones.")


_EDGES = ("left_px", "top_px", "right_px", "bottom_px")


def _read(path: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path.name}: these are no detections of `roadwear detect`") from error
    return document


def _size(path: Path) -> tuple[int, int]:
    pixels = cv2.imread(str(path))
    if pixels is None:
        raise InputError(f"{path.name}: the image is not in that folder, or cannot be read")
    return pixels.shape[1], pixels.shape[0]
