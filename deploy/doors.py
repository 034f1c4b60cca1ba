"""One table from error to exit code, and how a person is told."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from pipeline.domain.errors import InputError, OutageError, RoadwearError, RuleError

DONE, USAGE, REFUSED, OUTAGE = 0, 2, 3, 4
EXIT_CODES: Final[dict[type[RoadwearError], int]] = {
    InputError: REFUSED,
    RuleError: USAGE,
    OutageError: OUTAGE,
}

_PORTS = 65535

console = Console(stderr=True, highlight=False, soft_wrap=True)


def say(message: str) -> None:
    """Tell the person something, on standard error."""
    console.print(message, markup=False)


def exit_code(error: RoadwearError) -> int:
    """Return the exit code of an expected failure."""
    return next(code for kind, code in EXIT_CODES.items() if isinstance(error, kind))


def leave(error: RoadwearError) -> NoReturn:
    """Tell the person in one line, and leave with the failure's code."""
    say(f"roadwear: {error}")
    raise typer.Exit(exit_code(error))


@contextmanager
def expected_failures() -> Iterator[None]:
    """Turn expected failures into a sentence and an exit code; a bug stays loud."""
    try:
        yield
    except RoadwearError as error:
        leave(error)


def address_of(said: str) -> tuple[str, int]:
    """Return host and port of what was said, "127.0.0.1:9464".

    Raises:
        RuleError: It is not understood.
    """
    host, _, port = said.rpartition(":")
    if not (host and port.isascii() and port.isdigit() and 0 < int(port) <= _PORTS):
        raise RuleError(f"“{said}” is no address: 127.0.0.1:9464")
    return host.strip("[]"), int(port)


def make_output_folder(out: Path) -> None:
    """Make a folder for results, or leave: one that cannot be written is wrong usage."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        say(f"roadwear: the output folder {out} cannot be written ({error.strerror})")
        raise typer.Exit(USAGE) from error


@contextmanager
def progress(words: str, total: float) -> Iterator[Progress]:
    """Show a bar on a terminal; elsewhere, nothing."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TimeRemainingColumn(),
        console=console,
        disable=not sys.stderr.isatty(),
    )
    with bar:
        bar.add_task(words, total=total)
        yield bar


def on_a_terminal() -> bool:
    """Return whether a person is likely to be watching."""
    return sys.stdout.isatty() and os.environ.get("CI") is None
