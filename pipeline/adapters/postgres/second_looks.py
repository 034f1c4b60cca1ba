"""Decisions to be judged once more, and what came of that."""

from dataclasses import dataclass
from datetime import datetime

from pipeline.adapters.postgres.database import Connection
from pipeline.domain.decisions import Move
from pipeline.domain.ids import DecisionId, DefectId, OrganisationId, PersonId
from pipeline.domain.second_looks import ANSWER_OF, Answer, SecondLook

# A decision's id is drawn by chance when it is made: nobody knows beforehand which are chosen.
_CHOSEN = "('x' || substr(d.decision_id::text, 1, 8))::bit(32)::bigint < %(share)s * 4294967296"
_HOLDS = "not exists (select 1 from roadwear.decision u where u.takes_back = d.decision_id)"


@dataclass(frozen=True, slots=True, kw_only=True)
class BothLooks:
    """What two engineers judged of the same.

    Attributes:
        categories: Of the first's approval and of the second's; None where it was none.
        reasons: Of the first's rejection and of the second's; None where it was none.
        names: Of the first and of the second.
    """

    decision_id: DecisionId
    defect_id: DefectId
    answers: tuple[Answer, Answer]
    categories: tuple[str | None, str | None]
    reasons: tuple[str | None, str | None]
    names: tuple[str, str]
    looked_at: datetime


def load_to_look_at(
    connection: Connection,
    authority: OrganisationId,
    person: PersonId,
    *,
    share: float,
    since: datetime,
    only: DecisionId | None = None,
) -> tuple[tuple[DecisionId, DefectId], ...]:
    """Return others' decisions that were chosen and nobody has judged once more, oldest first.

    Args:
        connection: Acting for the authority.
        authority: Whose decisions.
        person: Who would judge: never what they decided on themselves, and nothing on which
            somebody decided again since.
        share: Of decisions that are chosen, from 0 to 1.
        since: Only those made since then.
        only: One of them.
    """
    rows = connection.execute(
        f"""
        select d.decision_id, d.defect_id from roadwear.decision d
        where d.authority_id = %(a)s and d.decided_at >= %(since)s and d.person_id <> %(p)s
          and d.move = any(%(moves)s) and {_CHOSEN} and {_HOLDS}
          and (%(only)s::uuid is null or d.decision_id = %(only)s)
          and not exists (select 1 from roadwear.second_look s
                          where s.decision_id = d.decision_id)
          and not exists (select 1 from roadwear.decision x where x.defect_id = d.defect_id
                          and (x.person_id = %(p)s or x.decided_at > d.decided_at))
        order by d.decided_at, d.decision_id""",  # noqa: S608 - our own words
        {
            "a": authority, "since": since, "p": person, "share": share, "only": only,
            "moves": list(ANSWER_OF),
        },
    )  # fmt: skip
    return tuple((DecisionId(row["decision_id"]), DefectId(row["defect_id"])) for row in rows)


def save_second_look(connection: Connection, authority: OrganisationId, look: SecondLook) -> bool:
    """Keep a second judgement; False where somebody was quicker."""
    row = connection.execute(
        "insert into roadwear.second_look (look_id, authority_id, decision_id, person_id, answer, "
        "reason, impact, likelihood, category, note, looked_at) "
        "values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) "
        "on conflict (decision_id) do nothing returning look_id",
        (
            look.look_id, authority, look.decision_id, look.person_id, look.answer, look.reason,
            look.impact, look.likelihood, look.category, look.note, look.looked_at,
        ),
    ).fetchone()  # fmt: skip
    return row is not None


def load_both(
    connection: Connection, authority: OrganisationId, since: datetime
) -> tuple[BothLooks, ...]:
    """Return what was judged twice since then, the last first."""
    rows = connection.execute(
        f"""
        select s.*, d.defect_id, d.move, d.category as first_category, d.reason as first_reason,
          f.name as first_name, p.name as second_name
        from roadwear.second_look s join roadwear.decision d using (decision_id)
        join roadwear.person f on f.person_id = d.person_id
        join roadwear.person p on p.person_id = s.person_id
        where s.authority_id = %s and s.looked_at >= %s and {_HOLDS}
        order by s.ordinal desc""",  # noqa: S608 - our own words
        (authority, since),
    )
    return tuple(
        BothLooks(
            decision_id=DecisionId(row["decision_id"]),
            defect_id=DefectId(row["defect_id"]),
            answers=(ANSWER_OF[Move(row["move"])], Answer(row["answer"])),
            categories=(row["first_category"], row["category"]),
            reasons=(row["first_reason"], row["reason"]),
            names=(row["first_name"], row["second_name"]),
            looked_at=row["looked_at"],
        )
        for row in rows
    )
