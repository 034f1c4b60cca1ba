"""The National Grid against Ordnance Survey's own points, and what is not Great Britain.

The points are those of the OSTN15-OSGM15 Developers Pack (files
OSTN15_OSGM15_TestInput_ETRStoOSGB.txt and …TestOutput…), Copyright (c) 2015, Ordnance Survey and
the Ministry of Defence (MOD), BSD 2-clause licence.
"""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.grid_ostn15 import Ostn15Grid
from pipeline.domain.errors import InputError
from pipeline.domain.places import GridRef, LonLat

ETRS89 = Ostn15Grid(epoch_year=None)
# On the Isle of Man, or out at sea: right on the grid, but not Great Britain.
ELSEWHERE = {"TP21", "TP23", "TP32", "TP36", "TP37"}


def points() -> list[dict[str, str]]:
    with (Path(__file__).parent / "os_test_points.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("row", points(), ids=lambda row: row["point"])
def test_the_grid_is_ordnance_surveys_to_a_millimetre(row: dict[str, str]) -> None:
    place = LonLat(lon_deg=float(row["longitude_deg"]), lat_deg=float(row["latitude_deg"]))
    if row["point"] in ELSEWHERE:
        with pytest.raises(InputError):
            ETRS89.to_grid([place])
        return

    (ref,) = ETRS89.to_grid([place])

    assert ref.easting_m == pytest.approx(float(row["easting_m"]), abs=0.001)
    assert ref.northing_m == pytest.approx(float(row["northing_m"]), abs=0.001)


def test_all_forty_points_are_there() -> None:
    assert len(points()) == 40


@pytest.mark.parametrize(
    ("lat", "lon", "where"),
    [
        (54.5973, -5.9301, "Ireland"),
        (53.3498, -6.2603, "Ireland"),
        (54.1523, -4.4861, "the Isle of Man"),
        (56.0, 2.5, "the sea"),
        (53.7, -5.2, "the sea"),
        (50.95, 1.86, "abroad"),
    ],
)
def test_what_is_not_great_britain_is_refused_by_name(lat: float, lon: float, where: str) -> None:
    with pytest.raises(InputError, match=where):
        ETRS89.to_grid([LonLat(lon_deg=lon, lat_deg=lat)])


@pytest.mark.parametrize(
    ("lat", "lon", "east", "north"),
    [(51.5074, -0.1278, -0.582, -0.695), (55.8642, -4.2518, -0.531, -0.661)],
)
def test_todays_gps_is_brought_to_etrs89(lat: float, lon: float, east: float, north: float) -> None:
    """EPSG:10586 at 2026.9, as worked out with PROJ 9.5 (pyproj 3.7)."""
    place = LonLat(lon_deg=lon, lat_deg=lat)
    (plain,), (moved,) = ETRS89.to_grid([place]), Ostn15Grid(epoch_year=2026.9).to_grid([place])

    assert moved.easting_m - plain.easting_m == pytest.approx(east, abs=0.002)
    assert moved.northing_m - plain.northing_m == pytest.approx(north, abs=0.002)


@given(st.floats(300_000, 500_000), st.floats(200_000, 500_000))
def test_there_and_back_is_the_same_place(east: float, north: float) -> None:
    grid = Ostn15Grid(epoch_year=2026.1)
    ref = GridRef(easting_m=east, northing_m=north)
    try:
        (home,) = grid.to_grid(grid.to_lonlat([ref]))
    except InputError:
        return  # the sea

    assert home.distance_m(ref) < 0.01
