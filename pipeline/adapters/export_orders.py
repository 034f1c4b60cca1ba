"""Works orders as files that other systems read: CSV, GeoJSON, GeoPackage."""

import csv
import io
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import shapely

from pipeline.adapters.csv_cells import harmless
from pipeline.domain.defects import Defect
from pipeline.domain.ids import DefectId
from pipeline.domain.orders import OrderLine, WorksOrder
from pipeline.domain.ports import Grid
from pipeline.domain.responding import IsWorkingDay
from pipeline.domain.roads import RoadFacts

Row = dict[str, Any]


def order_rows(
    order: WorksOrder,
    defects: Mapping[DefectId, Defect],
    roads: Mapping[DefectId, RoadFacts],
    is_working_day: IsWorkingDay,
) -> list[Row]:
    """Return a row for each defect of an order, under the names of DESIGN §8 and FIELD §3.1."""
    shared = {
        "order": order.number,
        "ordered_at": order.ordered_at.isoformat(),
        "accepted_at": None if order.accepted_at is None else order.accepted_at.isoformat(),
        "type_of_repair": order.fields.repair.value,
        "traffic_management": order.fields.traffic.value,
        "hazards": ", ".join(hazard.value for hazard in order.fields.hazards),
        "speed_limit_mph": order.fields.speed_limit_mph,
        "permit": order.fields.permit or None,
        "adoption": order.fields.adoption.value,
        "reinstatement_owner": order.fields.reinstatement_owner or None,
        "note": order.fields.note or None,
    }
    return [
        {
            "defect_id": str(line.defect_id),
            **_of_line(order, line, is_working_day),
            **_of_place(defects[line.defect_id], roads.get(line.defect_id, RoadFacts())),
            **shared,
        }
        for line in order.lines
    ]


def orders_csv(rows: Sequence[Row]) -> bytes:
    """Return rows as CSV (RFC 4180, UTF-8); no cell is taken for a formula."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]) if rows else ["order"])
    writer.writeheader()
    writer.writerows({name: harmless(value) for name, value in row.items()} for row in rows)
    return text.getvalue().encode("utf-8")


def orders_geojson(rows: Sequence[Row], grid: Grid, defects: Sequence[Defect]) -> bytes:
    """Return rows as points (RFC 7946, WGS84); one defect a row."""
    places = grid.to_lonlat([defect.at for defect in defects])
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [place.lon_deg, place.lat_deg]},
            "properties": row,
        }
        for row, place in zip(rows, places, strict=True)
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}, indent=1).encode("utf-8")


def orders_geopackage(rows: Sequence[Row]) -> bytes:
    """Return rows as points of a GeoPackage layer "orders", on the National Grid."""
    points = shapely.points([(row["easting_m"], row["northing_m"]) for row in rows])
    names = [name for name in rows[0] if name not in {"easting_m", "northing_m"}]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "orders.gpkg"
        pyogrio.raw.write(
            path,
            geometry=np.asarray(shapely.to_wkb(points), object),
            field_data=[_column([row[name] for row in rows]) for name in names],
            fields=names,
            layer="orders",
            driver="GPKG",
            geometry_type="Point",
            crs="EPSG:27700",
        )
        return path.read_bytes()


def _of_line(order: WorksOrder, line: OrderLine, is_working_day: IsWorkingDay) -> Row:
    due = order.due_of(line, is_working_day)
    return {
        "state": line.state.value,
        "category": line.category,
        "due_at": None if due is None else due.at.isoformat(),
        "respond_within": None if line.respond is None else line.respond.words,
        "width_m": round(line.width_m.value, 3),
        "width_low_m": round(line.width_m.interval[0], 3),
        "width_high_m": round(line.width_m.interval[1], 3),
        "length_m": round(line.length_m.value, 3),
        "length_low_m": round(line.length_m.interval[0], 3),
        "length_high_m": round(line.length_m.interval[1], 3),
        "depth_mm": None if line.depth_mm is None else line.depth_mm.value,
        "depth_how": None if line.depth_mm is None else line.depth_mm.how,
    }


def _of_place(defect: Defect, road: RoadFacts) -> Row:
    return {
        "kind": defect.kind.value,
        "easting_m": round(defect.at.easting_m, 2),
        "northing_m": round(defect.at.northing_m, 2),
        "sigma_m": round(defect.error.sigma_m, 2),
        "usrn": road.usrn,
        "street": road.name or None,
        "section_id": road.section_id or None,
        "section_chainage_m": None if road.chainage_m is None else round(road.chainage_m, 1),
        "heading_deg": round(defect.heading_deg, 1),
    }


def _column(values: Sequence[Any]) -> np.ndarray[Any, Any]:
    """Return a column: numbers where all that is known are numbers, text otherwise."""
    known = [value for value in values if value is not None]
    if known and all(isinstance(value, int | float) for value in known):
        return np.array([np.nan if value is None else float(value) for value in values])
    return np.array([None if value is None else str(value) for value in values], object)
