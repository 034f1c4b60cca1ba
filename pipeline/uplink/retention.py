"""Removes what has been kept long enough, and notes it where a restored backup cannot undo it.

The ledger of deletions is a file beside the database and not in it: after a restore everything in
it is removed again.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

from pipeline import wiring
from pipeline.adapters.blobs_obstore import ObstoreBlobs
from pipeline.adapters.footage_store import FootageStore
from pipeline.adapters.postgres import retention as rows
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.kept_bytes import lock_bytes, note_gone, received_when
from pipeline.adapters.postgres.receiving import all_organisations
from pipeline.domain.errors import OutageError
from pipeline.domain.ids import ClipSha256, OrganisationId
from pipeline.domain.keeping import Kind
from pipeline.uplink.private import blank_private

# Uploads that no row claims any more go after this, whatever an organisation says.
_LONGEST_PARTIAL_DAYS = 30
_NOTED_EVERY = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """Something that was removed.

    Attributes:
        key: SHA-256 of footage, id of an upload or drive, key of a still.
    """

    at: datetime
    owner_id: str
    kind: Kind
    key: str


class DeletionLedger:
    """Deletions, one line each; only ever added to."""

    def __init__(self, path: Path) -> None:
        """Keep the ledger in a file."""
        self._path = path

    def add(self, deletions: list[Deletion]) -> None:
        """Add deletions before they are done, on the disk when this returns.

        Raises:
            OutageError: The file cannot be written.
        """
        if not deletions:
            return
        lines = "".join(
            json.dumps(
                {"at": d.at.isoformat(), "owner_id": d.owner_id, "kind": d.kind, "key": d.key}
            ) + "\n"
            for d in deletions
        )  # fmt: skip
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a+b") as file:
                # What was cut off half-way must not swallow the next line.
                file.seek(max(0, file.seek(0, os.SEEK_END) - 1))
                torn = file.read(1) not in {b"", b"\n"}
                file.write(("\n" * torn + lines).encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise OutageError(
                f"the ledger of deletions, {self._path}, cannot be written ({error.strerror}); "
                "nothing was removed"
            ) from error

    def __iter__(self) -> Iterator[Deletion]:
        """Yield what was removed; a line that was cut off is left out."""
        try:
            lines = self._path.read_text("utf-8").splitlines()
        except FileNotFoundError:
            return
        for line in lines:
            try:
                said = json.loads(line)
                yield Deletion(
                    at=datetime.fromisoformat(said["at"]),
                    owner_id=said["owner_id"],
                    kind=Kind(said["kind"]),
                    key=said["key"],
                )
            except (ValueError, KeyError):
                continue


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """What a night of removing came to.

    Attributes:
        again: What a restored backup had brought back.
    """

    of_each: Mapping[Kind, int]
    again: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeper:
    """Removes what is due."""

    database: Database
    store: FootageStore
    blobs: ObstoreBlobs
    ledger: DeletionLedger
    now: Callable[[], datetime]

    def night(self) -> Removed:
        """Remove what is due, of every organisation, and what a restore had brought back.

        Raises:
            OutageError: Something outside does not answer; what was removed stands in the ledger.
        """
        again = self.again()
        total = dict.fromkeys(Kind, 0)
        total[Kind.PARTIAL] = self.sweep(self.now() - timedelta(days=_LONGEST_PARTIAL_DAYS))
        for owner in all_organisations(self.database):
            for kind, count in self.run(owner).items():
                total[kind] += count
        self._note_known(len(list(self.ledger)))
        return Removed(of_each=total, again=again)

    def catch_up(self) -> int:
        """Remove again what was removed after the state in which the database is; return how much.

        To be called before anybody is served: a database that comes out of a backup has forgotten
        what was deleted since.

        Raises:
            OutageError: Something outside does not answer.
        """
        with self.database.acting_for(OrganisationId(uuid4())) as connection:
            known = rows.deletions_known(connection, self.store.store_id)
        return self.after_restore(known) if len(list(self.ledger)) > known else 0

    def after_restore(self, known: int = 0) -> int:
        """Remove what is in the ledger and there again, and tracks whose time ran out meanwhile.

        Args:
            known: So many lines of the ledger are known to have been carried out.
        """
        owners = all_organisations(self.database)
        tracks = sum(self._tracks(owner) for owner in owners)
        return tracks + self.again(known)

    def run(self, owner: OrganisationId) -> dict[Kind, int]:
        """Remove what an organisation has kept long enough; return how much of each kind.

        Raises:
            OutageError: Something outside does not answer; what was removed stands in the ledger.
        """
        now = self.now()
        with self.database.acting_for(owner) as connection:
            days = rows.days_kept(connection)
        before = {kind: now - timedelta(days=kept) for kind, kept in days.items()}
        return {
            Kind.FOOTAGE: self._footage(owner, before[Kind.FOOTAGE]),
            Kind.PARTIAL: self._partial(owner, before[Kind.PARTIAL]),
            Kind.STILL: self._stills(owner, before[Kind.STILL], before[Kind.RECORD]),
            Kind.TRACK: self._tracks(owner),
        }

    def again(self, known: int = 0) -> int:
        """Remove what is in the ledger and there again, after a restore; return how much.

        How far it came is kept every now and then: who is cut off need not begin anew.

        What was cut out because it is private goes again likewise.

        What was handed in or made anew since it was removed stays, and what a hold keeps.
        """
        count = sum(
            blank_private(self.database, self.store, owner)
            for owner in all_organisations(self.database)
        )
        line = 0
        for line, gone in enumerate(self.ledger, 1):
            if line <= known:
                continue
            if not line % _NOTED_EVERY:
                self._note_known(line - 1)
            owner = OrganisationId(UUID(gone.owner_id))
            if gone.kind is Kind.FOOTAGE:
                count += self._remove_file(owner, gone.key, received_before=gone.at)
            elif gone.kind in {Kind.STILL, Kind.RECORD}:
                with self.database.acting_for(owner) as connection:
                    fresh = rows.still_made_after(connection, gone.key, gone.at)
                count += 0 if fresh else self.blobs.delete(gone.key)
        # Not how many there are by now: what another adds meanwhile was not carried out here.
        self._note_known(line)
        return count

    def _note_known(self, lines: int) -> None:
        """Keep in the database that so many lines of the ledger were carried out on it."""
        with self.database.acting_for(OrganisationId(uuid4())) as connection:
            rows.note_deletions_known(connection, self.store.store_id, lines)

    def sweep(self, before: datetime) -> int:
        """Remove uploads to which nothing was added since an instant, whoever's they are."""
        due = self.store.partial_before(before)
        for path in due:
            path.unlink(missing_ok=True)
        return len(due)

    def _footage(self, owner: OrganisationId, before: datetime) -> int:
        with self.database.acting_for(owner) as connection:
            due = rows.due_files(connection, owner, before, self.store.store_id)
        self.ledger.add([self._gone(owner, Kind.FOOTAGE, r["sha256"]) for r in due])
        for row in due:
            self._remove_file(owner, row["sha256"], received_before=before)
        return len(due)

    def _remove_file(
        self, owner: OrganisationId, sha256: str, *, received_before: datetime
    ) -> bool:
        """Remove a file of the store, unless it came anew meanwhile, or a hold keeps it."""
        place = self.store.place(owner, ClipSha256(sha256))
        with self.database.acting_for(owner) as connection:
            lock_bytes(connection, owner, sha256)
            received_at = received_when(connection, owner, sha256)
            if received_at is not None and received_at >= received_before:
                return False
            if rows.is_held(connection, owner, sha256):
                return False
            there = place.exists()
            self.store.remove(str(place))
            note_gone(connection, owner, sha256, self.now())
        return there

    def _partial(self, owner: OrganisationId, before: datetime) -> int:
        with self.database.acting_for(owner) as connection:
            own = rows.unfinished_uploads(connection, owner)
        due = [p for p in self.store.partial_before(before) if p.stem in own]
        self.ledger.add([self._gone(owner, Kind.PARTIAL, path.name) for path in due])
        for path in due:
            path.unlink(missing_ok=True)
        return len(due)

    def _stills(self, owner: OrganisationId, undecided: datetime, decided: datetime) -> int:
        # What is not known to be behind a decision would go early: each authority is asked.
        with self.database.acting_for(owner) as connection:
            authorities = rows.authorities_of_stills(connection, owner)
        sightings: list[UUID] = []
        for authority in authorities:
            with self.database.acting_for(authority) as connection:
                sightings += rows.decided_sightings(connection, owner)
        with self.database.acting_for(owner) as connection:
            keys = rows.due_stills(connection, owner, undecided, decided, sightings)
        there = [key for key in keys if self.blobs.has(key)]
        self.ledger.add([self._gone(owner, Kind.STILL, key) for key in there])
        for key in there:
            self.blobs.delete(key)
        return len(there)

    def _tracks(self, owner: OrganisationId) -> int:
        with self.database.acting_for(owner) as connection:
            forgotten = rows.forget_tracks(connection, self.now())
            self.ledger.add([self._gone(owner, Kind.TRACK, drive) for drive in forgotten])
        return len(forgotten)

    def _gone(self, owner: OrganisationId, kind: Kind, key: str) -> Deletion:
        return Deletion(at=self.now(), owner_id=str(owner), kind=kind, key=key)


def keeper_of(settings: wiring.Settings) -> Keeper:
    """Return what removes what is due.

    Raises:
        OutageError: No database is set or running.
    """
    return Keeper(
        database=wiring.database(settings),
        store=wiring.footage_store(settings),
        blobs=wiring.blobs(settings),
        ledger=DeletionLedger(settings.home / "deletions.jsonl"),
        now=wiring.clock().now,
    )
