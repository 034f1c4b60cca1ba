"""Which drives looked at the place of a defect, and what each of them saw."""

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from pipeline.adapters.postgres.cells import cells_of_stretches
from pipeline.adapters.postgres.database import Connection
from pipeline.adapters.postgres.roads import load_road_facts
from pipeline.domain.condition import PassOver
from pipeline.domain.ids import DefectId, DriveId, OrganisationId
from pipeline.domain.observations import Measurement
from pipeline.domain.places import GridRef
from pipeline.geometry.growth import size_of_pass
from pipeline.geometry.strips import right_of

# No camera's coverage is claimed farther to the side.
_WIDEST_M = 12.0
# What all waiting defects need at once would not fit into the memory of a small machine.
_AT_ONCE = 200


def load_passes(
    connection: Connection, authority: OrganisationId, defects: Sequence[DefectId]
) -> dict[DefectId, tuple[PassOver, ...]]:
    """Return the drives that looked at the place of each defect, and those that saw it.

    A drive looked at a place that lies within a stretch that it looked at, and no farther to the
    side than the road was in view there. One that drove the other way does not count where the
    defect lies on a one-way road: it was on the other carriageway.
    """
    seen = _seen(connection, defects)
    roads = load_road_facts(connection, authority, defects)
    looked = _looked(connection, defects, {name for name, road in roads.items() if road.one_way})
    return {
        defect: tuple(
            [*seen[defect].values()]
            + [
                PassOver(drive_id=drive, at=at)
                for drive, at in looked[defect].items()
                if drive not in seen[defect]
            ]
        )
        for defect in seen
    }


def _seen(
    connection: Connection, defects: Sequence[DefectId]
) -> dict[DefectId, dict[DriveId, PassOver]]:
    """Return what each drive saw of each defect: the looks of one drive share its rig's error."""
    rows = connection.execute(
        "select m.defect_id, o.drive_id, o.seen_at, o.width_m, o.width_sigma_m, o.length_m, "
        "o.length_sigma_m, o.size_how from roadwear.current_membership m "
        "join roadwear.observation o using (observation_id) join roadwear.run r using (run_id) "
        "where m.defect_id = any(%s) and r.state = 'current' and r.mark = 'live' "
        "order by o.seen_at, o.observation_id",
        (list(defects),),
    )
    found: dict[DefectId, dict[DriveId, list[dict[str, Any]]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for row in rows:
        found[DefectId(row["defect_id"])][DriveId(row["drive_id"])].append(row)
    return {
        defect: {
            drive: PassOver(
                drive_id=drive,
                at=looks[0]["seen_at"],
                width_m=size_of_pass(_sizes(looks, "width")),
                length_m=size_of_pass(_sizes(looks, "length")),
            )
            for drive, looks in drives.items()
        }
        for defect, drives in found.items()
    }


def _sizes(looks: Sequence[dict[str, Any]], name: str) -> list[Measurement]:
    return [
        Measurement(value=look[f"{name}_m"], sigma=look[f"{name}_sigma_m"], how=look["size_how"])
        for look in looks
    ]


def _looked(
    connection: Connection, defects: Sequence[DefectId], one_way: Collection[DefectId]
) -> dict[DefectId, dict[DriveId, datetime]]:
    """Return the drives that looked at each place, and when each began."""
    found: dict[DefectId, set[DriveId]] = defaultdict(set)
    for first in range(0, len(defects), _AT_ONCE):
        for row in _stretches_near(connection, defects[first : first + _AT_ONCE]):
            line = shapely.get_coordinates(shapely.from_wkb(bytes(row["wkb"])))
            if DefectId(row["defect_id"]) in one_way and _against(line, row["heading_deg"]):
                continue
            right_m = right_of(line, np.array([row["easting_m"], row["northing_m"]]))
            if right_m is not None and -row["left_m"] <= right_m <= row["right_m"]:
                found[DefectId(row["defect_id"])].add(DriveId(row["drive_id"]))
    began = _began(connection, sorted({drive for drives in found.values() for drive in drives}))
    return defaultdict(
        dict, {name: {drive: began[drive] for drive in drives} for name, drives in found.items()}
    )


def _began(connection: Connection, drives: Sequence[DriveId]) -> dict[DriveId, datetime]:
    """Return when each drive began, or came to the authority's roads."""
    rows = connection.execute(
        "select d.drive_id, coalesce((select min(s.from_at) from roadwear.drive_share s "
        "where s.drive_id = d.drive_id and s.authority_id = roadwear.acting_for()), "
        "roadwear.began_at(d.drive_id)) as at "
        "from unnest(%s::uuid[]) d (drive_id)",
        (list(drives),),
    )
    return {DriveId(row["drive_id"]): row["at"] for row in rows}


def _stretches_near(
    connection: Connection, defects: Sequence[DefectId]
) -> Sequence[Mapping[str, Any]]:
    """Return the stretches that were looked at near each place, by their squares."""
    places = connection.execute(
        "select defect_id, at_e, at_n from roadwear.defect where defect_id = any(%s)",
        (list(defects),),
    )
    near = [
        (row["defect_id"], *cell)
        for row in places
        for cell in cells_of_stretches(
            GridRef(easting_m=row["at_e"], northing_m=row["at_n"]), _WIDEST_M
        )
    ]
    return connection.execute(
        "select d.defect_id, d.heading_deg, d.at_e as easting_m, d.at_n as northing_m, "
        "r.drive_id, c.left_m, c.right_m, st_asbinary(c.line) as wkb "
        "from (select distinct w.defect_id, k.run_id, k.ordinal from "
        "unnest(%s::uuid[], %s::int[], %s::int[]) w (defect_id, cell_e, cell_n) "
        "join roadwear.coverage_cell k on k.cell_e = w.cell_e and k.cell_n = w.cell_n "
        "where k.authority_id = roadwear.acting_for()) near "
        "join roadwear.defect d using (defect_id) "
        "join roadwear.coverage c using (run_id, ordinal) join roadwear.run r using (run_id) "
        "where c.reason is null and c.authority_id = d.authority_id "
        "and st_dwithin(c.line, d.at, %s) and r.state = 'current' and r.mark = 'live' "
        "order by d.defect_id, c.run_id, c.ordinal",
        (
            [name for name, _, _ in near], [east for _, east, _ in near],
            [north for _, _, north in near], _WIDEST_M,
        ),
    ).fetchall()  # fmt: skip


def _against(line: NDArray[np.float64], heading_deg: float) -> bool:
    """Return whether a stretch was driven against a heading, from its begin to its end."""
    east, north = line[-1] - line[0]
    heading = math.radians(heading_deg)
    return bool(east * math.sin(heading) + north * math.cos(heading) < 0)
