"""Cut out: leave out of a track what lies in private areas, and say when that was. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from pipeline.domain.places import LonLat
from pipeline.domain.private import PrivateArea, TimeSpan
from pipeline.domain.track import RawFix

# The earth's mean radius (IUGG 1980).
_EARTH_M = 6_371_008.8
_ALWAYS = datetime.min.replace(tzinfo=UTC)
_FOR_EVER = datetime.max.replace(tzinfo=UTC)
# Fixes that follow so closely leave no room for a detour; in longer gaps a vehicle may do 67 mph.
_CLOSE = timedelta(seconds=5)
_QUICK_MPS = 30.0
_LONGEST = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CutTrack:
    """A track without what is private.

    Attributes:
        kept: The fixes that stay, in order of time.
        spans: When the vehicle was, or may have been, in a private area: from the last fix
            outside to the next one, in order of time and apart from each other.
    """

    kept: tuple[RawFix, ...]
    spans: tuple[TimeSpan, ...]


def cut_track(fixes: Sequence[RawFix], areas: Sequence[PrivateArea]) -> CutTrack:
    """Leave out what lies in private areas.

    Between two fixes that follow closely the vehicle is taken to have driven straight. In longer
    gaps, before the first fix and after the last one, all the time is private in which it can have
    been in an area.

    Args:
        fixes: In any order.
        areas: In which nothing is kept.
    """
    ordered = sorted(fixes, key=lambda fix: fix.taken_at)
    inside = [any(_apart_m(fix.place, a.centre) <= a.radius_m for a in areas) for fix in ordered]
    spans: list[TimeSpan] = []
    if ordered and areas:
        nearest = min(_from_edge_s(ordered[0].place, area) for area in areas)
        spans.append(TimeSpan(begins=_ALWAYS, ends=ordered[0].taken_at - nearest))
    for (before, after), (was, now) in zip(pairwise(ordered), pairwise(inside), strict=True):
        if was or now or any(_passes(before.place, after.place, area) for area in areas):
            spans.append(TimeSpan(begins=before.taken_at, ends=after.taken_at))
        elif after.taken_at - before.taken_at > _CLOSE:
            spans += _reached(before, after, areas)
    if ordered and areas:
        nearest = min(_from_edge_s(ordered[-1].place, area) for area in areas)
        spans.append(TimeSpan(begins=ordered[-1].taken_at + nearest, ends=_FOR_EVER))
    joined = _joined(spans)
    kept = tuple(
        fix
        for fix, was in zip(ordered, inside, strict=True)
        if not was and not any(span.holds(fix.taken_at) for span in joined)
    )
    return CutTrack(kept=kept, spans=joined)


def _reached(before: RawFix, after: RawFix, areas: Sequence[PrivateArea]) -> list[TimeSpan]:
    """Return when, between two fixes, the vehicle can have been in an area."""
    found = []
    for area in areas:
        begins = before.taken_at + _from_edge_s(before.place, area)
        ends = after.taken_at - _from_edge_s(after.place, area)
        if begins < ends:
            found.append(TimeSpan(begins=begins, ends=ends))
    return sorted(found, key=lambda span: span.begins)


def _from_edge_s(place: LonLat, area: PrivateArea) -> timedelta:
    """Return how long a quick vehicle takes from a place to the edge of an area; 0 inside."""
    apart_m = max(0.0, _apart_m(place, area.centre) - area.radius_m)
    return min(timedelta(seconds=apart_m / _QUICK_MPS), _LONGEST)


def _joined(spans: Sequence[TimeSpan]) -> tuple[TimeSpan, ...]:
    joined: list[TimeSpan] = []
    for span in spans:
        if joined and span.begins <= joined[-1].ends:
            joined[-1] = TimeSpan(begins=joined[-1].begins, ends=max(joined[-1].ends, span.ends))
        else:
            joined.append(span)
    return tuple(joined)


def _apart_m(here: LonLat, there: LonLat) -> float:
    east_m, north_m = _from(there, here)
    return math.hypot(east_m, north_m)


def _passes(before: LonLat, after: LonLat, area: PrivateArea) -> bool:
    """Return whether the straight line between two places comes into an area."""
    (x0, y0), (x1, y1) = _from(area.centre, before), _from(area.centre, after)
    length_2 = (x1 - x0) ** 2 + (y1 - y0) ** 2
    if length_2 == 0:
        return False
    share = min(1.0, max(0.0, -(x0 * (x1 - x0) + y0 * (y1 - y0)) / length_2))
    return math.hypot(x0 + share * (x1 - x0), y0 + share * (y1 - y0)) <= area.radius_m


def _from(origin: LonLat, place: LonLat) -> tuple[float, float]:
    """Return metres east and north of a place that is near."""
    east = (place.lon_deg - origin.lon_deg + 180) % 360 - 180
    across = _EARTH_M * math.cos(math.radians(origin.lat_deg))
    return math.radians(east) * across, math.radians(place.lat_deg - origin.lat_deg) * _EARTH_M
