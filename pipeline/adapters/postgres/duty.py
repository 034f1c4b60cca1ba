"""Who is on duty, and possible emergencies: raised, told, acknowledged."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from pipeline.adapters.postgres.database import Connection
from pipeline.domain.duty import Alert, Duty
from pipeline.domain.ids import AlertId, DefectId, DutyId, OrganisationId, PersonId, natural_uuid

_MOST_ALERTS = 200


def raise_alerts(
    connection: Connection, authority: OrganisationId, categories: Sequence[str], now: datetime
) -> int:
    """Raise what came into the queue as a possible emergency; return how many are new.

    What was decided on and waits again is raised again.
    """
    rows = connection.execute(
        "select q.defect_id, q.category, d.version from roadwear.queue_entry q "
        "join roadwear.defect d using (defect_id) where q.authority_id = %s "
        "and q.category = any(%s) and not exists (select 1 from roadwear.alert a "
        "where a.defect_id = q.defect_id and a.raised_at >= "
        "coalesce(greatest(d.decided_at, d.reopened_at), '-infinity'))",
        (authority, list(categories)),
    ).fetchall()
    for row in rows:
        connection.execute(
            "insert into roadwear.alert (alert_id, authority_id, defect_id, category, raised_at) "
            "values (%s, %s, %s, %s, %s) on conflict do nothing",
            (
                natural_uuid("alert", row["defect_id"], row["version"]), authority,
                row["defect_id"], row["category"], now,
            ),
        )  # fmt: skip
    return len(rows)


def load_waiting(connection: Connection, authority: OrganisationId) -> tuple[Alert, ...]:
    """Return what waits to be acknowledged, the oldest first."""
    return _load(
        connection,
        authority,
        "not exists (select 1 from roadwear.alert_acknowledged k where k.alert_id = a.alert_id) "
        "and d.state = 'queued' and coalesce(d.decided_at, '-infinity') <= a.raised_at",
        "a.raised_at",
    )


def load_alerts(
    connection: Connection, authority: OrganisationId, since: datetime
) -> tuple[Alert, ...]:
    """Return what was raised since an instant, the newest first."""
    values = {"since": since}
    return _load(connection, authority, "a.raised_at >= %(since)s", "a.raised_at desc", values)


def load_alerts_on(
    connection: Connection, authority: OrganisationId, defects: Sequence[DefectId]
) -> tuple[Alert, ...]:
    """Return what was raised of some possible defects, the first first."""
    values = {"defects": list(defects), "most": None}
    return _load(connection, authority, "a.defect_id = any(%(defects)s)", "a.raised_at", values)


def save_told(
    connection: Connection,
    authority: OrganisationId,
    alert_id: AlertId,
    person_id: PersonId,
    now: datetime,
) -> None:
    """Keep that a person was told."""
    connection.execute(
        "insert into roadwear.alert_told (told_id, authority_id, alert_id, person_id, told_at) "
        "values (%s, %s, %s, %s, %s) on conflict do nothing",
        (natural_uuid("told", alert_id, person_id, now), authority, alert_id, person_id, now),
    )


def acknowledge(
    connection: Connection,
    authority: OrganisationId,
    alert_id: AlertId,
    *,
    person: PersonId,
    note: str,
    now: datetime,
) -> bool:
    """Keep that a person acknowledged a possible emergency; False if somebody was quicker."""
    row = connection.execute(
        "insert into roadwear.alert_acknowledged (alert_id, authority_id, person_id, note, "
        "acknowledged_at) select a.alert_id, a.authority_id, %s, %s, %s from roadwear.alert a "
        "where a.alert_id = %s and a.authority_id = %s on conflict do nothing returning alert_id",
        (person, note, now, alert_id, authority),
    ).fetchone()
    return row is not None


def save_duty(
    connection: Connection, authority: OrganisationId, duty: Duty, *, said_by: str
) -> None:
    """Put a person on duty."""
    connection.execute(
        "insert into roadwear.duty (duty_id, authority_id, person_id, from_at, until_at, said_by) "
        "values (%s, %s, %s, %s, %s, %s)",
        (duty.duty_id, authority, duty.person_id, duty.from_at, duty.until_at, said_by),
    )


def end_duty(
    connection: Connection,
    authority: OrganisationId,
    duty_id: DutyId,
    *,
    said_by: str,
    now: datetime,
) -> bool:
    """Take a person off duty; False if there is no such duty, or it has been ended."""
    row = connection.execute(
        "insert into roadwear.duty_ended (duty_id, authority_id, ended_at, said_by) "
        "select d.duty_id, d.authority_id, %s, %s from roadwear.duty d "
        "where d.duty_id = %s and d.authority_id = %s on conflict do nothing returning duty_id",
        (now, said_by, duty_id, authority),
    ).fetchone()
    return row is not None


def load_duties(
    connection: Connection, authority: OrganisationId, now: datetime, *, ahead: timedelta
) -> tuple[Duty, ...]:
    """Return who is on duty now and in the time ahead, the first first."""
    rows = connection.execute(
        "select d.duty_id, d.person_id, p.name, p.email, d.from_at, d.until_at "
        "from roadwear.duty d join roadwear.person p using (person_id) where d.authority_id = %s "
        "and d.until_at > %s and d.from_at < %s and not exists (select 1 from "
        "roadwear.duty_ended e where e.duty_id = d.duty_id) order by d.from_at, p.name",
        (authority, now, now + ahead),
    )
    return tuple(Duty(**row) for row in rows)


def _load(
    connection: Connection,
    authority: OrganisationId,
    which: str,
    order: str,
    values: Mapping[str, object] | None = None,
) -> tuple[Alert, ...]:
    rows = connection.execute(
        "select a.alert_id, a.defect_id, a.category, a.raised_at, "  # noqa: S608 - our own words
        "case when d.decided_at > a.raised_at then d.decided_at end as decided_at, "
        "k.acknowledged_at, k.note, p.name as acknowledged_by, coalesce((select json_agg("
        "json_build_object('name', tp.name, 'at', t.told_at) order by t.told_at) "
        "from roadwear.alert_told t join roadwear.person tp using (person_id) "
        "where t.alert_id = a.alert_id), '[]') as told "
        "from roadwear.alert a join roadwear.defect d using (defect_id) "
        "left join roadwear.alert_acknowledged k using (alert_id) "
        "left join roadwear.person p on p.person_id = k.person_id "
        f"where a.authority_id = %(authority)s and {which} order by {order} limit %(most)s",
        {"authority": authority, "most": _MOST_ALERTS, **(values or {})},
    )
    return tuple(
        Alert(
            alert_id=row["alert_id"],
            defect_id=row["defect_id"],
            category=row["category"],
            raised_at=row["raised_at"],
            told=tuple((one["name"], datetime.fromisoformat(one["at"])) for one in row["told"]),
            acknowledged=None
            if row["acknowledged_at"] is None
            else (row["acknowledged_by"], row["acknowledged_at"]),
            note=row["note"] or "",
            decided_at=row["decided_at"],
        )
        for row in rows
    )
