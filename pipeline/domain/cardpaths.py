"""How files on cards may be called, and which are the camera's own business. Pure."""

import unicodedata
from pathlib import PurePosixPath

from pipeline.domain.errors import InputError

_LONGEST = 1024
# Folders and files that cameras and computers keep for themselves.
_SYSTEM_FOLDERS = {
    "system volume information", "$recycle.bin", ".trashes", ".spotlight-v100", ".fseventsd",
    "lost.dir", ".trash-1000", "found.000",
}  # fmt: skip
_SYSTEM_FILES = {"thumbs.db", ".ds_store", "desktop.ini", "leinfo.sav", ".nomedia"}
# Small pictures and small copies that cameras write beside the footage.
_BY_PRODUCTS = {".thm": "a small picture", ".lrv": "a small copy", ".sec": "a small copy"}


def clean_path(path: str) -> str:
    """Return the name of a file on a card as it is kept: with forward slashes, safe to show.

    Signs that are not seen, or that turn what is seen round, become "�".

    Raises:
        InputError: It leads out of the card, is empty, or too long.
    """
    plain = unicodedata.normalize("NFC", path.replace("\\", "/"))
    shown = "".join("�" if _is_hidden(sign) else sign for sign in plain)
    parts = [part for part in shown.split("/") if part not in {"", "."}]
    if not parts or len(shown) > _LONGEST:
        raise InputError("a file has no name, or one that is too long")
    if ".." in parts or (len(parts[0]) == 2 and parts[0].endswith(":")):  # noqa: PLR2004
        raise InputError(f"{shown}: the name leads out of the card, so the file is not taken")
    return "/".join(parts)


def is_system_file(path: str) -> bool:
    """Return whether a file is the camera's or a computer's own, and never handed in."""
    pure = PurePosixPath(path.lower())
    return (
        any(part in _SYSTEM_FOLDERS for part in pure.parts[:-1])
        or pure.name in _SYSTEM_FILES
        or pure.name.startswith("._")
    )


def by_product(path: str) -> str | None:
    """Return what a file is that cameras write beside their footage; None for all others."""
    return _BY_PRODUCTS.get(PurePosixPath(path.lower()).suffix)


def _is_hidden(sign: str) -> bool:
    return unicodedata.category(sign) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
