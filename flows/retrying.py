"""Which failures of a task are worth another try, and after how long."""

from typing import Any

from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task

from flows.telling import ToldError
from pipeline.domain.work import WorkKind

# An outage of a minute or two is waited for; a longer one ends the run, and another begins later.
RETRY_DELAYS_S = [2.0, 10.0, 30.0, 60.0]


def only_outages(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Return whether a failed task is worth another try: outages are, refusals and bugs are not."""
    try:
        state.result()
    except ToldError as told:
        return told.kind is WorkKind.OUTAGE
    except Exception:  # noqa: BLE001 - any other failure is answered with no retry
        return False
    return False
