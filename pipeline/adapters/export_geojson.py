"""GeoJSON (RFC 7946: WGS84, longitude first) of defects, observations and coverage. Pure."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.domain.defects import Defect
from pipeline.domain.ids import DefectId
from pipeline.domain.observations import Coverage, Measurement, Observation
from pipeline.domain.places import LonLat
from pipeline.domain.ports import Grid
from pipeline.domain.queue import QueueEntry
from pipeline.domain.roads import RoadFacts

Feature = dict[str, Any]


def defects_geojson(
    defects: Sequence[Defect],
    evidence: Mapping[DefectId, Sequence[str]],
    grid: Grid,
    roads: Mapping[DefectId, RoadFacts] | None = None,
) -> bytes:
    """Return defects as points.

    Args:
        defects: In the order to be written.
        evidence: Names of each defect's pictures.
        grid: For the way back to WGS84.
        roads: What is known of the road at each; None where no network was given.
    """
    places = grid.to_lonlat([defect.at for defect in defects])
    return _collection(
        [
            _point(
                place,
                defect_properties(defect, evidence.get(defect.defect_id, ()))
                | ({} if roads is None else road_properties(roads.get(defect.defect_id))),
            )
            for defect, place in zip(defects, places, strict=True)
        ]
    )


def defect_properties(defect: Defect, evidence: Sequence[str]) -> dict[str, Any]:
    """Return a defect's properties under the names of DESIGN §8."""
    return {
        "defect_id": str(defect.defect_id),
        "kind": defect.kind.value,
        "status": defect.state.words,
        "confidence": round(defect.confidence, 4),
        "easting_m": round(defect.at.easting_m, 3),
        "northing_m": round(defect.at.northing_m, 3),
        "sigma_m": round(defect.error.sigma_m, 3),
        "heading_deg": round(defect.heading_deg, 1),
        **_size("width", defect.width_m),
        **_size("length", defect.length_m),
        "area_m2": round(defect.area_m2.value, 4),
        "area_sigma_m2": round(defect.area_m2.sigma, 4),
        "depth_mm": None if defect.depth_mm is None else defect.depth_mm.value,
        "sightings": defect.sightings,
        "first_seen_at": defect.first_seen_at.isoformat(),
        "last_seen_at": defect.last_seen_at.isoformat(),
        "evidence": list(evidence),
    }


def road_properties(road: RoadFacts | None) -> dict[str, Any]:
    """Return what is known of the road at a place; null where nothing is."""
    known = road or RoadFacts()
    chainage, probability = known.chainage_m, known.probability
    return {
        "usrn": known.usrn,
        "road_name": known.name or None,
        "road_class": known.road_class or None,
        "hierarchy": None if known.hierarchy is None else known.hierarchy.value,
        "section_id": known.section_id or None,
        "section_chainage_m": None if chainage is None else round(chainage, 1),
        "section_probability": None if probability is None else round(probability, 4),
    }


def observations_geojson(
    observations: Sequence[Observation], member_of: Mapping[Any, DefectId], grid: Grid
) -> bytes:
    """Return every sighting as a point, with the defect that it belongs to."""
    places = grid.to_lonlat([o.at for o in observations])
    return _collection(
        [
            _point(place, _observation_properties(o, member_of.get(o.observation_id)))
            for o, place in zip(observations, places, strict=True)
        ]
    )


def coverage_geojson(coverage: Sequence[Coverage], grid: Grid) -> bytes:
    """Return stretches as lines: looked at, or not and why."""
    features: list[Feature] = []
    for stretch in coverage:
        line = [_position(place) for place in grid.to_lonlat(stretch.line)]
        features.append(
            {
                "type": "Feature",
                "geometry": {"type": "LineString", "coordinates": line},
                "properties": {
                    "looked": stretch.looked,
                    "reason": None if stretch.reason is None else stretch.reason.value,
                    "what_to_do": None if stretch.reason is None else stretch.reason.words,
                    "from_m": round(stretch.from_m, 2),
                    "to_m": round(stretch.to_m, 2),
                    "in_view_left_m": round(stretch.left_m, 2),
                    "in_view_right_m": round(stretch.right_m, 2),
                },
            }
        )
    return _collection(features)


def queue_rows(
    queue: Sequence[tuple[QueueEntry, Defect]],
    evidence: Mapping[DefectId, Sequence[str]],
    roads: Mapping[DefectId, RoadFacts],
) -> list[dict[str, Any]]:
    """Return the queue as rows, the most urgent first."""
    return [
        {
            "place": place,
            "defect_id": str(entry.defect_id),
            "score": entry.score,
            "impact": entry.impact,
            "likelihood": entry.likelihood,
            "category": entry.category,
            "reasons": list(entry.reasons),
            "policy_sha256": entry.policy_sha256,
            "version": defect.version,
            **{
                name: value
                for name, value in defect_properties(
                    defect, evidence.get(defect.defect_id, ())
                ).items()
                if name != "defect_id"
            },
            **road_properties(roads.get(defect.defect_id)),
        }
        for place, (entry, defect) in enumerate(queue, 1)
    ]


def queue_geojson(
    queue: Sequence[tuple[QueueEntry, Defect]],
    evidence: Mapping[DefectId, Sequence[str]],
    roads: Mapping[DefectId, RoadFacts],
    grid: Grid,
) -> bytes:
    """Return the queue as points, the most urgent first."""
    places = grid.to_lonlat([defect.at for _, defect in queue])
    rows = queue_rows(queue, evidence, roads)
    return _collection([_point(place, row) for place, row in zip(places, rows, strict=True)])


def _observation_properties(o: Observation, defect_id: DefectId | None) -> dict[str, Any]:
    return {
        "observation_id": str(o.observation_id),
        "defect_id": None if defect_id is None else str(defect_id),
        "kind": o.kind.value,
        "confidence": round(o.confidence, 4),
        "clip_sha256": o.frame.clip_sha256,
        "pts": o.frame.pts,
        "seen_at": o.seen_at.isoformat(),
        "box_px": [
            round(edge, 1)
            for edge in (o.box.left_px, o.box.top_px, o.box.right_px, o.box.bottom_px)
        ],
        "easting_m": round(o.at.easting_m, 3),
        "northing_m": round(o.at.northing_m, 3),
        "sigma_m": round(o.error.sigma_m, 3),
        "heading_deg": round(o.heading_deg, 1),
        "range_m": round(o.range_m, 2),
        "offset_m": round(o.offset_m, 2),
        "chainage_m": round(o.chainage_m, 2),
        **_size("width", o.width_m),
        **_size("length", o.length_m),
    }


def _size(name: str, size: Measurement) -> dict[str, float]:
    return {f"{name}_m": round(size.value, 3), f"{name}_sigma_m": round(size.sigma, 3)}


def _point(place: LonLat, properties: dict[str, Any]) -> Feature:
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": _position(place)},
        "properties": properties,
    }


def _position(place: LonLat) -> list[float]:
    return [round(place.lon_deg, 7), round(place.lat_deg, 7)]


def _collection(features: Sequence[Feature]) -> bytes:
    """Return the collection, one feature a line."""
    lines = ",\n".join(json.dumps(feature, ensure_ascii=False) for feature in features)
    return f'{{"type": "FeatureCollection", "features": [\n{lines}\n]}}\n'.encode()
