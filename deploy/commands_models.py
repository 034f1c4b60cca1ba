"""`roadwear models`: list, verify, evaluate, and what makes and releases a model."""

import json
from pathlib import Path
from typing import Annotated

import typer

from deploy.commands_quality import quality
from deploy.commands_releasing import gate, release, rollback
from deploy.commands_training import dataset, export, scenes, train
from deploy.doors import expected_failures, progress, say
from models.card import DEFAULT_MODEL, ModelCard, load_card, model_names, released_name, verify_card
from models.datasets import read_manifest
from models.datasets.declared import Split
from models.evaluating.figures import ROUNDS, Difference, KindFigures, differences
from models.evaluating.looking import FLOOR, look_at_images
from models.evaluating.matching import Found
from models.evaluating.measure import Judgement, Measured, measure
from models.evaluating.truth import ImageTruth, truth_of_dataset, truth_of_folder
from models.loading import Runtime, load_detector
from models.releasing import releases
from pipeline.domain.errors import InputError
from pipeline.domain.looks import PixelBox

app = typer.Typer(no_args_is_help=True)
app.command()(scenes)
app.command()(dataset)
app.command()(train)
app.command()(export)
app.command()(quality)
app.command()(gate)
app.command()(release)
app.command()(rollback)
Name = Annotated[str, typer.Argument(help="The model's name.")]


@app.command("list")
def list_models() -> None:
    """List the models with what their cards say; the released one is marked."""
    with expected_failures():
        for name in model_names():
            card = load_card(name)
            mark = "*" if name == released_name() else " "
            figures = card.content.get("figures", {}).get("all", {})
            words = ", ".join(f"{kind} {value:.3f}" for kind, value in figures.items())
            print(f"{mark} {card.name}: {card.content['architecture']}; AP50 {words}")
            for entry in releases():
                if entry.model == name:
                    print(f"    released {entry.at:%Y-%m-%d %H:%M} by {entry.by}: {entry.why}")


@app.command()
def verify(name: Name = DEFAULT_MODEL) -> None:
    """Check a model's files against its card."""
    with expected_failures():
        card = verify_card(name)
        say(f"{card.name}: all {len(card.files)} files are those of the card.")


@app.command()
def evaluate(
    what: Annotated[
        str, typer.Argument(help="A model's name, a candidate's card, or JSON of `detect`.")
    ] = DEFAULT_MODEL,
    against: Annotated[str, typer.Option(help="Another one, compared on the same images.")] = "",
    dataset: Annotated[Path | None, typer.Option(help="A set that `models dataset` built.")] = None,
    split: Annotated[Split, typer.Option(help="Which of its images.")] = Split.VAL,
    images: Annotated[Path | None, typer.Option(help="Or: a folder of images …")] = None,
    labels: Annotated[Path | None, typer.Option(help="… and the folder of their labels.")] = None,
    runtime: Annotated[Runtime, typer.Option(help="What runs a model.")] = Runtime.OPENVINO,
    rounds: Annotated[int, typer.Option(help="Draws for the intervals.", min=1)] = ROUNDS,
    out: Annotated[Path | None, typer.Option(help="Folder for page and figures.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Measure a model, or detections, against labels; with `--against`, two side by side."""
    with expected_failures():
        card = _card_of(what)
        names = _names(what, against, images)
        truths, folder = _truths(dataset, split, images, labels, names, card)
        paths = [folder / truth.image for truth in truths]
        judgements = [_judgement(one, paths, runtime) for one in (what, against) if one]
        with progress("Measuring", len(judgements)) as bar:
            measured = []
            for judgement in judgements:
                measured.append(measure(judgement, truths, card.classes, rounds=rounds))
                bar.advance(bar.task_ids[0], 1)
        apart: tuple[Difference, ...] = ()
        if against:
            ours, theirs = (judgement.found for judgement in judgements)
            apart = differences(ours, theirs, truths, card.classes, rounds=rounds)
        if out is not None:
            from models.evaluating.page import write_page  # noqa: PLC0415 - matplotlib

            say(f"The page: {write_page(out, measured, apart, judgements, truths, paths)}")
    if as_json:
        print(json.dumps([one.as_document() for one in measured], indent=1))
        return
    _print(measured, apart)


def _print(measured: list[Measured], apart: tuple[Difference, ...]) -> None:
    for one in measured:
        print(f"{one.name}")
        source = ""
        for f in one.figures:
            if f.source != source:
                print(f"  {f.source}")
                source = f.source
            print(f"    {_words(f)}")
        for name, clean in one.clean.items():
            print(
                f"  clean photographs of {name}: {clean.a_hundred:.1f} false alarms in a hundred "
                f"({clean.photographs} photographs)"
            )
        for kind, hid in one.redaction.items():
            print(f"  redaction hides {hid.hidden} of {hid.labels} labels of {kind}")
        error = one.reliability["all"]
        print(f"  expected calibration error {error.error:.3f} ({error.boxes} boxes)")
    if apart:
        print(f"{measured[0].name} minus {measured[1].name}, AP50")
        for d in apart:
            low, high = d.interval
            print(f"  {d.source} {d.kind}: {d.value:+.3f} ({low:+.3f} to {high:+.3f})")


def _words(f: KindFigures) -> str:
    low, high = f.ap50_interval or (0.0, 0.0)
    return (
        f"{f.kind:20} AP50 {f.ap50 or 0:.3f} ({low:.3f} to {high:.3f})  AP50-95 "
        f"{f.ap50_95 or 0:.3f}  at {f.threshold:.2f}: recall {f.recall or 0:.2f}, precision "
        f"{f.precision or 0:.2f}, F1 {f.f1 or 0:.2f}; best F1 {f.best_f1:.2f} at "
        f"{f.best_threshold:.2f}  ({f.labels} labels, {f.roads} roads or scenes)"
    )


def _is_document(what: str) -> bool:
    return what.endswith(".json")


def _card_of(what: str) -> ModelCard:
    return load_card(_read(what)[0] if _is_document(what) else what)


def _names(what: str, against: str, images: Path | None) -> list[str]:
    """Return which images of a folder are judged: those that the detections are of, or all."""
    for one in (what, against):
        if one and _is_document(one):
            return _read(one)[1]
    return sorted(path.name for path in images.iterdir()) if images and images.is_dir() else []


def _truths(
    dataset: Path | None,
    split: Split,
    images: Path | None,
    labels: Path | None,
    names: list[str],
    card: ModelCard,
) -> tuple[tuple[ImageTruth, ...], Path]:
    if dataset is not None:
        built = read_manifest(dataset)
        if built.classes != card.classes:
            raise InputError(f"{dataset} has other classes than the model {card.name}")
        return truth_of_dataset(built, split), dataset / "images" / split
    if images is None or labels is None:
        raise InputError("say on what: --dataset FOLDER, or --images FOLDER --labels FOLDER")
    if not names:
        raise InputError(f"{images} holds no images")
    return truth_of_folder(images, labels, names, card.classes), images


def _judgement(what: str, paths: list[Path], runtime: Runtime) -> Judgement:
    card = _card_of(what)
    if _is_document(what):
        known = {path.name for path in paths}
        _, looked_at, found = _read(what)
        missing = sorted(known - set(looked_at))
        if missing:
            raise InputError(
                f"{what}: {len(missing)} of the images were not looked at, such as {missing[0]}"
            )
        return Judgement.of(card, [f for f in found if f.image in known])
    detector = load_detector(what, runtime=runtime, floor=FLOOR)
    with progress(f"{card.name} looks", len(paths)) as bar:
        found = look_at_images(detector, paths, on_image=lambda: bar.advance(bar.task_ids[0], 1))
    return Judgement.of(card, found)


_EDGES = ("left_px", "top_px", "right_px", "bottom_px")


def _read(path: str) -> tuple[str, list[str], list[Found]]:
    """Return the model, the images and the boxes of a file of `roadwear detect`."""
    try:
        document = json.loads(Path(path).read_text("utf-8"))
        found = [
            Found(
                image=row["image"],
                kind=row["kind"],
                box=PixelBox(**dict(zip(_EDGES, row["box_px"], strict=True))),
                confidence=row["confidence"],
            )
            for row in document["detections"]
        ]
        return document["model_id"], document["images"], found
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{Path(path).name}: these are no detections of `roadwear detect`"
        ) from error
