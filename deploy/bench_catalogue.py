"""`roadwear bench catalogue`: pictures that were kept, looked at again by one process and by two.

A street is rendered and looked at once, by the real line. The run's rows are then written again and
again, under other ids, until so many pictures are known: each is a real redacted JPEG in the store.
"""

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

import psycopg
from prefect.client.orchestration import PrefectClient, get_client

from deploy.bench_house import House, bench_house
from deploy.bench_intake import handed_in
from deploy.bench_works import Driving, Process, asked, works_in, write_drives
from deploy.doors import say
from deploy.ingest import detector_of, process
from deploy.processing import store_of
from flows.in_hand import POOL
from flows.ops import SETTINGS
from models.card import DEFAULT_MODEL, load_card
from pipeline import wiring
from pipeline.adapters.postgres import studies as rows
from pipeline.adapters.postgres.people import add_person
from pipeline.adapters.postgres.work import load_all_waiting
from pipeline.domain.decisions import Role
from pipeline.domain.errors import OutageError
from pipeline.domain.ids import StudyId, organisation_id
from pipeline.domain.studies import LooksAt, Study
from pipeline.simulator.making import make_street

_OWNER = organisation_id("bench")
_FLOW = "back-catalogue/back-catalogue"
_MOST_S = 5400.0
_ROAD_VIEWS_M = 4.0


def bench_catalogue(pictures: int, *, flows_only: bool = False) -> dict[str, dict[str, float]]:
    """Look at the same pictures: by the command, as a flow in one process, and in two.

    What is timed is a process each time, from its start to its end: what it loads is in it. The
    first two have one core; the third has both, and there the database and Prefect's server too.

    Args:
        pictures: How many.
        flows_only: Leave the command out: one process is compared with two alone.

    Raises:
        OutageError: It is not done within an hour and a half.
    """
    with bench_house() as house:
        settings = house.settings.model_copy(update={"road_view_every_m": _ROAD_VIEWS_M})
        _one_drive(house, settings)
        count = _multiply(house, pictures)
        say(f"{count} pictures are known")
        environment = {
            "ROADWEAR_HOME": str(settings.home),
            "ROADWEAR_DATABASE_URL": settings.database_url or "",
            "ROADWEAR_FREE_GIB": str(settings.free_gib),
        }
        without = None if flows_only else count / _without_prefect(house, environment)
        with works_in(house, {}, (), {}) as works:
            environment |= {
                **SETTINGS,
                "PREFECT_API_URL": works.address,
                "PREFECT_HOME": str(house.folder / "prefect"),
            }
            one = count / _as_a_flow(house, environment, core=0, processes=1)
            two = count / _as_a_flow(house, environment, core=None, processes=2)
    figures: dict[str, float] = {"pictures": count, "cores of the machine": os.cpu_count() or 0}
    if without is not None:
        figures |= {
            "the command, one core, pictures a second": round(without, 1),
            "Prefect's part of the work, %": round(100 * (without / one - 1), 1),
        }
    return {
        "catalogue": {
            **figures,
            "a flow in one process, one core, pictures a second": round(one, 1),
            "a flow in two processes, pictures a second": round(two, 1),
            "one process to two": round(two / one, 2),
            "efficiency of two, %": round(50 * two / one, 1),
        }
    }


def _one_drive(house: House, settings: wiring.Settings) -> None:
    """Have one drive rendered, handed in and looked at, and somebody known who asks for studies."""
    card = house.folder / "card"
    street = make_street(11, length_m=420, holes=40, manholes=6, patches=6, shadows=2)
    write_drives(card, 1, Driving(street=street, speed_mps=4.5, fps=5))
    handed_in(house, card)
    [waiting] = load_all_waiting(house.database, store_of(settings))
    received = wiring.ledger(settings).load_drive(waiting.owner_id, waiting.drive_id)
    process(received, settings, detector_of(settings))
    with house.database.acting_for(_OWNER) as connection:
        add_person(
            connection, _OWNER, email="e@bench.example", name="E", password=None,
            roles=[Role.ENGINEER],
        )  # fmt: skip


def _multiply(house: House, pictures: int) -> int:
    """Write the run again under other ids; return how many pictures are known then.

    Raises:
        OutageError: The real run kept no picture.
    """
    with psycopg.connect(house.cluster.start().admin_url, autocommit=True) as connection:
        row = connection.execute(
            "select run_id, count(*) from roadwear.still "
            "where kind in ('evidence_still', 'road_view') group by 1 order by 2 desc limit 1"
        ).fetchone()
        if row is None:
            raise OutageError("the drive kept no picture")
        run, each = row
        runs = max(1, round(pictures / each))
        connection.execute(
            "create temporary table more as select gen_random_uuid() as run_id, n "
            "from generate_series(1, %s) n",
            (runs,),
        )
        connection.execute(
            "insert into roadwear.run select r.* from more, roadwear.run x, "
            "jsonb_populate_record(x, jsonb_build_object('run_id', more.run_id, "
            "'from_pts', -more.n, 'to_pts', 1 - more.n)) r where x.run_id = %s",
            (run,),
        )
        connection.execute(
            "insert into roadwear.still select s.* from more, roadwear.still x, "
            "jsonb_populate_record(x, jsonb_build_object('run_id', more.run_id)) s "
            "where x.run_id = %s",
            (run,),
        )
        # The drive itself is no part of a study.
        connection.execute(
            "update roadwear.run set state = 'superseded' "
            "where not (run_id = any(select run_id from more))"
        )
        connection.execute("vacuum analyze")
    return int(runs * each)


def _asked(house: House) -> Study:
    today = datetime.now(UTC).date()
    with house.database.acting_for(_OWNER) as connection:
        person = connection.execute("select person_id from roadwear.person").fetchone()
        if person is None:
            raise OutageError("nobody asks")
        study = Study(
            study_id=StudyId(uuid4()),
            owner_id=_OWNER,
            person_id=person["person_id"],
            looks_at=LooksAt.PICTURES,
            model=load_card(DEFAULT_MODEL).name,
            why="the benchmark",
            from_day=today - timedelta(days=1),
            to_day=today,
            asked_at=datetime.now(UTC),
        )
        rows.save_study(connection, study)
    return study


def _without_prefect(house: House, environment: Mapping[str, str]) -> float:
    """Return the seconds that the command needs on one core, in a process of its own.

    Raises:
        OutageError: It is not done in time.
    """
    study = _asked(house)
    command = Process(
        ["deploy", "study", "run", str(study.study_id), "--owner", "bench"],
        environment, house.folder / "command.log", 0,
    )  # fmt: skip
    began = time.monotonic()
    command.start()
    try:
        command.wait(_MOST_S)
    finally:
        command.kill()
    took = time.monotonic() - began
    with house.database.acting_for(_OWNER) as connection:
        if rows.parts_left(connection, study):
            raise OutageError(f"the study was not done: {command.log.read_text('utf-8')[-300:]}")
    return took


def _as_a_flow(
    house: House, environment: Mapping[str, str], *, core: int | None, processes: int
) -> float:
    """Return the seconds that a flow run needs, from its start to its end, as Prefect saw it.

    Raises:
        OutageError: It is not done in time, or failed.
    """
    study = _asked(house)
    worker = Process(
        ["prefect", "worker", "start", "--pool", POOL, "--work-queue", "studies", "--limit", "1"],
        environment, house.folder / f"studies{processes}.log", core,
    )  # fmt: skip
    parameters = {
        "organisation_id": str(_OWNER), "study_id": str(study.study_id), "processes": processes,
    }  # fmt: skip
    worker.start()
    try:
        [run] = asked(partial(_begin, parameters))
        until = time.monotonic() + _MOST_S
        with get_client(sync_client=True) as client:
            while time.monotonic() < until:
                found = client.read_flow_run(UUID(run))
                if found.state is not None and found.state.is_final():
                    if not found.state.is_completed():
                        raise OutageError(f"the flow failed: {worker.log}")
                    return found.total_run_time.total_seconds()
                time.sleep(1.0)
        raise OutageError("the pictures are not looked at within an hour and a half")
    finally:
        worker.kill()


async def _begin(parameters: dict[str, object], client: PrefectClient) -> tuple[str, ...]:
    deployment = await client.read_deployment_by_name(_FLOW)
    run = await client.create_flow_run_from_deployment(deployment.id, parameters=parameters)
    return (str(run.id),)
