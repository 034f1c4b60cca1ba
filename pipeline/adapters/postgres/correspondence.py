"""What depots are asked, what they answer, and what they are told by mail."""

from collections.abc import Mapping
from datetime import datetime

from pipeline.adapters.postgres.database import Connection
from pipeline.adapters.postgres.receiving import batch_of_row, load_batch, load_manifest
from pipeline.domain.errors import RuleError
from pipeline.domain.ids import BatchId, OrganisationId, StoreId
from pipeline.domain.receiving import Batch, BatchState


def answer(
    connection: Connection, batch_id: BatchId, path: str, began_at: datetime, *, said_by: str
) -> None:
    """Note when a file began that was asked about, and have its batch read again.

    Args:
        connection: Acting for the batch's owner.
        batch_id: Which batch.
        path: The file, as on the card.
        began_at: As the person says.
        said_by: The depot.

    Raises:
        RuleError: It was not asked, or was answered meanwhile.
    """
    batch = load_batch(connection, batch_id, lock=True)
    manifest = load_manifest(connection, batch_id)
    if batch.state is not BatchState.DONE or path not in {q.path for q in manifest.questions}:
        raise RuleError("This was not asked, or somebody has answered it meanwhile.")
    connection.execute(
        "insert into roadwear.batch_answer (batch_id, owner_id, path, began_at, said_by) "
        "values (%s, %s, %s, %s, %s)",
        (batch_id, batch.owner_id, path, began_at, said_by),
    )
    connection.execute(
        "update roadwear.batch_file f set outcome = null, sentence = '', blocks_wiping = true "
        "where batch_id = %s and outcome = 'refused' and blocks_wiping and exists (select 1 from "
        "roadwear.stored_file s where s.owner_id = f.owner_id and s.sha256 = f.sha256 "
        "and s.gone_at is null)",
        (batch_id,),
    )
    connection.execute(
        "update roadwear.batch set state = 'closed', questions = '{}', asked = '{}', "
        "mailed_at = null where batch_id = %s",
        (batch_id,),
    )


def answers(connection: Connection, batch_id: BatchId) -> Mapping[str, datetime]:
    """Return when files of a batch began, as persons said who were asked; the latest word."""
    rows = connection.execute(
        "select path, began_at from roadwear.batch_answer where batch_id = %s order by answer_id",
        (batch_id,),
    )
    return {row["path"]: row["began_at"] for row in rows}


def batches_to_mail(
    connection: Connection, owner: OrganisationId, since: datetime, store: StoreId
) -> tuple[tuple[Batch, datetime], ...]:
    """Return a store's batches of which somebody is to be told by mail, and when they were done."""
    rows = connection.execute(
        "select b.* from roadwear.batch b join roadwear.depot d using (depot_id) "
        "where b.owner_id = %s and b.state = 'done' and b.mailed_at is null and d.mail <> '' "
        "and b.done_at >= %s and (b.store is null or b.store = %s) order by b.done_at",
        (owner, since, store),
    )
    return tuple((batch_of_row(row), row["done_at"]) for row in rows)


def note_mailed(
    connection: Connection, batch_id: BatchId, done_at: datetime, now: datetime
) -> None:
    """Note that somebody was told by mail of a batch as it was done at an instant, not anew."""
    connection.execute(
        "update roadwear.batch set mailed_at = %s where batch_id = %s and done_at = %s "
        "and state = 'done'",
        (now, batch_id, done_at),
    )
