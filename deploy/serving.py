"""`roadwear serve`: the engineers' and fleet staff's pages, and the depots' uplink."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount

from deploy.doors import say
from deploy.uplink import receiving_of
from pipeline import wiring
from pipeline.domain.receiving import Depot
from pipeline.review import Rules, create_app
from pipeline.uplink.reader import BatchReader
from pipeline.uplink.receiving import Receiving
from pipeline.uplink.server import Uplink

_LOCAL = {"127.0.0.1", "localhost", "::1"}


def web_app(settings: wiring.Settings, *, https_only: bool) -> Starlette:
    """Return the whole application: pages and uplink.

    Raises:
        OutageError: No database is set or running.
    """
    receiving = receiving_of(settings)
    reader = BatchReader(receiving)
    pages = create_app(
        database=wiring.database(settings),
        blobs=wiring.blobs(settings),
        clock=wiring.clock(),
        rules=Rules(policy=wiring.policy(settings), line=settings.line()),
        secret_key=wiring.secret_key(settings),
        https_only=https_only,
    )
    uplink = Uplink(
        receiving, depot_of=lambda request: _depot_of(receiving, request), on_closed=reader.wake
    )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        reader.start()
        yield
        await run_sync(reader.stop)

    return Starlette(routes=[Mount("/uplink", uplink.app()), Mount("/", pages)], lifespan=lifespan)


def serve(host: str, port: int) -> None:
    """Serve until interrupted.

    Raises:
        OutageError: No database is set or running.
    """
    settings = wiring.Settings.from_env()
    app = web_app(settings, https_only=host not in _LOCAL)
    say(f"The queue is at http://{host}:{port}/queue (Ctrl-C ends it)")
    uvicorn.run(app, host=host, port=port, log_level="warning", proxy_headers=True)


async def _depot_of(receiving: Receiving, request: Request) -> Depot | None:
    """Return whose key comes with a request."""
    kind, _, key = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not key.isascii():
        return None
    return await run_sync(receiving.depot_of_key, key.strip())
