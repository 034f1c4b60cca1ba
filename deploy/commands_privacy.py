"""`roadwear privacy`: what the redaction may have left in kept pictures."""

import html
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer

from deploy.doors import expected_failures, progress, say
from models.evaluating.privacy import (
    FaceFinder,
    Finder,
    PlateFinder,
    Suspicion,
    enlarged,
    suspicions,
)
from pipeline.domain.errors import InputError

app = typer.Typer(no_args_is_help=True)
Pictures = Annotated[Path, typer.Argument(help="Folder of pictures, searched all through.")]
_ENDINGS = {".jpg", ".jpeg", ".png"}


@app.command()
def check(
    pictures: Pictures,
    out: Annotated[Path, typer.Option(help="Folder for the page of suspicions.")],
    face: Annotated[Path | None, typer.Option(help="YuNet of OpenCV's model zoo, .onnx.")] = None,
    plate: Annotated[Path | None, typer.Option(help="LPD-YuNet likewise.")] = None,
) -> None:
    """Look for faces and number plates, and write out every suspicion for a person to look at.

    A suspicion is no finding, and no suspicion is no proof: say what these detectors find in
    unredacted pictures beside it.
    """
    with expected_failures():
        finders: list[Finder] = []
        if face:
            finders.append(FaceFinder(face))
        if plate:
            finders.append(PlateFinder(plate))
        if not finders:
            raise InputError("give --face FILE or --plate FILE, or both")
        paths = [path for path in _paths(pictures) if out.resolve() not in path.resolve().parents]
        with progress("Looking for faces and plates", len(paths)) as bar:
            found, unreadable = suspicions(
                paths, finders, on_image=lambda: bar.advance(bar.task_ids[0], 1)
            )
        looked_at = len(paths) - len(unreadable)
        if not looked_at:
            raise InputError(f"{pictures}: none of {len(paths)} pictures can be read")
        page = _write_page(out, "Suspicions", _crops(out, found))
        hit = {one.path for one in found}
        print(
            f"{len(found)} suspicions in {len(hit)} of {looked_at} pictures: "
            f"{1000 * len(hit) / looked_at:.1f} of 1,000"
        )
        for path in unreadable:
            say(f"{path}: cannot be read and was not looked at")
        say(f"Look at each: {page}")


@app.command()
def sample(
    pictures: Pictures,
    out: Annotated[Path, typer.Option(help="Folder for the page.")],
    count: Annotated[int, typer.Option(help="How many pictures are drawn.", min=1)] = 100,
    seed: Annotated[int, typer.Option(help="Another seed draws others.")] = 0,
) -> None:
    """Draw pictures by chance for a person to check by hand."""
    with expected_failures():
        paths = _paths(pictures)
        chosen = np.random.default_rng(seed).permutation(len(paths))[:count]
        out.mkdir(parents=True, exist_ok=True)
        shown: list[tuple[str, str]] = []
        for number in chosen.tolist():
            picture = cv2.imread(str(paths[number]))
            if picture is None:
                raise InputError(f"{paths[number].name}: the picture cannot be read")
            name = f"sample-{len(shown):04}.jpg"
            cv2.imwrite(str(out / name), picture)
            shown.append((name, paths[number].name))
        page = _write_page(out, f"{len(shown)} of {len(paths)} pictures, drawn by chance", shown)
        say(f"Look at each: {page}")


def _paths(folder: Path) -> list[Path]:
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in _ENDINGS)
    if not found:
        raise InputError(f"{folder} holds no pictures")
    return found


def _crops(out: Path, found: list[Suspicion]) -> list[tuple[str, str]]:
    out.mkdir(parents=True, exist_ok=True)
    shown = []
    for number, one in enumerate(found):
        name = f"suspicion-{number:04}.jpg"
        cv2.imwrite(str(out / name), enlarged(one.path, one.box))
        shown.append((name, f"{one.what} {one.score:.2f}, {one.path.name}"))
    return shown


def _write_page(out: Path, title: str, shown: list[tuple[str, str]]) -> Path:
    figures = "".join(
        f'<figure><img src="{name}" alt="{html.escape(words)}" loading="lazy">'
        f"<figcaption>{html.escape(words)}</figcaption></figure>"
        for name, words in shown
    )
    page = out / "page.html"
    page.write_text(
        f'<!doctype html><html lang="en-GB"><meta charset="utf-8"><title>{html.escape(title)}'
        "</title><style>body{font:1rem system-ui}main{display:flex;flex-wrap:wrap;gap:1rem}"
        "figure{margin:0;max-width:24rem}img{max-width:100%}</style>"
        f"<h1>{html.escape(title)}</h1><main>{figures}</main></html>\n",
        "utf-8",
    )
    return page
