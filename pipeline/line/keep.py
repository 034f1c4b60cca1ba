"""Load, think, save: the line against the ledger, one piece or one gathering at a time."""

from pipeline.domain.findings import Findings
from pipeline.domain.footage import Piece
from pipeline.domain.ids import DriveId, OrganisationId
from pipeline.domain.policy import CouncilPolicy
from pipeline.domain.ports import Blobs, Gathering, Ledger
from pipeline.line.gathering import Gathered, gather_defects
from pipeline.line.identity import rank_waiting
from pipeline.line.prepare import PlacedClip, PreparedDrive
from pipeline.line.roads import (
    RoadsFound,
    box_around,
    lay_on_sections,
    match_track,
    places_on_roads,
)
from pipeline.line.settings import LineSettings
from pipeline.line.sharing import for_piece
from pipeline.line.survey import Means, run_of, survey_piece
from pipeline.line.verify import verified_by
from pipeline.stages.match import MatchSettings


def process_piece(
    prepared: PreparedDrive,
    placed: PlacedClip,
    piece: Piece,
    means: Means,
    *,
    ledger: Ledger,
    blobs: Blobs,
) -> Findings | None:
    """Survey one piece and store its findings, pictures first, rows in one transaction.

    Returns:
        None if the same run was stored before: then nothing is looked at again.

    Raises:
        InputError: The clip cannot be opened.
        OutageError: The store or the database does not answer.
    """
    prepared = for_piece(prepared, placed, piece)
    run = run_of(prepared, placed, piece, means)
    if ledger.is_done(prepared.drive, run.run_id):
        return None
    found = survey_piece(prepared, placed, piece, means)
    owner = prepared.drive.owner_id
    keys = [blobs.put(owner, still.kind.value, still.jpeg) for still in found.stills]
    ledger.save_findings(prepared.drive, found, keys)
    return found


def place_on_roads(
    prepared: PreparedDrive, *, ledger: Ledger, settings: MatchSettings
) -> RoadsFound | None:
    """Say on which section of the authority's network each sighting of a drive lies.

    It may be asked for as often as one likes: only sightings without an answer are looked at.

    Returns:
        None if the authority has loaded no network.

    Raises:
        OutageError: The database does not answer.
    """
    drive = prepared.drive
    network_id = ledger.network_in_use(drive.authority_id)
    if network_id is None:
        return None
    unplaced = ledger.load_unplaced(drive, network_id)
    unlaid = ledger.load_unlaid(drive, network_id, prepared.settings_sha256)
    if not unplaced and not unlaid:
        return RoadsFound(placed=0, on_no_road=0)
    sections = ledger.load_sections(drive.authority_id, network_id, box_around(prepared.placer))
    own = [share for share in prepared.shares if share.authority_id == drive.authority_id]
    matched = match_track(prepared.placer, sections, settings, shares=own)
    places = places_on_roads(unplaced, matched)
    ledger.save_places(drive, network_id, places)
    if matched is not None:
        laid = {
            run: lay_on_sections(some, prepared.placer, matched) for run, some in unlaid.items()
        }
        ledger.save_spans(drive, network_id, laid)
    found = sum(place is not None for place in places.values())
    return RoadsFound(placed=found, on_no_road=len(places) - found)


def gather_drive(
    authority: OrganisationId,
    drive_id: DriveId,
    *,
    ledger: Ledger,
    policy: tuple[CouncilPolicy, bytes],
    settings: LineSettings,
) -> Gathered:
    """Gather the defects around a drive and bring the authority's queue up to date.

    Raises:
        OutageError: The database does not answer.
    """
    rules, content = policy
    ledger.save_policy(authority, rules, content)
    with ledger.gathering(authority, drive_id) as desk:
        return gather_anew(desk, policy=rules, settings=settings)


def gather_anew(desk: Gathering, *, policy: CouncilPolicy, settings: LineSettings) -> Gathered:
    """Gather what an open gathering holds, verify repairs, and bring the queue up to date."""
    gathered = gather_defects(desk.area, rule=policy.queue, settings=settings)
    desk.save_defects(gathered.changes, gathered.member_of)
    repaired = desk.repaired()
    passes = desk.passes([defect.defect_id for defect in repaired])
    for defect in repaired:
        told_at = defect.repaired_at
        by = verified_by(told_at, passes.get(defect.defect_id, ())) if told_at else None
        if by is not None:
            desk.save_verified(defect, by)
    rank_waiting(desk, policy=policy)
    return gathered


def refresh_queue(
    authority: OrganisationId, *, ledger: Ledger, policy: tuple[CouncilPolicy, bytes]
) -> int:
    """Rank an authority's queue anew, by the policy and the roads of today.

    What was watched till today comes back to it; what is a possible emergency by the policy of
    today is told to who is on duty, as if it had just been found.

    Returns:
        How many possible defects wait for an engineer.

    Raises:
        OutageError: The database does not answer.
    """
    rules, content = policy
    ledger.save_policy(authority, rules, content)
    with ledger.ranking(authority) as desk:
        return rank_waiting(desk, policy=rules)
