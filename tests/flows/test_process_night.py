"""What waits is handed out, once; what was lost is found; what needs a person is left to them."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import anyio
import pytest
from prefect import flow, tags
from prefect.client.orchestration import PrefectClient, SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.events import emit_event
from prefect.logging import disable_run_logger
from prefect.states import Crashed, Pending, Running

from flows.in_hand import (
    DRIVE_FLOW,
    GPU_POOL,
    POOL,
    TAG,
    end_stuck,
    has_heartbeat,
    is_worked,
    runs_in_hand,
)
from flows.ops import CAME_IN_NAME, SILENT_NAME, faults_of, set_up
from flows.process_night import process_night
from flows.telling import say
from pipeline import wiring
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.work import load_work
from pipeline.adapters.prefect_events import FOOTAGE_READ, PrefectEvents
from pipeline.domain.ids import BatchId, DriveId, OrganisationId
from pipeline.domain.work import WorkKind

NOTHING = dict.fromkeys(("waiting", "in_hand", "stuck", "lost", "begun", "for_a_person"), 0)
pytestmark = [
    pytest.mark.usefixtures("ready"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]


def night() -> dict[str, int]:
    with disable_run_logger():
        return process_night()


def drive_runs(client: SyncPrefectClient) -> list[FlowRun]:
    return [run for run in client.read_flow_runs() if run.name and "drive_id" in run.parameters]


def test_a_drive_is_handed_out_once_however_often_it_is_night(
    client: SyncPrefectClient, drive: tuple[OrganisationId, DriveId]
) -> None:
    assert night()["begun"] == 1
    assert night() == {
        "waiting": 1,
        "in_hand": 1,
        "stuck": 0,
        "lost": 0,
        "begun": 0,
        "for_a_person": 0,
    }
    [run] = drive_runs(client)
    assert run.parameters == {"organisation_id": str(drive[0]), "drive_id": str(drive[1])}
    assert [one.run_id for one in runs_in_hand(client)] == [run.id]


def test_a_run_that_is_gone_with_its_worker_is_found_and_the_drive_begun_anew(
    client: SyncPrefectClient, drive: tuple[OrganisationId, DriveId], database: Database
) -> None:
    settings = wiring.Settings.from_env()
    night()
    [run] = drive_runs(client)
    client.set_flow_run_state(run.id, Running(), force=True)
    say(settings, drive, WorkKind.BEGUN, run=run.id)
    assert night()["lost"] == 0  # its worker may be alive
    client.set_flow_run_state(run.id, Crashed(message="No heartbeat"), force=True)
    found = night()
    assert (found["lost"], found["begun"]) == (1, 1)
    [again] = runs_in_hand(client)
    assert again.run_id != run.id
    with database.acting_for(drive[0]) as connection:
        words = load_work(connection, *drive[:1], [drive[1]])[drive[1]]
    assert [word.kind for word in words] == [WorkKind.BEGUN, WorkKind.LOST]


@pytest.mark.usefixtures("drive")
def test_a_run_that_was_over_before_it_said_a_word_does_not_stop_the_next(
    client: SyncPrefectClient,
) -> None:
    night()
    [run] = drive_runs(client)
    client.set_flow_run_state(run.id, Crashed(), force=True)
    night()
    assert runs_in_hand(client) == ()
    night()
    assert [one.run_id != run.id for one in runs_in_hand(client)] == [True]


def test_a_run_that_a_worker_took_and_never_started_is_ended(
    client: SyncPrefectClient,
    drive: tuple[OrganisationId, DriveId],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    del drive
    night()
    [run] = drive_runs(client)
    client.set_flow_run_state(run.id, Pending(name="Submitting"), force=True)
    assert night()["stuck"] == 0
    monkeypatch.setattr("flows.in_hand.STUCK", timedelta(seconds=-1))
    assert night()["stuck"] == 1
    night()
    [again] = runs_in_hand(client)
    assert again.run_id != run.id


def test_a_run_without_a_heartbeat_is_ended_and_one_with_it_is_not(
    client: SyncPrefectClient,
) -> None:
    @flow(name="process-drive")
    def beats() -> None:
        return

    with tags(TAG):
        beats()
    [run] = client.read_flow_runs()
    client.set_flow_run_state(run.id, Running(), force=True)
    now = datetime.now(UTC) + timedelta(minutes=6)
    event = emit_event("prefect.flow-run.heartbeat", {"prefect.resource.id": str_id(run)})
    assert event is not None
    for _ in range(100):  # events are sent a little later
        if has_heartbeat(client, run.id, event.occurred + timedelta(seconds=1)):
            break
        time.sleep(0.1)
    assert end_stuck(client, event.occurred + timedelta(minutes=4)) == 0
    assert end_stuck(client, now + timedelta(minutes=5)) == 1
    after = client.read_flow_run(run.id).state_type
    assert after is StateType.CRASHED


def str_id(run: FlowRun) -> str:
    return f"prefect.flow-run.{run.id}"


def test_two_nights_that_see_the_same_loss_begin_the_drive_once(
    client: SyncPrefectClient, drive: tuple[OrganisationId, DriveId]
) -> None:
    settings = wiring.Settings.from_env()
    night()
    [run] = drive_runs(client)
    client.set_flow_run_state(run.id, Crashed(), force=True)
    say(settings, drive, WorkKind.BEGUN, run=run.id)
    for _ in range(2):
        say(settings, drive, WorkKind.LOST, run=run.id)
        night()
    assert len(drive_runs(client)) == 2


def test_what_was_refused_is_left_to_a_person(
    client: SyncPrefectClient, drive: tuple[OrganisationId, DriveId]
) -> None:
    say(wiring.Settings.from_env(), drive, WorkKind.FAILED, "It cannot be read.", run=None)
    assert night() == {
        "waiting": 1,
        "in_hand": 0,
        "stuck": 0,
        "lost": 0,
        "begun": 0,
        "for_a_person": 1,
    }
    assert runs_in_hand(client) == ()


@pytest.fixture
def gpu(client: SyncPrefectClient) -> Iterator[None]:
    """Have a worker of the pool gpu, who asks for drives."""
    client.request(
        "POST", "/work_pools/{name}/get_scheduled_flow_runs", path_params={"name": GPU_POOL},
        json={"work_queue_names": ["drives"]},
    )  # fmt: skip
    yield
    client.request(
        "PATCH", "/work_pools/{work_pool_name}/queues/{name}",
        path_params={"work_pool_name": GPU_POOL, "name": "drives"},
        json={"last_polled": datetime(2026, 1, 1, tzinfo=UTC).isoformat()},
    )  # fmt: skip
    assert not is_worked(client, GPU_POOL, datetime.now(UTC))


@pytest.mark.usefixtures("gpu")
def test_drives_go_to_a_gpu_first_and_are_taken_back_when_it_is_gone(
    client: SyncPrefectClient,
    drive: tuple[OrganisationId, DriveId],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert night()["begun"] == 1
    [run] = runs_in_hand(client)
    assert (run.drive_id, run.pool, run.is_begun) == (drive[1], GPU_POOL, False)
    assert night()["begun"] == 0

    monkeypatch.setattr("flows.in_hand._NOT_ASKED", timedelta(0))
    found = night()
    assert (found["begun"], found["lost"]) == (1, 0)
    [again] = runs_in_hand(client)
    assert (again.drive_id, again.pool) == (drive[1], POOL)
    assert night()["begun"] == 0


def test_footage_that_was_read_is_told_to_prefect(client: SyncPrefectClient) -> None:
    batch = BatchId(uuid4())
    PrefectEvents(str(client.api_url)).footage_read(batch, datetime.now(UTC))

    wanted = {
        "event": {"name": [FOOTAGE_READ]},
        "resource": {"id": [f"roadwear.batch.{batch}"]},
    }
    for _ in range(100):  # events are kept a little later
        told = client.request("POST", "/events/filter", json={"filter": wanted}).json()["events"]
        if told:
            break
        time.sleep(0.1)
    assert [one["event"] for one in told] == [FOOTAGE_READ]


def test_a_server_that_does_not_answer_stops_no_reading() -> None:
    PrefectEvents("http://127.0.0.1:9/api").footage_read(BatchId(uuid4()), datetime.now(UTC))


@pytest.mark.usefixtures("client")
def test_set_up_again_changes_nothing_and_what_is_wrong_is_said() -> None:
    async def ask() -> tuple[list[int], tuple[str, ...]]:
        async with get_client() as client:
            await set_up(client)
            names = (SILENT_NAME, CAME_IN_NAME)
            counts = [len(await client.read_automations_by_name(name)) for name in names]
            return counts, await faults_of(client)

    counts, faults = anyio.run(ask)
    assert counts == [1, 1]
    # A server for tests, without a scheduler, and no worker: just these are wrong.
    assert [fault.partition(":")[0].partition(", so")[0] for fault in faults] == [
        "The server keeps leases in its memory",
        "The server never clears old runs away",
        "No worker was heard from in the last 2 minutes",
        "process-night/process-night has no run ahead",
        "morning/morning has no run ahead",
        "retention/retention has no run ahead",
        "priorities/priorities has no run ahead",
        "health/health has no run ahead",
        "report/report has no run ahead",
    ]


def test_a_deployment_that_is_gone_or_paused_is_said() -> None:
    async def ask() -> tuple[str, ...]:
        async with get_client() as client:
            deployment = await client.read_deployment_by_name(f"{DRIVE_FLOW}/{DRIVE_FLOW}")
            await client.delete_deployment(deployment.id)
            await _pause_night(client)
            found = await faults_of(client)
            await set_up(client)
            return found

    words = " ".join(anyio.run(ask))
    assert "process-drive/process-drive is not deployed" in words
    assert "process-night/process-night is paused" in words


def test_an_automation_that_is_gone_is_said_with_what_follows() -> None:
    async def ask() -> tuple[str, ...]:
        async with get_client() as client:
            [known] = await client.read_automations_by_name(CAME_IN_NAME)
            await client.delete_automation(known.id)
            found = await faults_of(client)
            await set_up(client)
            return found

    [said] = [fault for fault in anyio.run(ask) if "automation" in fault]
    assert CAME_IN_NAME in said
    assert "five minutes" in said


async def _pause_night(client: PrefectClient) -> None:
    deployment = await client.read_deployment_by_name("process-night/process-night")
    await client.pause_deployment(deployment.id)
