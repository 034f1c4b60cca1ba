"""`roadwear models gate`, `release` and `rollback`: no candidate becomes the default unseen."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from deploy.doors import REFUSED, expected_failures, progress, say
from models.card import DEFAULT_MODEL
from models.datasets import read_manifest
from models.gate import FEWEST_STREETS
from models.judging import judge
from models.releasing import release as release_candidate
from models.releasing import roll_back

By = Annotated[str, typer.Option(help="Who decides.")]
Why = Annotated[str, typer.Option(help="In their words.")]


def gate(
    candidate: Annotated[Path, typer.Argument(help="The candidate's card.")],
    dataset: Annotated[Path, typer.Option(help="The built set; its val split judges.")],
    against: Annotated[str, typer.Option(help="The model to be no worse than.")] = DEFAULT_MODEL,
    streets: Annotated[
        int, typer.Option(help="Simulated streets for false alarms.", min=FEWEST_STREETS)
    ] = FEWEST_STREETS,
) -> None:
    """Check a candidate against the released model; the verdict is kept beside it."""
    with expected_failures():
        verdict, path = judge(
            candidate, read_manifest(dataset), against=against, streets=streets, follow=_bar
        )
        for check in verdict.checks:
            print(f"{'passed' if check.passed else 'FAILED'}  {check.name}: {check.words}")
        say(f"The verdict: {path}")
    if not verdict.passed:
        raise typer.Exit(REFUSED)


def release(
    candidate: Annotated[Path, typer.Argument(help="The card of a candidate that passed.")],
    by: By,
    why: Why,
) -> None:
    """Make a candidate that passed the gate the default; a person signs for it."""
    with expected_failures():
        card = release_candidate(candidate, by=by, why=why, at=datetime.now(UTC))
        say(f"{card.name} is the default from now on; commit models/ to keep it so.")


def rollback(by: By, why: Why) -> None:
    """Make the model before the present default the default again."""
    with expected_failures():
        name = roll_back(by=by, why=why, at=datetime.now(UTC))
        say(f"{name} is the default from now on; commit models/released.toml to keep it so.")


@contextmanager
def _bar(words: str, steps: int) -> Iterator[Callable[[], None]]:
    with progress(words, steps) as bar:
        yield lambda: bar.advance(bar.task_ids[0], 1)
