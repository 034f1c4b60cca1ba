"""The British National Grid by OSTN15, through convertbng; refuses what is not Great Britain.

GPS gives places in today's ITRF, OSTN15 takes ETRS89, which stays on the Eurasian plate: the two
are 0.8–0.9 m apart in Britain by now. They are joined here, once, by the time-dependent Helmert
transformation EPSG:10586 (ITRF2020 → ETRF2000, EUREF Technical Note 1) at a stated epoch. The
library answers anywhere in a rectangle that holds Belfast and Dublin, so places are first held
against an outline of Great Britain, drawn a few kilometres out to sea.
"""

import json
import math
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files

import numpy as np
import shapely
from convertbng.cutil import convert_bng, convert_lonlat
from numpy.typing import NDArray

from pipeline.domain.errors import InputError
from pipeline.domain.places import GridRef, LonLat

Array = NDArray[np.float64]

_SEMI_MAJOR_M = 6_378_137.0
_FLATTENING = 1 / 298.257222101
_MAS = math.pi / 648_000_000
_NAMES = {"ireland": "Ireland", "isle_of_man": "the Isle of Man"}

# EPSG:10586 at 2015.0, and rates a year: translations in mm, scale in ppb, rotations in mas.
_EPOCH = 2015.0
_SHIFT_MM = np.array([53.8, 51.8, -82.2])
_SHIFT_RATE_MM = np.array([0.1, 0.0, -1.7])
_SCALE_PPB, _SCALE_RATE_PPB = 2.25, 0.11
_TURN_MAS = np.array([2.106, 12.740, -20.592])
_TURN_RATE_MAS = np.array([0.081, 0.490, -0.792])


class Ostn15Grid:
    """Converts between GPS places and the National Grid.

    Args:
        epoch_year: When the GPS places were taken, as a decimal year; None when they are ETRS89
            already (survey-grade receivers on OS Net, or Ordnance Survey's test points).
    """

    def __init__(self, *, epoch_year: float | None) -> None:
        """Choose the datum of the places that come in."""
        self._epoch_year = epoch_year

    def to_grid(self, places: Sequence[LonLat]) -> list[GridRef]:
        """Return the grid references of places in Great Britain, to the millimetre.

        Raises:
            InputError: A place lies outside Great Britain; the message names where.
        """
        if not places:
            return []
        lon = np.array([place.lon_deg for place in places])
        lat = np.array([place.lat_deg for place in places])
        _refuse_abroad(lon, lat)
        if self._epoch_year is not None:
            lon, lat = _plate_motion(lon, lat, self._epoch_year, sign=1)
        easting, northing = convert_bng(lon, lat)
        lost = np.flatnonzero(~np.isfinite(easting))
        if len(lost):
            raise InputError(
                f"{lat[lost[0]]:.4f}, {lon[lost[0]]:.4f} lies outside the area for which the grid "
                "transformation (OSTN15) is carried"
            )
        return [
            GridRef(easting_m=float(e), northing_m=float(n))
            for e, n in zip(easting, northing, strict=True)
        ]

    def to_lonlat(self, refs: Sequence[GridRef]) -> list[LonLat]:
        """Return WGS84 places of grid references, within a few millimetres."""
        if not refs:
            return []
        lon, lat = convert_lonlat(
            np.array([ref.easting_m for ref in refs]), np.array([ref.northing_m for ref in refs])
        )
        if self._epoch_year is not None:
            lon, lat = _plate_motion(lon, lat, self._epoch_year, sign=-1)
        return [LonLat(lon_deg=float(x), lat_deg=float(y)) for x, y in zip(lon, lat, strict=True)]


@lru_cache(maxsize=1)
def _outlines() -> dict[str, shapely.Geometry]:
    text = files("pipeline.adapters").joinpath("great_britain.geojson").read_text("utf-8")
    return {
        feature["properties"]["name"]: shapely.from_geojson(json.dumps(feature["geometry"]))
        for feature in json.loads(text)["features"]
    }


def _refuse_abroad(lon: Array, lat: Array) -> None:
    outlines = _outlines()
    abroad = np.flatnonzero(~shapely.contains_xy(outlines["great_britain"], lon, lat))
    if not len(abroad):
        return
    x, y = float(lon[abroad[0]]), float(lat[abroad[0]])
    where = next(
        (name for key, name in _NAMES.items() if shapely.contains_xy(outlines[key], x, y)),
        "the sea or abroad",
    )
    raise InputError(
        f"the track goes to {y:.4f}, {x:.4f}, which is in {where}; only places in Great Britain "
        "can be put on the National Grid"
    )


def _plate_motion(lon: Array, lat: Array, epoch_year: float, *, sign: int) -> tuple[Array, Array]:
    """Return ITRF2020 places in ETRF2000 (sign +1), or the way back (sign −1)."""
    years = epoch_year - _EPOCH
    shift = (_SHIFT_MM + _SHIFT_RATE_MM * years) * 1e-3
    scale = (_SCALE_PPB + _SCALE_RATE_PPB * years) * 1e-9
    x, y, z = (_TURN_MAS + _TURN_RATE_MAS * years) * _MAS
    turn = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    at = _to_geocentric(lon, lat)
    moved = at + sign * (shift[:, None] + scale * at + turn @ at)
    return _to_geographic(moved)


def _to_geocentric(lon: Array, lat: Array) -> Array:
    """Return 3×N geocentric metres of points on the GRS80 ellipsoid."""
    lam, phi = np.radians(lon), np.radians(lat)
    squared = _FLATTENING * (2 - _FLATTENING)
    normal = _SEMI_MAJOR_M / np.sqrt(1 - squared * np.sin(phi) ** 2)
    geocentric: Array = np.array(
        [
            normal * np.cos(phi) * np.cos(lam),
            normal * np.cos(phi) * np.sin(lam),
            normal * (1 - squared) * np.sin(phi),
        ]
    )
    return geocentric


def _to_geographic(at: Array) -> tuple[Array, Array]:
    """Return longitude and latitude in degrees; points lie within metres of the ellipsoid."""
    squared = _FLATTENING * (2 - _FLATTENING)
    reach = np.hypot(at[0], at[1])
    phi = np.arctan2(at[2], reach * (1 - squared))
    for _ in range(3):
        normal = _SEMI_MAJOR_M / np.sqrt(1 - squared * np.sin(phi) ** 2)
        phi = np.arctan2(at[2] + squared * normal * np.sin(phi), reach)
    return np.degrees(np.arctan2(at[1], at[0])), np.degrees(phi)
