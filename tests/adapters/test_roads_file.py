"""Networks from files: Ordnance Survey's, OpenStreetMap's, a council's; and wrong files."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import shapely

from pipeline.adapters.grid_ostn15 import Ostn15Grid
from pipeline.adapters.roads_file import RoadsRead, read_roads
from pipeline.domain.errors import InputError
from pipeline.domain.places import LonLat
from pipeline.domain.roads import Hierarchy, Ways

GRID = Ostn15Grid(epoch_year=None)
# Two points of a street in Oxford, degrees.
HERE, THERE, BEYOND = (-1.2577, 51.7520), (-1.2567, 51.7526), (-1.2557, 51.7532)


def write(
    path: Path,
    shapes: list[Any],
    columns: dict[str, list[Any]],
    *,
    crs: str = "EPSG:27700",
    layer: str | None = None,
    kind: str = "LineString",
) -> Path:
    pyogrio.raw.write(
        path,
        shapely.to_wkb(np.array(shapes, object)),
        [np.array(values, object) for values in columns.values()],
        list(columns),
        geometry_type=kind,
        crs=crs,
        layer=layer,
        append=path.exists(),
    )
    return path


def street(*places: tuple[float, float]) -> shapely.LineString:
    return shapely.linestrings([(451_000 + x, 206_000 + y) for x, y in places])


def osm(path: Path, *ways: tuple[dict[str, Any], list[tuple[float, float]]]) -> Path:
    features = [
        {
            "type": "Feature",
            "properties": {"@id": f"way/{n}", "highway": None, "oneway": None, "maxspeed": None,
                           "junction": None, "name": None} | tags,
            "geometry": {"type": "LineString", "coordinates": line},
        }
        for n, (tags, line) in enumerate(ways)
    ]  # fmt: skip
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), "utf-8")
    return path


def test_os_open_roads_links_are_read_and_other_layers_are_not(tmp_path: Path) -> None:
    path = tmp_path / "oproad_gb.gpkg"
    write(path, [shapely.points(451_000, 206_000)], {"id": ["N1"]}, layer="road_node", kind="Point")
    write(
        path,
        [street((0, 0), (50, 5)), street((50, 5), (90, 5))],
        {
            "id": ["A-1", "A-2"],
            "road_classification": ["A Road", "Unclassified"],
            "name_1": ["High Street", None],
        },
        layer="road_link",
    )

    read = read_roads(path, GRID)

    first, second = read.sections
    assert (first.section_id, first.name, first.road_class) == ("A-1", "High Street", "A Road")
    assert (first.line[1].easting_m, first.line[1].northing_m) == (451_050, 206_005)
    assert (second.name, second.usrn, second.ways) == ("", None, Ways.BOTH)
    assert read.columns["name"] == "name_1"
    assert read.left_out == {}


def test_streets_of_several_lines_keep_their_usrn(tmp_path: Path) -> None:
    lines = shapely.multilinestrings([street((0, 0), (50, 0)), street((70, 0), (90, 0))])
    path = write(
        tmp_path / "usrn.gpkg",
        [lines, street((0, 9), (9, 9)), street((0, 19), (9, 19))],
        {"usrn": [8_400_001, 8_400_002, 999_999_999]},
        kind="Unknown",
    )

    read = read_roads(path, GRID)

    assert [(s.section_id, s.usrn) for s in read.sections] == [
        ("usrn-8400001", 8_400_001),
        ("usrn-8400001/2", 8_400_001),
        ("usrn-8400002", 8_400_002),
        ("section/1", None),
    ]
    assert read.left_out == {"USRNs that cannot be": 1}


def test_openstreetmaps_ways_are_cut_at_junctions_and_paths_left_out(tmp_path: Path) -> None:
    side = (-1.2567, 51.7536)
    path = osm(
        tmp_path / "town.geojson",
        ({"highway": "residential", "maxspeed": "20 mph"}, [HERE, THERE, BEYOND]),
        ({"highway": "service", "oneway": "-1", "maxspeed": "32"}, [THERE, side]),
        ({"highway": "footway"}, [HERE, side]),
        ({"highway": "tertiary", "junction": "roundabout"}, [BEYOND, side]),
    )

    read = read_roads(path, GRID)

    ids = [section.section_id for section in read.sections]
    assert ids == ["way/0", "way/0/2", "way/1", "way/3"]
    first, second, yard, circle = read.sections
    assert first.line[-1] == second.line[0] == yard.line[0]
    assert [first.line[0]] == GRID.to_grid([LonLat(lon_deg=HERE[0], lat_deg=HERE[1])])
    assert (first.speed_limit_mph, first.ways) == (20.0, Ways.BOTH)
    assert yard.speed_limit_mph == pytest.approx(19.9, abs=0.1)
    assert (yard.ways, circle.ways) == (Ways.BACKWARD, Ways.FORWARD)
    assert read.left_out == {"ways that vehicles do not drive": 1}


def test_a_councils_columns_can_be_told(tmp_path: Path) -> None:
    path = write(
        tmp_path / "gazetteer.shp",
        [street((0, 0), (50, 5)), street((50, 5), (90, 5))],
        {
            "STREETREF": ["20601234", "20601235"],
            "HIERARCHY": ["3B", "local"],
            "SPEED_LIM": ["30", "40 mph"],
            "URBAN": ["U", "R"],
        },
    )

    told = {"usrn": "STREETREF", "speed_limit": "SPEED_LIM"}
    first, second = read_roads(path, GRID, columns=told).sections

    assert (first.usrn, first.hierarchy) == (20_601_234, Hierarchy.SECONDARY_DISTRIBUTOR)
    assert (first.speed_limit_mph, first.urban) == (30.0, True)
    assert (second.hierarchy, second.speed_limit_mph, second.urban) == (None, 40.0, False)
    with pytest.raises(InputError, match=r"no column WIDTH; it has: STREETREF"):
        read_roads(path, GRID, columns={"usrn": "WIDTH"})
    with pytest.raises(InputError, match="width is no entry of a road"):
        read_roads(path, GRID, columns={"width": "URBAN"})


def refused(path: Path, **more: str) -> str:
    with pytest.raises(InputError) as caught:
        read_roads(path, GRID, **more)  # type: ignore[arg-type]
    return str(caught.value)


def test_files_that_are_no_network_are_refused_in_a_sentence(tmp_path: Path) -> None:
    good = write(tmp_path / "good.gpkg", [street((0, 0), (50, 5))], {"usrn": [1]})
    cut = tmp_path / "cut.gpkg"
    cut.write_bytes(good.read_bytes()[:9000])
    empty = tmp_path / "empty.geojson"
    empty.write_bytes(b"")
    text = tmp_path / "roads.csv"
    text.write_text("usrn,name\n1,High Street\n")
    french = write(tmp_path / "l93.gpkg", [street((0, 0), (9, 9))], {"usrn": [1]}, crs="EPSG:2154")
    areas = write(tmp_path / "areas.gpkg", [shapely.box(0, 0, 9, 9)], {"usrn": [1]}, kind="Polygon")
    paths = osm(tmp_path / "paths.geojson", ({"highway": "footway"}, [HERE, THERE]))

    assert "no such file" in refused(tmp_path / "missing.gpkg")
    assert "cannot be read as GeoPackage" in refused(cut)
    assert "cannot be read as GeoJSON" in refused(empty)
    assert "ogr2ogr roads.gpkg FILE" in refused(text)
    assert "EPSG:2154; bring it to the National Grid" in refused(french)
    assert "has the layers areas" in refused(areas)
    assert "no road is left of its 1 features (1 ways that vehicles do not drive)" in refused(paths)
    assert "cannot be read" in refused(good, layer="nonesuch")


def test_what_is_no_line_is_left_out_and_counted(tmp_path: Path) -> None:
    path = write(
        tmp_path / "mixed.gpkg",
        [street((0, 0), (50, 5)), street((0, 0), (0, 0.01)), None],
        {"usrn": [1, 2, 3]},
    )

    read: RoadsRead = read_roads(path, GRID)

    assert [section.usrn for section in read.sections] == [1]
    assert read.left_out == {"features without a length": 1, "features without a line": 1}


def test_a_line_is_cut_where_another_ends_on_it_and_not_where_they_cross(tmp_path: Path) -> None:
    path = write(
        tmp_path / "tees.gpkg",
        [
            street((0, 0), (400, 0)),
            street((200, 0.1), (200, 200)),
            street((300, -50), (300, 50)),
            street((0, 0), (0, 90)),
        ],
        {"id": ["main", "tee", "bridge", "corner"], "usrn": [0, 1, 2, 3]},
    )

    read = read_roads(path, GRID)

    ends = {s.section_id: round(s.line[0].easting_m - 451_000) for s in read.sections}
    assert ends == {"main": 0, "main/2": 200, "tee": 200, "bridge": 300, "corner": 0}
    assert read.sections[0].usrn is None
    assert read.left_out == {"USRNs that cannot be": 2}


def test_names_that_clash_are_told_apart(tmp_path: Path) -> None:
    lines = [street((0, north), (9, north)) for north in (0, 9, 18)]
    path = write(tmp_path / "names.gpkg", lines, {"id": ["a", "a", "a/2"]})

    names = [section.section_id for section in read_roads(path, GRID).sections]

    assert len(set(names)) == 3


def test_metres_that_call_themselves_degrees_are_refused(tmp_path: Path) -> None:
    path = osm(
        tmp_path / "m.geojson", ({"highway": "road"}, [(450_000, 300_000), (450_090, 300_000)])
    )

    assert "if they are metres, say so: ogr2ogr" in refused(path)
    turned = osm(tmp_path / "t.geojson", ({"highway": "road"}, [(51.0, 120.0), (51.1, 120.0)]))
    assert "if they are metres" in refused(turned)
