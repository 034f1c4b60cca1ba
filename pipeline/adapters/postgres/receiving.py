"""Batches of files that come in: who hands them in, what arrived, what became of each."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from pipeline.adapters.postgres.database import Connection, Database
from pipeline.domain.errors import InputError, NotThereError
from pipeline.domain.ids import (
    BatchId,
    ClipSha256,
    DriveId,
    OrganisationId,
    StoreId,
    UploadId,
)
from pipeline.domain.receiving import (
    Batch,
    BatchState,
    Depot,
    ExpectedFile,
    FileOutcome,
    Manifest,
    Outcome,
    Question,
    Tally,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arriving:
    """A file of a batch whose bytes are on their way."""

    upload_id: UploadId
    owner_id: OrganisationId
    batch_id: BatchId
    path: str
    size_bytes: int
    sha256: ClipSha256
    arrived_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """Bytes that are kept.

    Attributes:
        silent: Its sound has been taken out.
        store: In whose folder; None from before there were several.
    """

    owner_id: OrganisationId
    authority_id: OrganisationId
    sha256: ClipSha256
    size_bytes: int
    location: str
    received_at: datetime
    silent: bool
    store: StoreId | None


def open_batch(
    connection: Connection, depot: Depot, store: StoreId, *, now: datetime, **said: str
) -> Batch:
    """Begin a batch.

    Args:
        connection: Acting for the depot's owner.
        depot: Who hands it in.
        store: Where its bytes will lie.
        now: The present.
        said: fleet_number, "" where that is not known, and source, the door.
    """
    batch = Batch(
        batch_id=BatchId(uuid4()),
        owner_id=depot.owner_id,
        authority_id=depot.authority_id,
        depot_id=depot.depot_id,
        fleet_number=said["fleet_number"] or depot.fleet_number,
        source=said["source"],
        state=BatchState.OPEN,
        opened_at=now,
    )
    connection.execute(
        "insert into roadwear.batch (batch_id, owner_id, authority_id, depot_id, fleet_number, "
        "source, opened_at, store) values (%s, %s, %s, %s, %s, %s, %s, %s)",
        (
            batch.batch_id, batch.owner_id, batch.authority_id, batch.depot_id,
            batch.fleet_number, batch.source, now, store,
        ),
    )  # fmt: skip
    return batch


def load_batch(connection: Connection, batch_id: BatchId, *, lock: bool = False) -> Batch:
    """Return a batch.

    Raises:
        NotThereError: The organisation has none of that id.
    """
    row = connection.execute(
        f"select * from roadwear.batch where batch_id = %s {'for update' if lock else ''}",  # noqa: S608
        (batch_id,),
    ).fetchone()
    if row is None:
        raise NotThereError("There is no such upload.")
    return batch_of_row(row)


def load_batches(
    connection: Connection, owner: OrganisationId, most: int
) -> tuple[tuple[Batch, Tally], ...]:
    """Return an organisation's latest batches, the newest first, with counts of their files."""
    rows = connection.execute(
        "select * from roadwear.batch where owner_id = %s order by opened_at desc limit %s",
        (owner, most),
    )
    batches = [batch_of_row(row) for row in rows]
    counted = connection.execute(
        "select batch_id, outcome, count(*) as files, count(*) filter (where blocks_wiping) "
        "as blocking from roadwear.batch_file where batch_id = any(%s) group by batch_id, outcome",
        ([batch.batch_id for batch in batches],),
    )
    counts: dict[BatchId, dict[Outcome | None, int]] = {}
    blocking: Counter[BatchId] = Counter()
    for row in counted:
        outcome = None if row["outcome"] is None else Outcome(row["outcome"])
        counts.setdefault(row["batch_id"], {})[outcome] = row["files"]
        blocking[row["batch_id"]] += row["blocking"]
    return tuple(
        (
            batch,
            Tally(counts=counts.get(batch.batch_id, {}), blocking=blocking[batch.batch_id]),
        )
        for batch in batches
    )


def closed_batches(
    connection: Connection, owner: OrganisationId, store: StoreId
) -> tuple[BatchId, ...]:
    """Return the batches of an organisation that wait to be read in a store, the oldest first."""
    rows = connection.execute(
        "select batch_id from roadwear.batch where owner_id = %s and state = 'closed' "
        "and (store is null or store = %s) order by closed_at",
        (owner, store),
    )
    return tuple(BatchId(row["batch_id"]) for row in rows)


def expect_files(connection: Connection, batch: Batch, files: Sequence[ExpectedFile]) -> None:
    """Note which files a batch is to hold.

    Raises:
        InputError: A path is called twice, or was announced before, with other bytes.
    """
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into roadwear.batch_file (batch_id, owner_id, authority_id, path, size_bytes, "
            "sha256) values (%s, %s, %s, %s, %s, %s) on conflict do nothing",
            [
                (batch.batch_id, batch.owner_id, batch.authority_id, f.path, f.size_bytes, f.sha256)
                for f in files
            ],
        )
    noted = {file.path: file.sha256 for file in load_manifest(connection, batch.batch_id).files}
    for file in files:
        if noted[file.path] != file.sha256:
            raise InputError(
                f"{file.path}: two files are called so, or it changed since it was announced; "
                "begin a new upload"
            )


def say_of_file(
    connection: Connection,
    batch_id: BatchId,
    said: FileOutcome,
    drive_id: DriveId | None = None,
) -> None:
    """Note what became of a file."""
    connection.execute(
        "update roadwear.batch_file set outcome = %s, sentence = %s, blocks_wiping = %s, "
        "drive_id = coalesce(%s, drive_id) where batch_id = %s and path = %s and sha256 = %s",
        (
            said.outcome,
            said.sentence,
            said.blocks_wiping,
            drive_id,
            batch_id,
            said.path,
            said.sha256,
        ),
    )


def close_batch(connection: Connection, batch_id: BatchId, now: datetime) -> None:
    """Note that nothing more is to come in a batch."""
    connection.execute(
        "update roadwear.batch set state = 'closed', closed_at = %s "
        "where batch_id = %s and state = 'open'",
        (now, batch_id),
    )


def end_batch(
    connection: Connection, batch_id: BatchId, questions: Sequence[Question], now: datetime
) -> None:
    """Note that every file of a batch has its word."""
    connection.execute(
        "update roadwear.batch set state = 'done', done_at = %s, questions = %s, asked = %s "
        "where batch_id = %s and state = 'closed'",
        (now, [q.words for q in questions], [q.path for q in questions], batch_id),
    )


def load_manifest(connection: Connection, batch_id: BatchId) -> Manifest:
    """Return what became of every file of a batch so far."""
    rows = connection.execute(
        "select path, size_bytes, sha256, outcome, blocks_wiping, sentence "
        "from roadwear.batch_file where batch_id = %s order by path",
        (batch_id,),
    )
    files = tuple(
        FileOutcome(
            path=row["path"],
            size_bytes=row["size_bytes"],
            sha256=row["sha256"],
            outcome=None if row["outcome"] is None else Outcome(row["outcome"]),
            blocks_wiping=row["blocks_wiping"],
            sentence=row["sentence"],
        )
        for row in rows
    )
    asked = connection.execute(
        "select q.path, q.words from roadwear.batch b, unnest(b.asked, b.questions) "
        "as q (path, words) where b.batch_id = %s",
        (batch_id,),
    )
    return Manifest(
        files=files,
        questions=tuple(Question(path=row["path"], words=row["words"]) for row in asked),
    )


def begin_upload(
    connection: Connection, batch_id: BatchId, path: str, now_id: UploadId
) -> Arriving:
    """Give a file of an open batch its upload, or return the one that it has.

    Raises:
        InputError: The batch is closed, or is not to hold such a file.
    """
    if load_batch(connection, batch_id, lock=True).state is not BatchState.OPEN:
        raise InputError("This upload is closed; begin a new one.")
    row = connection.execute(
        "update roadwear.batch_file set upload_id = coalesce(upload_id, %s) "
        "where batch_id = %s and path = %s and outcome is null returning *",
        (now_id, batch_id, path),
    ).fetchone()
    if row is None:
        raise InputError("This file was not announced, or is not wanted; announce it first.")
    return _arriving(row)


def load_upload(connection: Connection, upload_id: UploadId) -> Arriving | None:
    """Return an upload, or None."""
    row = connection.execute(
        "select * from roadwear.batch_file where upload_id = %s", (upload_id,)
    ).fetchone()
    return None if row is None else _arriving(row)


def end_upload(connection: Connection, upload_id: UploadId) -> None:
    """Forget an upload that was given up; the file may be sent again."""
    connection.execute(
        "update roadwear.batch_file set upload_id = null, arrived_at = null where upload_id = %s",
        (upload_id,),
    )


def note_arrival(connection: Connection, arrived: Arriving, stored: StoredFile) -> None:
    """Note that a file's bytes are here, checked, and where they are kept."""
    save_stored(connection, stored)
    note_arrived(connection, arrived.upload_id, stored.received_at)


def note_arrived(connection: Connection, upload_id: UploadId, now: datetime) -> None:
    """Note that a file's bytes have arrived."""
    connection.execute(
        "update roadwear.batch_file set arrived_at = %s where upload_id = %s", (now, upload_id)
    )


def save_stored(connection: Connection, stored: StoredFile) -> None:
    """Note where bytes are kept; bytes that were gone are there again."""
    connection.execute(
        "insert into roadwear.stored_file (owner_id, sha256, authority_id, size_bytes, location, "
        "received_at, silent, store) values (%s, %s, %s, %s, %s, %s, %s, %s) "
        "on conflict (owner_id, sha256) do update set location = excluded.location, "
        "silent = excluded.silent, gone_at = null, received_at = excluded.received_at, "
        "store = excluded.store where stored_file.gone_at is not null",
        (
            stored.owner_id, stored.sha256, stored.authority_id, stored.size_bytes,
            stored.location, stored.received_at, stored.silent, stored.store,
        ),
    )  # fmt: skip


def uploads_begun(connection: Connection, batch_id: BatchId) -> frozenset[str]:
    """Return the paths of a batch of which the upload was begun: their room is counted."""
    rows = connection.execute(
        "select path from roadwear.batch_file where batch_id = %s and upload_id is not null",
        (batch_id,),
    )
    return frozenset(row["path"] for row in rows)


def all_organisations(database: Database) -> tuple[OrganisationId, ...]:
    """Return the ids of all organisations."""
    with database.acting_for(OrganisationId(uuid4())) as connection:
        rows = connection.execute("select organisation_id from roadwear.organisation")
        return tuple(OrganisationId(row["organisation_id"]) for row in rows)


def batch_of_row(row: dict[str, Any]) -> Batch:
    """Return a batch from its row."""
    return Batch(
        batch_id=row["batch_id"],
        owner_id=row["owner_id"],
        authority_id=row["authority_id"],
        depot_id=row["depot_id"],
        fleet_number=row["fleet_number"],
        source=row["source"],
        state=BatchState(row["state"]),
        opened_at=row["opened_at"],
    )


def _arriving(row: dict[str, Any]) -> Arriving:
    return Arriving(
        upload_id=row["upload_id"],
        owner_id=row["owner_id"],
        batch_id=row["batch_id"],
        path=row["path"],
        size_bytes=row["size_bytes"],
        sha256=ClipSha256(row["sha256"]),
        arrived_at=row["arrived_at"],
    )


def stored_of_row(row: dict[str, Any]) -> StoredFile:
    """Return stored bytes from their row."""
    return StoredFile(
        owner_id=row["owner_id"],
        authority_id=row["authority_id"],
        sha256=ClipSha256(row["sha256"]),
        size_bytes=row["size_bytes"],
        location=row["location"],
        received_at=row["received_at"],
        silent=row["silent"],
        store=row["store"],
    )
