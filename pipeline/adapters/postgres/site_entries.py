"""What persons found on site, and where somebody is to look."""

from collections.abc import Mapping
from typing import Any

from pipeline.adapters.postgres.database import Connection
from pipeline.adapters.postgres.defects import load_defects
from pipeline.domain.defects import Defect
from pipeline.domain.errors import RuleError
from pipeline.domain.ids import DefectId, EntryId, OrganisationId
from pipeline.domain.visits import SiteEntry

MOST_VISITS = 200


def load_to_visit(connection: Connection, authority: OrganisationId) -> tuple[Defect, ...]:
    """Return what somebody is to look at on site, the longest waiting first."""
    rows = connection.execute(
        "select defect_id from roadwear.defect where authority_id = %s and state = 'site_visit' "
        "and emptied_at is null order by decided_at, defect_id limit %s",
        (authority, MOST_VISITS),
    ).fetchall()
    found = load_defects(connection, [DefectId(row["defect_id"]) for row in rows])
    return tuple(found[row["defect_id"]] for row in rows)


def followed_by(connection: Connection, entry_id: EntryId) -> str | None:
    """Return what followed from an entry that is kept already; None if it is new."""
    connection.execute(
        "select pg_advisory_xact_lock(hashtextextended('entry ' || %s, 0))", (str(entry_id),)
    )
    row = connection.execute(
        "select followed from roadwear.site_entry where entry_id = %s", (entry_id,)
    ).fetchone()
    return None if row is None else str(row["followed"])


def save_entry(
    connection: Connection,
    authority: OrganisationId,
    entry: SiteEntry,
    *,
    after: Defect,
    followed: str,
    photo_key: str | None,
) -> None:
    """Keep an entry, and move its defect on.

    Args:
        connection: A transaction that holds the defect.
        authority: Whose.
        entry: What was found.
        after: The defect from now on.
        followed: What followed from it, in words.
        photo_key: Where its picture is; None if there is none.

    Raises:
        RuleError: Another entry has its id.
    """
    depth = entry.depth
    kept = connection.execute(
        "insert into roadwear.site_entry (entry_id, authority_id, defect_id, person_id, outcome, "
        "depth_mm, how, note, photo_key, followed, happened_at) "
        "values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) "
        "on conflict do nothing returning entry_id",
        (
            entry.entry_id, authority, entry.defect_id, entry.person_id, entry.outcome,
            depth.value if depth else None, depth.how if depth else None, entry.note, photo_key,
            followed, entry.happened_at,
        ),
    ).fetchone()  # fmt: skip
    if kept is None:
        raise RuleError("This entry has an id that is not free. Nothing was recorded.")
    connection.execute(
        "update roadwear.defect set state = %s, version = %s where defect_id = %s",
        (after.state, after.version, after.defect_id),
    )


def load_entries(connection: Connection, defect_id: DefectId) -> tuple[Mapping[str, Any], ...]:
    """Return what was found of a defect on site, the first first, each with who found it."""
    return tuple(
        connection.execute(
            "select e.*, p.name from roadwear.site_entry e "
            "join roadwear.person p using (person_id) where e.defect_id = %s "
            "order by e.happened_at, e.ordinal",
            (defect_id,),
        )
    )
