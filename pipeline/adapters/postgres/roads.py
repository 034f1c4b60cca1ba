"""An authority's road networks, and on which section each sighting lies."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any
from uuid import uuid4

import shapely

from pipeline.adapters.postgres.database import Connection, copy_rows
from pipeline.adapters.postgres.findings import line_ewkt, observation_from_row
from pipeline.domain.footage import Drive
from pipeline.domain.ids import DefectId, NetworkId, ObservationId, OrganisationId
from pipeline.domain.observations import Observation
from pipeline.domain.places import GridRef
from pipeline.domain.roads import (
    Box,
    Hierarchy,
    OnRoad,
    RoadFacts,
    RoadPlace,
    RoadSection,
    Ways,
    road_of,
)

_SECTION = (
    "network_id", "authority_id", "section_id", "usrn", "name", "road_class", "hierarchy",
    "speed_limit_mph", "urban", "ways", "line",
)  # fmt: skip
_PLACE = (
    "observation_id", "network_id", "authority_id", "section_id", "chainage_m", "offset_m",
    "along", "probability",
)  # fmt: skip
_NEWEST = (
    "select network_id, content_sha256 from roadwear.road_network where authority_id = %s "
    "order by loaded_at desc limit 1"
)
_M_PER_KM = 1000.0


def save_network(
    connection: Connection,
    authority: OrganisationId,
    *,
    name: str,
    content_sha256: str,
    sections: Sequence[RoadSection],
) -> bool:
    """Store a network as the one in use; False if the one in use is of the same file."""
    connection.execute(
        "select pg_advisory_xact_lock(hashtextextended('roads ' || %s, 0))", (str(authority),)
    )
    newest = connection.execute(_NEWEST, (authority,)).fetchone()
    if newest is not None and newest["content_sha256"] == content_sha256:
        return False
    network_id = uuid4()
    length_m = sum(a.distance_m(b) for s in sections for a, b in pairwise(s.line))
    connection.execute(
        "insert into roadwear.road_network (network_id, authority_id, name, content_sha256, "
        "sections, length_km) values (%s, %s, %s, %s, %s, %s)",
        (network_id, authority, name, content_sha256, len(sections), length_m / _M_PER_KM),
    )
    copy_rows(
        connection,
        "road_section",
        _SECTION,
        (
            (
                network_id, authority, s.section_id, s.usrn, s.name, s.road_class, s.hierarchy,
                s.speed_limit_mph, s.urban, s.ways, line_ewkt(s.line),
            )
            for s in sections
        ),
    )  # fmt: skip
    return True


def network_in_use(connection: Connection, authority: OrganisationId) -> NetworkId | None:
    """Return the network that an authority loaded last; None if it loaded none."""
    newest = connection.execute(_NEWEST, (authority,)).fetchone()
    return None if newest is None else NetworkId(newest["network_id"])


def load_sections(
    connection: Connection, network_id: NetworkId, box: Box
) -> tuple[RoadSection, ...]:
    """Return the sections of a network that meet a box."""
    rows = connection.execute(
        "select s.*, st_asbinary(s.line) as wkb from roadwear.road_section s "
        "where s.network_id = %s and s.line && st_makeenvelope(%s, %s, %s, %s, 27700) "
        "order by s.section_id",
        (network_id, box.west_m, box.south_m, box.east_m, box.north_m),
    )
    return tuple(section_of(row) for row in rows)


def load_unplaced(
    connection: Connection, drive: Drive, network_id: NetworkId
) -> tuple[Observation, ...]:
    """Return a drive's sightings on its authority's roads, not placed on this network yet."""
    rows = connection.execute(
        "select o.*, st_x(o.at) as easting_m, st_y(o.at) as northing_m "
        "from roadwear.observation o join roadwear.run r using (run_id) "
        "where o.drive_id = %s and o.authority_id = %s and r.mark = 'live' "
        "and not exists (select 1 "
        "from roadwear.observation_road p where p.observation_id = o.observation_id "
        "and p.network_id = %s)",
        (drive.drive_id, drive.authority_id, network_id),
    )
    return tuple(observation_from_row(row) for row in rows)


def save_places(
    connection: Connection,
    authority: OrganisationId,
    network_id: NetworkId,
    places: Mapping[ObservationId, OnRoad | None],
) -> None:
    """Store where sightings lie; what is there already stays."""
    copy_rows(
        connection,
        "observation_road",
        _PLACE,
        (
            (observation, network_id, authority, None, None, None, None, None)
            if place is None
            else (
                observation, network_id, authority, place.section_id, place.chainage_m,
                place.offset_m, place.along, place.probability,
            )
            for observation, place in places.items()
        ),
    )  # fmt: skip


def load_road_facts(
    connection: Connection, authority: OrganisationId, defects: Sequence[DefectId]
) -> dict[DefectId, RoadFacts]:
    """Return the road of each defect that lies on a known one, by the network in use."""
    rows = connection.execute(
        "select m.defect_id, p.section_id, p.chainage_m, p.probability, s.usrn, s.name, "
        "s.road_class, s.hierarchy, s.speed_limit_mph, s.ways "
        "from roadwear.current_membership m "
        "join roadwear.observation_road p using (observation_id) "
        "left join roadwear.road_section s using (network_id, section_id) "
        "where m.defect_id = any(%s) and p.network_id = "
        "(select network_id from roadwear.road_network where authority_id = %s "
        "order by loaded_at desc limit 1) order by m.observation_id",
        (list(defects), authority),
    )
    sightings: dict[DefectId, list[RoadFacts | None]] = defaultdict(list)
    for row in rows:
        known = row["section_id"] is not None
        sightings[DefectId(row["defect_id"])].append(facts_of_row(row) if known else None)
    roads = {defect: road_of(seen) for defect, seen in sightings.items()}
    return {defect: road for defect, road in roads.items() if road is not None}


def load_road_places(
    connection: Connection, authority: OrganisationId, observations: Sequence[ObservationId]
) -> dict[ObservationId, RoadPlace]:
    """Return the section of each sighting that lies on one of the network in use."""
    network_id = network_in_use(connection, authority)
    if network_id is None:
        return {}
    rows = connection.execute(
        "select p.observation_id, p.section_id, p.probability, "
        "st_x(st_startpoint(s.line)) as begin_e, st_y(st_startpoint(s.line)) as begin_n, "
        "st_x(st_endpoint(s.line)) as end_e, st_y(st_endpoint(s.line)) as end_n "
        "from roadwear.observation_road p join roadwear.road_section s "
        "using (network_id, section_id) "
        "where p.network_id = %s and p.observation_id = any(%s)",
        (network_id, list(observations)),
    )
    return {
        ObservationId(row["observation_id"]): RoadPlace(
            section_id=row["section_id"],
            ends=(
                GridRef(easting_m=row["begin_e"], northing_m=row["begin_n"]),
                GridRef(easting_m=row["end_e"], northing_m=row["end_n"]),
            ),
            probability=row["probability"],
        )
        for row in rows
    }


def facts_of_row(row: Mapping[str, Any]) -> RoadFacts:
    """Return what is known of the road of a sighting's row."""
    return RoadFacts(
        section_id=row["section_id"],
        usrn=row["usrn"],
        name=row["name"],
        road_class=row["road_class"],
        hierarchy=_hierarchy(row),
        speed_limit_mph=row["speed_limit_mph"],
        chainage_m=row["chainage_m"],
        probability=row["probability"],
        one_way=Ways(row["ways"]) is not Ways.BOTH,
    )


def section_of(row: Mapping[str, Any]) -> RoadSection:
    """Return the section of a row that has its line as `wkb`."""
    places = shapely.get_coordinates(shapely.from_wkb(bytes(row["wkb"]))).tolist()
    return RoadSection(
        section_id=row["section_id"],
        line=tuple(GridRef(easting_m=x, northing_m=y) for x, y in places),
        ways=Ways(row["ways"]),
        usrn=row["usrn"],
        name=row["name"],
        road_class=row["road_class"],
        hierarchy=_hierarchy(row),
        speed_limit_mph=row["speed_limit_mph"],
        urban=row["urban"],
    )


def _hierarchy(row: Mapping[str, Any]) -> Hierarchy | None:
    return None if row["hierarchy"] is None else Hierarchy(row["hierarchy"])
