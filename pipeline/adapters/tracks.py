"""Which parser reads a track file: decided by what is in it, not by its name."""

from pathlib import Path

from pipeline.adapters.tracks_gpx import parse_gpx
from pipeline.adapters.tracks_nmea import parse_nmea
from pipeline.domain.errors import InputError
from pipeline.domain.track import RawFix

_LARGEST_BYTES = 256 * 1024 * 1024


def read_track(path: Path) -> tuple[RawFix, ...]:
    """Return the raw fixes of a GPX or NMEA file.

    Raises:
        InputError: The file is missing, empty, too large or neither format; or what the parser
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
    head = content[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith(b"<"):
        return parse_gpx(content, name=path.name)
    if b"$G" in content[:65536]:
        return parse_nmea(content, name=path.name)
    raise InputError(
        f"{path.name}: neither a GPX nor an NMEA track; other formats are not read yet"
    )
