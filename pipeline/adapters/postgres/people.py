"""People who sign in, and what entitles them to decide."""

from collections.abc import Collection, Mapping, Sequence
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
        mark: Changes with what the person signs in with, and where they were shut out or ended
            their sessions: one that was begun with another has ended.
        has_password: May sign in here, not only at the council's account.
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
    has_password: bool = False


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
    is_right = _is_right(row, password)
    return _person(row) if row is not None and is_right else None


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
    return _is_right(row, password)


def _is_right(row: Mapping[str, Any] | None, password: str) -> bool:
    """Return whether a password is that of a row; it takes as long where there is none."""
    kept = row["password_hash"] if row is not None else ""
    try:
        _HASHER.verify(kept or _nobody(), password)
    except (VerificationError, InvalidHashError):
        return False
    return bool(kept)


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


def say_of_person(
    connection: Connection,
    person: Person,
    *,
    what: str,
    said_by: str,
    roles: Collection[Role] | None = None,
    closed: bool | None = None,
) -> None:
    """Keep what changed of a person, and how they stand now: roles, and whether they may sign in.

    What is not said to change stays as it is at this moment, not as it was when somebody looked.

    Args:
        connection: Acting for the person's organisation.
        person: Whose.
        what: What was done, for the log.
        said_by: Who did it.
        roles: What they may do from now on.
        closed: Whether they are shut out from now on.
    """
    connection.execute(
        "select pg_advisory_xact_lock(hashtextextended('person ' || %s, 0))",
        (str(person.person_id),),
    )
    connection.execute(
        "insert into roadwear.person_word (word_id, authority_id, person_id, what, person, roles, "
        "closed, said_by) select %(word)s, n.organisation_id, n.person_id, %(what)s, "
        "jsonb_build_object('name', n.name, 'email', n.email), coalesce(%(roles)s, n.roles), "
        "coalesce(%(closed)s, n.closed), %(by)s from roadwear.person_now n "
        "where n.person_id = %(person)s",
        {
            "word": uuid4(), "what": what, "by": said_by, "person": person.person_id,
            "roles": None if roles is None else sorted(roles), "closed": closed,
        },
    )  # fmt: skip


def person_at(connection: Connection, organisation: OrganisationId, who: Identity) -> Person | None:
    """Return who somebody is that an identity provider speaks for; None if nobody here.

    At the first time the address says it; from then on the provider's own name of the person
    does, so that an address that is given to somebody else later opens nothing.
    """
    row = connection.execute(
        "select n.* from roadwear.person_subject s join roadwear.person_now n using (person_id) "
        "where s.issuer = %s and s.subject = %s and not n.closed and s.ordinal = ("
        "select max(l.ordinal) from roadwear.person_subject l "
        "where l.person_id = s.person_id and l.issuer = s.issuer)",
        (who.issuer, who.subject),
    ).fetchone()
    if row is not None:
        return _person(row)
    person = person_called(connection, who.email) if who.email else None
    if person is None or person.closed:
        return None
    connection.execute(
        "select pg_advisory_xact_lock(hashtextextended('person ' || %s, 0))",
        (str(person.person_id),),
    )
    known = connection.execute(
        "select subject from roadwear.person_subject where person_id = %s and issuer = %s "
        "order by ordinal desc limit 1",
        (person.person_id, who.issuer),
    ).fetchone()
    if known is not None and known["subject"]:
        return None
    _bind(connection, organisation, person, who.issuer, who.subject)
    return person


def forget_elsewhere(connection: Connection, person: Person) -> None:
    """Forget who a person is at identity providers: at the next time the address says it again."""
    rows = connection.execute(
        "select distinct issuer from roadwear.person_subject where person_id = %s",
        (person.person_id,),
    ).fetchall()
    for row in rows:
        _bind(connection, person.organisation_id, person, row["issuer"], "")


def _bind(
    connection: Connection, organisation: OrganisationId, person: Person, issuer: str, subject: str
) -> None:
    connection.execute(
        "insert into roadwear.person_subject (organisation_id, issuer, subject, person_id) "
        "values (%s, %s, %s, %s)",
        (organisation, issuer, subject, person.person_id),
    )


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
        has_password=bool(row["password_hash"]),
        mark=sha256(
            f"{row['password_hash']} {row['code_secret']} {row['endings']}".encode()
        ).hexdigest()[:16],
    )
