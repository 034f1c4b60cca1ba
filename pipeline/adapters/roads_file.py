"""Road networks from files, through pyogrio (GDAL): GeoPackage, GeoJSON, Shapefile, FlatGeobuf.

Ordnance Survey's OS Open Roads and OS Open USRN, OpenStreetMap extracts with its tags as columns,
and councils' own gazetteers, whose columns are known by their usual names or told.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray
from shapely.ops import substring

from pipeline.domain.errors import InputError
from pipeline.domain.places import GridRef, LonLat
from pipeline.domain.ports import Grid
from pipeline.domain.roads import (
    LARGEST_USRN,
    SAME_JUNCTION_M,
    Hierarchy,
    RoadSection,
    Ways,
)

Array = NDArray[np.float64]

FORMS: Final = {
    ".gpkg": "GeoPackage",
    ".geojson": "GeoJSON",
    ".json": "GeoJSON",
    ".shp": "Shapefile",
    ".fgb": "FlatGeobuf",
}
# What a column may be called, in lower case; the first that is there is taken.
COLUMNS: Final = {
    "section_id": ("section_id", "id", "identifier", "osm_id", "@id", "toid", "full_id", "fid"),
    "usrn": ("usrn", "nsg_ref", "nsgref", "street_ref"),
    "name": ("name", "name_1", "name1", "street_name", "street_descriptor", "descriptor"),
    "road_class": ("road_class", "road_classification", "roadclassification", "highway", "class",
                   "street_type"),
    "hierarchy": ("hierarchy", "cway_hierarchy", "carriageway_hierarchy", "maint_hier"),
    "speed_limit": ("speed_limit", "speed_limit_mph", "speedlimit", "maxspeed"),
    "urban": ("urban", "urban_rural"),
    "ways": ("oneway", "one_way"),
    "junction": ("junction",),
}  # fmt: skip

# A Shapefile may say it at length.
_METRES = re.compile(r"EPSG:27700$|PROJCS.*British_National_Grid", re.DOTALL)
_DEGREES = re.compile(r"(EPSG:4326|EPSG:4258|OGC:CRS84)$|GEOGCS.*(WGS_1984|ETRS_1989)", re.DOTALL)
_SHORTEST_M = 0.1
# Of longitude and latitude.
_MOST_DEGREES = np.array([180.0, 90.0])
_MPH_PER_KMH = 1 / 1.609344
# OpenStreetMap's ways that a council's vehicle drives; the rest are paths, rails and plans.
_DRIVEN = re.compile(
    r"(motorway|trunk|primary|secondary|tertiary)(_link)?$|unclassified$|residential$"
    r"|living_street$|service$|road$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoadsRead:
    """What a file gave.

    Attributes:
        sections: Its sections.
        left_out: How many features were left out, by reason.
        columns: Which column each entry was taken from.
    """

    sections: tuple[RoadSection, ...]
    left_out: Mapping[str, int]
    columns: Mapping[str, str]


@dataclass(slots=True)
class _Reading:
    left_out: Counter[str] = field(default_factory=Counter)
    names: set[str] = field(default_factory=set)
    turns: Counter[str] = field(default_factory=Counter)


def read_roads(
    path: Path, grid: Grid, *, layer: str = "", columns: Mapping[str, str] | None = None
) -> RoadsRead:
    """Read a network.

    Args:
        path: The file; its coordinate system is the National Grid or degrees.
        grid: Brings degrees (ETRS89) to the grid.
        layer: Of a file with several; by default the one with lines, or OS's road links.
        columns: Entry of `COLUMNS` → the file's column, where it has another name.

    Raises:
        InputError: It cannot be read, holds no lines, or is in another coordinate system.
    """
    _check(path)
    try:
        chosen = layer or _layer_of(path)
        meta, _, geometry, values = pyogrio.raw.read(path, layer=chosen, force_2d=True)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, ValueError) as error:
        raise InputError(f"{path.name} cannot be read as {FORMS[path.suffix.lower()]}") from error
    if geometry is None or not len(geometry):
        raise InputError(f"{path.name}: there is nothing in its layer {chosen!r}")
    fields = [str(name) for name in meta["fields"]]
    taken = _columns_of(fields, columns or {}, path.name)
    rows = _rows(fields, values, taken, len(geometry))
    shapes = shapely.from_wkb(geometry)
    finite = np.array([bool(np.isfinite(shapely.get_coordinates(s)).all()) for s in shapes])
    lines = _on_grid(np.where(finite, shapes, None), str(meta["crs"]), grid, path.name)
    read = _Reading()
    sections = tuple(_sections(lines, rows, read, osm=taken.get("road_class") == "highway"))
    if not sections:
        why = ", ".join(f"{count} {reason}" for reason, count in read.left_out.items())
        raise InputError(f"{path.name}: no road is left of its {len(geometry)} features ({why})")
    return RoadsRead(sections=sections, left_out=dict(read.left_out), columns=taken)


def _check(path: Path) -> None:
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    if path.suffix.lower() not in FORMS:
        raise InputError(
            f"{path.name}: roads are read from {', '.join(FORMS)}; other forms are brought to "
            "GeoPackage with: ogr2ogr roads.gpkg FILE"
        )


def _layer_of(path: Path) -> str:
    layers = [(str(name), str(kind)) for name, kind in pyogrio.list_layers(path).tolist()]
    lines = [name for name, kind in layers if "LineString" in kind or kind in {"Unknown", "None"}]
    links = [name for name in lines if name.replace("_", "").lower() == "roadlink"]
    if len(lines) != 1 and not links:
        known = ", ".join(name for name, _ in layers)
        raise InputError(f"{path.name} has the layers {known}; say which with --layer")
    return (links or lines)[0]


def _columns_of(fields: Sequence[str], told: Mapping[str, str], name: str) -> dict[str, str]:
    """Return which of the file's columns each entry is taken from."""
    unknown = sorted(set(told) - set(COLUMNS))
    if unknown:
        raise InputError(f"{unknown[0]} is no entry of a road; there are: {', '.join(COLUMNS)}")
    missing = sorted(set(told.values()) - set(fields))
    if missing:
        raise InputError(f"{name} has no column {missing[0]}; it has: {', '.join(fields)}")
    lower = {one.lower(): one for one in reversed(fields)}
    taken = dict(told)
    for entry, usual in COLUMNS.items():
        found = next((lower[one] for one in usual if one in lower), None)
        if found is not None:
            taken.setdefault(entry, found)
    return taken


def _rows(
    fields: Sequence[str], values: Sequence[Any], taken: Mapping[str, str], count: int
) -> list[dict[str, Any]]:
    by_name = dict(zip(fields, values, strict=True))
    columns = {entry: by_name[column].tolist() for entry, column in taken.items()}
    return [{entry: column[i] for entry, column in columns.items()} for i in range(count)]


def _on_grid(shapes: Any, crs: str, grid: Grid, name: str) -> Any:  # noqa: ANN401 - shapely's
    if _METRES.match(crs):
        return shapes
    if not _DEGREES.match(crs):
        raise InputError(
            f"{name} is in the coordinate system {crs[:60]}; bring it to the National Grid with: "
            "ogr2ogr -t_srs EPSG:27700 roads.gpkg FILE"
        )

    def moved(degrees: Array) -> Array:
        if (np.abs(degrees) > _MOST_DEGREES).any():
            raise InputError(
                f"{name} says that it is in degrees, but holds others; if they are metres, say so: "
                "ogr2ogr -a_srs EPSG:27700 roads.gpkg FILE"
            )
        places = [LonLat(lon_deg=lon, lat_deg=lat) for lon, lat in degrees.tolist()]
        return np.array([(r.easting_m, r.northing_m) for r in grid.to_grid(places)])

    return shapely.transform(shapes, moved)


def _sections(
    shapes: Any,  # noqa: ANN401 - shapely's
    rows: Sequence[Mapping[str, Any]],
    read: _Reading,
    *,
    osm: bool,
) -> Iterator[RoadSection]:
    kept: list[tuple[Array, Mapping[str, Any]]] = []
    for shape, row in zip(shapes, rows, strict=True):
        if osm and not _DRIVEN.match(str(row.get("road_class") or "")):
            read.left_out["ways that vehicles do not drive"] += 1
            continue
        kept += [(line, row) for line in _lines_of(shape, read)]
    parts = _cut_at_junctions([line for line, _ in kept], osm=osm)
    for pieces, (_, of_line) in zip(parts, kept, strict=True):
        for piece in pieces:
            yield _section(piece, of_line, read, osm=osm)


def _cut_at_junctions(lines: Sequence[Array], *, osm: bool) -> Iterator[list[Array]]:
    """Yield the parts of each line: cut where another line ends on it.

    In OpenStreetMap lines are cut, too, where they share an inner point. Where two lines merely
    cross they are not: it may be a bridge.
    """
    shared = _shared_points(lines) if osm else frozenset()
    shapes = np.array([shapely.linestrings(line) for line in lines], object)
    ends = np.array([end for line in lines for end in (line[0], line[-1])]).reshape(-1, 2)
    points = np.asarray(shapely.points(ends), object)
    end, line_of = shapely.STRtree(shapes).query(
        points, predicate="dwithin", distance=SAME_JUNCTION_M
    )
    at = np.asarray(shapely.line_locate_point(shapes[line_of], points[end]), np.float64)
    length = np.asarray(shapely.length(shapes[line_of]), np.float64)
    inner = (at > SAME_JUNCTION_M) & (at < length - SAME_JUNCTION_M)
    cuts: dict[int, list[float]] = {}
    for number, where in zip(line_of[inner].tolist(), at[inner].tolist(), strict=True):
        cuts.setdefault(number, []).append(where)
    for number, line in enumerate(lines):
        parts = _cut_at(shapes[number], cuts[number]) if number in cuts else [line]
        whole = [piece for part in parts for piece in _cut(part, shared)]
        yield [piece for piece in whole if np.hypot(*np.diff(piece, axis=0).T).sum() > _SHORTEST_M]


def _cut_at(shape: Any, places_m: Sequence[float]) -> list[Array]:  # noqa: ANN401 - shapely's
    """Return the parts of a line between chainages."""
    edges = [0.0, *sorted(places_m), float(shape.length)]
    return [
        shapely.get_coordinates(substring(shape, begin, end))
        for begin, end in pairwise(edges)
        if end - begin > _SHORTEST_M
    ]


def _lines_of(shape: Any, read: _Reading) -> Iterator[Array]:  # noqa: ANN401 - shapely's
    if shape is None or shape.is_empty:
        read.left_out["features without a line"] += 1
        return
    parts = shapely.get_parts(shape)
    for part in parts:
        coordinates = shapely.get_coordinates(part)
        if part.geom_type not in {"LineString", "LinearRing"}:
            read.left_out["features that are no lines"] += 1
        elif not np.isfinite(coordinates).all() or part.length < _SHORTEST_M:
            read.left_out["features without a length"] += 1
        else:
            yield coordinates


def _shared_points(lines: Iterable[Array]) -> frozenset[tuple[float, float]]:
    counts: Counter[tuple[float, float]] = Counter()
    for line in lines:
        counts.update(_rounded(line))
    return frozenset(point for point, count in counts.items() if count > 1)


def _cut(line: Array, at: frozenset[tuple[float, float]]) -> Iterator[Array]:
    inner = [i for i, point in enumerate(_rounded(line)) if point in at and 0 < i < len(line) - 1]
    edges = [0, *inner, len(line) - 1]
    for begin, end in pairwise(edges):
        yield line[begin : end + 1]


def _rounded(line: Array) -> list[tuple[float, float]]:
    return [(round(x, 2), round(y, 2)) for x, y in line.tolist()]


def _section(line: Array, row: Mapping[str, Any], read: _Reading, *, osm: bool) -> RoadSection:
    usrn = _usrn(row.get("usrn"), read)
    wanted = _text(row.get("section_id")) or (f"usrn-{usrn}" if usrn else "")
    return RoadSection(
        section_id=_free_name(wanted, read),
        line=tuple(GridRef(easting_m=x, northing_m=y) for x, y in line.tolist()),
        ways=_ways(row, osm=osm),
        name=_text(row.get("name")),
        road_class=_text(row.get("road_class")),
        hierarchy=_hierarchy(row.get("hierarchy")),
        speed_limit_mph=_speed(row.get("speed_limit"), osm=osm),
        urban=_urban(row.get("urban")),
        usrn=usrn,
    )


def _free_name(wanted: str, read: _Reading) -> str:
    """Return the name, with a number where it is taken already or where there is none."""
    base, name = wanted or "section", wanted
    while not name or name in read.names:
        read.turns[base] += 1
        name = f"{base}/{read.turns[base] + (1 if wanted else 0)}"
    read.names.add(name)
    return name


def _usrn(value: object, read: _Reading) -> int | None:
    """Return a USRN; what cannot be one (0 stands for none in a Shapefile) is none, and counted."""
    number = _number(value)
    if number is None:
        return None
    if number.is_integer() and 0 < number <= LARGEST_USRN:
        return int(number)
    read.left_out["USRNs that cannot be"] += 1
    return None


def _text(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _number(value: object) -> float | None:
    try:
        number = float(_text(value))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _hierarchy(value: object) -> Hierarchy | None:
    known: Mapping[str, Hierarchy] = {one.value: one for one in Hierarchy}
    return known.get(_text(value).lower().removeprefix("cat").strip())


def _ways(row: Mapping[str, Any], *, osm: bool) -> Ways:
    """Return which ways it may be driven; OpenStreetMap leaves out what goes without saying."""
    text = _text(row.get("ways")).lower()
    implied = (
        osm
        and not text
        and (
            _text(row.get("junction")) in {"roundabout", "circular"}
            or _text(row.get("road_class")) in {"motorway", "motorway_link"}
        )
    )
    if implied or text in {"yes", "true", "1", "forward"}:
        return Ways.FORWARD
    return Ways.BACKWARD if text in {"-1", "reverse", "backward"} else Ways.BOTH


def _speed(value: object, *, osm: bool) -> float | None:
    """Return miles an hour; in OpenStreetMap a bare number is kilometres an hour."""
    found = re.match(r"(\d+(?:\.\d+)?)\s*(mph|km/h|kmh)?$", _text(value).lower())
    if found is None or not float(found[1]):
        return None
    unit = found[2] or ("km/h" if osm else "mph")
    return float(found[1]) * (1.0 if unit == "mph" else _MPH_PER_KMH)


def _urban(value: object) -> bool | None:
    text = _text(value).lower()
    if text in {"urban", "u", "true", "1"}:
        return True
    return False if text in {"rural", "r", "false", "0"} else None
