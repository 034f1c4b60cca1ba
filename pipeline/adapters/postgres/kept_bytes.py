"""Bytes that came in: which are kept, what was said of them, and when they go."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from pipeline.adapters.postgres.database import Connection
from pipeline.adapters.postgres.receiving import StoredFile, stored_of_row
from pipeline.domain.ids import BatchId, OrganisationId
from pipeline.domain.receiving import FileOutcome, Outcome


def lock_bytes(connection: Connection, owner: OrganisationId, sha256: str) -> None:
    """Wait for whoever stores or removes the same bytes, till the transaction ends."""
    connection.execute(
        "select pg_advisory_xact_lock(hashtextextended(%s || %s, 0))", (str(owner), sha256)
    )


def release_refused(
    connection: Connection, owner: OrganisationId, batch_id: BatchId, sha256: str, now: datetime
) -> bool:
    """Note that refused bytes are kept no longer; False if another batch or a drive needs them."""
    row = connection.execute(
        "update roadwear.stored_file s set gone_at = %(now)s where owner_id = %(o)s "
        "and sha256 = %(s)s and gone_at is null and not exists (select 1 from roadwear.clip c "
        "where c.owner_id = s.owner_id and c.clip_sha256 = s.sha256) and not exists ("
        "select 1 from roadwear.batch_file f where f.owner_id = s.owner_id and f.sha256 = s.sha256 "
        "and f.batch_id <> %(b)s and (f.outcome is null or f.outcome in ('accepted', 'in_part'))) "
        "returning sha256",
        {"now": now, "o": owner, "s": sha256, "b": batch_id},
    ).fetchone()
    return row is not None


def note_gone(connection: Connection, owner: OrganisationId, sha256: str, now: datetime) -> None:
    """Note that bytes are kept no longer."""
    connection.execute(
        "update roadwear.stored_file set gone_at = %s where owner_id = %s and sha256 = %s "
        "and gone_at is null",
        (now, owner, sha256),
    )


def received_when(connection: Connection, owner: OrganisationId, sha256: str) -> datetime | None:
    """Return when bytes were received that are kept; None if they are not, or not known."""
    row = connection.execute(
        "select received_at from roadwear.stored_file where owner_id = %s and sha256 = %s "
        "and gone_at is null",
        (owner, sha256),
    ).fetchone()
    return None if row is None else row["received_at"]


def load_stored(
    connection: Connection, owner: OrganisationId, hashes: Sequence[str]
) -> Mapping[str, StoredFile]:
    """Return what is kept of these bytes, by hash."""
    rows = connection.execute(
        "select * from roadwear.stored_file where owner_id = %s and sha256 = any(%s) "
        "and gone_at is null",
        (owner, list(hashes)),
    )
    return {row["sha256"]: stored_of_row(row) for row in rows}


def words_before(
    connection: Connection, owner: OrganisationId, hashes: Sequence[str]
) -> Mapping[str, FileOutcome]:
    """Return what was said of these bytes when they were taken in before, by hash."""
    rows = connection.execute(
        "select distinct on (f.sha256) f.* from roadwear.batch_file f join roadwear.batch b "
        "using (batch_id) where f.owner_id = %s and f.sha256 = any(%s) and b.state = 'done' "
        "and f.outcome in ('accepted', 'in_part') order by f.sha256, b.done_at desc",
        (owner, list(hashes)),
    )
    return {
        row["sha256"]: FileOutcome(
            path=row["path"],
            size_bytes=row["size_bytes"],
            sha256=row["sha256"],
            outcome=Outcome(row["outcome"]),
            blocks_wiping=False,
            sentence=row["sentence"],
        )
        for row in rows
    }


def refused_as(
    connection: Connection, owner: OrganisationId, hashes: Sequence[str], sentence: str
) -> frozenset[str]:
    """Return which of these bytes were refused with a sentence when they were last read."""
    rows = connection.execute(
        "select sha256 from (select distinct on (f.sha256) f.sha256, f.sentence "
        "from roadwear.batch_file f join roadwear.batch b using (batch_id) "
        "where f.owner_id = %s and f.sha256 = any(%s) and b.state = 'done' "
        "and f.outcome <> 'already_there' order by f.sha256, b.done_at desc) latest "
        "where sentence = %s",
        (owner, list(hashes), sentence),
    )
    return frozenset(row["sha256"] for row in rows)


def bytes_kept(connection: Connection, owner: OrganisationId) -> int:
    """Return how many bytes of an organisation are kept, with those that are on their way."""
    row = connection.execute(
        "select (select coalesce(sum(size_bytes), 0) from roadwear.stored_file "
        "where owner_id = %(o)s and gone_at is null) + (select coalesce(sum(f.size_bytes), 0) "
        "from roadwear.batch_file f join roadwear.batch b using (batch_id) "
        "where f.owner_id = %(o)s and b.state = 'open' and f.upload_id is not null "
        "and f.arrived_at is null and f.outcome is null) as total",
        {"o": owner},
    ).fetchone()
    return int(row["total"]) if row else 0
