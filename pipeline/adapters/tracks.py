"""Which parser reads a track file: decided by what is in it, not by its name."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from pipeline.adapters.telemetry_gpmf import device_of_gpmf, is_gpmf, parse_gpmf
from pipeline.adapters.tracks_csv import ColumnMap, looks_like_table, parse_csv
from pipeline.adapters.tracks_fit import is_fit, parse_fit
from pipeline.adapters.tracks_gpx import parse_gpx
from pipeline.adapters.tracks_kml import parse_kml
from pipeline.adapters.tracks_nmea import parse_nmea
from pipeline.domain.errors import InputError
from pipeline.domain.track import RawFix
from pipeline.geometry.recording import as_recording

_LARGEST_BYTES = 256 * 1024 * 1024
_HEAD_BYTES = 65536


def read_track(
    path: Path, *, columns: ColumnMap | None = None, starts_at: datetime | None = None
) -> tuple[RawFix, ...]:
    """Return the raw fixes of a GPX, NMEA, KML, FIT, GPMF or CSV file.

    Args:
        path: The file.
        columns: Of a CSV: which column says what; None to go by what they are usually called.
        starts_at: Of a CSV whose times count from the start of the recording: when that was.

    Raises:
        InputError: The file is missing, empty, too large or none of these; or what the parser
            says of it.
    """
    if not path.is_file():
        raise InputError(f"{path.name}: there is no such track file")
    size = path.stat().st_size
    if size == 0:
        raise InputError(f"{path.name}: the track file is empty")
    if size > _LARGEST_BYTES:
        raise InputError(f"{path.name}: a track of {size >> 20} MiB is not one drive's; split it")
    content = path.read_bytes()
    if looks_like_table(content):
        return parse_csv(content, name=path.name, columns=columns, starts_at=starts_at)
    parse = next((parse for is_it, parse in _PARSERS if is_it(content[:_HEAD_BYTES])), None)
    if parse is None:
        raise InputError(
            f"{path.name}: this is no track that is known (GPX, NMEA, CSV, KML, FIT, GoPro's GPMF)"
        )
    return parse(content, name=path.name)


def is_track(head: bytes) -> bool:
    """Return whether a file that begins so is meant as a track."""
    return looks_like_table(head) or any(is_it(head) for is_it, _ in _PARSERS)


class _Parser(Protocol):
    def __call__(self, content: bytes, *, name: str) -> tuple[RawFix, ...]: ...


def _gpmf(content: bytes, *, name: str) -> tuple[RawFix, ...]:
    samples = parse_gpmf(content, name=name)
    return as_recording(samples, device=device_of_gpmf(content)).fixes


def _is_xml(head: bytes) -> bool:
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def _is_kml(head: bytes) -> bool:
    return _is_xml(head) and b"<kml" in head[:4096]


def _is_nmea(head: bytes) -> bool:
    return b"\0" not in head and _SENTENCE.search(head) is not None


_SENTENCE = re.compile(rb"\$[A-Z]{2,3}(RMC|GGA|GLL|VTG|GSA|GSV|ZDA),")
_PARSERS: Sequence[tuple[Callable[[bytes], bool], _Parser]] = (
    (is_gpmf, _gpmf),
    (is_fit, parse_fit),
    (_is_kml, parse_kml),
    (_is_xml, parse_gpx),
    (_is_nmea, parse_nmea),
)
