"""Tracks as tables (CSV): bytes to raw fixes, by a map of columns or by what they are called."""

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pipeline.domain.errors import InputError
from pipeline.domain.places import LonLat
from pipeline.domain.track import RawFix

# Headers in small letters without blanks and signs; the first that a table has is taken.
_USUAL: Mapping[str, Sequence[str]] = {
    "time": (
        "time", "timestamp", "datetime", "utc", "utctime", "gpstime", "gpsdatetime", "recordedat",
        "timeutc", "datetimeutc", "timeseconds", "seconds", "elapseds",
    ),
    "lat": ("lat", "latitude", "gpslat", "gpslatitude", "y"),
    "lon": ("lon", "long", "lng", "longitude", "gpslon", "gpslong", "gpslongitude", "x"),
    "speed": ("speedmps", "speedms"),
    "course": ("course", "heading", "bearing", "coursedeg", "headingdeg", "track"),
}  # fmt: skip
_NEEDED = ("time", "lat", "lon")
_KNOWN = (*_USUAL, "date", "zone")
# Numbers above this are seconds since 1970, above the second milliseconds; below, since the start.
_EPOCH_FROM_S, _EPOCH_FROM_MS = 6e8, 1e11
_FORMATS = ("%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S.%f", "%d/%m/%Y %H:%M", "%Y/%m/%d %H:%M:%S")


class CountedTimesError(InputError):
    """The times of a table count from the start of the recording, and nobody said when it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMap:
    """Which column says what.

    Attributes:
        columns: From time, lat, lon, speed (m/s), course, date to a header.
        zone: In which times without a zone are.
    """

    columns: Mapping[str, str]
    zone: tzinfo | None = None


def parse_columns(text: str) -> ColumnMap:
    """Return a map written as "time=Header,lat=Header,lon=Header,zone=Europe/London".

    Raises:
        InputError: It is not written so, or a name or zone is not known.
    """
    found: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, sign, header = part.partition("=")
        if not sign or name.strip() not in _KNOWN or not header.strip():
            raise InputError(
                f"the column map says {part!r}; write time=…, lat=…, lon=…, and if they are there "
                "date=…, speed=…, course=…, zone=Europe/London, separated by commas"
            )
        found[name.strip()] = header.strip()
    zone = found.pop("zone", None)
    try:
        return ColumnMap(columns=found, zone=None if zone is None else ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise InputError(f"the column map names no time zone: {zone!r}") from error


def parse_csv(
    content: bytes, *, name: str, columns: ColumnMap | None, starts_at: datetime | None
) -> tuple[RawFix, ...]:
    """Return one fix for each row with a place and a time, in the file's order.

    Args:
        content: The table, with a row of headers.
        name: How the file is called in messages.
        columns: Which column says what; None to go by what they are usually called.
        starts_at: When the recording began, for times that count from there.

    Raises:
        InputError: It is no table, a column is missing, or times carry no zone.
        CountedTimesError: They count from a start that nobody said.
    """
    rows = _rows(content, name)
    given = columns or ColumnMap(columns={})
    header = _headers(rows[0], given, name)
    fixes = []
    for row in rows[1:]:
        values = {what: row[at].strip() for what, at in header.items() if at < len(row)}
        place = _place(values)
        if place is not None and values.get("time"):
            fixes.append(_fix(values, place, lambda text: _time(text, given, starts_at, name)))
    if not fixes:
        raise InputError(f"{name}: no row of the table has a time, a latitude and a longitude")
    return tuple(fixes)


def looks_like_table(content: bytes) -> bool:
    """Return whether bytes begin like a table: a line of headers that are separated."""
    try:
        line = content[:4096].decode("utf-8-sig", errors="ignore").lstrip().splitlines()[0]
    except IndexError:
        return False
    return (
        not line.startswith(("<", "$"))
        and line.replace("\t", ",").isprintable()
        and any(mark in line for mark in ",;\t")
    )


def _rows(content: bytes, name: str) -> list[list[str]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: this is no table that can be read (not UTF-8)") from error
    try:
        dialect = csv.Sniffer().sniff(text[:4096], delimiters=",;\t")
    except csv.Error:
        dialect = csv.excel
    try:
        rows = [row for row in csv.reader(io.StringIO(text), dialect) if any(row)]
    except csv.Error as error:
        raise InputError(f"{name}: this is no table that can be read ({error})") from error
    if not rows:
        raise InputError(f"{name}: the table is empty")
    return rows


def _headers(first: list[str], given: ColumnMap, name: str) -> dict[str, int]:
    """Return in which column each thing stands."""
    plain = [_plain(header) for header in first]
    found: dict[str, int] = {}
    for what, usual in _USUAL.items():
        at = next((plain.index(header) for header in usual if header in plain), None)
        if at is not None and not given.columns:
            found[what] = at
    exact = [header.strip() for header in first]
    for what, header in given.columns.items():
        if header not in exact:
            raise InputError(
                f"{name}: the table has no column {header!r}; it has {', '.join(exact)}"
            )
        found[what] = exact.index(header)
    missing = [what for what in _NEEDED if what not in found]
    if missing:
        raise InputError(
            f"{name}: which column is {' and '.join(missing)}? The table has "
            f"{', '.join(exact)}; say it with --columns time=…,lat=…,lon=…"
        )
    return found


def _fix(values: Mapping[str, str], place: LonLat, time_of: Callable[[str], datetime]) -> RawFix:
    text = " ".join(filter(None, (values.get("date"), values["time"])))
    return RawFix(
        taken_at=time_of(text),
        place=place,
        speed_mps=_number(values.get("speed"), least=0.0),
        course_deg=_number(values.get("course"), least=0.0),
    )


def _place(values: Mapping[str, str]) -> LonLat | None:
    lat, lon = _number(values.get("lat")), _number(values.get("lon"))
    if lat is None or lon is None or abs(lat) > 90 or abs(lon) > 180:  # noqa: PLR2004
        return None
    return LonLat(lon_deg=lon, lat_deg=lat)


def _time(text: str, given: ColumnMap, starts_at: datetime | None, name: str) -> datetime:
    number = _number(text)
    if number is not None:
        return _counted(number, starts_at, name)
    instant = _instant(text)
    if instant is None:
        raise InputError(f"{name}: {text!r} is no time; write 2026-02-10T10:00:00Z")
    if instant.tzinfo is None and given.zone is None:
        raise InputError(
            f"{name}: its times carry no time zone, so they may be an hour wrong half the year; "
            "say which they are in with --columns …,zone=UTC or zone=Europe/London"
        )
    return (instant if instant.tzinfo else instant.replace(tzinfo=given.zone)).astimezone(UTC)


def _counted(number: float, starts_at: datetime | None, name: str) -> datetime:
    if number >= _EPOCH_FROM_S:
        seconds = number / 1000 if number >= _EPOCH_FROM_MS else number
        return datetime.fromtimestamp(seconds, UTC)
    if starts_at is None:
        raise CountedTimesError(
            f"{name}: its times count from the start of the recording, and nothing says when that "
            "was; say it with --started-at 2026-02-10T10:00:00Z"
        )
    return starts_at.astimezone(UTC) + timedelta(seconds=number)


def _instant(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    for form in _FORMATS:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - the zone follows
        except ValueError:
            continue
    return None


def _number(text: str | None, *, least: float = -math.inf) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= least else None


def _plain(header: str) -> str:
    return "".join(letter for letter in header.lower() if letter.isalnum())
