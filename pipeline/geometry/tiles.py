"""Map tiles in Web Mercator, and how National Grid places are put onto them. Pure.

A tile is square, some kilometres wide, and the way from the grid onto it is taken as one affine
map, fitted at nine places: at zoom 13 it is off by less than half a metre, a tenth of a pixel.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.domain.checks import require
from pipeline.domain.places import GridRef, LonLat
from pipeline.domain.roads import Box

EXTENT = 4096
LARGEST_ZOOM = 22
_METRES_A_DEGREE = 111_320.0
# The grid's true origin (its false easting and northing taken in), and where it reaches.
_ORIGIN = LonLat(lon_deg=-2.0, lat_deg=49.0)
_ORIGIN_E_M, _ORIGIN_N_M = 400_000.0, -100_000.0
_EAST_M, _NORTH_M = 700_000.0, 1_250_000.0
_STEPS = 16
# A map is asked about at so many places along each side.
_ASKED = 5
_NEAR_DEG = 1e-7
# So far beyond its edges a tile has what is drawn across them, as a share of its width.
_MARGIN = 1 / 64

ToLonLat = Callable[[Sequence[GridRef]], Sequence[LonLat]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A tile of the usual scheme: x eastwards, y southwards from the upper left."""

    zoom: int
    x: int
    y: int

    def __post_init__(self) -> None:
        """Refuse a tile that there is not."""
        require(0 <= self.zoom <= LARGEST_ZOOM, f"zoom is from 0 to {LARGEST_ZOOM}")
        side = 1 << self.zoom
        require(0 <= self.x < side and 0 <= self.y < side, "there is no such tile")

    def fraction(self, place: LonLat) -> tuple[float, float]:
        """Return where a place lies: 0 to 1 from the left, and from the lower edge, of the tile."""
        side = 1 << self.zoom
        down = (1 - math.asinh(math.tan(math.radians(place.lat_deg))) / math.pi) / 2
        return (place.lon_deg + 180) / 360 * side - self.x, 1 - (down * side - self.y)

    def place(self, right: float, up: float) -> LonLat:
        """Return the place of a fraction."""
        side = 1 << self.zoom
        turns = math.pi * (1 - 2 * (self.y + 1 - up) / side)
        return LonLat(
            lon_deg=(self.x + right) / side * 360 - 180,
            lat_deg=math.degrees(math.atan(math.sinh(turns))),
        )


def tile_with(place: LonLat, zoom: int) -> Tile:
    """Return the tile that a place lies on."""
    whole = Tile(zoom=0, x=0, y=0)
    right, up = whole.fraction(place)
    side = 1 << zoom
    return Tile(zoom=zoom, x=int(right * side), y=int((1 - up) * side))


@dataclass(frozen=True, slots=True, kw_only=True)
class TileFrame:
    """How the National Grid is put onto a tile.

    Attributes:
        box: What of the grid may be seen on it.
        affine: a, b, d, e, x, y: right = a E + b N + x, up = d E + e N + y, in tile units.
    """

    box: Box
    affine: tuple[float, float, float, float, float, float]


def frame_of(tile: Tile, to_lonlat: ToLonLat) -> TileFrame | None:
    """Return how the grid is put onto a tile; None where the tile shows none of Great Britain.

    Args:
        tile: The tile.
        to_lonlat: From grid references to places.
    """
    wanted = [tile.place(right, up) for right in (0, 0.5, 1) for up in (0, 0.5, 1)]
    found = [_grid_near(place, to_lonlat) for place in wanted]
    known = [(ref, place) for ref, place in zip(found, wanted, strict=True) if ref is not None]
    if len(known) < 4:  # noqa: PLR2004 - an affine map has six numbers
        return None
    at = np.array([(ref.easting_m, ref.northing_m) for ref, _ in known])
    to = EXTENT * np.array([tile.fraction(place) for _, place in known])
    middle = at.mean(axis=0)
    design = np.column_stack([at - middle, np.ones(len(at))])
    solved, _, rank, _ = np.linalg.lstsq(design, to, rcond=None)
    if rank < design.shape[1]:
        return None
    (a, d), (b, e), (x, y) = solved.tolist()
    margin = _MARGIN * (at.max(axis=0) - at.min(axis=0))
    west, south = (at.min(axis=0) - margin).tolist()
    east, north = (at.max(axis=0) + margin).tolist()
    return TileFrame(
        box=Box(west_m=west, south_m=south, east_m=east, north_m=north),
        affine=(
            a, b, d, e,
            x - a * float(middle[0]) - b * float(middle[1]),
            y - d * float(middle[0]) - e * float(middle[1]),
        ),
    )  # fmt: skip


def grid_box(south_west: LonLat, north_east: LonLat, to_lonlat: ToLonLat) -> Box | None:
    """Return what of the National Grid a map shows that reaches from corner to corner.

    Args:
        south_west: Its lower left corner.
        north_east: Its upper right corner.
        to_lonlat: From grid references to places.

    Returns:
        None where it shows nothing of the grid. What a map shows beyond the grid is left out.
    """
    lons, lats = (
        np.linspace(start, end, _ASKED).tolist()
        for start, end in (
            (south_west.lon_deg, north_east.lon_deg), (south_west.lat_deg, north_east.lat_deg),
        )
    )  # fmt: skip
    found = [
        _grid_near(LonLat(lon_deg=lon, lat_deg=lat), to_lonlat) for lon in lons for lat in lats
    ]
    refs = [ref for ref in found if ref is not None]
    if not refs:
        return None
    # Between a place that the grid reaches and one that it does not there may be more of it.
    step_m = (lats[1] - lats[0]) * _METRES_A_DEGREE if len(refs) < len(found) else 0.0
    return Box(
        west_m=min(ref.easting_m for ref in refs) - step_m,
        south_m=min(ref.northing_m for ref in refs) - step_m,
        east_m=max(ref.easting_m for ref in refs) + step_m,
        north_m=max(ref.northing_m for ref in refs) + step_m,
    )


def _grid_near(wanted: LonLat, to_lonlat: ToLonLat) -> GridRef | None:
    """Return the grid reference of a place, found from where the way back leads; None abroad."""
    east_deg, north_deg = wanted.lon_deg - _ORIGIN.lon_deg, wanted.lat_deg - _ORIGIN.lat_deg
    at = _moved(_ORIGIN_E_M, _ORIGIN_N_M, east_deg, north_deg, wanted.lat_deg)
    for _ in range(_STEPS):
        try:
            [place] = to_lonlat([at])
        except ValueError:
            return None
        east_deg, north_deg = wanted.lon_deg - place.lon_deg, wanted.lat_deg - place.lat_deg
        if not math.isfinite(east_deg) or not math.isfinite(north_deg):
            return None
        if max(abs(east_deg), abs(north_deg)) < _NEAR_DEG:
            return at
        at = _moved(at.easting_m, at.northing_m, east_deg, north_deg, place.lat_deg)
    return None


def _moved(
    easting_m: float, northing_m: float, east_deg: float, north_deg: float, lat_deg: float
) -> GridRef:
    """Return a grid reference moved by degrees, and kept where the grid reaches."""
    east_m = east_deg * _METRES_A_DEGREE * math.cos(math.radians(lat_deg))
    return GridRef(
        easting_m=min(max(easting_m + east_m, 0.0), _EAST_M),
        northing_m=min(max(northing_m + north_deg * _METRES_A_DEGREE, 0.0), _NORTH_M),
    )
