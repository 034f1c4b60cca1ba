"""`roadwear people`: who may sign in."""

import getpass
import sys
from datetime import datetime
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from deploy.doors import console, expected_failures, say
from pipeline import wiring
from pipeline.adapters.postgres import people
from pipeline.adapters.postgres.database import Connection
from pipeline.adapters.postgres.intake import save_organisation
from pipeline.adapters.postgres.people import Qualification, add_person, person_called
from pipeline.domain.decisions import Role
from pipeline.domain.errors import RuleError
from pipeline.domain.ids import organisation_id

app = typer.Typer(no_args_is_help=True)
_SHORTEST = 12
_DAY = ["%Y-%m-%d"]


@app.command()
def add(
    email: Annotated[str, typer.Argument(help="Address to sign in with.")],
    name: Annotated[str, typer.Option(help="As it stands on decisions.")],
    organisation: Annotated[str, typer.Option(help="Whom the person works for.")],
    role: Annotated[list[Role], typer.Option(help="What the person may do.")],
) -> None:
    """Add a person; the password is asked for, or read from standard input."""
    with expected_failures():
        password = (
            typer.prompt("Password", hide_input=True, confirmation_prompt=True)
            if sys.stdin.isatty()
            else sys.stdin.readline().rstrip("\n")
        )
        if len(password) < _SHORTEST:
            raise RuleError(f"a password has at least {_SHORTEST} characters")
        database = wiring.database(wiring.Settings.from_env())
        with database.acting_for(organisation_id(organisation)) as connection:
            owner = save_organisation(connection, organisation)
            added = add_person(
                connection, owner, email=email, name=name, password=password, roles=role
            )
            if added is not None:
                _say(connection, email, "was added")
        if added is None:
            raise RuleError(f"{email} is somebody's address already")
        say(f"{name} can now sign in as {email.strip().lower()}.")


@app.command("list")
def show(
    organisation: Annotated[str, typer.Argument(help="Whose people.")],
) -> None:
    """Show who may sign in, and what they may do."""
    with expected_failures():
        database = wiring.database(wiring.Settings.from_env())
        with database.acting_for(organisation_id(organisation)) as connection:
            found = people.load_everybody(connection)
        table = Table("address", "name", "may", "second factor", "shut out")
        for one in found:
            table.add_row(
                escape(one.email), escape(one.name), ", ".join(sorted(one.roles)),
                "yes" if one.code_secret else "no", "yes" if one.closed else "",
            )  # fmt: skip
        console.print(table)


@app.command()
def change(
    email: Annotated[str, typer.Argument(help="Whose address.")],
    organisation: Annotated[str, typer.Option(help="Whom the person works for.")],
    role: Annotated[
        list[Role] | None, typer.Option(help="What the person may do from now on.")
    ] = None,
    shut_out: Annotated[
        bool | None, typer.Option("--shut-out/--let-in", help="Whether they may sign in.")
    ] = None,
    without_code: Annotated[
        bool, typer.Option("--without-code", help="Take the second factor off: the phone is lost.")
    ] = False,
    anew_elsewhere: Annotated[
        bool,
        typer.Option("--anew-elsewhere", help="Their account at the council's provider is new."),
    ] = False,
) -> None:
    """Change what a person may do, shut them out, or take their second factor off."""
    with expected_failures():
        database = wiring.database(wiring.Settings.from_env())
        done = [
            words
            for words, is_so in (
                ("has other roles", bool(role)),
                ("may not sign in any more", shut_out is True),
                ("may sign in again", shut_out is False),
                ("lost the second factor", without_code),
                ("is to be recognised anew at the council's account", anew_elsewhere),
            )
            if is_so
        ]
        if not done:
            raise RuleError("say what is to change; see roadwear people change --help")
        with database.acting_for(organisation_id(organisation)) as connection:
            person = person_called(connection, email)
            if person is None:
                raise RuleError(f"nobody of {organisation} signs in as {email}")
            if without_code:
                people.set_code(connection, person, "")
            if anew_elsewhere:
                people.forget_elsewhere(connection, person)
            people.say_of_person(
                connection, person, what=" and ".join(done), said_by=getpass.getuser(),
                roles=role or None, closed=shut_out,
            )  # fmt: skip
        say(f"{person.name} {' and '.join(done)}.")


def _say(connection: Connection, email: str, what: str) -> None:
    """Keep in the log what was done from the command line."""
    person = person_called(connection, email)
    if person is not None:
        people.say_of_person(connection, person, what=what, said_by=getpass.getuser())


@app.command()
def qualify(
    email: Annotated[str, typer.Argument(help="Whose address.")],
    what: Annotated[str, typer.Argument(help="Training, registration or delegated authority.")],
    organisation: Annotated[str, typer.Option(help="Whom the person works for.")],
    said_by: Annotated[str, typer.Option(help="Who says so, by name.")],
    valid_from: Annotated[datetime, typer.Option("--from", formats=_DAY, help="First day.")],
    valid_until: Annotated[
        datetime | None, typer.Option("--until", formats=_DAY, help="Last day, if it ends.")
    ] = None,
) -> None:
    """Put on record what entitles a person to decide: it is kept with every decision."""
    with expected_failures():
        entry = Qualification(
            what=what.strip(),
            valid_from=valid_from.date(),
            valid_until=valid_until.date() if valid_until else None,
            said_by=said_by.strip(),
        )
        if not entry.what or not entry.said_by:
            raise RuleError("say what entitles the person, and who says so")
        if entry.valid_until is not None and entry.valid_until < entry.valid_from:
            raise RuleError("its last day is before its first")
        database = wiring.database(wiring.Settings.from_env())
        owner = organisation_id(organisation)
        with database.acting_for(owner) as connection:
            person = person_called(connection, email)
            if person is None:
                raise RuleError(f"nobody of {organisation} signs in as {email}")
            people.qualify(connection, owner, person.person_id, entry)
        say(f"{person.name}: {entry.what} is on record, from {entry.valid_from}.")


@app.command("roles")
def list_roles() -> None:
    """List the roles."""
    for role in Role:
        print(role.value)
