"""A council's own records as CSV, as its systems or a spreadsheet write it."""

import csv
import hashlib
import io
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from pipeline.domain.errors import InputError
from pipeline.domain.records import CouncilRecord, RecordKind
from pipeline.domain.uk_time import LONDON

_NEEDED = ("reference", "usrn", "date")
_DAYS = ("%Y-%m-%d", "%d/%m/%Y", "%d/%m/%y", "%d-%b-%Y", "%d %b %Y", "%d %B %Y")
_TIMES = ("%H:%M", "%H:%M:%S")
_MOST_TOLD = 10
_MORE = "more fields than headings"
_LONGEST_TEXT = 1000
# Degrees are less than this, and a northing beyond Cornwall is no easting.
_LEAST_M = 1_000.0
_MOST_M = {"easting": 700_000.0, "northing": 1_300_000.0}
_LARGEST_FILE = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFile:
    """What a file holds.

    Attributes:
        content_sha256: Of its bytes.
        records: In its order.
        left_out: Lines that name no street.
        ignored: Columns that were not taken.
    """

    content_sha256: str
    records: tuple[CouncilRecord, ...]
    left_out: int
    ignored: tuple[str, ...]


def read_records(path: Path, kind: RecordKind, named: Mapping[str, str]) -> RecordFile:
    """Read a file with a line of headings.

    Args:
        path: UTF-8, or Windows-1252 as older spreadsheets write it.
        kind: What its lines are.
        named: How the file heads a column that is called otherwise here.

    Raises:
        InputError: It cannot be read, lacks a column, or a line of it is not understood: then
            nothing is taken, so that no import is whole in name only.
    """
    content = _bytes_of(path)
    lines = _lines_of(content)
    try:
        headings = _headings(lines, kind, named, path.name)
    except csv.Error as error:
        raise InputError(f"{path.name}, line 1: {error}") from error
    taken: dict[str, CouncilRecord] = {}
    problems: list[str] = []
    left_out = 0
    try:
        for line in lines:
            said = {name: (line.get(heading) or "").strip() for name, heading in headings.items()}
            if not any(said.values()):
                continue
            if not said["usrn"]:
                left_out += 1
                continue
            problem = _uneven(line) or _take(said, kind, taken)
            problems += [f"line {lines.line_num}: {problem}"] if problem else []
    except csv.Error as error:
        raise InputError(f"{path.name}, line {lines.line_num}: {error}") from error
    if problems:
        more = f" … and {len(problems) - _MOST_TOLD} more" if len(problems) > _MOST_TOLD else ""
        raise InputError(
            f"{path.name} was not taken: {'; '.join(problems[:_MOST_TOLD])}{more}. Put that right "
            "and load it again"
        )
    if not taken:
        raise InputError(f"{path.name} has no record with a USRN in it")
    used = set(headings.values())
    return RecordFile(
        content_sha256=hashlib.sha256(content).hexdigest(),
        records=tuple(taken.values()),
        left_out=left_out,
        ignored=tuple(h for h in lines.fieldnames or () if h and h not in used),
    )


def _bytes_of(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise InputError(f"{path.name} is larger than 256 MiB: split it by time")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path.name} cannot be read: {error.strerror}") from error


def _lines_of(content: bytes) -> "csv.DictReader[str]":
    """Return the lines of a file, whatever separates its fields."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    first = text.partition("\n")[0]
    delimiter = max(",;\t|", key=first.count)
    return csv.DictReader(
        io.StringIO(text, newline=""), delimiter=delimiter, strict=True, restkey=_MORE
    )


def _uneven(line: Mapping[str, Any]) -> str:
    """Return that a line has more or fewer fields than there are headings, or ""."""
    if _MORE in line:
        return "it has more fields than there are headings: is a field with a comma not quoted?"
    return "it has fewer fields than there are headings" if None in line.values() else ""


def _take(said: Mapping[str, str], kind: RecordKind, taken: dict[str, CouncilRecord]) -> str:
    """Add the record of a line to those taken; return what is wrong with it, or ""."""
    try:
        record = _record(_typed(said, kind))
    except ValueError as error:
        return str(error)
    if record.reference in taken:
        return f"{record.reference} stands there twice"
    taken[record.reference] = record
    return ""


def _headings(
    lines: "csv.DictReader[str]", kind: RecordKind, named: Mapping[str, str], file: str
) -> dict[str, str]:
    """Return the file's heading of each column that is known here."""
    known = (*_NEEDED, "time", *kind.columns)
    unknown = sorted(set(named) - set(known))
    if unknown:
        raise InputError(f"{kind.value} have no {', '.join(unknown)}: there are {', '.join(known)}")
    there = {(heading or "").strip().lower(): heading for heading in lines.fieldnames or ()}
    found = {
        name: there[named.get(name, name).strip().lower()]
        for name in known
        if named.get(name, name).strip().lower() in there
    }
    lost = sorted(set(named) - set(found))
    if lost:
        raise InputError(f"{file} has no column “{named[lost[0]]}”: it has {', '.join(there)}")
    needed = (*_NEEDED, *sorted(kind.metres))
    lacking = [name for name in needed if name not in found]
    if lacking:
        raise InputError(
            f"{file} has no column “{lacking[0]}”. Name the one that it is: "
            f"--column {lacking[0]}='{next(iter(there.values()), 'Heading')}'"
        )
    return found


def _typed(said: Mapping[str, str], kind: RecordKind) -> dict[str, str]:
    """Return what a line says with its days and metres written as they are kept.

    Raises:
        ValueError: One of them is none.
    """
    typed = dict(said)
    for name in kind.days & typed.keys():
        typed[name] = _day_of(typed[name])[0].isoformat() if typed[name] else ""
        if typed[name] and typed[name] < _day_of(said["date"])[0].isoformat():
            raise ValueError(f"its {name}, {typed[name]}, is before its date")
    for name in kind.metres:
        try:
            metres = float(typed[name])
        except ValueError:
            metres = math.nan
        if not _LEAST_M <= metres < _MOST_M[name]:
            raise ValueError(f"“{typed[name][:20]}” is no {name} of the National Grid in metres")
    return typed


def _record(said: Mapping[str, str]) -> CouncilRecord:
    """Return the record of a line.

    Raises:
        ValueError: It is not understood.
    """
    usrn = said["usrn"].removesuffix(".0")
    if not (usrn.isascii() and usrn.isdigit()):
        raise ValueError(f"“{usrn[:20]}” is no USRN")
    if any(len(text) > _LONGEST_TEXT or "\0" in text for text in said.values()):
        raise ValueError(f"a field has more than {_LONGEST_TEXT} characters, or is no text")
    on, at = _day_of(said["date"])
    if said.get("time"):
        at = _parsed(said["time"], _TIMES, "time").time()
    return CouncilRecord(
        reference=said["reference"],
        usrn=int(usrn),
        on=on,
        at=at,
        said=tuple(
            (name, text) for name, text in said.items() if text and name not in {*_NEEDED, "time"}
        ),
    )


def _day_of(text: str) -> tuple[date, time | None]:
    """Return a day, with its time where one follows: 2026-03-01T14:05, or 01/03/2026 14:05."""
    with suppress(ValueError, OverflowError):
        whole = datetime.fromisoformat(text)
        if whole.tzinfo is not None:
            here = whole.astimezone(LONDON)
            return here.date(), here.time().replace(microsecond=0)
    day, _, rest = text.replace("T", " ").partition(" ")
    if rest[:1].isalpha() or rest[:2].isalpha():
        return _parsed(text, _DAYS, "date").date(), None
    rest = rest.strip().partition(".")[0]
    return _parsed(day, _DAYS, "date").date(), (
        _parsed(rest, _TIMES, "time").time() if rest else None
    )


def _parsed(text: str, forms: tuple[str, ...], what: str) -> datetime:
    for form in forms:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - a day, or a time of a day
        except ValueError:
            continue
    raise ValueError(f"“{text[:30]}” is no {what}: write it like 2026-03-01, or 01/03/2026")
