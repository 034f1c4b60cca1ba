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
from deploy.doors import progress, say
from deploy.ingest import detector_of, process
from deploy.processing import store_of
from flows.ops import POOL, SETTINGS
from flows.scoring import score
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
# One process is given a part of them: what is measured is pictures a second.
_SHARE_OF_ONE = 5


# The part of one process is called received so long ago.
_AGO = timedelta(days=10)


def bench_catalogue(pictures: int) -> dict[str, dict[str, float]]:
    """Look at pictures again: without Prefect, as a flow in one process, and in two.

    Args:
        pictures: How many, for two processes; a fifth of them for one.

    Raises:
        OutageError: It is not done within an hour and a half.
    """
    with bench_house() as house:
        settings = house.settings.model_copy(update={"road_view_every_m": _ROAD_VIEWS_M})
        _one_drive(house, settings)
        few, many = _multiply(house, pictures)
        say(f"{few + many} pictures are known")
        environment = {
            "ROADWEAR_HOME": str(settings.home),
            "ROADWEAR_DATABASE_URL": settings.database_url or "",
            "ROADWEAR_FREE_GIB": str(settings.free_gib),
        }
        without = _without_prefect(house, settings)
        with works_in(house, {}, (), {}) as works:
            environment |= {**SETTINGS, "PREFECT_API_URL": works.address}
            one = few / _as_a_flow(house, environment, core=0, processes=1)
            two = (few + many) / _as_a_flow(house, environment, core=None, processes=2)
    return {
        "catalogue": {
            "pictures, two processes": few + many,
            "pictures, one process": few,
            "cores of the machine": os.cpu_count() or 0,
            "no Prefect, one core, pictures a second": round(few / without, 1),
            "one process, one core, pictures a second": round(one, 1),
            "two processes, pictures a second": round(two, 1),
            "one process to two": round(two / one, 2),
            "efficiency of two, %": round(50 * two / one, 1),
            "Prefect's part of the work, %": round(100 * (few / without / one - 1), 1),
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


def _multiply(house: House, pictures: int) -> tuple[int, int]:
    """Write the run again under other ids; return how many pictures one process has, and the rest.

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
        counts = []
        for clip, wanted, ago in (
            ("a" * 64, pictures // _SHARE_OF_ONE, _AGO),
            ("b" * 64, pictures - pictures // _SHARE_OF_ONE, timedelta(0)),
        ):
            runs = max(1, round(wanted / each))
            connection.execute(
                "insert into roadwear.clip select c.* from roadwear.clip x, jsonb_populate_record("
                "x, jsonb_build_object('clip_sha256', %s::text, 'received_at', now() - %s)) c "
                "where x.clip_sha256 = (select clip_sha256 from roadwear.run where run_id = %s)",
                (clip, ago, run),
            )
            connection.execute(
                "create temporary table more as select gen_random_uuid() as run_id, n "
                "from generate_series(1, %s) n",
                (runs,),
            )
            connection.execute(
                "insert into roadwear.run select r.* from more, roadwear.run x, "
                "jsonb_populate_record(x, jsonb_build_object('run_id', more.run_id, 'clip_sha256', "
                "%s::text, 'from_pts', more.n, 'to_pts', more.n + 1)) r where x.run_id = %s",
                (clip, run),
            )
            connection.execute(
                "insert into roadwear.still select s.* from more, roadwear.still x, "
                "jsonb_populate_record(x, jsonb_build_object('run_id', more.run_id)) s "
                "where x.run_id = %s",
                (run,),
            )
            connection.execute("drop table more")
            counts.append(runs * each)
        # The drive itself is no part of a study.
        connection.execute("update roadwear.run set state = 'superseded' where run_id = %s", (run,))
        connection.execute("vacuum analyze")
    return counts[0], counts[1]


def _asked(house: House, *, everything: bool) -> Study:
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
            from_day=today - _AGO - timedelta(days=1),
            to_day=today if everything else today - timedelta(days=5),
            asked_at=datetime.now(UTC),
        )
        rows.save_study(connection, study)
    return study


def _without_prefect(house: House, settings: wiring.Settings) -> float:
    """Return the seconds that one process needs on one core."""
    study, every = _asked(house, everything=False), os.sched_getaffinity(0)
    with house.database.acting_for(_OWNER) as connection:
        parts = rows.parts_left(connection, study)
    os.sched_setaffinity(0, {0})
    began = time.monotonic()
    try:
        with progress("Without Prefect (runs)", len(parts)) as bar:
            for part in parts:
                score(settings, study, [part])
                bar.advance(bar.task_ids[0])
    finally:
        os.sched_setaffinity(0, every)
    return time.monotonic() - began


def _as_a_flow(
    house: House, environment: Mapping[str, str], *, core: int | None, processes: int
) -> float:
    """Return the seconds that a flow run needs, from its start to its end, as Prefect saw it.

    Raises:
        OutageError: It is not done in time, or failed.
    """
    study = _asked(house, everything=processes > 1)
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
