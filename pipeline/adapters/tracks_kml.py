"""KML tracks, as Google Earth and some recorders write them: bytes to raw fixes. Pure.

Read are `gx:Track` (a list of `when` and one of `gx:coord`) and placemarks with a `TimeStamp`
and a `Point`, by OGC's KML 2.3 (12-007r2).
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from pipeline.domain.errors import InputError
from pipeline.domain.places import LonLat
from pipeline.domain.track import RawFix


def parse_kml(content: bytes, *, name: str) -> tuple[RawFix, ...]:
    """Return every timed point, in the file's order.

    Args:
        content: The file.
        name: How the file is called in messages.

    Raises:
        InputError: It is no KML, has no timed points, or its times carry no zone.
    """
    try:
        root = fromstring(content)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise InputError(f"{name}: this is not a KML track that can be read") from error
    pairs = [*_tracks(root), *_placemarks(root)]
    fixes = [fix for when, where in pairs if (fix := _fix(when, where, name)) is not None]
    if not fixes:
        raise InputError(
            f"{name}: the track has no points with a time, so it cannot say where a frame was taken"
        )
    return tuple(fixes)


def _tracks(root: Element) -> Iterator[tuple[str, list[str]]]:
    for track in _all(root, "Track"):
        times = [(when.text or "").strip() for when in _all(track, "when")]
        places = [(coord.text or "").split() for coord in _all(track, "coord")]
        yield from zip(times, places, strict=False)


def _placemarks(root: Element) -> Iterator[tuple[str, list[str]]]:
    for mark in _all(root, "Placemark"):
        times = [when for stamp in _all(mark, "TimeStamp") for when in _all(stamp, "when")]
        places = [c for point in _all(mark, "Point") for c in _all(point, "coordinates")]
        if times and places:
            yield (times[0].text or "").strip(), (places[0].text or "").strip().split(",")


def _fix(when: str, where: list[str], name: str) -> RawFix | None:
    try:
        instant = datetime.fromisoformat(when)
        place = LonLat(lon_deg=float(where[0]), lat_deg=float(where[1]))
    except (ValueError, IndexError):
        return None
    if instant.tzinfo is None:
        raise InputError(
            f"{name}: its times carry no time zone (for UTC they end in Z), so they may be an hour "
            "wrong half the year; export the track again with UTC times"
        )
    return RawFix(taken_at=instant.astimezone(UTC), place=place)


def _all(root: Element, name: str) -> Iterator[Element]:
    return (element for element in root.iter() if element.tag.rpartition("}")[2] == name)
