"""What Prefect has in hand: runs of drives that are not over, and how another is begun."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound
from prefect.states import Crashed

from pipeline.domain.ids import DriveId
from pipeline.domain.work import WaitingDrive

DRIVE_FLOW, DRIVE_DEPLOYMENT = "process-drive", "process-drive/process-drive"
_NOT_OVER = [
    StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.PAUSED,
    StateType.CANCELLING,
]  # fmt: skip
_AT_ONCE = 200
# All runs of ours have it; prefect.yaml says so.
TAG = "roadwear"
# A worker that took a run starts it within seconds.
STUCK = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInHand:
    """A run of a drive that is not over.

    Attributes:
        is_begun: Whether a worker has taken it.
    """

    run_id: UUID
    drive_id: DriveId
    is_begun: bool


def runs_in_hand(client: SyncPrefectClient) -> tuple[RunInHand, ...]:
    """Return the runs of drives that are not over, as far as Prefect knows."""
    return tuple(
        RunInHand(
            run_id=run.id,
            drive_id=DriveId(UUID(str(run.parameters["drive_id"]))),
            is_begun=run.state_type is not StateType.SCHEDULED,
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
    """End the runs that a worker took and never started: it is gone, and nothing else ends them.

    Args:
        client: Of the server.
        now: The present.

    Returns:
        How many.
    """
    wanted = FlowRunFilter(
        state=FlowRunFilterState(
            type=FlowRunFilterStateType(any_=[StateType.PENDING, StateType.CANCELLING])
        ),
        tags=FlowRunFilterTags(all_=[TAG]),
    )
    ended = 0
    for run in client.read_flow_runs(flow_run_filter=wanted, limit=_AT_ONCE):
        if run.state is not None and now - run.state.timestamp > STUCK:
            client.set_flow_run_state(
                run.id, Crashed(message="Taken and never started: its worker is gone."), force=True
            )
            ended += 1
    return ended


def begin(client: SyncPrefectClient, drive: WaitingDrive) -> RunInHand | None:
    """Ask for a run of a drive; twice for the same try is once.

    Returns:
        None where this try was over before it had begun: there has to be another.
    """
    deployment = client.read_deployment_by_name(DRIVE_DEPLOYMENT)
    run = client.create_flow_run_from_deployment(
        deployment.id,
        parameters={"organisation_id": str(drive.owner_id), "drive_id": str(drive.drive_id)},
        idempotency_key=f"{drive.drive_id}:{len(drive.said)}",
        tags=[TAG, f"owner:{drive.owner_id}"],
    )
    if run.state is not None and run.state.is_final():
        return None
    return RunInHand(run_id=run.id, drive_id=drive.drive_id, is_begun=False)


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
