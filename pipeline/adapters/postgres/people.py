"""People who sign in, and what entitles them to decide."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from pipeline.adapters.postgres.database import Connection, Database
from pipeline.domain.decisions import Role
from pipeline.domain.ids import OrganisationId, PersonId, natural_uuid

_HASHER = PasswordHasher()


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who signs in."""

    person_id: PersonId
    organisation_id: OrganisationId
    email: str
    name: str
    roles: frozenset[Role]


@dataclass(frozen=True, slots=True, kw_only=True)
class Qualification:
    """What entitles a person to decide: training, a registration, a delegated authority.

    Attributes:
        valid_until: The last day; None where it has no end.
        said_by: Who says so.
    """

    what: str
    valid_from: date
    valid_until: date | None
    said_by: str


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


def load_people(connection: Connection) -> tuple[Person, ...]:
    """Return everybody of the organisation that the transaction acts for, by name."""
    rows = connection.execute("select * from roadwear.person order by name, email")
    return tuple(_person(row) for row in rows)


def person_called(connection: Connection, email: str) -> Person | None:
    """Return who of the organisation that the transaction acts for signs in with an address."""
    row = connection.execute(
        "select * from roadwear.person where email = %s", (email.strip().lower(),)
    ).fetchone()
    return None if row is None else _person(row)


def qualify(
    connection: Connection, authority: OrganisationId, person_id: PersonId, entry: Qualification
) -> None:
    """Keep what entitles a person to decide, once."""
    connection.execute(
        "insert into roadwear.qualification (qualification_id, authority_id, person_id, what, "
        "valid_from, valid_until, said_by) values (%s, %s, %s, %s, %s, %s, %s) "
        "on conflict do nothing",
        (
            natural_uuid("qualification", person_id, entry.what, entry.valid_from,
                         entry.valid_until),
            authority, person_id, entry.what, entry.valid_from, entry.valid_until, entry.said_by,
        ),
    )  # fmt: skip


def load_qualifications(
    connection: Connection, person_id: PersonId, on: date
) -> tuple[Qualification, ...]:
    """Return what entitles a person on a day."""
    rows = connection.execute(
        "select what, valid_from, valid_until, said_by from roadwear.qualification "
        "where person_id = %(p)s and valid_from <= %(on)s "
        "and coalesce(valid_until >= %(on)s, true) order by valid_from, what",
        {"p": person_id, "on": on},
    )
    return tuple(Qualification(**row) for row in rows)


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
