"""`roadwear learn`: what engineers' decisions teach."""

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from deploy.doors import expected_failures, progress, say
from deploy.lessons import write_lessons
from pipeline import wiring
from pipeline.adapters.postgres.learning import load_judged, load_unreviewed
from pipeline.domain.errors import InputError
from pipeline.domain.ids import organisation_id
from pipeline.domain.learning import JudgedSighting, PrecisionBy
from pipeline.stages.learn import drifts, lessons_of, most_useful, precision_by

app = typer.Typer(no_args_is_help=True)
Authority = Annotated[str, typer.Option(help="Whose road it is.")]


@app.command()
def lessons(
    out: Annotated[Path, typer.Argument(help="Folder for pictures and labels.")],
    authority: Authority,
) -> None:
    """Write what was decided as a training source: redacted wide views, and what is known of them.

    Labels are YOLO; `known/` holds the rejected boxes, in which there is no defect; beside these
    and the labels nothing is known. What is lost: only what the detector found is ever judged, so
    nothing is learnt here of what it missed; and of each place only the first, farthest view is
    kept whole.
    """
    with expected_failures():
        settings = wiring.Settings.from_env()
        made = lessons_of(_judged(authority))
        if not made:
            raise InputError(
                f"no decision of {authority} can be learnt from yet: none was made, or no wide "
                "view of its place is kept"
            )
        blobs = wiring.blobs(settings)
        with progress("Writing lessons", len(made)) as bar:
            write_lessons(made, out, blobs.get, on_lesson=lambda: bar.advance(bar.task_ids[0], 1))
        boxes = [box for lesson in made for box in lesson.boxes]
        right = sum(box.kind is not None for box in boxes)
        say(
            f"{len(made)} pictures with {right} confirmed and {len(boxes) - right} rejected boxes; "
            f"written to {out}"
        )


@app.command()
def report(
    authority: Authority,
    days: Annotated[int, typer.Option(help="What counts as of late.", min=1)] = 30,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Say how often the detector was right: by model, vehicle, area, month and kind; and drift."""
    with expected_failures():
        judged = _judged(authority)
        tables = {by: precision_by(judged, by) for by in PrecisionBy}
        changed = drifts(judged, since=datetime.now(UTC) - timedelta(days=days))
    if as_json:
        document = {by.value: [asdict(p) for p in table] for by, table in tables.items()}
        print(json.dumps(document | {"drift": [asdict(d) for d in changed]}, indent=1))
        return
    shown = Table("by", "group", "decided", "right", "precision", "95 % interval")
    for by, table in tables.items():
        for p in table:
            shown.add_row(
                by.value, p.group, str(p.judged), str(p.right), f"{p.share:.0%}",
                f"{p.low:.0%} to {p.high:.0%}",
            )  # fmt: skip
    Console(width=120).print(shown)
    for d in changed:
        print(f"DRIFT  {d.sentence(days)}")
    if not changed:
        print("No group has changed beyond chance.")


@app.command()
def useful(
    authority: Authority,
    count: Annotated[int, typer.Option(help="How many.", min=1)] = 20,
) -> None:
    """List the possible defects on which a decision would teach most."""
    with expected_failures():
        key = organisation_id(authority)
        with wiring.database(wiring.Settings.from_env()).acting_for(key) as connection:
            waiting = load_unreviewed(connection, key)
            judged = load_judged(connection, key)
        for one in most_useful(waiting, judged)[:count]:
            print(f"{one.score:.2f}  {one.defect_id}  {'; '.join(one.reasons)}")


def _judged(authority: str) -> tuple[JudgedSighting, ...]:
    key = organisation_id(authority)
    with wiring.database(wiring.Settings.from_env()).acting_for(key) as connection:
        return load_judged(connection, key)
