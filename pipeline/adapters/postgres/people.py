"""People who sign in, and what entitles them to decide."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from hashlib import sha256
from typing import Any
from uuid import uuid4

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from pipeline.adapters.postgres.database import Connection, Database
from pipeline.domain.decisions import Role
from pipeline.domain.ids import OrganisationId, PersonId, natural_uuid
from pipeline.domain.people import Identity

_HASHER = PasswordHasher()


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who signs in.

    Attributes:
        closed: May sign in no more.
        must_change: Has a password that somebody else knows, and has to choose one.
        code_secret: Sealed; "" where there is no second factor.
        mark: Changes with what the person signs in with: a session that was begun with another
            has ended.
    """

    person_id: PersonId
    organisation_id: OrganisationId
    email: str
    name: str
    roles: frozenset[Role]
    closed: bool = False
    must_change: bool = False
    code_secret: str = ""
    mark: str = ""


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
    password: str | None,
    roles: Sequence[Role],
) -> PersonId | None:
    """Add a person; None if the address is already somebody's.

    Args:
        connection: Acting for the organisation.
        organisation: Whose.
        email: To sign in with.
        name: As it stands on decisions.
        password: None for who signs in elsewhere alone.
        roles: What the person may do.
    """
    address = email.strip().lower()
    person_id = PersonId(natural_uuid("person", address))
    row = connection.execute(
        "insert into roadwear.person (person_id, organisation_id, email, name, password_hash, "
        "roles) values (%s, %s, %s, %s, %s, %s) on conflict do nothing returning person_id",
        (
            person_id,
            organisation,
            address,
            name,
            "" if password is None else _HASHER.hash(password),
            list(roles),
        ),
    ).fetchone()
    return None if row is None else person_id


def sign_in(database: Database, email: str, password: str) -> Person | None:
    """Return who has this address and password; an unknown address takes as long as a wrong one."""
    address = email.strip().lower()
    with database.signing_in(address) as connection:
        row = connection.execute(
            "select * from roadwear.person_now where email = %s and not closed", (address,)
        ).fetchone()
    try:
        _HASHER.verify(row["password_hash"] if row else _nobody(), password)
    except (VerificationError, InvalidHashError):
        return None
    return None if row is None else _person(row)


def load_person(connection: Connection, person_id: PersonId) -> Person | None:
    """Return a person of the organisation acted for, who may sign in."""
    row = connection.execute(
        "select * from roadwear.person_now where person_id = %s and not closed", (person_id,)
    ).fetchone()
    return None if row is None else _person(row)


def load_people(connection: Connection) -> tuple[Person, ...]:
    """Return everybody of the organisation acted for who may sign in, by name."""
    return tuple(person for person in load_everybody(connection) if not person.closed)


def load_everybody(connection: Connection) -> tuple[Person, ...]:
    """Return everybody of the organisation acted for, also who may sign in no more, by name."""
    rows = connection.execute("select * from roadwear.person_now order by name, email")
    return tuple(_person(row) for row in rows)


def person_called(connection: Connection, email: str) -> Person | None:
    """Return who of the organisation that the transaction acts for signs in with an address."""
    row = connection.execute(
        "select * from roadwear.person_now where email = %s", (email.strip().lower(),)
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


def is_password(connection: Connection, person_id: PersonId, password: str) -> bool:
    """Return whether a password is a person's."""
    row = connection.execute(
        "select password_hash from roadwear.person_now where person_id = %s", (person_id,)
    ).fetchone()
    try:
        _HASHER.verify(row["password_hash"] if row else _nobody(), password)
    except (VerificationError, InvalidHashError):
        return False
    return row is not None


def set_password(
    connection: Connection, person: Person, password: str, *, given: bool = False
) -> None:
    """Keep a new password; one that was given has to be changed at the next sign-in."""
    _keep(connection, person, "password", _HASHER.hash(password), given=given)


def set_code(connection: Connection, person: Person, sealed: str) -> None:
    """Keep the sealed secret of a person's second factor; "" takes it off."""
    _keep(connection, person, "code", sealed)


def use_code(connection: Connection, person: Person, step: int) -> bool:
    """Return whether a code was not used before, and keep that it is used now."""
    row = connection.execute(
        "insert into roadwear.code_used (person_id, step, organisation_id) values (%s, %s, %s) "
        "on conflict do nothing returning step",
        (person.person_id, step, person.organisation_id),
    ).fetchone()
    return row is not None


def say_of_person(connection: Connection, person: Person, *, what: str, said_by: str) -> None:
    """Keep what changed of a person, and how they stand now: roles, and whether they may sign in.

    Args:
        connection: Acting for the person's organisation.
        person: As they are to stand.
        what: What was done, for the log.
        said_by: Who did it.
    """
    connection.execute(
        "insert into roadwear.person_word (word_id, authority_id, person_id, what, roles, closed, "
        "said_by) values (%s, %s, %s, %s, %s, %s, %s)",
        (
            uuid4(), person.organisation_id, person.person_id, what, sorted(person.roles),
            person.closed, said_by,
        ),
    )  # fmt: skip


def person_at(connection: Connection, organisation: OrganisationId, who: Identity) -> Person | None:
    """Return who somebody is that an identity provider speaks for; None if nobody here.

    At the first time the address says it; from then on the provider's own name of the person
    does, so that an address that is given to somebody else later opens nothing.
    """
    row = connection.execute(
        "select n.* from roadwear.person_subject s join roadwear.person_now n using (person_id) "
        "where s.issuer = %s and s.subject = %s and not n.closed",
        (who.issuer, who.subject),
    ).fetchone()
    if row is not None:
        return _person(row)
    person = person_called(connection, who.email) if who.email else None
    if person is None or person.closed:
        return None
    bound = connection.execute(
        "insert into roadwear.person_subject (organisation_id, issuer, subject, person_id) "
        "values (%s, %s, %s, %s) on conflict do nothing returning person_id",
        (organisation, who.issuer, who.subject, person.person_id),
    ).fetchone()
    return person if bound is not None else None


def _keep(
    connection: Connection, person: Person, kind: str, value: str, *, given: bool = False
) -> None:
    connection.execute(
        "insert into roadwear.credential (organisation_id, person_id, kind, value, given) "
        "values (%s, %s, %s, %s, %s)",
        (person.organisation_id, person.person_id, kind, value, given),
    )


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
        closed=row["closed"],
        must_change=row["must_change"],
        code_secret=row["code_secret"],
        mark=sha256(f"{row['password_hash']} {row['code_secret']}".encode()).hexdigest()[:16],
    )
