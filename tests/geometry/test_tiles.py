"""What is drawn on a tile lies where it lies."""

import math

import pytest

from pipeline.adapters.grid_ostn15 import Ostn15Grid
from pipeline.domain.places import GridRef, LonLat
from pipeline.geometry.tiles import EXTENT, Tile, frame_of, grid_box, tile_with

GRID = Ostn15Grid(epoch_year=2026.0)


@pytest.mark.parametrize("zoom", [13, 15, 18])
@pytest.mark.parametrize(
    "ref", [(530_000.0, 180_000.0), (325_000.0, 673_000.0), (445_000.0, 1_140_000.0)]
)
def test_a_place_is_put_where_it_lies_within_a_tenth_of_a_pixel(
    ref: tuple[float, float], zoom: int
) -> None:
    at = GridRef(easting_m=ref[0], northing_m=ref[1])
    [place] = GRID.to_lonlat([at])
    tile = tile_with(place, zoom)
    frame = frame_of(tile, GRID.to_lonlat)
    assert frame is not None
    a, b, d, e, x, y = frame.affine
    right, up = tile.fraction(place)
    assert 0 <= right <= 1 and 0 <= up <= 1
    assert math.hypot(
        a * at.easting_m + b * at.northing_m + x - EXTENT * right,
        d * at.easting_m + e * at.northing_m + y - EXTENT * up,
    ) < EXTENT / 512 / 10  # fmt: skip
    assert frame.box.west_m <= at.easting_m <= frame.box.east_m
    assert frame.box.south_m <= at.northing_m <= frame.box.north_m


def test_a_map_is_a_part_of_the_grid_and_abroad_it_is_none() -> None:
    lower = GridRef(easting_m=530000, northing_m=180000)
    upper = GridRef(easting_m=531000, northing_m=180800)
    south_west, north_east = GRID.to_lonlat([lower, upper])
    box = grid_box(south_west, north_east, GRID.to_lonlat)
    assert box is not None
    # The grid's north is not the map's: the part is a little larger than between the corners.
    assert -40 < box.west_m - 530000 <= 1e-3 and -40 < box.south_m - 180000 <= 1e-3
    assert -1e-3 <= box.east_m - 531000 < 40 and -1e-3 <= box.north_m - 180800 < 40
    paris = LonLat(lon_deg=2.3, lat_deg=48.8)
    assert grid_box(paris, LonLat(lon_deg=2.4, lat_deg=48.9), GRID.to_lonlat) is None


@pytest.mark.parametrize("place", [(-7.5, 56.98), (-6.3, 49.92), (-7.0, 58.2), (1.75, 52.47)])
@pytest.mark.parametrize("half_deg", [0.005, 0.4])
def test_where_the_grid_ends_in_the_sea_there_are_maps_too(
    place: tuple[float, float], half_deg: float
) -> None:
    at = LonLat(lon_deg=place[0], lat_deg=place[1])
    assert frame_of(tile_with(at, 13), GRID.to_lonlat) is not None
    lower = LonLat(lon_deg=place[0] - half_deg, lat_deg=place[1] - half_deg)
    upper = LonLat(lon_deg=place[0] + half_deg, lat_deg=place[1] + half_deg)
    box = grid_box(lower, upper, GRID.to_lonlat)
    assert box is not None
    small = grid_box(
        at, LonLat(lon_deg=at.lon_deg + 1e-3, lat_deg=at.lat_deg + 1e-3), GRID.to_lonlat
    )
    assert small is not None
    assert box.west_m <= small.west_m <= small.east_m <= box.east_m
    assert box.south_m <= small.south_m <= small.north_m <= box.north_m


def test_a_fraction_leads_back_to_its_place() -> None:
    tile = Tile(zoom=11, x=1023, y=681)
    assert tile.fraction(tile.place(0.25, 0.75)) == pytest.approx((0.25, 0.75), abs=1e-9)


@pytest.mark.parametrize("place", [(2.35, 48.85), (-74.0, 40.7), (0.0, -60.0)])
def test_abroad_there_is_nothing(place: tuple[float, float]) -> None:
    tile = tile_with(LonLat(lon_deg=place[0], lat_deg=place[1]), 12)
    assert frame_of(tile, GRID.to_lonlat) is None


@pytest.mark.parametrize(("zoom", "x", "y"), [(-1, 0, 0), (23, 0, 0), (3, 8, 0), (3, 0, -1)])
def test_there_is_no_such_tile(zoom: int, x: int, y: int) -> None:
    with pytest.raises(ValueError, match=r"zoom is from|no such tile"):
        Tile(zoom=zoom, x=x, y=y)
