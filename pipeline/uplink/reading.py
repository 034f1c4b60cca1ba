"""Reads what a batch brought: its files become drives, and each file gets its word."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pipeline.adapters.postgres import depots, kept_bytes
from pipeline.adapters.postgres import receiving as rows
from pipeline.adapters.postgres.correspondence import answers
from pipeline.adapters.postgres.database import Connection
from pipeline.adapters.postgres.intake import load_driven_cameras
from pipeline.adapters.postgres.private import Cut, note_cuts
from pipeline.adapters.postgres.receiving import StoredFile
from pipeline.domain.errors import InputError
from pipeline.domain.footage import Drive
from pipeline.domain.ids import (
    BatchId,
    ClipSha256,
    DriveId,
    OrganisationId,
    drive_id_of,
    vehicle_id,
)
from pipeline.domain.intake import ReceivedDrive
from pipeline.domain.quality import words_of
from pipeline.domain.receiving import (
    AssembledDrive,
    Batch,
    BatchState,
    ExpectedFile,
    FileFacts,
    FileOutcome,
    Manifest,
    Outcome,
    Question,
)
from pipeline.line import (
    AllPrivateError,
    CardFile,
    CardRules,
    CutDrive,
    ReadCard,
    judge_clips,
    manifest_of,
    paths_of,
    read_card,
)
from pipeline.stages.assemble import AssembleSettings
from pipeline.stages.judge import JudgeSettings
from pipeline.uplink.means import Means
from pipeline.uplink.private import Cutting, blank_private, remembered_tracks
from pipeline.uplink.words import PRIVATE, not_arrived, not_read, stored_again


@dataclass(slots=True)
class _Taken:
    """What became of the drives of a card, by number and by path."""

    refused: dict[int, str] = field(default_factory=dict)
    warnings: dict[int, str] = field(default_factory=dict)
    drive_of: dict[str, DriveId] = field(default_factory=dict)
    private: set[str] = field(default_factory=set)
    private_tracks: set[str] = field(default_factory=set)

    @property
    def unwanted(self) -> dict[str, str]:
        """Files of which nothing is kept, and why."""
        return dict.fromkeys(self.private - self.drive_of.keys(), PRIVATE)


class CardReading:
    """Reads batches."""

    def __init__(self, means: Means) -> None:
        """Read with these means."""
        self._means = means

    def read(
        self,
        owner: OrganisationId,
        batch_id: BatchId,
        on_file: Callable[[CardFile], None] = lambda _: None,
    ) -> Manifest:
        """Read a closed batch: make drives of its files and say what became of each.

        Raises:
            InputError: The organisation has no such batch.
            OutageError: Something outside does not answer; it may be read again.
        """
        batch, manifest = self._manifest(owner, batch_id)
        if batch.state is not BatchState.CLOSED:
            return manifest
        with self._means.database.acting_for(owner) as connection:
            stored = kept_bytes.load_stored(connection, owner, [f.sha256 for f in manifest.files])
            rules = self._rules(connection, batch)
            known = kept_bytes.words_before(connection, owner, [f.sha256 for f in manifest.files])
            cutting = self._means.cutting(connection)
        here = {
            file.path: stored[file.sha256]
            for file in manifest.files
            if file.sha256 in stored
            and self._means.store.holds(stored[file.sha256].location, _as_expected(file))
        }
        open_files = [file for file in manifest.files if file.outcome is None]
        again = [file for file in open_files if file.path in here and file.sha256 in known]
        lost = [file for file in open_files if file.path not in here]
        done = {file.path for file in (*again, *lost)}
        remembered = self._remembered(owner, manifest)
        read = read_card(
            [
                CardFile(
                    location=here[file.path].location,
                    path=file.path,
                    size_bytes=file.size_bytes,
                    sha256=here[file.path].sha256,
                )
                for file in manifest.files
                if file.path in here
                and file.path not in done
                and (file.path in remembered or self._is_read(file, here[file.path]))
            ],
            prober=self._means.prober,
            rules=rules,
            on_file=on_file,
            known=remembered,
        )
        taken = self._take_all(batch, read, stored, cutting)
        _cut_tracks(read, taken, cutting, remembered)
        wanted = {file.path for file in open_files}
        lines = manifest_of(read, taken.refused, taken.warnings, taken.unwanted).files
        said = [
            *(line for line in lines if line.path in wanted),
            *map(not_arrived, lost),
            *map(stored_again, again),
        ]
        with self._means.database.acting_for(owner) as connection:
            unchanged = {f.sha256: Cut() for f in read.files if f.path not in remembered}
            note_cuts(connection, owner, batch_id, unchanged | cutting.cuts)
        self._tell(batch, said, taken.drive_of, read.assembled.questions)
        blank_private(self._means.database, self._means.store, owner)
        spared = _answerable(read, taken) if read.assembled.questions else frozenset()
        self._remove_refused(
            owner, batch_id, [line for line in said if line.path not in spared], stored
        )
        return self._manifest(owner, batch_id)[1]

    def _is_read(self, file: FileOutcome, stored: StoredFile) -> bool:
        """Return whether a file is looked into: a track also when it came before.

        It may be that of footage which comes now.
        """
        return file.outcome is None or self._means.store.is_track(stored.location)

    def _remembered(self, owner: OrganisationId, manifest: Manifest) -> dict[str, FileFacts]:
        """Return what is known of a batch's tracks of which nothing but that was kept."""
        hashes = [file.sha256 for file in manifest.files]
        fixes = remembered_tracks(self._means.database, owner, hashes)
        return {
            file.path: FileFacts(
                path=file.path,
                size_bytes=file.size_bytes,
                sha256=ClipSha256(file.sha256),
                fixes=fixes[file.sha256],
            )
            for file in manifest.files
            if file.sha256 in fixes
        }

    def fail(self, owner: OrganisationId, batch_id: BatchId) -> None:
        """End a batch that cannot be read by a fault of ours: nothing of it is thrown away."""
        batch, manifest = self._manifest(owner, batch_id)
        said = [not_read(file) for file in manifest.files if file.outcome is None]
        self._tell(batch, said, {}, ())

    def _take_all(
        self, batch: Batch, read: ReadCard, stored: Mapping[str, StoredFile], cutting: Cutting
    ) -> "_Taken":
        """Store the drives of a card; one that cannot be taken in does not stop the others."""
        taken = _Taken()
        for number, drive in enumerate(read.assembled.drives):
            try:
                kept = self._take(batch, drive, stored, cutting)
            except AllPrivateError:
                taken.private.update(paths_of(drive))
                taken.private_tracks.update(drive.tracks)
                continue
            except InputError as error:
                taken.refused[number] = str(error)
                continue
            received = kept.received
            taken.drive_of |= {
                **dict.fromkeys(drive.tracks, received.drive.drive_id),
                **{
                    path: received.drive.drive_id
                    for path, clip in drive.clips
                    if clip.sha256 not in kept.clips.whole
                },
            }
            taken.private |= {p for p, clip in drive.clips if clip.sha256 in kept.clips.whole}
            vehicle = drive.vehicle or batch.fleet_number
            unusable = words_of(list(received.quality.values()), vehicle)
            odd = self._odd_picture(batch, drive)
            if odd is not None or unusable is not None:
                taken.warnings[number] = "; ".join(filter(None, (unusable, odd)))
        return taken

    def _rules(self, connection: Connection, batch: Batch) -> CardRules:
        named = batch.depot_id
        channel = "" if named is None else depots.forward_channel_of(connection, named)
        return CardRules(
            assemble=AssembleSettings(forward_channel=channel),
            vehicle_of_camera=depots.cameras_of_vehicles(connection, batch.owner_id),
            vehicles=depots.fleet_numbers(connection, batch.owner_id),
            began=answers(connection, batch.batch_id),
        )

    def _odd_picture(self, batch: Batch, drive: AssembledDrive) -> str | None:
        """Return a warning if the picture is not that of the vehicle's camera so far."""
        number, clip = drive.vehicle or batch.fleet_number, drive.clips[0][1]
        with self._means.database.acting_for(batch.owner_id) as connection:
            known = load_driven_cameras(connection, batch.owner_id, number)
        sizes = {(camera.rig.width_px, camera.rig.height_px) for camera in known}
        if not sizes or (clip.width_px, clip.height_px) in sizes:
            return None
        wide, high = max(sizes)
        return (
            f"its picture is {clip.width_px}×{clip.height_px}, and that of vehicle {number} was "
            f"{wide}×{high} so far: is it that vehicle's camera?"
        )

    def _take(
        self,
        batch: Batch,
        drive: AssembledDrive,
        stored: Mapping[str, StoredFile],
        cutting: Cutting,
    ) -> CutDrive:
        """Store a drive, and return what of it is kept.

        Raises:
            AllPrivateError: Nothing of it is.
            InputError: Its vehicle is not known, it cannot be placed, or it still has sound.
        """
        number = drive.vehicle or batch.fleet_number
        if not number:
            raise InputError(
                "nothing says of which vehicle it is: name the vehicle when handing in, put its "
                "files into a folder with its fleet number, or say whose camera it is"
            )
        if not all(stored[clip.sha256].silent for _, clip in drive.clips):
            raise InputError("its sound could not be taken out; have the camera record without")
        vehicle = vehicle_id(batch.owner_id, number)
        clips = [clip for _, clip in drive.clips]
        received = ReceivedDrive(
            drive=Drive(
                drive_id=drive_id_of(batch.owner_id, vehicle, [clip.sha256 for clip in clips]),
                owner_id=batch.owner_id,
                authority_id=batch.authority_id,
                vehicle_id=vehicle,
            ),
            clips=tuple((stored[clip.sha256].location, clip) for _, clip in drive.clips),
            fixes=drive.fixes,
            rig=None,
            clock=drive.clock,
            started_at=drive.started_at,
        )
        prepared = self._means.prepare(received)
        quality = judge_clips(received.clips, prober=self._means.prober, settings=JudgeSettings())
        kept = cutting.cut(replace(received, quality=quality), prepared)
        if kept.received.fixes != received.fixes:
            # What remains must be a drive of its own.
            self._means.prepare(kept.received)
        self._means.ledger.receive(kept.received, fleet_number=number)
        return kept

    def _tell(
        self,
        batch: Batch,
        said: Sequence[FileOutcome],
        drive_of: Mapping[str, DriveId],
        questions: Sequence[Question],
    ) -> None:
        with self._means.database.acting_for(batch.owner_id) as connection:
            for file in said:
                rows.say_of_file(connection, batch.batch_id, file, drive_of.get(file.path))
            rows.end_batch(connection, batch.batch_id, questions, self._means.clock.now())

    def _remove_refused(
        self,
        owner: OrganisationId,
        batch_id: BatchId,
        said: Sequence[FileOutcome],
        stored: Mapping[str, StoredFile],
    ) -> None:
        """Remove the bytes of files that cannot be used: the card has them still."""
        used = {file.sha256 for file in said if file.outcome is not Outcome.REFUSED}
        now = self._means.clock.now()
        for sha256 in {file.sha256 for file in said} - used:
            if sha256 not in stored:
                continue
            with self._means.database.acting_for(owner) as connection:
                kept_bytes.lock_bytes(connection, owner, sha256)
                if kept_bytes.release_refused(connection, owner, batch_id, sha256, now):
                    self._means.store.remove(stored[sha256].location)

    def _manifest(self, owner: OrganisationId, batch_id: BatchId) -> tuple[Batch, Manifest]:
        with self._means.database.acting_for(owner) as connection:
            return rows.load_batch(connection, batch_id), rows.load_manifest(connection, batch_id)


def _cut_tracks(
    read: ReadCard, taken: _Taken, cutting: Cutting, remembered: Mapping[str, FileFacts]
) -> None:
    """Have nothing stay of tracks that lead through an area.

    As long as something is asked, a track of no drive stays: the answer may need it.
    """
    for file in read.files:
        fixes = read.tracks.get(file.path)
        waits = bool(read.assembled.questions) and file.path not in taken.drive_of
        if fixes and not waits and file.path not in remembered and cutting.is_private(fixes):
            cutting.cut_whole(file.location, file.sha256, file.size_bytes)


def _answerable(read: ReadCard, taken: _Taken) -> frozenset[str]:
    """Return refused files that an answer may help: they need not be handed in again."""
    return (read.readable & read.assembled.refused.keys()) | taken.private_tracks


def _as_expected(file: FileOutcome) -> ExpectedFile:
    return ExpectedFile(path=file.path, size_bytes=file.size_bytes, sha256=ClipSha256(file.sha256))
