"""`roadwear practice`: drawn cases with known truth for people to practise on."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.doors import expected_failures, progress, say


def practice(
    folder: Annotated[Path, typer.Argument(help="Where the pictures go.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same streets.")] = 9000,
    of_each: Annotated[
        int, typer.Option(min=1, max=50, help="Covers, patches, shadows; potholes thrice as many.")
    ] = 4,
) -> None:
    """Draw another set of cases for the practice pages."""
    from pipeline.simulator.practice import write_practice  # noqa: PLC0415 - only where needed

    with expected_failures(), progress("Drawing cases", 6 * of_each) as bar:
        count = write_practice(
            folder, seed=seed, of_each=of_each, on_case=lambda: bar.advance(bar.task_ids[0])
        )
    say(f"{count} cases: {folder}")
