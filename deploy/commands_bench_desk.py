"""`roadwear bench desk`: the engineers' pages with a great many possible defects."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.commands_bench import AsJson, show
from deploy.doors import expected_failures, say


def desk(
    defects: Annotated[int, typer.Option(help="Possible defects in all.")] = 1_000_000,
    sightings: Annotated[int, typer.Option(help="Of each.")] = 5,
    councils: Annotated[int, typer.Option(min=1, help="Among which they are.")] = 20,
    people: Annotated[int, typer.Option(min=1, help="Who work at once.")] = 20,
    seconds: Annotated[float, typer.Option(help="How long.")] = 120.0,
    plans: Annotated[
        Path | None, typer.Option(help="Write the plans of the pages' queries here, in Markdown.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Queue, defect pages and map tiles while many people work, beside a bare SELECT."""
    from deploy.bench_desk import bench_desk  # noqa: PLC0415 - only where it is needed

    with expected_failures():
        found, told = bench_desk(defects, sightings, councils, people, seconds, say)
        if plans is not None:
            plans.write_text(told, "utf-8")
        show(found, as_json=as_json)
