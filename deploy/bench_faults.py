"""`roadwear bench faults`: workers killed, the server started anew, the database stopped.

A real Prefect server on PostgreSQL, two real workers, real footage that was handed in.
"""

import hashlib
import os
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx
import psycopg
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from psycopg import sql

from deploy.bench_house import House, bench_house
from deploy.bench_intake import handed_in
from deploy.bench_works import Driving, Works, ask_for_a_night, asked, works_in, write_drives
from deploy.doors import progress
from deploy.processing import store_of
from pipeline import wiring
from pipeline.adapters.postgres.work import load_all_waiting
from pipeline.domain.errors import OutageError
from pipeline.domain.ids import ClipSha256
from pipeline.simulator.making import make_street

_STREET_M, _PIECE_S, _SPACING_M = 250.0, 5.0, 0.5
_AT_MOST_S, _NIGHT_EVERY_S = 3600.0, 45.0
_BETWEEN_S, _CALM_S = 20.0, 600.0
_SLOT = "bench"
# Stands in the names of files that are handed in, and nowhere else.
_PLANTED = "Zqplanted"
_RUNNING = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]


def bench_faults(clips: int, kills: int) -> dict[str, dict[str, float]]:
    """Do to the works what happens to works; is every clip done, and each piece once?"""
    settings = {
        "ROADWEAR_PIECE_S": str(_PIECE_S),
        "ROADWEAR_SPACING_M": str(_SPACING_M),
        "ROADWEAR_SLOT": _SLOT,
    }
    with bench_house() as house:
        card = house.folder / "card"
        street = make_street(11, length_m=_STREET_M, holes=12, manholes=2, patches=2, shadows=2)
        write_drives(card, clips, Driving(street=street, named=f"Mrs {_PLANTED} "))
        handed_in(house, card)
        _spoil(house, card)
        with works_in(house, settings, (None, None), {_SLOT: 2}) as works:
            before = works.waiting()
            began = time.monotonic()
            _wreck(works, kills)
            seconds = time.monotonic() - began
            calm_s = _until_calm()
            return {"faults": _found(works, before, seconds, calm_s)}


def _spoil(house: House, card: Path) -> None:
    """Cut the first clip off where it is kept, so that what fails has a name to tell."""
    first = min(card.glob("*.mp4"))
    sha256 = ClipSha256(hashlib.sha256(first.read_bytes()).hexdigest())
    kept = wiring.footage_store(house.settings).place(house.depot.owner_id, sha256)
    kept.chmod(0o600)
    os.truncate(kept, kept.stat().st_size // 2)


def _wreck(works: Works, kills: int) -> None:
    """Do one thing after another to the works until all is done; ask for a night so often."""
    deeds: list[Callable[[], None]] = [works.kill_worker] * kills
    deeds.insert(kills // 4, works.restart_server)
    deeds.insert(kills // 2 + 1, works.stop_database)
    deeds.insert(kills, works.restart_server)
    until = time.monotonic() + _AT_MOST_S
    every_drive = works.waiting()
    last_deed = last_night = 0.0
    with progress("Drives", every_drive) as bar:
        while time.monotonic() < until:
            if time.monotonic() - last_night > _NIGHT_EVERY_S:
                with suppress(httpx.HTTPError):
                    asked(ask_for_a_night)
                last_night = time.monotonic()
                left = works.waiting()
                bar.update(bar.task_ids[0], completed=every_drive - left)
                if not left and not deeds:
                    return
            if deeds and time.monotonic() - last_deed > _BETWEEN_S and last_night:
                deeds.pop(0)()
                last_deed = time.monotonic()
            time.sleep(0.2)
    raise OutageError(f"{works.waiting()} drives are still not done after an hour")


async def _running(client: PrefectClient) -> tuple[str, ...]:
    wanted = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_RUNNING)))
    return tuple(str(run.id) for run in await client.read_flow_runs(flow_run_filter=wanted))


async def _held_slots(client: PrefectClient) -> tuple[str, ...]:
    """Return the name of the slots once for each that is held."""
    limit = await client.read_global_concurrency_limit_by_name(_SLOT)
    return (_SLOT,) * limit.active_slots


async def _by_the_clock(client: PrefectClient) -> tuple[str, ...]:
    """Return the nights that began by their schedule."""
    runs = await client.read_flow_runs(
        flow_filter=FlowFilter(name=FlowFilterName(any_=["process-night"])),
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.COMPLETED]))
        ),
    )
    return tuple(str(run.id) for run in runs if run.auto_scheduled)


def _until_calm() -> float:
    """Wait until no run is called running and no slot is held; return for how long, seconds."""
    began = time.monotonic()
    while (asked(_running) or asked(_held_slots)) and time.monotonic() - began < _CALM_S:
        asked(ask_for_a_night)
        time.sleep(20)
    return time.monotonic() - began


def _refused(works: Works) -> int:
    """Return how many drives wait until a person asks."""
    every = load_all_waiting(works.house.database, store_of(works.house.settings))
    return sum(one.needs_a_person for one in every)


def _planted(works: Works) -> dict[str, float]:
    """Return in how many rows of Prefect's tables and files of its the planted name stands.

    Our own tables have it, of course: there the same search must find it.
    """
    admin_url = works.house.cluster.start().admin_url
    folder = works.house.folder
    logs = [*folder.glob("*.log"), *(p for p in (folder / "prefect").rglob("*") if p.is_file())]
    return {
        "planted names in our tables": _rows_with(admin_url, "roadwear"),
        "PLANTED NAMES IN PREFECT'S TABLES": _rows_with(
            admin_url.rpartition("/")[0] + "/prefect", "public"
        ),
        "PLANTED NAMES IN LOGS AND FILES": sum(
            _PLANTED.encode() in log.read_bytes() for log in logs
        ),
        "logs and files looked through": len(logs),
    }


def _rows_with(url: str, schema: str) -> int:
    """Return how many rows of a schema's tables have the planted name in them."""
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "select table_name from information_schema.tables "
            "where table_schema = %s and table_type = 'BASE TABLE'",
            (schema,),
        ).fetchall()
        total = 0
        for (name,) in tables:
            counted = connection.execute(
                sql.SQL("select count(*) from {} t where t::text like %s").format(
                    sql.Identifier(schema, name)
                ),
                (f"%{_PLANTED}%",),
            ).fetchone()
            total += counted[0] if counted else 0
    return total


def _found(works: Works, drives: int, seconds: float, calm_s: float) -> dict[str, float]:
    with psycopg.connect(works.house.cluster.start().admin_url) as connection:
        pieces = connection.execute(
            "select count(*), count(*) filter (where n > 1) from (select count(*) as n "
            "from roadwear.run group by owner_id, clip_sha256, from_pts) r"
        ).fetchone()
    told = Counter(line[2] for worker in works.workers for line in worker.lines())
    stored, twice = pieces or (0, 0)
    return {
        "drives": drives,
        "drives refused: footage cut off": _refused(works),
        "drives done": drives - works.waiting() - _refused(works),
        **works.done,
        "pieces": stored,
        "pieces stored twice": twice,
        # By the workers' logs; a killed worker may take the last line of its log with it.
        "pieces begun and lost": told["begins"] - told["is done"] - told["was"],
        "runs left running": len(asked(_running)),
        "slots still held": len(asked(_held_slots)),
        "nights by the clock": len(asked(_by_the_clock)),
        **_planted(works),
        "minutes": round(seconds / 60, 1),
        "seconds until calm": round(calm_s, 1),
    }
