"""How PostgreSQL carries out what the pages ask, under row security, on a benchmark's rows."""

import re
from typing import Any, cast

from pipeline import wiring
from pipeline.adapters.postgres.database import Connection, Database
from pipeline.adapters.postgres.defects import load_defect, load_evidence
from pipeline.adapters.postgres.features import load_nearby
from pipeline.adapters.postgres.passes import load_passes
from pipeline.adapters.postgres.queue_pages import Wanted, load_page
from pipeline.adapters.postgres.tiles import load_tile
from pipeline.domain.ids import OrganisationId
from pipeline.domain.looks import DefectKind
from pipeline.domain.places import GridRef
from pipeline.geometry.tiles import frame_of, tile_with

_MANY = re.compile(r"\{[0-9a-f-]{36}(?:,[0-9a-f-]{36})+\}")
_ACTING = "(NULLIF(current_setting('roadwear.organisation'::text, true), ''::text))::uuid"
_EXPLAIN = "explain (analyze, costs off, timing off, summary off) "
_MIDDLE = GridRef(easting_m=425_000.0, northing_m=325_000.0)
_NEAR_M = 50.0


class _Explained:
    """A connection that notes how each SELECT is carried out, and carries it out."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.plans: list[str] = []

    def execute(self, query: Any, *values: Any) -> Any:  # noqa: ANN401 - as psycopg has it
        if isinstance(query, str) and query.lstrip().lower().startswith(("select", "with")):
            rows = self._connection.execute(_EXPLAIN + query, *values).fetchall()
            plan = "\n".join(str(row["QUERY PLAN"]) for row in rows)
            self.plans.append(_MANY.sub("{… many ids}", plan).replace(_ACTING, "acting_for()"))
        return self._connection.execute(query, *values)


def query_plans(database: Database, authority: OrganisationId) -> str:
    """Return the plans of what the queue, a possible defect and the map ask, in Markdown."""
    grid = wiring.grid_now()
    [middle] = grid.to_lonlat([_MIDDLE])
    text = []

    def told(title: str, noted: _Explained) -> None:
        text.append(f"## {title}\n")
        text.extend(f"```\n{plan}\n```\n" for plan in noted.plans)
        noted.plans.clear()

    with database.acting_for(authority) as connection:
        noted = _Explained(connection)
        ours = cast("Connection", noted)
        page = load_page(ours, authority, Wanted())
        told("The queue's first page", noted)
        load_page(ours, authority, Wanted(category="CAT1_24", page=3))
        told("The queue, one category, its third page", noted)
        load_page(ours, authority, Wanted(kind=DefectKind.POTHOLE))
        told("The queue, one kind", noted)
        name = page.rows[0][1].defect_id
        defect = load_defect(ours, name)
        load_evidence(ours, [name])
        load_passes(ours, authority, [name])
        if defect is not None:
            load_nearby(ours, authority, defect, _NEAR_M)
        told("A possible defect: itself, its pictures, its passes, what lies near", noted)
        for zoom in (11, 15):
            frame = frame_of(tile_with(middle, zoom), grid.to_lonlat)
            if frame is not None:
                load_tile(ours, authority, frame, zoom)
                told(f"A map tile at zoom {zoom}: the network, roads, defects", noted)
    return "\n".join(text)
