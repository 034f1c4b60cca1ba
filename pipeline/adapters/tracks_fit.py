"""FIT activities, as Garmin and other receivers write them, through fitdecode: raw fixes."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime

import fitdecode

from pipeline.domain.errors import InputError
from pipeline.domain.places import LonLat
from pipeline.domain.track import RawFix

_DEG_PER_SEMICIRCLE = 180 / 2**31


def parse_fit(content: bytes, *, name: str) -> tuple[RawFix, ...]:
    """Return one fix for each record with a position, in the file's order.

    A file that is cut short gives what came before the cut.

    Args:
        content: The file.
        name: How the file is called in messages.

    Raises:
        InputError: It is no FIT file, or has no position in it.
    """
    fixes: list[RawFix] = []
    try:
        fixes.extend(_fixes(content))
    except fitdecode.FitEOFError:
        pass
    except (fitdecode.FitError, ValueError, TypeError) as error:
        if not fixes:
            raise InputError(f"{name}: this is not a FIT file that can be read") from error
    if not fixes:
        raise InputError(f"{name}: the FIT file has no position with a time in it")
    return tuple(fixes)


def is_fit(head: bytes) -> bool:
    """Return whether bytes begin like a FIT file: its mark stands after the first eight."""
    return head[8:12] == b".FIT"


def _fixes(content: bytes) -> Iterator[RawFix]:
    with fitdecode.FitReader(io.BytesIO(content), check_crc=fitdecode.CrcCheck.DISABLED) as reader:
        for frame in reader:
            if frame.frame_type != fitdecode.FIT_FRAME_DATA or frame.name != "record":
                continue
            at = frame.get_value("timestamp", fallback=None)
            lat = frame.get_value("position_lat", fallback=None)
            lon = frame.get_value("position_long", fallback=None)
            if not isinstance(at, datetime) or lat is None or lon is None:
                continue
            yield RawFix(
                taken_at=at.astimezone(UTC),
                place=LonLat(lon_deg=lon * _DEG_PER_SEMICIRCLE, lat_deg=lat * _DEG_PER_SEMICIRCLE),
                speed_mps=frame.get_value("enhanced_speed", fallback=None),
            )
