"""Defects for maps: a page at a time, by place, by state."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pipeline.adapters.postgres.database import Connection
from pipeline.adapters.postgres.defects import load_defects
from pipeline.domain.defects import Defect, DefectState
from pipeline.domain.ids import DefectId, OrganisationId

# PostGIS moves a box to the National Grid without OSTN15, some metres off: who asks looks again.
_WIDER_M = 10.0
_WORTH_A_VISIT = frozenset(
    {
        DefectState.QUEUED, DefectState.SITE_VISIT, DefectState.APPROVED, DefectState.ORDERED,
        DefectState.MADE_SAFE,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedFeatures:
    """Which defects are asked for.

    Attributes:
        states: In which states.
        box_deg: West, south, east, north; None for everywhere.
        seen: Last seen from the first instant to the second one; None for no end.
        after: The last of the page before.
        limit: How many at most.
    """

    states: frozenset[DefectState]
    box_deg: tuple[float, float, float, float] | None = None
    seen: tuple[datetime | None, datetime | None] = (None, None)
    after: DefectId | None = None
    limit: int = 100


def load_feature_ids(
    connection: Connection, authority: OrganisationId, wanted: WantedFeatures
) -> tuple[DefectId, ...]:
    """Return which defects are asked for, in the order of their ids; a box is taken roughly."""
    box = _grid_box(connection, wanted.box_deg)
    rows = connection.execute(
        "select d.defect_id from roadwear.defect d where d.authority_id = %(a)s "
        "and d.state = any(%(states)s) and d.emptied_at is null "
        "and (%(after)s::uuid is null or d.defect_id > %(after)s) "
        "and (%(west)s::float8 is null or (d.at_e between %(west)s and %(east)s "
        "and d.at_n between %(south)s and %(north)s)) "
        "and d.last_seen_at >= coalesce(%(from)s::timestamptz, '-infinity') "
        "and d.last_seen_at <= coalesce(%(to)s::timestamptz, 'infinity') "
        "order by d.defect_id limit %(limit)s",
        {
            "a": authority, "states": sorted(wanted.states), "after": wanted.after,
            "west": box[0], "south": box[1], "east": box[2], "north": box[3],
            "from": wanted.seen[0], "to": wanted.seen[1], "limit": wanted.limit,
        },
    )  # fmt: skip
    return tuple(DefectId(row["defect_id"]) for row in rows)


def load_nearby(
    connection: Connection, authority: OrganisationId, defect: Defect, within_m: float
) -> tuple[Defect, ...]:
    """Return what else waits or is to be repaired near a defect, the nearest first."""
    at = defect.at
    rows = connection.execute(
        "select d.defect_id from roadwear.defect d where d.authority_id = %(a)s "
        "and d.defect_id <> %(d)s and d.state = any(%(states)s) and d.emptied_at is null "
        "and d.at_e between %(e)s - %(m)s and %(e)s + %(m)s "
        "and d.at_n between %(n)s - %(m)s and %(n)s + %(m)s "
        "order by (d.at_e - %(e)s) ^ 2 + (d.at_n - %(n)s) ^ 2, d.defect_id limit 20",
        {
            "a": authority, "d": defect.defect_id, "states": sorted(_WORTH_A_VISIT),
            "e": at.easting_m, "n": at.northing_m, "m": within_m,
        },
    ).fetchall()  # fmt: skip
    found = load_defects(connection, [DefectId(row["defect_id"]) for row in rows])
    near = [found[row["defect_id"]] for row in rows]
    return tuple(one for one in near if one.at.distance_m(at) <= within_m)


def _grid_box(
    connection: Connection, box_deg: Sequence[float] | None
) -> tuple[float | None, float | None, float | None, float | None]:
    if box_deg is None:
        return None, None, None, None
    row = connection.execute(
        "select st_xmin(b) as w, st_ymin(b) as s, st_xmax(b) as e, st_ymax(b) as n from ("
        "select st_transform(st_segmentize(st_makeenvelope(%s, %s, %s, %s, 4326), 0.1), 27700) "
        "as b) box",
        tuple(box_deg),
    ).fetchone()
    if row is None:
        return None, None, None, None
    return row["w"] - _WIDER_M, row["s"] - _WIDER_M, row["e"] + _WIDER_M, row["n"] + _WIDER_M
