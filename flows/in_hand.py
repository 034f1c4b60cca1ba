"""What Prefect has in hand: runs of drives that are not over, and how another is begun."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Crashed

from pipeline.domain.ids import DriveId
from pipeline.domain.work import WaitingDrive, WorkKind

DRIVE_FLOW, NIGHT_FLOW = "process-drive", "process-night"
# The same flow in each work pool: where somebody works with a GPU, it goes there first.
POOL, GPU_POOL = "cpu", "gpu"
_DEPLOYMENTS = {POOL: f"{DRIVE_FLOW}/{DRIVE_FLOW}", GPU_POOL: f"{DRIVE_FLOW}/gpu"}
_QUEUE = "drives"
# A try that was taken back in one pool may be made in the other.
_OF_POOL = {POOL: "", GPU_POOL: ":gpu"}
_NOT_OVER = [
    StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.PAUSED,
    StateType.CANCELLING,
]  # fmt: skip
_AT_ONCE = 200
# All runs of ours have it; prefect.yaml says so.
TAG = "roadwear"
# A worker that took a run starts it within seconds.
STUCK = timedelta(minutes=5)
_LATE = timedelta(minutes=2)
# Workers ask every two seconds.
_NOT_ASKED = timedelta(minutes=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInHand:
    """A run of a drive that is not over.

    Attributes:
        is_begun: Whether a worker has taken it.
        pool: Whose workers may.
    """

    run_id: UUID
    drive_id: DriveId
    is_begun: bool
    pool: str


def runs_in_hand(client: SyncPrefectClient) -> tuple[RunInHand, ...]:
    """Return the runs of drives that are not over, as far as Prefect knows."""
    return tuple(
        RunInHand(
            run_id=run.id,
            drive_id=DriveId(UUID(str(run.parameters["drive_id"]))),
            is_begun=run.state_type is not StateType.SCHEDULED,
            pool=run.work_pool_name or POOL,
        )
        for run in _runs(client, _NOT_OVER)
        if "drive_id" in run.parameters
    )


def is_over(client: SyncPrefectClient, run_id: UUID) -> bool:
    """Return whether a run is over, or Prefect knows nothing of it."""
    try:
        run = client.read_flow_run(run_id)
    except ObjectNotFound:
        return True
    return run.state is None or run.state.is_final()


def end_stuck(client: SyncPrefectClient, now: datetime) -> int:
    """End the runs whose worker is gone: taken and never started, or running without a heartbeat.

    Prefect's automation ends those that had a heartbeat; these nothing else does.

    Args:
        client: Of the server.
        now: The present.

    Returns:
        How many.
    """
    wanted = FlowRunFilter(
        state=FlowRunFilterState(
            type=FlowRunFilterStateType(
                any_=[StateType.PENDING, StateType.CANCELLING, StateType.RUNNING]
            )
        ),
        tags=FlowRunFilterTags(all_=[TAG]),
    )
    ended = 0
    for run in client.read_flow_runs(flow_run_filter=wanted, limit=_AT_ONCE):
        if run.state is None or now - run.state.timestamp <= STUCK:
            continue
        if run.state_type is not StateType.RUNNING or not has_heartbeat(client, run.id, now):
            silent: State[object] = Crashed(
                message="Not started, or no heartbeat: its worker is gone."
            )
            client.set_flow_run_state(run.id, silent, force=True)
            ended += 1
    return ended


def has_heartbeat(client: SyncPrefectClient, run_id: UUID, now: datetime) -> bool:
    """Return whether a run gave a sign of life of late."""
    wanted = {
        "occurred": {"since": (now - STUCK).isoformat(), "until": now.isoformat()},
        "event": {"name": ["prefect.flow-run.heartbeat"]},
        "resource": {"id": [f"prefect.flow-run.{run_id}"]},
    }
    answer = client.request("POST", "/events/filter", json={"filter": wanted, "limit": 1})
    return bool(answer.json()["events"])


def drop_late_nights(client: SyncPrefectClient, now: datetime) -> int:
    """Cancel the nights that no worker took in time: one of them does the work of all.

    Returns:
        How many.
    """
    late = FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
        expected_start_time=FlowRunFilterExpectedStartTime.model_validate({"before_": now - _LATE}),
    )
    night = FlowFilter(name=FlowFilterName(any_=[NIGHT_FLOW]))
    runs = client.read_flow_runs(flow_filter=night, flow_run_filter=late, limit=_AT_ONCE)
    gone: State[object] = Cancelled(message="A later one did its work.")
    for run in runs:
        client.set_flow_run_state(run.id, gone, force=True)
    return len(runs)


def is_worked(client: SyncPrefectClient, pool: str, now: datetime) -> bool:
    """Return whether a worker of a pool asked for drives of late."""
    try:
        queue = client.request(
            "GET", "/work_pools/{work_pool_name}/queues/{name}",
            path_params={"work_pool_name": pool, "name": _QUEUE},
        ).json()  # fmt: skip
    except ObjectNotFound:
        return False
    asked = queue["last_polled"]
    return asked is not None and now - datetime.fromisoformat(asked) <= _NOT_ASKED


def take_back(client: SyncPrefectClient, runs: Sequence[RunInHand]) -> int:
    """Cancel runs that no worker took, so that their drives go elsewhere.

    Returns:
        How many.
    """
    waiting = [run for run in runs if not run.is_begun]
    elsewhere: State[object] = Cancelled(message="No worker asks for it here.")
    for run in waiting:
        client.set_flow_run_state(run.run_id, elsewhere)
    return len(waiting)


def begin(client: SyncPrefectClient, drive: WaitingDrive, pool: str) -> tuple[UUID, bool]:
    """Ask for a run of a drive; twice for the same try is once.

    Args:
        client: Of the server.
        drive: Which one.
        pool: Whose workers do it.

    Returns:
        The run, and whether it is to come: it may be that this try was over before it began.
    """
    deployment = client.read_deployment_by_name(_DEPLOYMENTS[pool])
    # A try is called by the run before it, and by how often somebody asked.
    runs = [str(word.flow_run_id) for word in drive.said if word.flow_run_id is not None]
    asked = sum(word.kind is WorkKind.ASKED for word in drive.said)
    run = client.create_flow_run_from_deployment(
        deployment.id,
        parameters={"organisation_id": str(drive.owner_id), "drive_id": str(drive.drive_id)},
        idempotency_key=f"{drive.drive_id}:{runs[-1] if runs else ''}:{asked}{_OF_POOL[pool]}",
        tags=[TAG, f"owner:{drive.owner_id}"],
    )
    return run.id, run.state is None or not run.state.is_final()


def _runs(client: SyncPrefectClient, states: list[StateType]) -> Iterator[FlowRun]:
    wanted = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=states)))
    flow = FlowFilter(name=FlowFilterName(any_=[DRIVE_FLOW]))
    read = 0
    while True:
        page = client.read_flow_runs(
            flow_filter=flow, flow_run_filter=wanted, sort=FlowRunSort.ID_DESC,
            limit=_AT_ONCE, offset=read,
        )  # fmt: skip
        yield from page
        read += len(page)
        if len(page) < _AT_ONCE:
            return
