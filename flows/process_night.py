"""process-night: what came in is begun, each council in its turn, and what was lost is found.

What waits stands in PostGIS. Prefect is handed a little of it at a time, so that the order can
follow what comes meanwhile; what it has lost is told, and begun anew.
"""

from collections import Counter
from typing import Annotated

from prefect import flow, get_run_logger
from prefect.client.orchestration import SyncPrefectClient, get_client
from pydantic import Field

from flows.in_hand import (
    GPU_POOL,
    POOL,
    begin,
    drop_late_nights,
    end_stuck,
    is_over,
    is_worked,
    runs_in_hand,
    take_back,
)
from flows.telling import say, without_words
from pipeline import wiring
from pipeline.adapters.postgres.work import load_all_waiting
from pipeline.domain.ids import OrganisationId
from pipeline.domain.room import Room
from pipeline.domain.work import WaitingDrive, WorkKind
from pipeline.stages.queue_up import cost_s, queue_up


@flow(name="process-night")
def process_night(
    places: Annotated[
        int,
        Field(
            ge=1,
            le=1000,
            description="So many drives at most are handed to the workers of a pool before they "
            "have begun.",
        ),
    ] = 4,
) -> dict[str, int]:
    """Begin the drives that wait, fairly between councils, and find those that were lost.

    Args:
        places: So many drives at most wait in Prefect for a worker of the pool cpu, and so many
            for one of the pool gpu, where there is one; the others wait in PostGIS.

    Returns:
        Counts: waiting, in_hand, stuck, lost, begun, for_a_person.
    """  # fmt: skip
    with without_words(told=True):
        return hand_out(places)


def hand_out(places: int) -> dict[str, int]:
    """Do what `process_night` does.

    Raises:
        OutageError: The database does not answer.
    """
    settings, log = wiring.Settings.from_env(), get_run_logger()
    database, store = wiring.database(settings), wiring.footage_store(settings).store_id
    with get_client(sync_client=True) as client:
        now = wiring.clock().now()
        stuck = end_stuck(client, now)
        drop_late_nights(client, now)
        runs = runs_in_hand(client)
        has_gpu = is_worked(client, GPU_POOL, now)
        if not has_gpu and take_back(client, [run for run in runs if run.pool == GPU_POOL]):
            runs = runs_in_hand(client)
        in_hand = {run.drive_id for run in runs}
        waiting = load_all_waiting(database, store)
        lost = [one for one in waiting if one.drive_id not in in_hand and is_lost(client, one)]
        for one in lost:
            run = one.said[-1].flow_run_id
            say(settings, (one.owner_id, one.drive_id), WorkKind.LOST, run=run)
            log.warning("drive %s was lost with run %s", one.drive_id, run)
        waiting = load_all_waiting(database, store) if lost else waiting
        load: Counter[OrganisationId] = Counter()
        for one in waiting:
            load[one.owner_id] += round(cost_s(one)) if one.drive_id in in_hand else 0
        free = [one for one in waiting if is_free(one) and one.drive_id not in in_hand]
        # Where the disk is next to full, nothing is begun: it would be cut off, again and again.
        pools = () if wiring.room(settings) is Room.NO_WORK else (GPU_POOL, POOL)[not has_gpu :]
        unbegun = Counter(run.pool for run in runs if not run.is_begun)
        # What has waited longest goes to the quicker ones.
        goes_to = [pool for pool in pools for _ in range(places - unbegun[pool])]
        chosen = queue_up(free, in_hand_s=load, places=len(goes_to))
        for one, pool in zip(chosen, goes_to, strict=False):
            run, is_to_come = begin(client, one, pool)
            if not is_to_come:
                say(settings, (one.owner_id, one.drive_id), WorkKind.LOST, run=run)
            log.info("drive %s is run %s", one.drive_id, run)
    return {
        "waiting": len(waiting),
        "in_hand": len(in_hand),
        "stuck": stuck,
        "lost": len(lost),
        "begun": len(chosen),
        "for_a_person": sum(one.needs_a_person for one in waiting),
    }


def is_free(drive: WaitingDrive) -> bool:
    """Return whether a drive may be begun: nobody has it, and nobody has to ask first."""
    by_a_run = drive.last is WorkKind.BEGUN and drive.said[-1].flow_run_id is not None
    return not by_a_run and not drive.needs_a_person


def is_lost(client: SyncPrefectClient, drive: WaitingDrive) -> bool:
    """Return whether work on a drive was begun by a run that is over without a word."""
    last = drive.said[-1] if drive.said else None
    return (
        last is not None
        and last.kind is WorkKind.BEGUN
        and last.flow_run_id is not None
        and is_over(client, last.flow_run_id)
    )
