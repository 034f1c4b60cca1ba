"""What Prefect has to have and to be: made, and checked. Server settings, pools, automations."""

import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import UUID

from prefect.automations import AutomationCore, EventTrigger, Posture, ResourceSpecification
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import StateType, WorkPool
from prefect.events.actions import ChangeFlowRunState, RunDeployment
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

from flows.in_hand import GPU_POOL, POOL
from pipeline import wiring
from pipeline.adapters.prefect_events import FOOTAGE_READ
from pipeline.domain.errors import OutageError

# What is promised for the morning goes before what can wait; the clock itself before both.
QUEUES: Mapping[str, Mapping[str, int]] = {
    POOL: {"clock": 1, "drives": 2, "studies": 3},
    GPU_POOL: {"drives": 1, "studies": 2, "training": 3},
}
DEPLOYMENTS = (
    "process-drive/process-drive", "process-drive/gpu", "process-night/process-night",
    "morning/morning", "retention/retention", "priorities/priorities", "health/health",
    "report/report", "back-catalogue/back-catalogue", "back-catalogue/gpu",
    "train-candidate/train-candidate", "gate/gate",
)  # fmt: skip
HEARTBEAT_S = 30
# Four heartbeats missed: a run that is silent for so long has lost its worker.
SILENT = timedelta(seconds=4 * HEARTBEAT_S)
SILENT_NAME = "roadwear: a run that fell silent has crashed"
CAME_IN_NAME = "roadwear: footage that came in is begun"
_LEASES_ON_DISK = "prefect.server.concurrency.lease_storage.filesystem"
# What a server and workers of ours are started with. Leases are kept on disk, so that a slot is
# given back though the server was started anew; old runs are cleared away; nobody is told anything;
# and a worker asks for work every two seconds: by Prefect's ten it idles five before each drive.
SETTINGS: Mapping[str, str] = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": _LEASES_ON_DISK,
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": "2592000",
    "PREFECT_WORKER_QUERY_SECONDS": "2",
}
# What happens where an automation is not there.
_WITHOUT = {
    SILENT_NAME: "such runs would stay “Running” for ever",
    CAME_IN_NAME: "it would wait for the clock, up to five minutes",
}
_DECLARED = Path(__file__).parents[1] / "deploy" / "prefect.yaml"
_WORKER_SILENT = timedelta(minutes=2)


def silent_runs() -> AutomationCore:
    """Return the automation by which a run whose worker is gone is no longer called running.

    Prefect's own servers have none. The window is four times the heartbeat; any event of the run
    is a sign of life, since states have names of their own.
    """
    return AutomationCore(
        name=SILENT_NAME,
        description="Its worker was lost. process-night begins the drive anew.",
        trigger=EventTrigger(
            after={"prefect.flow-run.heartbeat"},
            expect={"prefect.flow-run.*"},
            match=ResourceSpecification({"prefect.resource.id": ["prefect.flow-run.*"]}),
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=SILENT,
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED,
                name="Crashed",
                force=True,
                message="No heartbeat: its worker is gone.",
            )
        ],
    )


def came_in(night: UUID) -> AutomationCore:
    """Return the automation by which footage is begun as soon as it was read.

    Args:
        night: The deployment of process-night, which knows whose turn it is.
    """
    return AutomationCore(
        name=CAME_IN_NAME,
        description="The clock would begin it within five minutes.",
        trigger=EventTrigger(
            expect={FOOTAGE_READ}, posture=Posture.Reactive, threshold=1, within=timedelta(0)
        ),
        actions=[
            RunDeployment(
                source="selected", deployment_id=night, parameters=None, job_variables=None
            )
        ],
    )


async def set_up(
    client: PrefectClient, slots: Mapping[str, int] = MappingProxyType({})
) -> tuple[str, ...]:
    """Make what is missing, and put right what is otherwise; return what was done.

    Args:
        client: Of the server.
        slots: How many pieces of work may go on at once, for each GPU.

    Raises:
        OutageError: The deployments cannot be made.
    """
    done = [line for pool in QUEUES for line in await _make_pool(client, pool)]
    for name, limit in slots.items():
        await client.upsert_global_concurrency_limit_by_name(name, limit)
        done.append(f"slots of {name}: {limit}")
    _deploy(str(client.api_url))
    night = await client.read_deployment_by_name("process-night/process-night")
    wanted = (silent_runs(), came_in(night.id))
    done += [await _make_automation(client, one) for one in wanted]
    return (*done, *(f"deployment {name} made" for name in DEPLOYMENTS))


async def _make_automation(client: PrefectClient, wanted: AutomationCore) -> str:
    """Make an automation, or put right the one of its name; of several one is left."""
    known = await client.read_automations_by_name(wanted.name)
    for one in known[1:]:
        await client.delete_automation(one.id)
    if known:
        await client.update_automation(known[0].id, wanted)
    else:
        await client.create_automation(wanted)
    return f"automation “{wanted.name}” " + ("put right" if known else "made")


async def _make_pool(client: PrefectClient, pool: str) -> list[str]:
    done = []
    try:
        await client.create_work_pool(WorkPoolCreate(name=pool, type="process"))
        done.append(f"work pool {pool} made")
    except ObjectAlreadyExists:
        done.append(f"work pool {pool} was there")
    there = {queue.name: queue for queue in await client.read_work_queues(work_pool_name=pool)}
    for name, priority in QUEUES[pool].items():
        if name not in there:
            await client.create_work_queue(name=name, work_pool_name=pool, priority=priority)
            done.append(f"queue {name} of {pool} made")
        elif there[name].priority != priority:
            await client.update_work_queue(there[name].id, priority=priority)
            done.append(f"queue {name} of {pool}: priority {priority}")
    return done


async def faults_of(client: PrefectClient) -> tuple[str, ...]:
    """Return, in sentences, what is not as it has to be, each with what to do about it."""
    found = _faults_of_settings((await client.request("GET", "/admin/settings")).json())
    for pool in QUEUES:
        found += await _faults_of_pool(client, pool)
    if any("is no work pool" in fault for fault in found):
        return tuple(found)
    found += await _faults_of_slot(client, wiring.Settings.from_env().slot)
    found += await _faults_of_workers(client)
    found += await _faults_of_deployments(client)
    for name, without in _WITHOUT.items():
        known = await client.read_automations_by_name(name)
        if len(known) != 1 or not known[0].enabled:
            found.append(
                f"The automation “{name}” is not there once, or is switched off: {without}. Run "
                "roadwear ops setup."
            )
    return tuple(found)


async def _faults_of_pool(client: PrefectClient, name: str) -> list[str]:
    try:
        pool: WorkPool = await client.read_work_pool(name)
    except ObjectNotFound:
        return [f"There is no work pool {name}: run roadwear ops setup."]
    found = []
    if pool.is_paused:
        found.append(f"The work pool {name} is paused: prefect work-pool resume {name}")
    queues = {queue.name: queue for queue in await client.read_work_queues(work_pool_name=name)}
    found += [
        f"There is no queue {queue} in {name}: run roadwear ops setup."
        for queue in QUEUES[name]
        if queue not in queues
    ]
    return found + [
        f"The queue {one.name} of {name} is paused." for one in queues.values() if one.is_paused
    ]


def _faults_of_settings(settings: Mapping[str, Any]) -> list[str]:
    server = settings["server"]
    found = []
    if not server["concurrency"]["lease_storage"].endswith(".filesystem"):
        found.append(
            "The server keeps leases in its memory: a slot that is held while it is started anew "
            "is never given back. Start it with what roadwear ops env prints."
        )
    if "flow_runs" not in server["services"]["db_vacuum"]["enabled"]:
        found.append(
            "The server never clears old runs away, so that its database grows without end. "
            "Start it with what roadwear ops env prints."
        )
    if server["analytics_enabled"]:
        found.append("The server reports its use to its makers: see roadwear ops env.")
    return found


async def _faults_of_slot(client: PrefectClient, name: str) -> list[str]:
    if not name:
        return []
    try:
        limit = await client.read_global_concurrency_limit_by_name(name)
    except ObjectNotFound:
        return [
            (
                f"There is no concurrency limit {name}, so nobody waits for a slot of it: run "
                f"roadwear ops setup --slot {name}=1"
            )
        ]
    return [] if limit.active else [f"The concurrency limit {name} is switched off."]


async def _faults_of_workers(client: PrefectClient) -> list[str]:
    found = []
    if not await _is_worked(client, POOL):
        found.append(
            f"No worker was heard from in the last 2 minutes: prefect worker start --pool {POOL}"
        )
    # Where there is no GPU nobody works in its pool, and nothing need be said of that.
    if await _waits_for(client, GPU_POOL) and not await _is_worked(client, GPU_POOL):
        found.append(
            f"Runs wait for the work pool {GPU_POOL}, and no worker of it was heard from in the "
            f"last 2 minutes: prefect worker start --pool {GPU_POOL}"
        )
    return found


async def _is_worked(client: PrefectClient, pool: str) -> bool:
    workers = await client.read_workers_for_work_pool(pool)
    since = datetime.now(UTC) - _WORKER_SILENT
    return any(one.last_heartbeat_time and one.last_heartbeat_time > since for one in workers)


async def _waits_for(client: PrefectClient, pool: str) -> bool:
    waits = FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
        expected_start_time=FlowRunFilterExpectedStartTime.model_validate(
            {"before_": datetime.now(UTC)}
        ),
    )
    of_pool = WorkPoolFilter(name=WorkPoolFilterName(any_=[pool]))
    return bool(
        await client.read_flow_runs(flow_run_filter=waits, work_pool_filter=of_pool, limit=1)
    )


async def _faults_of_deployments(client: PrefectClient) -> list[str]:
    found = []
    for name in DEPLOYMENTS:
        try:
            deployment = await client.read_deployment_by_name(name)
        except ObjectNotFound:
            found.append(f"{name} is not deployed: run roadwear ops setup.")
            continue
        if deployment.paused:
            found.append(f"{name} is paused: prefect deployment schedule resume, or its page.")
        elif deployment.schedules and not await _has_a_run_ahead(client, deployment.id):
            found.append(
                f"{name} has no run ahead: the server's scheduler does not work. Look in its log."
            )
    return found


async def _has_a_run_ahead(client: PrefectClient, deployment: UUID) -> bool:
    ahead = FlowRunFilter(
        deployment_id=FlowRunFilterDeploymentId(any_=[deployment]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
        expected_start_time=FlowRunFilterExpectedStartTime.model_validate(
            {"after_": datetime.now(UTC)}
        ),
    )
    return bool(await client.read_flow_runs(flow_run_filter=ahead, limit=1))


def _deploy(address: str) -> None:
    """Deploy what `prefect.yaml` declares, by Prefect's own command."""
    done = subprocess.run(  # noqa: S603 - our own arguments
        [
            sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all",
            "--prefect-file", str(_DECLARED),
        ],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        env={**os.environ, "PREFECT_API_URL": address},
    )  # fmt: skip
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise OutageError(f"the flows cannot be deployed: {''.join(last)}")
