"""`roadwear process`: look at what was handed in, drive by drive, on this machine alone."""

import time
from contextlib import suppress

from deploy.doors import expected_failures, say
from deploy.ingest import detector_of, process, tell
from pipeline import wiring
from pipeline.adapters.postgres.backlog import load_backlog
from pipeline.adapters.postgres.work import load_all_waiting, say_work
from pipeline.domain.errors import InputError, OutageError
from pipeline.domain.ids import DriveId, StoreId, organisation_id
from pipeline.domain.ports import Detector
from pipeline.domain.room import Room
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
        left_out: set[DriveId] = set()
        while True:
            _wait_for_room(settings, every_s)
            fresh = 0
            # Each drive once a round: one that stays undone must not keep the others waiting. Who
            # calls this by hand wants what was refused to be tried again, once.
            waiting = [
                one
                for one in _waiting(settings, owner)
                if one.drive_id not in left_out and (every_s is None or not one.needs_a_person)
            ]
            for drive in queue_up(waiting, in_hand_s={}, places=len(waiting)):
                found = _process(settings, detector, drive)
                fresh += found or 0
                left_out |= {drive.drive_id} if found is None else set()
            if fresh:
                continue
            if every_s is None:
                break
            left_out.clear()
            time.sleep(every_s)
        say(f"{len(left_out)} drives could not be read." if left_out else "Nothing waits.")


def _wait_for_room(settings: wiring.Settings, every_s: float | None) -> None:
    """Wait while the disk is next to full, or give up where nobody waits.

    Raises:
        NoRoomError: It is, and nobody waits.
    """
    if every_s is None or wiring.room(settings) is not Room.NO_WORK:
        wiring.require_room(settings)
        return
    say(f"roadwear: {Room.NO_WORK.words}. It is looked at again every {every_s:g} s.")
    while wiring.room(settings) is Room.NO_WORK:
        time.sleep(every_s)


def _process(settings: wiring.Settings, detector: Detector, drive: WaitingDrive) -> int | None:
    """Process a drive and say when the others will be.

    Returns:
        How many of its pieces were new; None if it cannot be read.

    Raises:
        OutageError: The store or the database does not answer.
    """
    wiring.require_room(settings)
    _say(settings, drive, WorkKind.BEGUN)
    try:
        received = wiring.ledger(settings).load_drive(drive.owner_id, drive.drive_id)
        done = process(received, settings, detector)
    except InputError as error:
        _say(settings, drive, WorkKind.FAILED, str(error))
        say(f"roadwear: drive {drive.drive_id} is left out: {error}")
        return None
    except OutageError as error:
        with suppress(OutageError):
            _say(settings, drive, WorkKind.OUTAGE, str(error))
        raise
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


def _waiting(settings: wiring.Settings, owner: str) -> tuple[WaitingDrive, ...]:
    """Return what waits: footage of this machine, and drives of which gathering was cut off."""
    whose = organisation_id(owner) if owner else None
    return load_all_waiting(wiring.database(settings), store_of(settings), owner=whose)
