"""What persons decided of defects, and who is about to."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from pipeline.adapters.postgres.database import Connection
from pipeline.domain.decisions import Decision
from pipeline.domain.defects import Defect
from pipeline.domain.ids import DefectId, OrganisationId, PersonId

CLAIM_FOR = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Who has a possible defect open to decide on it."""

    person_id: PersonId
    name: str
    since: datetime


def save_decision(
    connection: Connection,
    authority: OrganisationId,
    decision: Decision,
    change: tuple[Defect, Defect],
    shown: Mapping[str, Any],
) -> None:
    """Add a decision with what was on the screen, and move the defect on.

    Args:
        connection: A transaction that holds the defect.
        authority: Whose it is.
        decision: What was decided.
        change: The defect before and after.
        shown: What was on the screen.
    """
    before, after = change
    judged = decision.judged
    connection.execute(
        "insert into roadwear.decision (decision_id, authority_id, defect_id, person_id, move, "
        "reason, note, seen_version, policy_sha256, shown, decided_at, impact, likelihood, "
        "category, because, watch_until, said_kind, takes_back, from_state, from_said_kind, "
        "seen_kind) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, "
        "%s, %s, %s, %s) on conflict do nothing",
        (
            decision.decision_id,
            authority,
            decision.defect_id,
            decision.person_id,
            decision.move,
            decision.reason,
            decision.note,
            decision.seen_version,
            decision.policy_sha256,
            json.dumps(shown),
            decision.decided_at,
            judged.impact if judged else None,
            judged.likelihood if judged else None,
            judged.category if judged else None,
            judged.because if judged else None,
            decision.watch_until,
            decision.kind,
            decision.takes_back,
            before.state,
            before.said_kind,
            before.kind,
        ),
    )
    connection.execute(
        "update roadwear.defect set state = %s, version = %s, decided_at = %s, kind = %s, "
        "said_kind = %s, watch_until = %s where defect_id = %s",
        (
            after.state,
            after.version,
            decision.decided_at,
            after.kind,
            after.said_kind,
            decision.watch_until,
            after.defect_id,
        ),
    )
    connection.execute("delete from roadwear.queue_entry where defect_id = %s", (after.defect_id,))
    connection.execute("delete from roadwear.claim where defect_id = %s", (after.defect_id,))


def load_decisions(connection: Connection, defect_id: DefectId) -> tuple[dict[str, Any], ...]:
    """Return a defect's decisions, the first first, each with who made it and whether it holds."""
    rows = connection.execute(
        "select d.*, p.name, d.move <> 'undo' and not exists (select 1 from roadwear.decision u "
        "where u.takes_back = d.decision_id) as holds "
        "from roadwear.decision d join roadwear.person p using (person_id) "
        "where d.defect_id = %s order by d.decided_at, d.decision_id",
        (defect_id,),
    )
    return tuple(rows)


def save_depth(connection: Connection, after: Defect, *, said: Mapping[str, Any]) -> None:
    """Keep a depth that was measured on site, and give it to its defect.

    Args:
        connection: A transaction that holds the defect.
        after: The defect, with its depth.
        said: measured_id, authority_id, person_id, note and measured_at.
    """
    depth = after.depth_mm
    if depth is None:
        raise ValueError("no depth was measured")
    connection.execute(
        "insert into roadwear.measured (measured_id, authority_id, defect_id, person_id, "
        "depth_mm, sigma_mm, how, note, measured_at) values (%(measured_id)s, %(authority_id)s, "
        "%(defect_id)s, %(person_id)s, %(depth_mm)s, %(sigma_mm)s, %(how)s, %(note)s, "
        "%(measured_at)s)",
        {
            **said, "defect_id": after.defect_id, "depth_mm": depth.value, "sigma_mm": depth.sigma,
            "how": depth.how,
        },
    )  # fmt: skip
    connection.execute(
        "update roadwear.defect set depth_mm = %s, depth_sigma_mm = %s, depth_how = %s, "
        "state = %s, version = %s where defect_id = %s",
        (depth.value, depth.sigma, depth.how, after.state, after.version, after.defect_id),
    )


def claim(
    connection: Connection,
    authority: OrganisationId,
    defect_id: DefectId,
    *,
    person: PersonId,
    now: datetime,
    take_over: bool = False,
) -> Claim | None:
    """Claim a possible defect for some minutes; return who has it instead, or None.

    Args:
        connection: A transaction that acts for the authority.
        authority: Whose it is.
        defect_id: Which one.
        person: Who opens it.
        now: The present.
        take_over: Take it from whoever has it.
    """
    connection.execute(
        "insert into roadwear.claim as c (defect_id, authority_id, person_id, since, until) "
        "values (%(d)s, %(a)s, %(p)s, %(now)s, %(until)s) on conflict (defect_id) do update set "
        "since = case when c.person_id = excluded.person_id and c.until > %(now)s then c.since "
        "else excluded.since end, person_id = excluded.person_id, until = excluded.until "
        "where c.person_id = excluded.person_id or c.until <= %(now)s or %(over)s",
        {
            "d": defect_id, "a": authority, "p": person, "now": now, "until": now + CLAIM_FOR,
            "over": take_over,
        },
    )  # fmt: skip
    found = claim_of(connection, defect_id, now)
    return None if found is None or found.person_id == person else found


def claim_of(connection: Connection, defect_id: DefectId, now: datetime) -> Claim | None:
    """Return who has a possible defect open; None if nobody has."""
    row = connection.execute(
        "select c.person_id, p.name, c.since from roadwear.claim c "
        "join roadwear.person p using (person_id) where c.defect_id = %s and c.until > %s",
        (defect_id, now),
    ).fetchone()
    return None if row is None else Claim(**row)


def wake_watched(
    connection: Connection, authority: OrganisationId, today: date
) -> tuple[DefectId, ...]:
    """Put what was to be watched until today back among what waits; return which."""
    found = connection.execute(
        "update roadwear.defect set state = 'queued', watch_until = null, version = version + 1 "
        "where defect_id in (select defect_id from roadwear.defect where authority_id = %s "
        "and state = 'watched' and watch_until <= %s order by defect_id for update) "
        "returning defect_id",
        (authority, today),
    )
    return tuple(DefectId(row["defect_id"]) for row in found)
