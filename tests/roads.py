"""A small network beside a track."""

import json
from pathlib import Path

from pipeline.adapters.tracks_gpx import parse_gpx


def roads_along(gpx: Path, path: Path) -> Path:
    """Write a network of the street that was driven, and of one beside it."""
    fixes = parse_gpx(gpx.read_bytes(), name="track")
    lines = [
        ("Long Street", [(f.place.lon_deg, f.place.lat_deg) for f in fixes]),
        ("Back Lane", [(f.place.lon_deg, f.place.lat_deg + 0.0004) for f in fixes]),
    ]
    features = [
        {
            "type": "Feature",
            "properties": {"street": name},
            "geometry": {"type": "LineString", "coordinates": line},
        }
        for name, line in lines
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), "utf-8")
    return path
