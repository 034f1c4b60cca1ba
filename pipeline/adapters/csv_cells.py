"""Cells of CSV that a spreadsheet opens and computes nothing of. Pure."""

from typing import TypeVar

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
Cell = TypeVar("Cell")


def harmless(cell: Cell) -> Cell | str:
    """Return a cell; a text that spreadsheets would take for a formula begins with an apostrophe.

    >>> harmless("=1+1"), harmless("a street"), harmless(-1.5)
    ("'=1+1", 'a street', -1.5)
    """
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
