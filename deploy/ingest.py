"""`roadwear ingest`: footage into the database, as often as one likes."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

import typer

from deploy.calibrating import calibrated_once
from deploy.doors import REFUSED, expected_failures, progress, say
from deploy.receiving import Batch, read_batch
from models import Runtime, load_detector
from pipeline import wiring
from pipeline.adapters.postgres.private import load_areas
from pipeline.domain.errors import InputError
from pipeline.domain.ids import ClipSha256, DriveId, organisation_id
from pipeline.domain.intake import ReceivedDrive
from pipeline.domain.ports import Detector
from pipeline.domain.quality import ClipQuality, MinuteQuality
from pipeline.line import (
    Means,
    PreparedDrive,
    RoadsFound,
    authorities_on,
    cut_drive,
    for_authority,
    gather_drive,
    pieces_in,
    place_on_roads,
    process_piece,
    share_once,
)
from pipeline.stages.calibrate import CalibrateSettings
from pipeline.stages.match import MatchSettings


def receive(
    clips: list[Path],
    *,
    owner: str,
    authority: str,
    vehicle: str,
    track: Path | None,
    rig: Path | None,
    started_at: datetime | None,
    settings: wiring.Settings,
    columns: str = "",
) -> Batch:
    """Store a drive's track and clips; clips that are there already keep their drive.

    Raises:
        InputError: Nothing usable was handed in, or the clips belong to several known drives.
        OutageError: The database does not answer.
    """
    ledger = wiring.ledger(settings)
    vehicle_id = ledger.make_known(owner, authority, vehicle)
    owner_id = organisation_id(owner)
    batch = read_batch(
        clips,
        track=track,
        rig=rig,
        started_at=started_at,
        columns=columns,
        owners=(owner_id, organisation_id(authority), vehicle_id),
    )
    batch = _without_private(batch, settings)
    known = _known_drive(
        [clip.sha256 for _, clip in batch.received.clips],
        lambda sha256: ledger.drive_of_clip(owner_id, sha256),
    )
    if known is not None:
        return Batch(
            received=_as_known(ledger.load_drive(owner_id, known), batch.received),
            refused=batch.refused,
        )
    ledger.receive(batch.received)
    return batch


def _without_private(batch: Batch, settings: wiring.Settings) -> Batch:
    """Return a batch without what lies in private areas; the files stay as they are.

    Raises:
        InputError: The drive cannot be placed, or nothing of it is kept.
    """
    received = batch.received
    prepared = wiring.prepare(received, settings.line())
    with wiring.database(settings).acting_for(received.drive.owner_id) as connection:
        areas = load_areas(connection)
    # What was not judged counts as usable, so that a part of it can be private.
    usable = {
        clip.sha256: ClipQuality(
            minutes=(
                MinuteQuality(from_s=0.0, to_s=clip.duration_s, frames=0, usable=0, reason=None),
            )
        )
        for _, clip in received.clips
    }
    cut = cut_drive(replace(received, quality=usable), prepared, areas)
    quality = {sha256: cut.received.quality[sha256] for sha256 in cut.clips.parts}
    return replace(batch, received=replace(cut.received, quality=quality))


@dataclass(frozen=True, slots=True, kw_only=True)
class Processed:
    """What taking a drive down the line gave.

    Attributes:
        pieces: How many it has.
        pieces_new: How many were not done before.
        changes: What gathering changed, by kind.
        roads: On how many roads its sightings lie; None where no network was loaded.
        authorities: Along how many authorities' roads it came.
    """

    drive_id: DriveId
    pieces: int
    pieces_new: int
    changes: dict[str, int]
    roads: RoadsFound | None
    authorities: int


def process(received: ReceivedDrive, settings: wiring.Settings, detector: Detector) -> Processed:
    """Process every piece of a received drive that is not done yet, then gather.

    Raises:
        InputError: A clip cannot be read.
        OutageError: The store or the database does not answer.
    """
    wiring.require_room(settings)
    ledger, blobs = wiring.ledger(settings), wiring.blobs(settings)
    prepared = prepared_anew(received, settings)
    begin, end = prepared.span_m()
    done = fresh = 0
    with progress("Looking at the road (m)", max(end - begin, 1.0)) as bar:
        means = Means(
            footage=wiring.footage(),
            detector=detector,
            settings=settings.line(),
            on_look=lambda at: bar.update(bar.task_ids[0], completed=at - begin),
        )
        for placed in prepared.clips:
            for piece in pieces_in(prepared, placed, settings=settings.line()):
                wiring.require_room(settings)
                found = process_piece(prepared, placed, piece, means, ledger=ledger, blobs=blobs)
                done += 1
                fresh += found is not None
    changes, roads = gathered(prepared, settings)
    return Processed(
        drive_id=received.drive.drive_id,
        pieces=done,
        pieces_new=fresh,
        changes=changes,
        roads=roads,
        authorities=len(authorities_on(prepared)),
    )


def prepared_anew(received: ReceivedDrive, settings: wiring.Settings) -> PreparedDrive:
    """Return a drive with its camera and its roads, found once and then as they are stored.

    Raises:
        InputError: It cannot be placed.
        OutageError: The database does not answer.
    """
    ledger = wiring.ledger(settings)
    prepared = calibrated_once(
        wiring.prepare(received, settings.line()), ledger, CalibrateSettings()
    )
    return share_once(prepared, ledger=ledger, settings=MatchSettings())


def gathered(
    prepared: PreparedDrive, settings: wiring.Settings
) -> tuple[dict[str, int], RoadsFound | None]:
    """Place what a drive showed on the roads and gather it, for each authority on them.

    Returns:
        What gathering changed, by kind; and on how many roads its sightings lie, None where no
        network was loaded.

    Raises:
        OutageError: The database does not answer.
    """
    ledger = wiring.ledger(settings)
    changes: Counter[str] = Counter()
    roads: RoadsFound | None = None
    for authority in authorities_on(prepared):
        found_on = place_on_roads(
            for_authority(prepared, authority), ledger=ledger, settings=MatchSettings()
        )
        roads = found_on if roads is None or found_on is None else roads + found_on
        done = gather_drive(
            authority,
            prepared.drive.drive_id,
            ledger=ledger,
            policy=wiring.policies(settings).of(authority),
            settings=settings.line(),
        )
        changes.update(change.change.value for change in done.changes)
    return dict(changes), roads


def detector_of(settings: wiring.Settings, model: str | None = None) -> Detector:
    """Load the detector that is set, or another model.

    Raises:
        InputError: There is no such model, or its files are not its card's.
    """
    name = settings.model if model is None else model
    return load_detector(name, runtime=Runtime(settings.runtime), device=settings.device)


def tell(done: Processed) -> None:
    """Say what became of a drive."""
    counted = ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in sorted(done.changes.items()))
    say(
        f"Drive {done.drive_id}: {done.pieces_new} of {done.pieces} pieces were new; "
        f"possible defects: {counted or 'none'}."
    )
    if done.authorities > 1:
        say(f"It came along the roads of {done.authorities} authorities; each has its own.")
    if done.roads is not None and done.roads.on_no_road:
        say(
            f"{done.roads.on_no_road} sightings lie on no road of the network that was loaded; "
            "if a road is missing in it, load a newer file: roadwear roads load"
        )


def ingest(batch: Batch, settings: wiring.Settings, *, as_json: bool) -> None:
    """Process a received drive and say what came of it."""
    with expected_failures():
        done = process(batch.received, settings, detector_of(settings))
    if as_json:
        result = {**asdict(done), "drive_id": str(done.drive_id), "refused": list(batch.refused)}
        print(json.dumps(result, ensure_ascii=False))
    else:
        tell(done)
    if batch.refused:
        raise typer.Exit(REFUSED)


def _as_known(stored: ReceivedDrive, given: ReceivedDrive) -> ReceivedDrive:
    """Return a drive that was received before, its clips where they lie today.

    Raises:
        InputError: It was received with another track, rig, clock, start or authority: what is
            stored is evidence and is not replaced.
    """
    names = ("fixes", "rig", "clock", "started_at")
    other = [name for name in names if getattr(stored, name) != getattr(given, name)]
    if stored.drive.authority_id != given.drive.authority_id:
        other.append("authority")
    if other:
        raise InputError(
            "this footage was received before with another "
            f"{', '.join(other).replace('fixes', 'track').replace('_', ' ')}; give the same as "
            "then (correcting a received drive is not built yet)"
        )
    today = {clip.sha256: location for location, clip in given.clips}
    clips = tuple((today.get(clip.sha256, there), clip) for there, clip in stored.clips)
    return replace(stored, clips=clips)


def _known_drive(
    shas: list[ClipSha256], drive_of: Callable[[ClipSha256], DriveId | None]
) -> DriveId | None:
    """Return the drive that all of these clips already belong to; None if none is known."""
    drives = {sha256: drive_of(sha256) for sha256 in shas}
    known = {drive for drive in drives.values() if drive is not None}
    if not known:
        return None
    if len(known) > 1 or None in drives.values():
        raise InputError(
            "some of these clips were received before, with other ones; give new clips by "
            "themselves, with their track"
        )
    return known.pop()
