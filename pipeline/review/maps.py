"""The map: its tiles, the council's own and asked of nobody else, and the list of what it shows."""

from functools import lru_cache

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response

from pipeline.adapters.postgres.tiles import load_tile
from pipeline.domain.errors import InputError, RuleError
from pipeline.domain.places import LonLat
from pipeline.domain.roads import Box
from pipeline.geometry.tiles import Tile, TileFrame, ToLonLat, frame_of, grid_box
from pipeline.review.desk import Desk
from pipeline.review.queue_query import QueueQuery

_TYPE = "application/vnd.mapbox-vector-tile"
_FRAMES = 4096


def _box_of(bounds: str, to_lonlat: ToLonLat) -> Box | None:
    """Return what of the grid a map shows.

    Args:
        bounds: West, south, east, north in degrees.
        to_lonlat: From grid references to places.

    Returns:
        None where that is nothing.
    """
    try:
        west, south, east, north = (float(part) for part in bounds.split(","))
        corners = LonLat(lon_deg=west, lat_deg=south), LonLat(lon_deg=east, lat_deg=north)
        return grid_box(*corners, to_lonlat) if west < east and south < north else None
    except ValueError:
        return None


def add_maps(app: FastAPI, desk: Desk) -> None:
    """Add the routes."""

    @lru_cache(maxsize=_FRAMES)
    def frame(zoom: int, x: int, y: int) -> TileFrame | None:
        return frame_of(Tile(zoom=zoom, x=x, y=y), desk.rules.grid.to_lonlat)

    @app.get("/tiles/{zoom}/{x}/{y}.mvt")
    def tile(request: Request, zoom: int, x: int, y: int) -> Response:
        person = desk.person(request)
        try:
            shown = frame(zoom, x, y)
        except ValueError as error:
            raise InputError("There is no such tile.") from error
        content = b""
        if shown is not None:
            with desk.database.acting_for(person.organisation_id) as connection:
                content = load_tile(connection, person.organisation_id, shown, zoom)
        headers = {"Cache-Control": "private, max-age=15"}
        return Response(content, 200 if content else 204, headers=headers, media_type=_TYPE)

    @app.get("/queue/within")
    def within(request: Request, bounds: str = "") -> Response:
        desk.person(request)
        box = _box_of(bounds, desk.rules.grid.to_lonlat)
        if box is None:
            raise RuleError("The map shows nothing of Great Britain. Move it, and ask again.")
        sides = (box.west_m, box.south_m, box.east_m, box.north_m)
        # West and south of the grid there is nothing of Great Britain.
        text = ",".join(f"{max(0.0, side):.0f}" for side in sides)
        query = QueueQuery.of({**request.query_params, "box": text, "page": ""})
        return RedirectResponse(query.at_page(1), status_code=303)
