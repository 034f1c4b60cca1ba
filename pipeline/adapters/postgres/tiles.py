"""Vector tiles of an authority's roads and defects, made by PostGIS."""

from pipeline.adapters.postgres.database import Connection
from pipeline.adapters.postgres.roads import network_in_use
from pipeline.domain.defects import DefectState
from pipeline.domain.ids import OrganisationId
from pipeline.domain.roads import Hierarchy
from pipeline.geometry.tiles import EXTENT, TileFrame

# From this zoom on each defect is a point of its own; before, so many cells a side are counted.
SINGLE_FROM_ZOOM = 13
_CELLS = 24
_ROADS_FROM_ZOOM, _ALL_ROADS_FROM_ZOOM = 9, 13
_MAIN_ROADS = (Hierarchy.STRATEGIC, Hierarchy.MAIN_DISTRIBUTOR, Hierarchy.SECONDARY_DISTRIBUTOR)
_OPEN = (DefectState.QUEUED,)
_CONFIRMED = (DefectState.APPROVED, DefectState.ORDERED, DefectState.MADE_SAFE)

_DEFECTS = """with here as (
    select d.defect_id, d.kind, d.state, q.category, q.score,
      st_affine(d.at, %(a)s, %(b)s, %(d)s, %(e)s, %(x)s, %(y)s) as at
    from roadwear.defect d left join roadwear.queue_entry q using (defect_id)
    where d.authority_id = %(authority)s and d.state = any(%(states)s) and d.emptied_at is null
      and d.at_e between %(west)s and %(east)s and d.at_n between %(south)s and %(north)s)"""
_SINGLE = f"""{_DEFECTS}, shown as (
  select defect_id::text as defect_id, kind, state, category, 1 as count,
    st_asmvtgeom(at, {{box}}, {EXTENT}, 64) as geom from here)
select st_asmvt(shown, 'defects', {EXTENT}, 'geom') as tile from shown where geom is not null"""  # noqa: S608 - our own words
_COUNTED = f"""{_DEFECTS}, counted as (
  select count(*)::int as count, state = 'queued' as waits,
    (array_agg(category order by score desc nulls last))[1] as category,
    st_makepoint(avg(st_x(at)), avg(st_y(at))) as at from here
  group by floor(st_x(at) / {EXTENT / _CELLS}), floor(st_y(at) / {EXTENT / _CELLS}), waits),
shown as (
  select count, category, case when waits then 'queued' else 'approved' end as state,
    st_asmvtgeom(at, {{box}}, {EXTENT}, 64) as geom from counted)
select st_asmvt(shown, 'defects', {EXTENT}, 'geom') as tile from shown where geom is not null"""  # noqa: S608 - our own words
_ROADS = f"""with shown as (
  select s.name, s.usrn, s.hierarchy, st_asmvtgeom(st_simplify(st_affine(
      s.line, %(a)s, %(b)s, %(d)s, %(e)s, %(x)s, %(y)s), 1), {{box}}, {EXTENT}, 64) as geom
  from roadwear.road_section s where s.network_id = %(network)s
    and s.west <= %(east)s and s.east >= %(west)s and s.south <= %(north)s and s.north >= %(south)s
    and (%(all_roads)s or s.hierarchy = any(%(main)s)))
select st_asmvt(shown, 'roads', {EXTENT}, 'geom') as tile from shown where geom is not null"""  # noqa: S608 - our own words
_BOX = f"st_makebox2d(st_point(0, 0), st_point({EXTENT}, {EXTENT}))"


def load_tile(
    connection: Connection, authority: OrganisationId, frame: TileFrame, zoom: int
) -> bytes:
    """Return a tile: layers "roads" and "defects", in Mapbox's format; empty where nothing is.

    Args:
        connection: A transaction that acts for the authority.
        authority: Whose.
        frame: How the grid is put onto the tile.
        zoom: Of the tile.
    """
    a, b, d, e, x, y = frame.affine
    network = network_in_use(connection, authority)
    values = {
        "a": a, "b": b, "d": d, "e": e, "x": x, "y": y,
        "west": frame.box.west_m, "east": frame.box.east_m,
        "south": frame.box.south_m, "north": frame.box.north_m,
        "authority": authority, "network": network, "states": [*_OPEN, *_CONFIRMED],
        "all_roads": zoom >= _ALL_ROADS_FROM_ZOOM, "main": list(_MAIN_ROADS),
    }  # fmt: skip
    asked = [_SINGLE if zoom >= SINGLE_FROM_ZOOM else _COUNTED]
    if network is not None and zoom >= _ROADS_FROM_ZOOM:
        asked.insert(0, _ROADS)
    tile = b""
    for query in asked:
        row = connection.execute(query.replace("{box}", _BOX), values).fetchone()
        tile += bytes(row["tile"]) if row and row["tile"] else b""
    return tile
