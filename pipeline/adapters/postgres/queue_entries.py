"""The queue, place by place: what a policy proposes for each possible defect."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pipeline.adapters.postgres.database import Connection
from pipeline.adapters.postgres.defects import load_defects
from pipeline.domain.defects import Defect
from pipeline.domain.ids import DefectId, DriveId, OrganisationId
from pipeline.domain.queue import QueueEntry
from pipeline.domain.roads import Hierarchy


def save_queue(
    connection: Connection, authority: OrganisationId, entries: Sequence[QueueEntry]
) -> None:
    """Put possible defects where they belong in an authority's queue; take out what waits no more.

    Entries that are as they were are left untouched; what an engineer put back into the queue
    meanwhile stays in it.
    """
    connection.execute(
        "delete from roadwear.queue_entry q where q.authority_id = %s "
        "and not (q.defect_id = any(%s)) and not exists (select 1 from roadwear.defect d "
        "where d.defect_id = q.defect_id and d.state = 'queued' and d.emptied_at is null)",
        (authority, [entry.defect_id for entry in entries]),
    )
    place_in_queue(connection, authority, entries)


def place_in_queue(
    connection: Connection, authority: OrganisationId, entries: Sequence[QueueEntry]
) -> None:
    """Put possible defects that wait where they belong in the queue; the others stay."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into roadwear.queue_entry as q (defect_id, authority_id, policy_sha256, score, "
            "impact, likelihood, category, respond_within_h, reasons, street, usrn, hierarchy, "
            "detected_at) select d.defect_id, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, "
            "d.detected_at "
            "from roadwear.defect d "
            # Who decides on it meanwhile is waited for: what is decided does not come back.
            "where d.defect_id = %s and d.state = 'queued' and d.emptied_at is null for share "
            "on conflict (defect_id) do update set "
            "policy_sha256 = excluded.policy_sha256, score = excluded.score, "
            "impact = excluded.impact, likelihood = excluded.likelihood, "
            "category = excluded.category, respond_within_h = excluded.respond_within_h, "
            "reasons = excluded.reasons, street = excluded.street, usrn = excluded.usrn, "
            "hierarchy = excluded.hierarchy, recorded_at = now() where (q.policy_sha256, q.score, "
            "q.reasons, q.street, q.usrn, q.hierarchy) is distinct from (excluded.policy_sha256, "
            "excluded.score, excluded.reasons, excluded.street, excluded.usrn, excluded.hierarchy)",
            [
                (
                    authority, e.policy_sha256, e.score, e.impact, e.likelihood, e.category,
                    e.respond_within_h, list(e.reasons), e.street, e.usrn, e.hierarchy,
                    e.defect_id,
                )
                for e in entries
            ],
        )  # fmt: skip


def without_their_place(
    connection: Connection,
    authority: OrganisationId,
    policy_sha256: str,
    *,
    names: Collection[DefectId],
    drive_id: DriveId | None,
) -> tuple[Defect, ...]:
    """Return what waits and has no place in the queue, or may have another than it has.

    Args:
        connection: A transaction that acts for the authority.
        authority: Whose queue.
        policy_sha256: A place by another policy is looked at again.
        names: These too, if they wait.
        drive_id: So is what lies where this drive looked, in the same square or the next.
    """
    rows = connection.execute(
        """
        with looked as (
          select distinct k.cell_e + e as cell_e, k.cell_n + n as cell_n
          from roadwear.run r join roadwear.coverage c using (run_id),
            roadwear.cells_of(c.line) k, generate_series(-1, 1) e, generate_series(-1, 1) n
          where r.drive_id = %(drive)s and c.authority_id = %(authority)s)
        select d.defect_id from roadwear.defect d
        left join roadwear.queue_entry q using (defect_id)
        where d.authority_id = %(authority)s and d.state = 'queued' and d.emptied_at is null
          and (d.defect_id = any(%(names)s) or q.policy_sha256 is distinct from %(policy)s
            or (roadwear.cell(d.at_e), roadwear.cell(d.at_n)) in (select * from looked))""",
        {
            "authority": authority, "names": list(names), "policy": policy_sha256,
            "drive": drive_id,
        },
    ).fetchall()  # fmt: skip
    return tuple(load_defects(connection, [row["defect_id"] for row in rows]).values())


def load_queue(
    connection: Connection, authority: OrganisationId
) -> tuple[tuple[QueueEntry, Defect], ...]:
    """Return the queue, the most urgent first, each place with its defect."""
    rows = connection.execute(
        "select * from roadwear.queue_entry where authority_id = %s order by score desc, defect_id",
        (authority,),
    ).fetchall()
    return entries_with_defects(connection, rows)


def entries_with_defects(
    connection: Connection, rows: Sequence[Mapping[str, Any]]
) -> tuple[tuple[QueueEntry, Defect], ...]:
    """Return places in the queue, of their rows, each with its defect."""
    defects = load_defects(connection, tuple(DefectId(row["defect_id"]) for row in rows))
    return tuple((_entry(row), defects[row["defect_id"]]) for row in rows)


def load_entry(connection: Connection, defect_id: DefectId) -> QueueEntry | None:
    """Return a defect's place in the queue, or None if it is not in it."""
    row = connection.execute(
        "select * from roadwear.queue_entry where defect_id = %s", (defect_id,)
    ).fetchone()
    return None if row is None else _entry(row)


def _entry(row: Mapping[str, Any]) -> QueueEntry:
    return QueueEntry(
        defect_id=row["defect_id"],
        score=row["score"],
        impact=row["impact"],
        likelihood=row["likelihood"],
        category=row["category"],
        respond_within_h=row["respond_within_h"],
        reasons=tuple(row["reasons"]),
        policy_sha256=row["policy_sha256"],
        street=row["street"],
        usrn=row["usrn"],
        hierarchy=None if row["hierarchy"] is None else Hierarchy(row["hierarchy"]),
    )
