"""Prefect's server and workers for a benchmark, as processes of their own."""

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import anyio
import av
import httpx
import psycopg
from prefect.client.orchestration import PrefectClient, get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from deploy.bench_house import House
from deploy.bench_intake import free_port
from deploy.doors import progress, say
from deploy.processing import store_of
from flows.in_hand import NIGHT_FLOW, POOL
from flows.ops import SETTINGS, faults_of, set_up
from pipeline.adapters.grid_ostn15 import Ostn15Grid
from pipeline.adapters.postgres.work import load_all_waiting
from pipeline.domain.errors import OutageError
from pipeline.simulator.drive import Pass, PassRules, gpx_of, simulated_rig
from pipeline.simulator.footage import street_painter, write_clip
from pipeline.simulator.street import Street
from pipeline.simulator.surface import paint_surface

_APART = timedelta(hours=2)
_START_S, _CALM_S, DATABASE_GONE_S = 120.0, 600.0, 60.0
_LINE = re.compile(r"Flow run 'drive-([0-9a-f-]{36})' - piece (\d+) of \d+ (begins|is done|was)")


@dataclass(slots=True)
class Process:
    """A program of its own, with its children, that can be killed and started again.

    Attributes:
        core: The one on which it runs; None for any.
    """

    arguments: list[str]
    environment: Mapping[str, str]
    log: Path
    core: int | None = None
    _running: "subprocess.Popen[bytes] | None" = field(default=None)
    _from: int = 0

    def start(self) -> None:
        """Start it; what it says is added to its log."""
        self._from = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as out:
            self._running = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-m", *self.arguments],
                env={**os.environ, **self.environment}, stdin=subprocess.DEVNULL,
                stdout=out, stderr=subprocess.STDOUT, start_new_session=True, cwd="/",
            )  # fmt: skip
        if self.core is not None:
            # What it starts inherits it.
            os.sched_setaffinity(self._running.pid, {self.core})

    def kill(self) -> None:
        """Kill it and all that it started, without a word of warning."""
        if self._running is None:
            return
        # A run is a session of its own: it would outlive the worker that started it.
        for process in [self._running.pid, *_started_by(self._running.pid)]:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._running.wait()

    def wait(self, seconds: float) -> None:
        """Return once it has ended, or after so long."""
        if self._running is not None:
            with suppress(subprocess.TimeoutExpired):
                self._running.wait(seconds)

    def lines(self, *, lately: bool = False) -> list[tuple[str, str, str]]:
        """Return drive, number and what became of it, of every piece that the log tells of.

        Args:
            lately: Since it was started last.
        """
        told = self.log.read_bytes()[self._from if lately else 0 :]
        return _LINE.findall(told.decode("utf-8", errors="replace"))


def _started_by(process: int) -> list[int]:
    """Return the numbers of the processes that one started, and those that these did (Linux)."""
    found = []
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, task.read_text().split()):
                found += [child, *_started_by(child)]
    return found


@dataclass(slots=True, kw_only=True)
class Works:
    """The server, the workers, and what is done to them."""

    house: House
    server: Process
    workers: list[Process]
    address: str
    done: Counter[str] = field(default_factory=Counter)

    def restart_server(self) -> None:
        """Kill Prefect's server and start it anew."""
        self.server.kill()
        self.server.start()
        self.wait_for_server()
        self.done["server restarts"] += 1

    def stop_database(self) -> None:
        """Stop PostgreSQL, ours and Prefect's, for a minute."""
        self.house.cluster.stop()
        time.sleep(DATABASE_GONE_S)
        self.house.cluster.start()
        self.done["database stops"] += 1

    def kill_worker(self) -> None:
        """Kill the worker that has just begun a piece, and start it anew."""
        until = time.monotonic() + _CALM_S
        while time.monotonic() < until:
            for worker in self.workers:
                said = worker.lines(lately=True)
                if said and said[-1][2] == "begins":
                    worker.kill()
                    worker.start()
                    self.done["kills"] += 1
                    return
            time.sleep(0.02)
        raise OutageError("no worker began a piece within ten minutes")

    def wait_for_server(self) -> None:
        """Return once the server answers.

        Raises:
            OutageError: It does not.
        """
        until = time.monotonic() + _START_S
        while time.monotonic() < until:
            try:
                if httpx.get(f"{self.address}/ready", timeout=2).is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.2)
        raise OutageError(f"Prefect's server does not start: {self.server.log}")

    def waiting(self) -> int:
        """Return how many drives wait and are tried by themselves.

        Raises:
            OutageError: The database does not answer for a minute.
        """
        store, until = store_of(self.house.settings), time.monotonic() + DATABASE_GONE_S
        while True:
            try:
                every = load_all_waiting(self.house.database, store)
                return sum(not one.needs_a_person for one in every)
            except OutageError:
                # Connections from before the database was stopped are gone.
                if time.monotonic() > until:
                    raise


@dataclass(frozen=True, slots=True, kw_only=True)
class Driving:
    """How a street is driven along, and what its files are called.

    Attributes:
        named: What the names of the files begin with.
    """

    street: Street
    speed_mps: float = 9.0
    fps: int = 10
    named: str = ""


def write_drives(card: Path, count: int, driving: Driving) -> None:
    """Write one rendered drive so often, each at another hour: other bytes, other drives."""
    card.mkdir()
    rig, rules = simulated_rig(), PassRules(speed_mps=driving.speed_mps)
    driven = Pass(driving.street, rules, seed=5)
    first = card.parent / "drive.mp4"
    with progress("Rendering one drive (frames)", driven.duration_s * driving.fps) as bar:
        write_clip(
            driven, rig, street_painter(paint_surface(driving.street), rig), first,
            fps=driving.fps, on_frame=lambda _done, _all: bar.advance(bar.task_ids[0]),
        )  # fmt: skip
    start = datetime.now(UTC).replace(microsecond=0) - _APART * (count + 1)
    for number in range(count):
        began = start + _APART * number
        _write_again(first, card / f"{driving.named}{number:03}.mp4", began)
        later = Pass(driving.street, rules, seed=5, started_at=began)
        track = gpx_of(later.fixes(Ostn15Grid(epoch_year=2026.1)))
        (card / f"{driving.named}{number:03}.gpx").write_bytes(track)


def _write_again(first: Path, path: Path, began: datetime) -> None:
    """Write a clip anew as if it had begun at another time."""
    with av.open(str(first)) as given, av.open(str(path), "w") as out:
        out.metadata["creation_time"] = f"{began:%Y-%m-%dT%H:%M:%SZ}"
        stream = out.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)


@contextmanager
def works_in(
    house: House, settings: Mapping[str, str], cores: Sequence[int | None], slots: Mapping[str, int]
) -> Iterator[Works]:
    """Start Prefect's server on a database of its own, set it up, and start workers.

    Args:
        house: With the database and the footage.
        settings: More of the workers' environment.
        cores: On which core each worker for drives runs; None for any.
        slots: Of GPUs that the workers share.
    """
    known, port = house.cluster.start(), free_port()
    with psycopg.connect(known.admin_url, autocommit=True) as admin:
        admin.execute("create database prefect")
    address = f"http://127.0.0.1:{port}/api"
    database = known.admin_url.rpartition("/")[0].replace("postgresql:", "postgresql+asyncpg:")
    environment = {
        **SETTINGS,
        "PREFECT_HOME": str(house.folder / "prefect"),
        "PREFECT_API_URL": address,
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"{database}/prefect",
        "ROADWEAR_HOME": str(house.settings.home),
        "ROADWEAR_DATABASE_URL": house.settings.database_url or "",
        "ROADWEAR_FREE_GIB": str(house.settings.free_gib),
        **settings,
    }
    with ExitStack() as stack:
        stack.enter_context(temporary_settings({PREFECT_API_URL: address}))
        arguments = ["prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
        works = Works(
            house=house,
            server=Process(arguments, environment, house.folder / "server.log"),
            workers=[
                Process(
                    ["prefect", "worker", "start", "--pool", POOL, "--work-queue", queue,
                     "--name", name, "--limit", "1"],
                    environment, house.folder / f"{name}.log", core,
                )
                for name, queue, core in (
                    *((f"worker{n}", "drives", core) for n, core in enumerate(cores)),
                    ("clock", "clock", None),
                )
            ],
            address=address,
        )  # fmt: skip
        works.server.start()
        stack.callback(works.server.kill)
        works.wait_for_server()
        os.environ["PREFECT_API_URL"] = address
        stack.callback(os.environ.pop, "PREFECT_API_URL", None)
        asked(partial(set_up, slots=slots))
        for worker in works.workers:
            worker.start()
            stack.callback(worker.kill)
        time.sleep(10)
        for fault in asked(faults_of):
            say(f"roadwear: {fault}")
        yield works


def asked(what: Callable[[PrefectClient], object]) -> tuple[str, ...]:
    """Ask Prefect's server, wherever PREFECT_API_URL says it is."""

    async def ask() -> tuple[str, ...]:
        async with get_client() as client:
            return await what(client)  # type: ignore[misc,no-any-return]

    return anyio.run(ask)


async def ask_for_a_night(client: PrefectClient) -> tuple[str, ...]:
    """Have the clock look at once at what waits."""
    deployment = await client.read_deployment_by_name(f"{NIGHT_FLOW}/{NIGHT_FLOW}")
    await client.create_flow_run_from_deployment(deployment.id)
    return ()
