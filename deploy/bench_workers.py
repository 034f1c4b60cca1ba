"""`roadwear bench workers`: two workers against one, and Prefect against none, on the same footage.

Each worker is held to one core; Prefect, PostgreSQL and the clock run on any.
"""

import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from deploy.bench_house import House, bench_house
from deploy.bench_intake import handed_in
from deploy.bench_works import Driving, Process, ask_for_a_night, asked, works_in, write_drives
from deploy.doors import say
from deploy.processing import store_of
from pipeline.adapters.postgres.work import load_all_waiting
from pipeline.domain.errors import OutageError
from pipeline.simulator.making import make_street

_SPEED_MPS, _FPS, _LOOK_M = 4.5, 5, 3.0
_MOST_S = 3600.0
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def bench_workers(drives: int, minutes: float) -> dict[str, dict[str, float]]:
    """Have the same drives done without Prefect, by one worker and by two.

    Args:
        drives: How many; a drive is a flow run.
        minutes: Of footage in each; two minutes are a task.

    Raises:
        OutageError: They are not done within an hour.
    """
    with bench_house() as house:
        say("Rendering one drive")
        card = house.folder / "card"
        length_m = minutes * 60 * _SPEED_MPS + 40
        street = make_street(11, length_m=length_m, holes=40, manholes=9, patches=9, shadows=2)
        write_drives(card, drives, Driving(street=street, speed_mps=_SPEED_MPS, fps=_FPS))
        seconds = {"no Prefect, one process": _without(card)}
        for cores in ((0,), (0, 1)):
            seconds[f"{len(cores)} worker{'s' if len(cores) > 1 else ''}"] = _with(card, cores)
    alone, one, two = seconds.values()
    return {
        "workers": {
            "drives": drives,
            "minutes of footage in each": minutes,
            "cores of the machine": os.cpu_count() or 0,
            **{f"{name}, seconds": round(took, 1) for name, took in seconds.items()},
            "one worker to two": round(one / two, 2),
            "Prefect's part of the work, %": round(100 * (one / alone - 1), 1),
        }
    }


def _without(card: Path) -> float:
    """Return how many seconds one process of ours needs, its own start among them."""
    with bench_house() as house:
        handed_in(house, card)
        environment = {
            **_ONE_THREAD,
            "ROADWEAR_HOME": str(house.settings.home),
            "ROADWEAR_DATABASE_URL": house.settings.database_url or "",
            "ROADWEAR_FREE_GIB": str(house.settings.free_gib),
            "ROADWEAR_SPACING_M": str(_LOOK_M),
        }
        process = Process(["deploy", "process"], environment, house.folder / "process.log", 0)
        asked_at = datetime.now(UTC)
        process.start()
        try:
            return _seconds_of(house, asked_at)
        finally:
            process.kill()


def _with(card: Path, cores: Sequence[int]) -> float:
    """Return how many seconds workers need, each on one core, from the clock's first look on."""
    with bench_house() as house:
        handed_in(house, card)
        settings = {**_ONE_THREAD, "ROADWEAR_SPACING_M": str(_LOOK_M)}
        with works_in(house, settings, cores, {}):
            asked_at = datetime.now(UTC)
            asked(ask_for_a_night)
            return _seconds_of(house, asked_at)


def _seconds_of(house: House, asked_at: datetime) -> float:
    """Wait until nothing waits; return the seconds from when it was asked for to the last done.

    Raises:
        OutageError: That takes more than an hour.
    """
    until = time.monotonic() + _MOST_S
    while load_all_waiting(house.database, store_of(house.settings)):
        if time.monotonic() > until:
            raise OutageError("the drives are not done within an hour")
        time.sleep(1.0)
    time.sleep(3.0)
    with psycopg.connect(house.cluster.start().admin_url) as connection:
        row = connection.execute(
            "select extract(epoch from max(happened_at) - %s) from roadwear.drive_work "
            "where kind = 'done'",
            (asked_at,),
        ).fetchone()
    if row is None or row[0] is None:
        raise OutageError("no drive was done")
    return float(row[0])
