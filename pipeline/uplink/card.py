"""The files of a card, as it lies in a reader. Never writes to it."""

import os
from collections.abc import Iterator
from pathlib import Path

from pipeline.domain.cardpaths import is_system_file
from pipeline.domain.errors import InputError


def files_on_card(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files of a card: how each is called on it, and where it lies, by name.

    Links are not followed; what cameras and computers keep for themselves is left out.

    Raises:
        InputError: The folder is not there, or cannot be read.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder; is the card in?")

    def unreadable(error: OSError) -> None:
        raise InputError(
            f"{error.filename}: it cannot be read ({error.strerror}); clean the card's contacts "
            "and put it in again"
        ) from error

    found = [
        (path.relative_to(folder).as_posix(), path)
        for at, _, names in os.walk(folder, onerror=unreadable)
        for path in (Path(at, name) for name in names)
        if path.is_file() and not path.is_symlink()
    ]
    yield from sorted((name, path) for name, path in found if not is_system_file(name))
