"""A house of its own for a benchmark of what is handed in: database, store, server."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import uvicorn
from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount

from deploy.uplink import receiving_of
from pipeline import wiring
from pipeline.adapters.footage_store import FootageStore
from pipeline.adapters.postgres import depots
from pipeline.adapters.postgres.database import Database, migrate
from pipeline.adapters.postgres.intake import save_organisation, save_vehicle
from pipeline.adapters.private_cluster import PrivateCluster
from pipeline.domain.errors import OutageError
from pipeline.domain.ids import organisation_id
from pipeline.domain.receiving import Depot
from pipeline.uplink.receiving import Receiving
from pipeline.uplink.server import Uplink

_START_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What a benchmark hands in to."""

    settings: wiring.Settings
    database: Database
    depot: Depot
    key: str
    folder: Path
    cluster: PrivateCluster

    def receiving(self, store: FootageStore | None = None) -> Receiving:
        """Return what takes files in, anew: nothing is remembered but what is stored."""
        return receiving_of(self.settings, store)


@contextmanager
def bench_house() -> Iterator[House]:
    """Make a private database, a store and a depot in a folder that is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="roadwear-bench-") as folder:
        home = Path(folder)
        cluster = PrivateCluster(home)
        known = cluster.start()
        try:
            migrate(known.owner_url)
            settings = wiring.Settings(home=home, database_url=known.app_url, free_gib=0.5)
            database = wiring.database(settings)
            depot, key = _add_depot(database)
            yield House(
                settings=settings,
                database=database,
                depot=depot,
                key=key,
                folder=home,
                cluster=cluster,
            )
            database.close()
        finally:
            cluster.remove()


@contextmanager
def served(receiving: Receiving, on_closed: Callable[[], None] = lambda: None) -> Iterator[str]:
    """Serve depots in a thread, on a free port; yields the address.

    Args:
        receiving: Takes files in.
        on_closed: Told when a batch waits to be read.
    """

    async def depot_of(request: Request) -> Depot | None:
        key = request.headers.get("authorization", "").removeprefix("Bearer ")
        return await run_sync(receiving.depot_of_key, key)

    uplink = Uplink(receiving, depot_of=depot_of, on_closed=on_closed)
    app = Starlette(routes=[Mount("/uplink", uplink.app())])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@dataclass(slots=True)
class ServerProcess:
    """The real server as a process of its own, that can be killed and started again."""

    house: House
    port: int
    _process: "subprocess.Popen[bytes] | None" = field(default=None)

    @property
    def address(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it answers.

        Raises:
            OutageError: It does not start.
        """
        settings = self.house.settings
        environment = {
            **os.environ,
            "ROADWEAR_HOME": str(settings.home),
            "ROADWEAR_DATABASE_URL": settings.database_url or "",
            "ROADWEAR_FREE_GIB": str(settings.free_gib),
        }
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "deploy", "serve", "--port", str(self.port)], env=environment
        )
        until = time.monotonic() + _START_S
        while time.monotonic() < until:
            try:
                if httpx.get(f"{self.address}/health", timeout=2).is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
        raise OutageError("the server does not start")

    def kill(self) -> None:
        """Kill it without a word of warning."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()


def _add_depot(database: Database) -> tuple[Depot, str]:
    owner = organisation_id("bench")
    with database.acting_for(owner) as connection:
        save_organisation(connection, "bench")
        save_vehicle(connection, owner, "1142")
        depot = Depot(
            depot_id=depots.depot_id(owner, "bench", 0),
            owner_id=owner,
            authority_id=owner,
            name="bench",
            fleet_number="1142",
        )
        key = depots.add_depot(connection, depot, added_by="the benchmark")
    if key is None:
        raise OutageError("the benchmark's depot cannot be made")
    return depot, key
