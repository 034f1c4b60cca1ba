"""`roadwear process`: look at what was handed in, drive by drive, on this machine alone."""

import time

from deploy.doors import expected_failures, say
from deploy.ingest import detector_of, process, tell
from pipeline import wiring
from pipeline.adapters.postgres.backlog import load_backlog, ungathered_drives, waiting_drives
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.receiving import all_organisations
from pipeline.domain.errors import InputError
from pipeline.domain.ids import DriveId, OrganisationId, StoreId, organisation_id
from pipeline.domain.ports import Detector
from pipeline.domain.uk_time import by_when


def process_waiting(owner: str, *, every_s: float | None) -> None:
    """Look at every drive that waits, the oldest first; a drive that cannot be read is told of.

    Args:
        owner: Whose; "" for everybody's.
        every_s: Look again so often, for ever; None to end when nothing waits.
    """
    with expected_failures():
        settings = wiring.Settings.from_env()
        database = wiring.database(settings)
        detector, store = detector_of(settings), store_of(settings)
        while True:
            left_out = fresh = 0
            # Each drive once a round: one that stays undone must not keep the others waiting.
            for organisation, drive in _waiting(database, owner, store):
                found = _process(settings, detector, organisation, drive)
                left_out += found is None
                fresh += found or 0
            if fresh:
                continue
            if every_s is None:
                break
            time.sleep(every_s)
        say(f"{left_out} drives could not be read." if left_out else "Nothing waits.")


def _process(
    settings: wiring.Settings, detector: Detector, organisation: OrganisationId, drive: DriveId
) -> int | None:
    """Process a drive and say when the others will be.

    Returns:
        How many of its pieces were new; None if it cannot be read.
    """
    try:
        received = wiring.ledger(settings).load_drive(organisation, drive)
        done = process(received, settings, detector)
    except InputError as error:
        say(f"roadwear: drive {drive} is left out: {error}")
        return None
    tell(done)
    now = wiring.clock().now()
    with wiring.database(settings).acting_for(organisation) as connection:
        backlog = load_backlog(connection, organisation, store_of(settings), now)
    done_at = backlog.done_at(now)
    if backlog.waiting_s and done_at is not None:
        hours = backlog.waiting_s / 3600
        say(f"{hours:.1f} hours of footage wait; done by about {by_when(done_at, now)}.")
    return done.pieces_new


def store_of(settings: wiring.Settings) -> StoreId:
    """Return which of the stores that share the database is this machine's."""
    return wiring.footage_store(settings).store_id


def _waiting(
    database: Database, owner: str, store: StoreId
) -> list[tuple[OrganisationId, DriveId]]:
    """Return what waits: footage of this machine, and drives of which gathering was cut off."""
    everybody = all_organisations(database)
    owners = [organisation_id(owner)] if owner else list(everybody)
    found: dict[tuple[OrganisationId, DriveId], None] = {}
    for one in owners:
        with database.acting_for(one) as connection:
            found |= dict.fromkeys((one, d) for d in waiting_drives(connection, one, store))
    for authority in everybody:
        with database.acting_for(authority) as connection:
            found |= dict.fromkeys(
                pair for pair in ungathered_drives(connection, authority) if pair[0] in owners
            )
    return list(found)
