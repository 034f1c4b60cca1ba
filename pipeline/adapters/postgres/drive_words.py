"""Whether a drive counts: asked before anything of it is stored."""

from pipeline.adapters.postgres.database import Connection
from pipeline.domain.ids import DriveId, OrganisationId


def lock_drive(connection: Connection, drive_id: DriveId) -> None:
    """Hold off whoever else stores a drive's results, or says a word on it, until commit."""
    connection.execute(
        "select pg_advisory_xact_lock(hashtextextended('drive ' || %s, 0))", (str(drive_id),)
    )


def is_void(connection: Connection, drive_id: DriveId, authority: OrganisationId) -> bool:
    """Return whether a person's word that a drive is void on an authority's roads holds."""
    row = connection.execute(
        "select is_void from roadwear.drive_word where drive_id = %s and authority_id = %s "
        "order by ordinal desc limit 1",
        (drive_id, authority),
    ).fetchone()
    return row is not None and bool(row["is_void"])
