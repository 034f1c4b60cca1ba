"""The log of what persons said and decided."""

from collections.abc import Iterator
from datetime import datetime
from uuid import uuid4

from psycopg import sql

from pipeline.adapters.postgres.database import Connection
from pipeline.domain.chain import LogLine
from pipeline.domain.ids import OrganisationId

# What is logged, and by which column a row is called; see migration 0010.
_LOGGED = {
    "decision": "decision_id",
    "measured": "measured_id",
    "second_look": "look_id",
    "site_entry": "entry_id",
    "qualification": "qualification_id",
    "identity_word": "word_id",
    "drive_word": "word_id",
    "works_order": "order_id",
    "order_event": "event_id",
    "duty": "duty_id",
    "duty_ended": "duty_id",
    "alert": "alert_id",
    "alert_told": "told_id",
    "alert_acknowledged": "alert_id",
    "hold": "hold_id",
    "hold_lifted": "hold_id",
    "retention_rule": "rule_id",
    "private_area": "area_id",
    "private_area_ended": "area_id",
    "record_import": "import_id",
    "evidence_bundle": "bundle_id",
    "depositary": "depositary_id",
    "api_token": "token_id",
    "api_token_closed": "token_id",
    "person_word": "word_id",
    "agreement": "agreement_id",
    "agreement_ended": "agreement_id",
    "work_asked": "asked_id",
    "vehicle_rota": "rota_id",
    "study": "study_id",
    "study_released": "study_id",
}
_AT_ONCE = 1000


def log_lines(connection: Connection, organisation: OrganisationId) -> Iterator[LogLine]:
    """Yield the lines of an organisation's log, the first first."""
    last = 0
    while True:
        rows = connection.execute(
            "select ordinal, line, sha256 from roadwear.log_line "
            "where organisation_id = %s and ordinal > %s order by ordinal limit %s",
            (organisation, last, _AT_ONCE),
        ).fetchall()
        yield from (LogLine(**row) for row in rows)
        if len(rows) < _AT_ONCE:
            return
        last = rows[-1]["ordinal"]


def log_page(
    connection: Connection,
    organisation: OrganisationId,
    *,
    before: int,
    kind: str,
    about: str,
    most: int,
) -> tuple[LogLine, ...]:
    """Return lines of an organisation's log, the last first.

    Args:
        connection: Acting for the organisation.
        organisation: Whose.
        before: Only lines before this one.
        kind: Only of one kind; "" for all.
        about: Only of one thing, by its id: a decision, an order, a person; "" for all.
        most: So many.
    """
    rows = connection.execute(
        "select ordinal, line, sha256 from roadwear.log_line where organisation_id = %(o)s "
        "and ordinal < %(before)s and (%(kind)s = '' or line::jsonb ->> 'kind' = %(kind)s) "
        "and (%(about)s = '' or strpos(line, %(about)s) > 0) order by ordinal desc limit %(most)s",
        {"o": organisation, "before": before, "kind": kind, "about": about, "most": most},
    )
    return tuple(LogLine(**row) for row in rows)


def logged_kinds() -> tuple[str, ...]:
    """Return what is logged, by the names of its tables."""
    return tuple(_LOGGED)


def log_head(connection: Connection, organisation: OrganisationId) -> LogLine | None:
    """Return the last line of an organisation's log; None if there is none."""
    row = connection.execute(
        "select ordinal, line, sha256 from roadwear.log_line where organisation_id = %s "
        "order by ordinal desc limit 1",
        (organisation,),
    ).fetchone()
    return None if row is None else LogLine(**row)


def rows_unlike_log(connection: Connection, organisation: OrganisationId) -> tuple[str, ...]:
    """Return, in sentences, where what stands in the database is not what was logged.

    Columns that were added since do not matter; they were not there to be logged.
    """
    connection.execute("set local timezone to 'UTC'")
    found: list[str] = []
    for table, key in _LOGGED.items():
        rows = connection.execute(
            sql.SQL(
                "select coalesce(l.subject, t.content ->> {key}) as subject, "
                "l.subject is null as unlogged, t.content is null as gone from ("
                "  select to_jsonb(t) as content from roadwear.{table} t"
                "  where coalesce(to_jsonb(t) ->> 'authority_id', to_jsonb(t) ->> 'owner_id')"
                "    = %(o)s::text) t "
                "full join (select line::jsonb ->> 'subject' as subject,"
                "  line::jsonb -> 'row' as logged from roadwear.log_line"
                "  where organisation_id = %(o)s and line::jsonb ->> 'kind' = {name}) l "
                "on l.subject = t.content ->> {key} "
                "where l.subject is null or t.content is null or exists ("
                "  select 1 from jsonb_each(l.logged) k"
                "  where t.content -> k.key is distinct from k.value)"
            ).format(table=sql.Identifier(table), name=sql.Literal(table), key=sql.Literal(key)),
            {"o": organisation},
        )
        for row in rows:
            what = (
                "was not logged" if row["unlogged"]
                else "is gone" if row["gone"]
                else "is not as it was logged"
            )  # fmt: skip
            found.append(f"{table} {row['subject']} {what}")
    return tuple(found)


def set_depositary(
    connection: Connection, organisation: OrganisationId, email: str, *, said_by: str
) -> None:
    """Keep with whom the log's end is deposited from now on; "" for nobody."""
    connection.execute(
        "insert into roadwear.depositary (depositary_id, authority_id, email, said_by) "
        "values (%s, %s, %s, %s)",
        (uuid4(), organisation, email, said_by),
    )


def depositary_of(connection: Connection, organisation: OrganisationId) -> str:
    """Return with whom the log's end is deposited; "" for nobody."""
    row = connection.execute(
        "select email from roadwear.depositary where authority_id = %s "
        "order by ordinal desc limit 1",
        (organisation,),
    ).fetchone()
    return str(row["email"]) if row else ""


def last_deposit(
    connection: Connection, organisation: OrganisationId
) -> tuple[int, datetime] | None:
    """Return which line was deposited last, and when; None if none was."""
    row = connection.execute(
        "select head_ordinal, deposited_at from roadwear.head_deposited where authority_id = %s "
        "order by deposited_at desc limit 1",
        (organisation,),
    ).fetchone()
    return None if row is None else (row["head_ordinal"], row["deposited_at"])


def save_deposit(
    connection: Connection,
    organisation: OrganisationId,
    head: LogLine,
    *,
    deposited_with: str,
    now: datetime,
) -> None:
    """Keep that the log's end was deposited."""
    connection.execute(
        "insert into roadwear.head_deposited (deposit_id, authority_id, head_ordinal, "
        "head_sha256, deposited_with, deposited_at) values (%s, %s, %s, %s, %s, %s)",
        (uuid4(), organisation, head.ordinal, head.sha256, deposited_with, now),
    )
