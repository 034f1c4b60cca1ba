"""process-drive: one upload to defects, a piece of footage at a time.

What is asked for and what is done stands in PostGIS under natural keys, so any piece may run
twice; Prefect distributes, retries outages, and shows. Parameters, results and logs carry ids.
"""

from collections import Counter
from contextlib import suppress
from functools import lru_cache
from uuid import UUID

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_link_artifact
from prefect.runtime import flow_run

from flows.loading import detector_of, prepared_drive
from flows.retrying import RETRY_DELAYS_S, only_outages
from flows.slots import slot
from flows.telling import told_of, without_words
from pipeline import wiring
from pipeline.domain.footage import Piece
from pipeline.domain.ids import ClipSha256, DriveId, OrganisationId
from pipeline.line import (
    Means,
    PreparedDrive,
    authorities_on,
    calibrate_once,
    for_authority,
    gather_drive,
    pieces_in,
    place_on_roads,
    process_piece,
    share_once,
)
from pipeline.stages.calibrate import CalibrateSettings
from pipeline.stages.match import MatchSettings

_ZEROS = dict.fromkeys(("looked", "observations", "not_looked", "already_done"), 0)


@task(
    name="process-piece",
    retries=len(RETRY_DELAYS_S),
    retry_delay_seconds=RETRY_DELAYS_S,
    retry_condition_fn=only_outages,
    task_run_name="piece-{clip_sha256:.8}-{from_pts}",
)
def process_piece_task(
    organisation_id: UUID, drive_id: UUID, clip_sha256: str, from_pts: int, to_pts: int
) -> dict[str, int]:
    """Survey one piece of footage and store what it shows.

    Args:
        organisation_id: Whose footage it is.
        drive_id: The drive.
        clip_sha256: The clip.
        from_pts: Where the piece begins, in ticks of the clip.
        to_pts: Where it ends, not included.

    Returns:
        Counts: looked, observations, not_looked, already_done.
    """
    with without_words():
        settings = wiring.Settings.from_env()
        wiring.require_room(settings)
        prepared = _prepared(flow_run.id, organisation_id, drive_id, settings)
        placed = next(p for p in prepared.clips if p.clip.sha256 == clip_sha256)
        piece = Piece(clip_sha256=ClipSha256(clip_sha256), from_pts=from_pts, to_pts=to_pts)
        means = Means(
            footage=wiring.footage(), detector=detector_of(settings), settings=settings.line()
        )
        with slot(settings):
            found = process_piece(
                prepared,
                placed,
                piece,
                means,
                ledger=wiring.ledger(settings),
                blobs=wiring.blobs(settings),
            )
    if found is None:
        return {"looked": 0, "observations": 0, "not_looked": 0, "already_done": 1}
    return {
        "looked": found.looked,
        "observations": len(found.observations),
        "not_looked": sum(found.not_looked.values()),
        "already_done": 0,
    }


@task(
    name="place-on-roads",
    retries=len(RETRY_DELAYS_S),
    retry_delay_seconds=RETRY_DELAYS_S,
    retry_condition_fn=only_outages,
)
def place_on_roads_task(
    organisation_id: UUID, drive_id: UUID, authority_id: UUID
) -> dict[str, int]:
    """Say on which section of an authority's network each sighting of a drive lies.

    Args:
        organisation_id: Whose footage it is.
        drive_id: The drive.
        authority_id: Whose road it is.

    Returns:
        Counts: on_road, on_no_road; nothing where no network was loaded.
    """
    with without_words():
        settings = wiring.Settings.from_env()
        prepared = _prepared(flow_run.id, organisation_id, drive_id, settings)
        prepared = for_authority(prepared, OrganisationId(authority_id))
        found = place_on_roads(prepared, ledger=wiring.ledger(settings), settings=MatchSettings())
    return {} if found is None else {"on_road": found.placed, "on_no_road": found.on_no_road}


@task(
    name="gather",
    retries=len(RETRY_DELAYS_S),
    retry_delay_seconds=RETRY_DELAYS_S,
    retry_condition_fn=only_outages,
)
def gather_task(authority_id: UUID, drive_id: UUID) -> dict[str, int]:
    """Join what a drive saw to what is known, and bring the authority's queue up to date.

    Args:
        authority_id: Whose road it is.
        drive_id: The drive.

    Returns:
        How many defects each kind of change concerns.
    """
    with without_words():
        settings = wiring.Settings.from_env()
        gathered = gather_drive(
            OrganisationId(authority_id),
            DriveId(drive_id),
            ledger=wiring.ledger(settings),
            policy=wiring.policies(settings).of(OrganisationId(authority_id)),
            settings=settings.line(),
        )
    counts: dict[str, int] = {}
    for change in gathered.changes:
        counts[change.change.value] = counts.get(change.change.value, 0) + 1
    return counts


@flow(name="process-drive", flow_run_name="drive-{drive_id}")
def process_drive(organisation_id: UUID, drive_id: UUID) -> dict[str, int]:
    """Take one received drive down the line, from footage to the queue.

    Args:
        organisation_id: Whose footage it is.
        drive_id: The drive, as it was received.

    Returns:
        Counts over all pieces, and of what gathering changed.
    """
    # A worker that is not set up fails before the drive is begun: that is not the drive's fault.
    with without_words(told=True):
        settings = wiring.Settings.from_env()
        wiring.require_room(settings)
        detector_of(settings)
    drive = OrganisationId(organisation_id), DriveId(drive_id)
    with told_of(settings, drive, run=flow_run.id and UUID(flow_run.id)):
        return _down_the_line(*drive, settings)


def _down_the_line(
    organisation_id: OrganisationId, drive_id: DriveId, settings: wiring.Settings
) -> dict[str, int]:
    log = get_run_logger()
    _prepared.cache_clear()
    prepared = prepared_drive(organisation_id, drive_id, settings)
    prepared, _ = calibrate_once(
        prepared, wiring.footage(), wiring.ledger(settings), CalibrateSettings()
    )
    prepared = share_once(prepared, ledger=wiring.ledger(settings), settings=MatchSettings())
    pieces = [
        piece
        for placed in prepared.clips
        for piece in pieces_in(prepared, placed, settings=settings.line())
    ]
    total = Counter(_ZEROS)
    for number, piece in enumerate(pieces, 1):
        log.info("piece %d of %d begins", number, len(pieces))
        done = process_piece_task(
            organisation_id, drive_id, piece.clip_sha256, piece.from_pts, piece.to_pts
        )
        total.update(done)
        was = "was done before" if done["already_done"] else "is done"
        log.info("piece %d of %d %s", number, len(pieces), was)
    for authority in authorities_on(prepared):
        total.update(place_on_roads_task(organisation_id, drive_id, authority))
        total.update(gather_task(authority, drive_id))
    _link(drive_id, settings)
    return {"pieces": len(pieces), **total}


def _link(drive_id: DriveId, settings: wiring.Settings) -> None:
    """Lead whoever watches Prefect to the page of the drive, which asks for a sign-in.

    The drive is done: that a link cannot be kept is no failure of it.
    """
    if not settings.server:
        return
    with suppress(Exception):
        create_link_artifact(
            link=f"{settings.server.rstrip('/')}/passes/{drive_id}",
            key=f"drive-{drive_id}",
            description="What this drive looked at and saw, in Roadwear's own pages.",
        )


@lru_cache(maxsize=1)
def _prepared(
    _run: str | None, organisation_id: UUID, drive_id: UUID, settings: wiring.Settings
) -> PreparedDrive:
    """Return the drive for the tasks of one run: a day's track takes seconds to be prepared.

    What a person says of its camera meanwhile counts from the next run on.
    """
    return prepared_drive(OrganisationId(organisation_id), DriveId(drive_id), settings)
