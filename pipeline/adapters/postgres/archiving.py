"""Whether PostgreSQL's log is kept elsewhere, as restoring to a minute needs."""

from datetime import datetime

from pipeline.adapters.postgres.database import Connection
from pipeline.domain.uk_time import by_when


def archiving_fault(connection: Connection, now: datetime) -> str:
    """Return, in a sentence, that the database's log is not kept elsewhere; "" where it is.

    By PostgreSQL's own account (pg_stat_archiver): the last try failed. Nothing is known where it
    archives nothing at all.
    """
    row = connection.execute(
        "select last_failed_time as failed_at, last_archived_time as kept_at "
        "from pg_stat_archiver where last_failed_time is not null "
        "and (last_archived_time is null or last_failed_time > last_archived_time)"
    ).fetchone()
    if row is None:
        return ""
    kept = f"since {by_when(row['kept_at'], now)}" if row["kept_at"] else "ever"
    return (
        f"The database's log was not backed up {kept}: a restore reaches no further. Look at "
        "roadwear-backup and PostgreSQL's own log."
    )
