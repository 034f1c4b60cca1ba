"""What a council holds elsewhere, as it was brought in."""

import json
from collections.abc import Sequence
from datetime import date
from typing import Any

from pipeline.adapters.postgres.database import Connection, copy_rows
from pipeline.domain.ids import OrganisationId, natural_uuid
from pipeline.domain.records import CouncilRecord, RecordImport, RecordKind, records_sha256

_IMPORT = (
    "kind", "source", "content_sha256", "records_sha256", "covers_from", "covers_to", "records",
    "left_out", "said_by", "imported_at",
)  # fmt: skip
_RECORD = (
    "import_id", "authority_id", "kind", "reference", "usrn", "happened_on", "happened_at", "said",
)  # fmt: skip


def save_records(
    connection: Connection,
    authority: OrganisationId,
    of: RecordImport,
    records: Sequence[CouncilRecord],
) -> bool:
    """Keep what was brought in; False where just this was already."""
    import_id = natural_uuid(
        "records", authority, of.kind, of.source, of.records_sha256, of.covers_from, of.covers_to
    )
    row = connection.execute(
        "insert into roadwear.record_import (import_id, authority_id, kind, source, "
        "content_sha256, records_sha256, covers_from, covers_to, records, left_out, said_by, "
        "imported_at) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) "
        "on conflict do nothing returning import_id",
        (import_id, authority, *(getattr(of, name) for name in _IMPORT)),
    ).fetchone()
    if row is None:
        return False
    copy_rows(
        connection,
        "council_record",
        _RECORD,
        (
            (
                import_id, authority, of.kind, one.reference, one.usrn, one.on, one.at,
                json.dumps(dict(one.said)),
            )
            for one in records
        ),
    )  # fmt: skip
    return True


def load_imports(
    connection: Connection, authority: OrganisationId, kind: RecordKind
) -> tuple[RecordImport, ...]:
    """Return what was brought in of a kind, the first first."""
    rows = connection.execute(
        "select * from roadwear.record_import where authority_id = %s and kind = %s "
        "order by ordinal",
        (authority, kind),
    )
    return tuple(
        RecordImport(**{name: row[name] for name in _IMPORT if name != "kind"}, kind=kind)
        for row in rows
    )


def load_records(
    connection: Connection,
    authority: OrganisationId,
    kind: RecordKind,
    street: tuple[int, date, date],
) -> tuple[CouncilRecord, ...]:
    """Return the records of a street, as they were brought in last, by day.

    Args:
        connection: A transaction that acts for the authority.
        authority: Whose.
        kind: Of which kind.
        street: The USRN, and the first and the last day.
    """
    usrn, begins, ends = street
    rows = connection.execute(
        "select r.* from roadwear.council_record r join roadwear.record_import i using (import_id) "
        "where r.authority_id = %(a)s and r.usrn = %(usrn)s and r.kind = %(kind)s "
        "and r.happened_on between %(begins)s and %(ends)s and not exists (select 1 "
        "from roadwear.council_record later join roadwear.record_import li using (import_id) "
        "where later.authority_id = %(a)s and later.kind = r.kind "
        "and later.reference = r.reference and li.source = i.source and li.ordinal > i.ordinal) "
        "order by r.happened_on, r.happened_at nulls first, r.reference",
        {"a": authority, "usrn": usrn, "kind": kind, "begins": begins, "ends": ends},
    )
    return tuple(_record(row) for row in rows)


def load_newest(
    connection: Connection, authority: OrganisationId, kind: RecordKind, usrn: int
) -> tuple[tuple[CouncilRecord, date], ...]:
    """Return what the newest file of each source has of a street, and until when that is whole.

    What a newer file has no more is over, whoever said nothing of its end.
    """
    rows = connection.execute(
        "select r.*, i.covers_to from roadwear.council_record r join ("
        "select distinct on (source) import_id, covers_to from roadwear.record_import "
        "where authority_id = %(a)s and kind = %(kind)s "
        "order by source, covers_to desc, ordinal desc) i using (import_id) "
        "where r.authority_id = %(a)s and r.usrn = %(usrn)s and r.kind = %(kind)s "
        "order by r.happened_on, r.reference",
        {"a": authority, "usrn": usrn, "kind": kind},
    )
    return tuple((_record(row), row["covers_to"]) for row in rows)


def imports_unlike_log(connection: Connection, authority: OrganisationId) -> tuple[str, ...]:
    """Return, in sentences, which imports are not as they were brought in.

    The log has the SHA-256 of what was taken.
    """
    found = []
    for row in connection.execute(
        "select import_id, kind, records_sha256 from roadwear.record_import "
        "where authority_id = %s order by ordinal",
        (authority,),
    ).fetchall():
        records = connection.execute(
            "select * from roadwear.council_record where import_id = %s", (row["import_id"],)
        )
        if records_sha256(_record(one) for one in records) != row["records_sha256"]:
            found.append(f"{row['kind']} {row['import_id']} are not as they were brought in")
    return tuple(found)


def _record(row: dict[str, Any]) -> CouncilRecord:
    return CouncilRecord(
        reference=row["reference"],
        usrn=row["usrn"],
        on=row["happened_on"],
        at=row["happened_at"],
        said=tuple(row["said"].items()),
    )
