"""Takes in what depots hand over: announced first, then sent, then read; each file gets a word.

Everything stands in the database, so that a server that is killed goes on where it was, and
everything may happen twice.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import uuid4

from pipeline.adapters.footage_store import DamagedOnTheWayError, FootageStore
from pipeline.adapters.postgres import depots
from pipeline.adapters.postgres import receiving as rows
from pipeline.adapters.postgres.database import Connection, Database
from pipeline.adapters.postgres.intake import load_driven_cameras
from pipeline.adapters.postgres.ledger import PostgresLedger
from pipeline.adapters.postgres.receiving import Arriving, StoredFile
from pipeline.domain.cardpaths import clean_path
from pipeline.domain.errors import InputError, OutageError
from pipeline.domain.footage import Drive
from pipeline.domain.ids import (
    BatchId,
    DriveId,
    OrganisationId,
    UploadId,
    drive_id_of,
    vehicle_id,
)
from pipeline.domain.intake import ReceivedDrive
from pipeline.domain.ports import Clock, Prober
from pipeline.domain.quality import words_of
from pipeline.domain.receiving import (
    AssembledDrive,
    Batch,
    BatchState,
    Depot,
    ExpectedFile,
    FileOutcome,
    Manifest,
    Outcome,
)
from pipeline.line import (
    CardFile,
    CardRules,
    ReadCard,
    judge_clips,
    manifest_of,
    paths_of,
    read_card,
)
from pipeline.stages.assemble import AssembleSettings
from pipeline.stages.judge import JudgeSettings
from pipeline.uplink.words import not_arrived, not_taken_in, said_at_once

_GIB = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much may come.

    Attributes:
        largest_bytes: Of one file.
        quota_bytes: Of one organisation, in all.
        most_files: In one batch.
    """

    largest_bytes: int = 64 * _GIB
    quota_bytes: int = 2048 * _GIB
    most_files: int = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What files are taken in with.

    Attributes:
        check: Raises InputError if a drive cannot be placed: its track is abroad, …
    """

    database: Database
    ledger: PostgresLedger
    store: FootageStore
    prober: Prober
    clock: Clock
    check: Callable[[ReceivedDrive], object]
    limits: Limits = Limits()


@dataclass(slots=True)
class _Taken:
    """What became of the drives of a card, by number and by path."""

    refused: dict[int, str] = field(default_factory=dict)
    warnings: dict[int, str] = field(default_factory=dict)
    drive_of: dict[str, DriveId] = field(default_factory=dict)


class Receiving:
    """Takes in files."""

    def __init__(self, means: Means) -> None:
        """Take files in with these means."""
        self._means = means

    @property
    def store(self) -> FootageStore:
        """Where the bytes go."""
        return self._means.store

    @property
    def limits(self) -> Limits:
        """How much may come."""
        return self._means.limits

    def depot_of_key(self, key: str) -> Depot | None:
        """Return whose key it is, if it is somebody's."""
        return depots.depot_of_key(self._means.database, key)

    def open(self, depot: Depot, *, fleet_number: str, source: str) -> Batch:
        """Begin a batch."""
        with self._means.database.acting_for(depot.owner_id) as connection:
            return rows.open_batch(
                connection,
                depot,
                fleet_number=fleet_number.strip().lower(),
                source=source,
                now=self._means.clock.now(),
            )

    def batch(self, depot: Depot, batch_id: BatchId) -> Batch:
        """Return one of a depot's batches.

        Raises:
            InputError: It has none of that id.
        """
        with self._means.database.acting_for(depot.owner_id) as connection:
            batch = rows.load_batch(connection, batch_id)
        if batch.depot_id != depot.depot_id:
            raise InputError("There is no such upload.")
        return batch

    def announce(self, depot: Depot, batch_id: BatchId, files: Sequence[ExpectedFile]) -> Manifest:
        """Say of files that somebody wants to hand in which are wanted, before a byte is sent.

        Files without an outcome in the answer are wanted.

        Raises:
            InputError: The batch is closed, or a name leads out of the card.
            OutageError: There is no room for them.
        """
        batch = self.batch(depot, batch_id)
        if batch.state is not BatchState.OPEN:
            raise InputError("This upload is closed; begin a new one.")
        cleaned = [replace(file, path=clean_path(file.path)) for file in files]
        with self._means.database.acting_for(depot.owner_id) as connection:
            known = len(rows.load_manifest(connection, batch_id).files)
            if known + len(cleaned) > self.limits.most_files:
                raise InputError(
                    f"one upload holds at most {self.limits.most_files} files; begin another"
                )
            rows.expect_files(connection, batch, cleaned)
            before = rows.words_before(connection, depot.owner_id, [f.sha256 for f in cleaned])
            kept = rows.load_stored(connection, depot.owner_id, [f.sha256 for f in cleaned])
            for file in cleaned:
                said = said_at_once(file, depot, before, self.limits.largest_bytes)
                if said is not None:
                    rows.say_of_file(connection, batch_id, said)
            manifest = rows.load_manifest(connection, batch_id)
            self._require_room(
                sum(f.size_bytes for f in manifest.files if f.outcome is None
                    and f.sha256 not in kept),
                rows.bytes_kept(connection, depot.owner_id),
            )  # fmt: skip
        return manifest

    def known(self, depot: Depot, files: Sequence[ExpectedFile]) -> Manifest:
        """Return what is known of files by their bytes alone; nothing is noted.

        A file counts as taken in when its bytes were checked, read, and became part of a drive.
        """
        hashes = [file.sha256 for file in files]
        with self._means.database.acting_for(depot.owner_id) as connection:
            before = rows.words_before(connection, depot.owner_id, hashes)
            kept = rows.load_stored(connection, depot.owner_id, hashes)
        said = []
        for file in files:
            cleaned = replace(file, path=clean_path(file.path))
            line = said_at_once(cleaned, depot, before, self.limits.largest_bytes)
            if line is None:
                line = not_taken_in(cleaned)
            if file.sha256 in kept and not self.store.holds(kept[file.sha256].location, file):
                line = replace(
                    line,
                    outcome=Outcome.REFUSED,
                    blocks_wiping=True,
                    sentence="it was taken in, but the store has lost it; hand it in again",
                )
            said.append(line)
        return Manifest(files=tuple(sorted(said, key=lambda line: line.path)))

    def begin_upload(self, depot: Depot, batch_id: BatchId, path: str) -> Arriving:
        """Return the upload of an announced file, begun if it was not.

        Raises:
            InputError: The file was not announced, or is not wanted.
        """
        self.batch(depot, batch_id)
        with self._means.database.acting_for(depot.owner_id) as connection:
            arriving = rows.begin_upload(connection, batch_id, clean_path(path), UploadId(uuid4()))
        self.store.begin(arriving.upload_id)
        return arriving

    def upload(self, depot: Depot, upload_id: UploadId) -> Arriving | None:
        """Return one of an organisation's uploads, or None."""
        with self._means.database.acting_for(depot.owner_id) as connection:
            return rows.load_upload(connection, upload_id)

    def give_up(self, depot: Depot, upload_id: UploadId) -> None:
        """Throw away what has arrived of an upload."""
        with self._means.database.acting_for(depot.owner_id) as connection:
            rows.end_upload(connection, upload_id)
        self.store.forget(upload_id)

    def arrived(self, depot: Depot, arriving: Arriving) -> None:
        """Check and keep a file of which every byte is here.

        Raises:
            DamagedOnTheWayError: They are not the bytes that were announced; it begins anew.
            OutageError: The disk or the database fails.
        """
        if arriving.arrived_at is not None:
            return
        try:
            location, silent = self.store.keep(arriving.upload_id, depot.owner_id, arriving.sha256)
        except DamagedOnTheWayError:
            self.give_up(depot, arriving.upload_id)
            raise
        stored = StoredFile(
            owner_id=depot.owner_id,
            authority_id=depot.authority_id,
            sha256=arriving.sha256,
            size_bytes=arriving.size_bytes,
            location=location,
            received_at=self._means.clock.now(),
            silent=silent,
        )
        with self._means.database.acting_for(depot.owner_id) as connection:
            rows.note_arrival(connection, arriving, stored)

    def close(self, depot: Depot, batch_id: BatchId) -> None:
        """Note that nothing more is to come in a batch; it is then to be read."""
        self.batch(depot, batch_id)
        with self._means.database.acting_for(depot.owner_id) as connection:
            rows.close_batch(connection, batch_id, self._means.clock.now())

    def manifest(self, owner: OrganisationId, batch_id: BatchId) -> tuple[Batch, Manifest]:
        """Return a batch and what became of its files so far.

        Raises:
            InputError: The organisation has no such batch.
        """
        with self._means.database.acting_for(owner) as connection:
            return rows.load_batch(connection, batch_id), rows.load_manifest(connection, batch_id)

    def to_do(self) -> tuple[tuple[OrganisationId, BatchId], ...]:
        """Return the batches that wait to be read, also those a killed server left."""
        found: list[tuple[OrganisationId, BatchId]] = []
        for owner in rows.all_organisations(self._means.database):
            with self._means.database.acting_for(owner) as connection:
                found += [(owner, batch) for batch in rows.closed_batches(connection, owner)]
        return tuple(found)

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
        batch, manifest = self.manifest(owner, batch_id)
        if batch.state is not BatchState.CLOSED:
            return manifest
        open_files = [file for file in manifest.files if file.outcome is None]
        with self._means.database.acting_for(owner) as connection:
            stored = rows.load_stored(connection, owner, [f.sha256 for f in open_files])
            rules = self._rules(connection, batch)
        lost = [file for file in open_files if file.sha256 not in stored]
        read = read_card(
            [
                CardFile(
                    location=stored[file.sha256].location,
                    path=file.path,
                    size_bytes=file.size_bytes,
                    sha256=stored[file.sha256].sha256,
                )
                for file in open_files
                if file.sha256 in stored
            ],
            prober=self._means.prober,
            rules=rules,
            on_file=on_file,
        )
        taken = self._take_all(batch, read, stored)
        said = [
            *manifest_of(read, taken.refused, taken.warnings).files,
            *map(not_arrived, lost),
        ]
        self._tell(batch, said, taken.drive_of, read.assembled.questions)
        self._remove_refused(owner, said, stored)
        return self.manifest(owner, batch_id)[1]

    def _take_all(self, batch: Batch, read: ReadCard, stored: Mapping[str, StoredFile]) -> "_Taken":
        """Store the drives of a card; one that cannot be taken in does not stop the others."""
        taken = _Taken()
        location_of = {file.path: file.location for file in read.files}
        for number, drive in enumerate(read.assembled.drives):
            try:
                name, unusable = self._take(batch, drive, location_of, stored)
            except InputError as error:
                taken.refused[number] = str(error)
                continue
            taken.drive_of |= dict.fromkeys(paths_of(drive), name)
            odd = self._odd_picture(batch, drive)
            if odd is not None or unusable is not None:
                taken.warnings[number] = "; ".join(filter(None, (unusable, odd)))
        return taken

    def _require_room(self, wanted: int, kept: int) -> None:
        room = self.store.room_bytes()
        if wanted > room:
            raise OutageError(
                f"there is room for {room / _GIB:.1f} GiB more and {wanted / _GIB:.1f} GiB are to "
                "come; nothing was taken: make room, or hand in fewer files"
            )
        if kept + wanted > self.limits.quota_bytes:
            left = max(0, self.limits.quota_bytes - kept) / _GIB
            raise OutageError(
                f"the organisation may keep {left:.1f} GiB more and {wanted / _GIB:.1f} GiB are "
                "to come; nothing was taken"
            )

    def _rules(self, connection: Connection, batch: Batch) -> CardRules:
        depot = None if batch.depot_id is None else depots.load_depot(connection, batch.depot_id)
        channel = "" if depot is None else depot.forward_channel
        return CardRules(
            assemble=AssembleSettings(forward_channel=channel),
            vehicle_of_camera=depots.cameras_of_vehicles(connection, batch.owner_id),
            vehicles=depots.fleet_numbers(connection, batch.owner_id),
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
        location_of: Mapping[str, str],
        stored: Mapping[str, StoredFile],
    ) -> tuple[DriveId, str | None]:
        """Store a drive, and return its id and what of it is unusable.

        Raises:
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
            clips=tuple((location_of[path], clip) for path, clip in drive.clips),
            fixes=drive.fixes,
            rig=None,
            clock=drive.clock,
            started_at=drive.started_at,
        )
        self._means.check(received)
        quality = judge_clips(received.clips, prober=self._means.prober, settings=JudgeSettings())
        self._means.ledger.receive(replace(received, quality=quality), fleet_number=number)
        return received.drive.drive_id, words_of(list(quality.values()), number)

    def _tell(
        self,
        batch: Batch,
        said: Sequence[FileOutcome],
        drive_of: Mapping[str, DriveId],
        questions: Sequence[str],
    ) -> None:
        with self._means.database.acting_for(batch.owner_id) as connection:
            for file in said:
                rows.say_of_file(connection, batch.batch_id, file, drive_of.get(file.path))
            rows.end_batch(connection, batch.batch_id, questions, self._means.clock.now())

    def _remove_refused(
        self,
        owner: OrganisationId,
        said: Sequence[FileOutcome],
        stored: Mapping[str, StoredFile],
    ) -> None:
        """Remove the bytes of files that cannot be used: the card has them still."""
        used = {file.sha256 for file in said if file.outcome is not Outcome.REFUSED}
        for sha256 in {file.sha256 for file in said} - used:
            if sha256 in stored:
                self.store.remove(stored[sha256].location)
                with self._means.database.acting_for(owner) as connection:
                    rows.note_gone(connection, owner, sha256, self._means.clock.now())
