"""`roadwear process`: look at what was handed in, drive by drive, on this machine alone."""

import time

from deploy.doors import expected_failures, say
from deploy.ingest import detector_of, process, tell
from pipeline import wiring
from pipeline.adapters.postgres.backlog import load_backlog
from pipeline.adapters.postgres.work import load_all_waiting, say_work
from pipeline.domain.errors import InputError
from pipeline.domain.ids import StoreId, organisation_id
from pipeline.domain.ports import Detector
from pipeline.domain.uk_time import by_when
from pipeline.domain.work import WaitingDrive, WorkKind, WorkWord
from pipeline.stages.queue_up import queue_up


def process_waiting(owner: str, *, every_s: float | None) -> None:
    """Look at every drive that waits, each council in its turn; told is what cannot be read.

    Args:
        owner: Whose; "" for everybody's.
        every_s: Look again so often, for ever; None to end when nothing waits.
    """
    with expected_failures():
        settings = wiring.Settings.from_env()
        detector = detector_of(settings)
        while True:
            fresh = 0
            # Each drive once a round: one that stays undone must not keep the others waiting.
            waiting = _waiting(settings, owner)
            for drive in queue_up(waiting, in_hand_s={}, places=len(waiting)):
                fresh += _process(settings, detector, drive)
            if fresh:
                continue
            if every_s is None:
                break
            time.sleep(every_s)
        left = [one for one in _waiting(settings, owner, stuck=True) if one.needs_a_person]
        say(f"{len(left)} drives could not be read." if left else "Nothing waits.")


def _process(settings: wiring.Settings, detector: Detector, drive: WaitingDrive) -> int:
    """Process a drive and say when the others will be; return how many of its pieces were new."""
    _say(settings, drive, WorkKind.BEGUN)
    try:
        received = wiring.ledger(settings).load_drive(drive.owner_id, drive.drive_id)
        done = process(received, settings, detector)
    except InputError as error:
        _say(settings, drive, WorkKind.FAILED, str(error))
        say(f"roadwear: drive {drive.drive_id} is left out: {error}")
        return 0
    _say(settings, drive, WorkKind.DONE)
    tell(done)
    now = wiring.clock().now()
    with wiring.database(settings).acting_for(drive.owner_id) as connection:
        backlog = load_backlog(connection, drive.owner_id, store_of(settings), now)
    done_at = backlog.done_at(now)
    if backlog.waiting_s and done_at is not None:
        hours = backlog.waiting_s / 3600
        say(f"{hours:.1f} hours of footage wait; done by about {by_when(done_at, now)}.")
    return done.pieces_new


def _say(
    settings: wiring.Settings, drive: WaitingDrive, kind: WorkKind, sentence: str = ""
) -> None:
    now = wiring.clock().now()
    word = WorkWord(kind=kind, sentence=sentence, flow_run_id=None, happened_at=now)
    with wiring.database(settings).acting_for(drive.owner_id) as connection:
        say_work(connection, drive.owner_id, drive.drive_id, word)


def store_of(settings: wiring.Settings) -> StoreId:
    """Return which of the stores that share the database is this machine's."""
    return wiring.footage_store(settings).store_id


def _waiting(
    settings: wiring.Settings, owner: str, *, stuck: bool = False
) -> tuple[WaitingDrive, ...]:
    """Return what waits: footage of this machine, and drives of which gathering was cut off.

    Args:
        settings: With the database and the store.
        owner: Whose; "" for everybody's.
        stuck: Also what is not tried again until a person asks for it.
    """
    everything = load_all_waiting(wiring.database(settings), store_of(settings))
    wanted = organisation_id(owner) if owner else None
    return tuple(
        one
        for one in everything
        if (wanted is None or one.owner_id == wanted) and (stuck or not one.needs_a_person)
    )
