"""May this card be wiped? The one question at half past two. Never writes to the card."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.domain.cardpaths import is_system_file
from pipeline.domain.errors import InputError
from pipeline.domain.receiving import Manifest, Outcome

_MOST_NAMED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The answer: yes only if every file is stored and checked, or is never kept."""

    safe: bool
    words: str


def verdict_of(manifest: Manifest) -> Verdict:
    """Return whether a card with these files may be wiped."""
    total = len(manifest.files)
    blocking = manifest.blocking
    if total == 0:
        return Verdict(safe=False, words="Do not wipe: no files were found, so nothing is known")
    if not blocking:
        stored = sum(file.outcome is not Outcome.REFUSED for file in manifest.files)
        never = total - stored
        also = f"; {never} others are never kept (other cameras, small copies)" if never else ""
        if stored == 0:
            return Verdict(
                safe=False, words=f"Do not wipe: of {total} files none is footage that is kept"
            )
        return Verdict(
            safe=True, words=f"Safe to wipe: all {stored} files stored and checked{also}"
        )
    named = ", ".join(file.path for file in blocking[:_MOST_NAMED])
    more = len(blocking) - _MOST_NAMED
    rest = f" and {more} more" if more > 0 else ""
    one = "this file" if len(blocking) == 1 else f"these {len(blocking)}"
    return Verdict(safe=False, words=f"Do not wipe: {one}: {named}{rest}")


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
