"""Takes in what depots hand over: announced first, then sent, then read; each file gets a word.

Everything stands in the database, so that a server that is killed goes on where it was, and
everything may happen twice.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, time
from uuid import uuid4

from pipeline.adapters.footage_store import DamagedOnTheWayError, FootageStore
from pipeline.adapters.postgres import depots, kept_bytes
from pipeline.adapters.postgres import receiving as rows
from pipeline.adapters.postgres.backlog import load_backlog
from pipeline.adapters.postgres.database import Connection
from pipeline.adapters.postgres.receiving import Arriving, StoredFile
from pipeline.domain.backlog import Backlog
from pipeline.domain.cardpaths import clean_path
from pipeline.domain.errors import InputError, NoRoomError, NotThereError
from pipeline.domain.ids import (
    BatchId,
    OrganisationId,
    UploadId,
)
from pipeline.domain.receiving import (
    Batch,
    BatchState,
    Depot,
    ExpectedFile,
    FileOutcome,
    Manifest,
)
from pipeline.domain.uk_time import by_when, next_deadline
from pipeline.line import (
    CardFile,
)
from pipeline.uplink.means import Limits, Means
from pipeline.uplink.private import blank_private
from pipeline.uplink.reading import CardReading
from pipeline.uplink.words import PRIVATE, not_kept, not_taken_in, said_at_once

_GIB = 1 << 30


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
                self.store.store_id,
                fleet_number=clean_path(fleet_number).lower() if fleet_number.strip() else "",
                source=clean_path(source),
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
            raise NotThereError("There is no such upload.")
        return batch

    def announce(self, depot: Depot, batch_id: BatchId, files: Sequence[ExpectedFile]) -> Manifest:
        """Say of files that somebody wants to hand in which are wanted, before a byte is sent.

        The answer holds these files, and none that were announced before. Those without an
        outcome are wanted.

        Raises:
            InputError: The batch is closed, or a name leads out of the card.
            OutageError: There is no room for them.
        """
        self.batch(depot, batch_id)
        cleaned = [replace(file, path=clean_path(file.path)) for file in files]
        hashes = [file.sha256 for file in cleaned]
        with self._means.database.acting_for(depot.owner_id) as connection:
            batch = rows.load_batch(connection, batch_id, lock=True)
            if batch.state is not BatchState.OPEN:
                raise InputError("This upload is closed; begin a new one.")
            noted = {file.path for file in rows.load_manifest(connection, batch_id).files}
            if len(noted | {file.path for file in cleaned}) > self.limits.most_files:
                raise InputError(
                    f"one upload holds at most {self.limits.most_files} files; begin another"
                )
            rows.expect_files(connection, batch, cleaned)
            kept = kept_bytes.load_stored(connection, depot.owner_id, hashes)
            before = self._before(connection, depot, cleaned, kept)
            for file in cleaned:
                said = said_at_once(file, depot, before, self.limits.largest_bytes)
                if said is not None:
                    rows.say_of_file(connection, batch_id, said)
            manifest = rows.load_manifest(connection, batch_id)
            begun = rows.uploads_begun(connection, batch_id)
            fresh = [
                f.size_bytes
                for f in manifest.files
                if f.outcome is None and f.sha256 not in kept and f.path not in begun
            ]
            self._require_room(sum(fresh), kept_bytes.bytes_kept(connection, depot.owner_id))
            if fresh and self.limits.ready_by is not None:
                backlog = load_backlog(
                    connection, depot.owner_id, self.store.store_id, self._means.clock.now()
                )
                self._require_time(sum(fresh), backlog, self.limits.ready_by)
        named = {file.path for file in cleaned}
        return replace(manifest, files=tuple(f for f in manifest.files if f.path in named))

    def _before(
        self,
        connection: Connection,
        depot: Depot,
        files: Sequence[ExpectedFile],
        kept: Mapping[str, StoredFile],
    ) -> dict[str, FileOutcome]:
        """Return what was said of the same bytes before, unless the store has lost them since.

        Bytes that are noted as gone were removed when their time was over: that is no loss.
        """
        hashes = [file.sha256 for file in files]
        lost = {
            file.sha256
            for file in files
            if file.sha256 in kept and not self._holds(kept[file.sha256], file)
        }
        said = kept_bytes.words_before(connection, depot.owner_id, hashes)
        return {sha256: line for sha256, line in said.items() if sha256 not in lost}

    def _holds(self, stored: StoredFile, file: ExpectedFile) -> bool:
        """Return whether bytes are here, or in another store: that one answers for them."""
        elsewhere = stored.store not in {None, self.store.store_id}
        return elsewhere or self.store.holds(stored.location, file)

    def known(self, depot: Depot, files: Sequence[ExpectedFile]) -> Manifest:
        """Return what is known of files by their bytes alone; nothing is noted.

        A file counts as taken in when its bytes were checked, read, and became part of a drive.
        """
        cleaned = [replace(file, path=clean_path(file.path)) for file in files]
        with self._means.database.acting_for(depot.owner_id) as connection:
            kept = kept_bytes.load_stored(connection, depot.owner_id, [f.sha256 for f in cleaned])
            before = self._before(connection, depot, cleaned, kept)
            private = kept_bytes.refused_as(
                connection, depot.owner_id, [file.sha256 for file in cleaned], PRIVATE
            )
        said = []
        for file in cleaned:
            line = said_at_once(file, depot, before, self.limits.largest_bytes)
            if line is None and file.sha256 in kept:
                lost = not self._holds(kept[file.sha256], file)
                line = not_taken_in(file, "the store has lost it; hand it in again" if lost else "")
            if line is None and file.sha256 in private:
                line = not_kept(file)
            said.append(line or not_taken_in(file))
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
            with self._means.database.acting_for(depot.owner_id) as connection:
                kept_bytes.lock_bytes(connection, depot.owner_id, arriving.sha256)
                if self._is_here(connection, arriving):
                    # They may have been cut since; what came now has not.
                    self.store.forget(arriving.upload_id)
                    rows.note_arrived(connection, arriving.upload_id, self._means.clock.now())
                    return
                location, silent = self.store.keep(
                    arriving.upload_id, depot.owner_id, arriving.sha256, arriving.size_bytes
                )
                stored = StoredFile(
                    owner_id=depot.owner_id,
                    authority_id=depot.authority_id,
                    sha256=arriving.sha256,
                    size_bytes=arriving.size_bytes,
                    location=location,
                    received_at=self._means.clock.now(),
                    silent=silent,
                    store=self.store.store_id,
                )
                rows.note_arrival(connection, arriving, stored)
        except DamagedOnTheWayError:
            self.give_up(depot, arriving.upload_id)
            raise

    def _is_here(self, connection: Connection, arriving: Arriving) -> bool:
        known = kept_bytes.load_stored(connection, arriving.owner_id, [arriving.sha256])
        stored = known.get(arriving.sha256)
        if stored is None or stored.store not in {None, self.store.store_id}:
            return False
        expected = ExpectedFile(
            path=arriving.path, size_bytes=arriving.size_bytes, sha256=arriving.sha256
        )
        return self.store.holds(stored.location, expected)

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
        return CardReading(self._means).read(owner, batch_id, on_file)

    def fail(self, owner: OrganisationId, batch_id: BatchId) -> None:
        """End a batch that cannot be read by a fault of ours: nothing of it is thrown away."""
        CardReading(self._means).fail(owner, batch_id)

    def finish_cutting(self) -> int:
        """Take out what a server that was killed left of private areas; return of how many files.

        Raises:
            OutageError: Something outside does not answer.
        """
        owners = rows.all_organisations(self._means.database)
        return sum(blank_private(self._means.database, self.store, owner) for owner in owners)

    def to_do(self) -> tuple[tuple[OrganisationId, BatchId], ...]:
        """Return the batches that wait to be read, also those a killed server left."""
        found: list[tuple[OrganisationId, BatchId]] = []
        for owner in rows.all_organisations(self._means.database):
            with self._means.database.acting_for(owner) as connection:
                found += [
                    (owner, batch)
                    for batch in rows.closed_batches(connection, owner, self.store.store_id)
                ]
        return tuple(found)

    def done_at(self, owner: OrganisationId) -> datetime | None:
        """Return when what an organisation handed in will be looked at, if that can be told."""
        now = self._means.clock.now()
        with self._means.database.acting_for(owner) as connection:
            return load_backlog(connection, owner, self.store.store_id, now).done_at(now)

    def _require_time(self, wanted: int, backlog: Backlog, ready_by: time) -> None:
        now = self._means.clock.now()
        done_at = backlog.done_at(now, more_bytes=wanted)
        deadline = next_deadline(now, ready_by)
        if done_at is not None and done_at > deadline:
            raise NoRoomError(
                f"with these files it would take until {by_when(done_at, now)} to look at what was "
                f"handed in, and it must be done by {by_when(deadline, now)}; nothing was taken: "
                "hand in fewer files, or the rest later"
            )

    def _require_room(self, wanted: int, kept: int) -> None:
        room = self.store.room_bytes()
        if wanted > room:
            raise NoRoomError(
                f"there is room for {room / _GIB:.1f} GiB more and {wanted / _GIB:.1f} GiB are to "
                "come; nothing was taken: make room, or hand in fewer files"
            )
        if kept + wanted > self.limits.quota_bytes:
            left = max(0, self.limits.quota_bytes - kept) / _GIB
            raise NoRoomError(
                f"the organisation may keep {left:.1f} GiB more and {wanted / _GIB:.1f} GiB are "
                "to come; nothing was taken"
            )
