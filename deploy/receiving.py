"""Reads what a person hands in: clips, a track, a rig; sets aside what cannot be used."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from glob import escape
from pathlib import Path

from deploy.doors import say
from pipeline import wiring
from pipeline.adapters.prober import SandboxedProber
from pipeline.adapters.rig_toml import read_rig
from pipeline.adapters.tracks import read_track
from pipeline.adapters.tracks_csv import ColumnMap, parse_columns
from pipeline.adapters.video_pyav import sha256_of_file
from pipeline.domain.errors import InputError
from pipeline.domain.footage import Clip, Drive
from pipeline.domain.ids import OrganisationId, VehicleId, drive_id_of, organisation_id
from pipeline.domain.ids import vehicle_id as id_of_vehicle
from pipeline.domain.intake import ReceivedDrive
from pipeline.domain.receiving import Outcome
from pipeline.domain.track import ClockOffset, RawFix
from pipeline.line import CardFile, CardRules, manifest_of, read_card, read_clip

_TRACK_SUFFIXES = {".gpx", ".nmea", ".log", ".csv", ".kml", ".fit", ".bin", ".txt", ".gps"}


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
    columns: str = "",
    owners: tuple[OrganisationId, OrganisationId, VehicleId] | None = None,
) -> Batch:
    """Read clips as one drive; a bad clip is set aside and told of, the rest goes on.

    Args:
        clips: Files of footage.
        track: In any format that is read; None for the positions inside the footage, or in a
            file of the same name beside it.
        rig: TOML.
        started_at: When the first clip began, if the person says so.
        columns: Of a CSV track: which column says what.
        owners: Whose footage, whose road, which vehicle; None outside the database.

    Raises:
        InputError: The track or the rig cannot be used, or no clip can.
    """
    rig_file = None if rig is None else read_rig(rig)
    known = parse_columns(columns) if columns else None
    said_at = None if started_at is None else _utc(started_at)
    if track is None:
        taken = _with_own_positions(clips, known)
    else:
        fixes = read_track(track, columns=known, starts_at=said_at)
        taken = _Taken(*_usable(clips), fixes=fixes)
    if not taken.usable:
        why = "no clip could be used" if len(clips) > 1 else taken.refused[0]
        raise InputError(why if track else f"{why} (a track is given with --track FILE)")
    owner, authority, vehicle = owners or _nobody()
    clock = taken.clock if rig_file is None or rig_file.clock is None else rig_file.clock
    return Batch(
        received=ReceivedDrive(
            drive=Drive(
                drive_id=drive_id_of(owner, vehicle, [clip.sha256 for _, clip in taken.usable]),
                owner_id=owner,
                authority_id=authority,
                vehicle_id=vehicle,
            ),
            clips=tuple(taken.usable),
            fixes=taken.fixes,
            rig=None if rig_file is None else rig_file.rig,
            clock=clock,
            started_at=said_at,
        ),
        refused=tuple(taken.refused),
    )


@dataclass(frozen=True, slots=True)
class _Taken:
    """What could be used of the clips, and the positions that go with them."""

    usable: list[tuple[str, Clip]]
    refused: list[str]
    fixes: tuple[RawFix, ...]
    clock: ClockOffset | None = None


def _with_own_positions(clips: Sequence[Path], columns: ColumnMap | None) -> _Taken:
    """Read clips with the positions inside them, or in files of the same name beside them."""
    missing = [f"{clip.name}: there is no such file" for clip in clips if not clip.is_file()]
    there = [clip for clip in clips if clip.is_file()]
    tracks = [beside for clip in there for beside in _beside(clip)]
    files = [
        CardFile(
            location=str(path.resolve()),
            path=path.as_posix(),
            size_bytes=path.stat().st_size,
            sha256=sha256_of_file(path),
        )
        for path in dict.fromkeys((*there, *tracks))
    ]
    read = read_card(files, prober=SandboxedProber(columns), rules=CardRules())
    manifest = manifest_of(read, {})
    drives = read.assembled.drives
    if len(drives) > 1:
        raise InputError(
            f"the files are {len(drives)} drives, the second from {drives[1].clips[0][0]} on; "
            "give one drive at a time"
        )
    refused = [
        f"{file.path}: {file.sentence}"
        for file in manifest.files
        if file.outcome is Outcome.REFUSED
    ]
    for sentence in [*missing, *refused] if len(clips) > 1 else []:
        say(f"roadwear: set aside: {sentence}")
    if not drives:
        return _Taken([], [*missing, *refused], ())
    drive = drives[0]
    for note in drive.notes:
        say(f"roadwear: {note}")
    location_of = {file.path: file.location for file in files}
    usable = [(location_of[path], clip) for path, clip in drive.clips]
    return _Taken(usable, [*missing, *refused], drive.fixes, drive.clock)


def _beside(clip: Path) -> list[Path]:
    """Return the track files that have a clip's name."""
    return sorted(
        path
        for path in clip.parent.glob(f"{escape(clip.stem)}.*")
        if path.suffix.lower() in _TRACK_SUFFIXES and path.is_file()
    )


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
