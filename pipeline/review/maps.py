"""The map's tiles: the council's own roads and defects, asked of nobody else."""

from functools import lru_cache

from fastapi import FastAPI, Request
from fastapi.responses import Response

from pipeline.adapters.postgres.tiles import load_tile
from pipeline.domain.errors import InputError
from pipeline.geometry.tiles import Tile, TileFrame, frame_of
from pipeline.review.desk import Desk

_TYPE = "application/vnd.mapbox-vector-tile"
_FRAMES = 4096


def add_maps(app: FastAPI, desk: Desk) -> None:
    """Add the route."""

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
