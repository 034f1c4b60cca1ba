"""A map of one drive: which roads, and how good the footage of them is. Without times."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from pipeline.domain.intake import ReceivedDrive
from pipeline.domain.places import LonLat
from pipeline.domain.track import RawFix

_EARTH_M = 6_371_008.8
_WIDE_PX, _HIGH_PX, _EDGE_PX = 720.0, 420.0, 24.0
# A track is drawn no finer than this.
_STEP_PX = 1.0
# Between positions further apart in time nothing is drawn.
_GAP_S = 30.0
_SCALES_M = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000)
Line = Sequence[LonLat]


@dataclass(frozen=True, slots=True, kw_only=True)
class MapLine:
    """A line on the map.

    Attributes:
        kind: What the footage of it is worth, or "road".
        points: As SVG writes them.
    """

    kind: str
    points: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DriveMap:
    """A map, drawn to be put into a page.

    Attributes:
        roads: Of the network, under the drive.
        drive: What was driven, by what the footage of it is worth.
        scale_px: How long the scale's bar is.
        scale_words: How long that is on the road.
    """

    wide_px: float
    high_px: float
    roads: tuple[MapLine, ...]
    drive: tuple[MapLine, ...]
    scale_px: float
    scale_words: str


def kind_at(received: ReceivedDrive, kind_of: Callable[[object], str]) -> Callable[[datetime], str]:
    """Return what says of an instant what the footage of it is worth.

    Args:
        received: The drive, with what its clips are worth.
        kind_of: Of a reason, or of None where there is none.
    """
    offset = timedelta(seconds=received.clock.offset_s if received.clock else 0.0)
    spans = [
        (clip.started_at + offset, clip.duration_s, received.quality[clip.sha256])
        for _, clip in received.clips
        if clip.started_at is not None and clip.sha256 in received.quality
    ]

    def at(instant: datetime) -> str:
        for begins, lasts_s, quality in spans:
            seconds = (instant - begins).total_seconds()
            if 0 <= seconds <= lasts_s:
                return kind_of(quality.reason_at(seconds))
        return "none"

    return at


def draw_map(
    fixes: Sequence[RawFix], roads: Sequence[Line], *, kind: Callable[[datetime], str]
) -> DriveMap | None:
    """Draw a drive; None where there are no positions any more.

    Args:
        fixes: Where it was.
        roads: Lines of the network around it.
        kind: What the footage of an instant is worth.
    """
    if not fixes:
        return None
    ordered = sorted(fixes, key=lambda fix: fix.taken_at)
    view = _View.around([fix.place for fix in ordered])
    drawn = [
        MapLine(kind=name, points=view.points(places))
        for name, places in _stretches(ordered, kind)
        if len(places) > 1
    ]
    scale_m = max((s for s in _SCALES_M if s <= view.metres(_WIDE_PX / 4)), default=_SCALES_M[0])
    words = f"{scale_m} m" if scale_m < 1000 else f"{scale_m // 1000} km"  # noqa: PLR2004
    return DriveMap(
        wide_px=_WIDE_PX,
        high_px=_HIGH_PX,
        roads=tuple(MapLine(kind="road", points=view.points(road)) for road in roads),
        drive=tuple(drawn),
        scale_px=scale_m * view.px_per_m,
        scale_words=words,
    )


def _stretches(
    fixes: Sequence[RawFix], kind: Callable[[datetime], str]
) -> list[tuple[str, list[LonLat]]]:
    """Return runs of places of one kind; each begins where the last one ended."""
    found: list[tuple[str, list[LonLat]]] = []
    before: RawFix | None = None
    for name, run in groupby(fixes, key=lambda fix: kind(fix.taken_at)):
        places: list[LonLat] = []
        for fix in run:
            gap_s = 0.0 if before is None else (fix.taken_at - before.taken_at).total_seconds()
            if before is not None and gap_s > _GAP_S:
                found.append((name, places))
                places = []
            elif before is not None and not places:
                places.append(before.place)
            places.append(fix.place)
            before = fix
        found.append((name, places))
    return found


@dataclass(frozen=True, slots=True)
class _View:
    """How places become points of the picture: north is up."""

    centre: LonLat
    px_per_m: float

    @classmethod
    def around(cls, places: Sequence[LonLat]) -> "_View":
        lats = [place.lat_deg for place in places]
        lons = [place.lon_deg for place in places]
        centre = LonLat(lon_deg=(min(lons) + max(lons)) / 2, lat_deg=(min(lats) + max(lats)) / 2)
        flat = cls(centre, 1.0)
        across = [flat.metres_from_centre(place) for place in places]
        wide_m = max(1.0, 2 * max(abs(east) for east, _ in across))
        high_m = max(1.0, 2 * max(abs(north) for _, north in across))
        px_per_m = min((_WIDE_PX - 2 * _EDGE_PX) / wide_m, (_HIGH_PX - 2 * _EDGE_PX) / high_m)
        # A vehicle that hardly moved is not drawn as if it had driven about.
        return cls(centre, min(px_per_m, 4.0))

    def metres_from_centre(self, place: LonLat) -> tuple[float, float]:
        east_m = math.radians(place.lon_deg - self.centre.lon_deg) * _EARTH_M
        north_m = math.radians(place.lat_deg - self.centre.lat_deg) * _EARTH_M
        return east_m * math.cos(math.radians(self.centre.lat_deg)), north_m

    def metres(self, px: float) -> float:
        return px / self.px_per_m

    def points(self, places: Sequence[LonLat]) -> str:
        """Return places as SVG writes points, leaving out what would not be seen."""
        drawn: list[tuple[float, float]] = []
        for number, place in enumerate(places):
            east_m, north_m = self.metres_from_centre(place)
            x = _WIDE_PX / 2 + east_m * self.px_per_m
            y = _HIGH_PX / 2 - north_m * self.px_per_m
            if drawn and number < len(places) - 1 and math.dist(drawn[-1], (x, y)) < _STEP_PX:
                continue
            drawn.append((x, y))
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in drawn)
