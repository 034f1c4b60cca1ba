"""May this server be asked: is its database there, and has it what these pages read?"""

from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response

from pipeline.adapters.postgres.schema import newest_migration, schema_version
from pipeline.domain.errors import OutageError
from pipeline.review.desk import Desk


def add_readiness(app: FastAPI, desk: Desk) -> None:
    """Add what a service manager or a load balancer asks; neither needs to be signed in."""
    needed = newest_migration()

    @app.get("/health")
    async def health() -> dict[str, str]:
        """Say that the program runs; asked of no thread, so that a slow database is no reason."""
        return {"status": "ok"}

    @app.get("/ready")
    def ready() -> Response:
        """Say whether people can be served; where they cannot, another server may be asked."""
        try:
            there = schema_version(desk.database)
        except OutageError:
            return JSONResponse({"status": "the database does not answer"}, 503)
        if there < needed:
            return JSONResponse({"status": "the database is to be brought up to date"}, 503)
        return JSONResponse({"status": "ready"})
