"""GPX tracks through gpxpy: bytes to raw fixes. Pure."""

import math
from datetime import UTC

import gpxpy
from gpxpy.gpx import GPXException, GPXTrackPoint

from pipeline.domain.errors import InputError
from pipeline.domain.places import LonLat
from pipeline.domain.track import RawFix

_SIGMA_PER_HDOP_M = 2.5


def parse_gpx(content: bytes, *, name: str) -> tuple[RawFix, ...]:
    """Return every timed point of every track segment and route, in the file's order.

    Args:
        content: The file.
        name: How the file is called in messages.

    Raises:
        InputError: It is no GPX, it has no timed points, or its times carry no time zone.
    """
    try:
        gpx = gpxpy.parse(content.decode("utf-8-sig"))
    except (GPXException, UnicodeDecodeError, ValueError) as error:
        raise InputError(f"{name}: this is not a GPX track that can be read") from error
    points = [
        point for track in gpx.tracks for segment in track.segments for point in segment.points
    ]
    timed = [point for point in points if point.time is not None]
    if not timed:
        raise InputError(
            f"{name}: the track has no points with a time, so it cannot say where a frame was taken"
        )
    placed = [point for point in timed if abs(point.latitude) <= 90]  # noqa: PLR2004
    if not placed:
        raise InputError(f"{name}: no point of the track lies on the earth")
    return tuple(_fix(point, name) for point in placed)


def _fix(point: GPXTrackPoint, name: str) -> RawFix:
    if point.time is None or point.time.tzinfo is None:
        raise InputError(
            f"{name}: its times carry no time zone (for UTC they end in Z), so they may be an hour "
            "wrong half the year; export the track again with UTC times"
        )
    hdop = point.horizontal_dilution
    return RawFix(
        taken_at=point.time.astimezone(UTC),
        place=LonLat(lon_deg=point.longitude, lat_deg=point.latitude),
        sigma_m=None if not hdop or _known(hdop) is None else _SIGMA_PER_HDOP_M * float(hdop),
        speed_mps=_known(_extension(point, "speed") if point.speed is None else point.speed),
        course_deg=_known(_extension(point, "course") if point.course is None else point.course),
    )


def _extension(point: GPXTrackPoint, name: str) -> float | None:
    """Return a number of Garmin's track point extension, which many devices write."""
    for extension in point.extensions:
        for element in extension.iter():
            if element.tag.rpartition("}")[2] == name:
                return _finite(element.text)
    return None


def _known(value: float | None) -> float | None:
    """Return what is known: phones write a negative number where they do not know."""
    return None if value is None or not math.isfinite(value) or value < 0 else float(value)


def _finite(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None
