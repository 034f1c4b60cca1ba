"""Reads what a person hands in: clips, a track, a rig; sets aside what cannot be used."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from deploy.doors import say
from pipeline import wiring
from pipeline.adapters.rig_toml import read_rig
from pipeline.adapters.tracks import read_track
from pipeline.domain.errors import InputError
from pipeline.domain.footage import Clip, Drive
from pipeline.domain.ids import DriveId, OrganisationId, VehicleId, natural_uuid, organisation_id
from pipeline.domain.ids import vehicle_id as id_of_vehicle
from pipeline.domain.intake import ReceivedDrive
from pipeline.line import read_clip


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What was handed in: the usable part as a drive, and a sentence for each file refused."""

    received: ReceivedDrive
    refused: tuple[str, ...]


def read_batch(
    clips: Sequence[Path],
    *,
    track: Path | None,
    rig: Path | None,
    started_at: datetime | None,
    owners: tuple[OrganisationId, OrganisationId, VehicleId] | None = None,
) -> Batch:
    """Read clips as one drive; a bad clip is set aside and told of, the rest goes on.

    Args:
        clips: Files of footage.
        track: GPX or NMEA.
        rig: TOML.
        started_at: When the first clip began, if the person says so.
        owners: Whose footage, whose road, which vehicle; None outside the database.

    Raises:
        InputError: The track or the rig cannot be used, or no clip can.
    """
    if track is None:
        raise InputError(
            "no track was given, so nothing can be put on the map; give the GPX or NMEA file of "
            "that drive with --track (positions inside footage are not read yet)"
        )
    rig_file = None if rig is None else read_rig(rig)
    fixes = read_track(track)
    usable, refused = _usable(clips)
    if not usable:
        raise InputError("no clip could be used" if len(clips) > 1 else refused[0])
    owner, authority, vehicle = owners or _nobody()
    return Batch(
        received=ReceivedDrive(
            drive=Drive(
                drive_id=drive_id_of(owner, vehicle, [clip for _, clip in usable]),
                owner_id=owner,
                authority_id=authority,
                vehicle_id=vehicle,
            ),
            clips=tuple(usable),
            fixes=fixes,
            rig=None if rig_file is None else rig_file.rig,
            clock=None if rig_file is None else rig_file.clock,
            started_at=None if started_at is None else _utc(started_at),
        ),
        refused=tuple(refused),
    )


def drive_id_of(owner: OrganisationId, vehicle: VehicleId, clips: Sequence[Clip]) -> DriveId:
    """Return the id of the drive that these clips make, whatever they are called."""
    return DriveId(natural_uuid("drive", owner, vehicle, *sorted(clip.sha256 for clip in clips)))


def _usable(clips: Sequence[Path]) -> tuple[list[tuple[str, Clip]], list[str]]:
    footage = wiring.footage()
    usable: list[tuple[str, Clip]] = []
    refused: list[str] = []
    for path in clips:
        try:
            clip = read_clip(str(path.resolve()), footage)
        except InputError as error:
            refused.append(str(error))
            if len(clips) > 1:
                say(f"roadwear: set aside: {error}")
            continue
        if clip.sha256 in {known.sha256 for _, known in usable}:
            say(f"roadwear: {path.name}: the same footage was given twice; it is used once")
            continue
        usable.append((str(path.resolve()), clip))
    return usable, refused


def _nobody() -> tuple[OrganisationId, OrganisationId, VehicleId]:
    nobody = organisation_id("survey")
    return nobody, nobody, id_of_vehicle(nobody, "survey")


def _utc(instant: datetime) -> datetime:
    """Return an instant in UTC; one without a zone is taken to be UTC, as --help says."""
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
