"""`roadwear bench desk`: the engineers' pages with a great many possible defects."""

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
    as_json: AsJson = False,
) -> None:
    """Queue and defect pages while many people work: how long each waits, beside a bare SELECT."""
    from deploy.bench_desk import bench_desk  # noqa: PLC0415 - only where it is needed

    with expected_failures():
        show(bench_desk(defects, sightings, councils, people, seconds, say), as_json=as_json)
