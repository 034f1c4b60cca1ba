"""People who sign in, and what they decided."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from pipeline.adapters.postgres.database import Connection, Database
from pipeline.domain.decisions import Decision, Role
from pipeline.domain.defects import Defect
from pipeline.domain.ids import DefectId, OrganisationId, PersonId, natural_uuid

_HASHER = PasswordHasher()


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who signs in."""

    person_id: PersonId
    organisation_id: OrganisationId
    email: str
    name: str
    roles: frozenset[Role]


def add_person(
    connection: Connection,
    organisation: OrganisationId,
    *,
    email: str,
    name: str,
    password: str,
    roles: Sequence[Role],
) -> PersonId | None:
    """Add a person; None if the address is already somebody's."""
    address = email.strip().lower()
    person_id = PersonId(natural_uuid("person", address))
    row = connection.execute(
        "insert into roadwear.person (person_id, organisation_id, email, name, password_hash, "
        "roles) values (%s, %s, %s, %s, %s, %s) on conflict do nothing returning person_id",
        (person_id, organisation, address, name, _HASHER.hash(password), list(roles)),
    ).fetchone()
    return None if row is None else person_id


def sign_in(database: Database, email: str, password: str) -> Person | None:
    """Return who has this address and password; an unknown address takes as long as a wrong one."""
    address = email.strip().lower()
    with database.signing_in(address) as connection:
        row = connection.execute(
            "select * from roadwear.person where email = %s", (address,)
        ).fetchone()
    try:
        _HASHER.verify(row["password_hash"] if row else _nobody(), password)
    except (VerificationError, InvalidHashError):
        return None
    return None if row is None else _person(row)


def load_person(connection: Connection, person_id: PersonId) -> Person | None:
    """Return a person of the organisation that the transaction acts for."""
    row = connection.execute(
        "select * from roadwear.person where person_id = %s", (person_id,)
    ).fetchone()
    return None if row is None else _person(row)


def save_decision(
    connection: Connection,
    authority: OrganisationId,
    decision: Decision,
    after: Defect,
    shown: Mapping[str, Any],
) -> None:
    """Add a decision with what was on the screen, and move the defect on."""
    connection.execute(
        "insert into roadwear.decision (decision_id, authority_id, defect_id, person_id, move, "
        "reason, note, seen_version, policy_sha256, shown, decided_at) "
        "values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing",
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
        ),
    )
    connection.execute(
        "update roadwear.defect set state = %s, version = %s, decided_at = %s where defect_id = %s",
        (after.state, after.version, decision.decided_at, after.defect_id),
    )
    connection.execute("delete from roadwear.queue_entry where defect_id = %s", (after.defect_id,))


def load_decisions(connection: Connection, defect_id: DefectId) -> tuple[dict[str, Any], ...]:
    """Return a defect's decisions, the first first, each with who made it."""
    rows = connection.execute(
        "select d.*, p.name from roadwear.decision d join roadwear.person p using (person_id) "
        "where d.defect_id = %s order by d.decided_at, d.decision_id",
        (defect_id,),
    )
    return tuple(rows)


@cache
def _nobody() -> str:
    """Return a hash to compare with where there is no such address, so that it takes as long."""
    return _HASHER.hash("nobody has this password")


def _person(row: Mapping[str, Any]) -> Person:
    return Person(
        person_id=row["person_id"],
        organisation_id=row["organisation_id"],
        email=row["email"],
        name=row["name"],
        roles=frozenset(Role(role) for role in row["roles"]),
    )
