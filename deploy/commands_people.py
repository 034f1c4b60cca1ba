"""`roadwear people`: who may sign in."""

import sys
from typing import Annotated

import typer

from deploy.doors import expected_failures, say
from pipeline import wiring
from pipeline.adapters.postgres.intake import save_organisation
from pipeline.adapters.postgres.people import add_person
from pipeline.domain.decisions import Role
from pipeline.domain.errors import RuleError
from pipeline.domain.ids import organisation_id

app = typer.Typer(no_args_is_help=True)
_SHORTEST = 12


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
        if added is None:
            raise RuleError(f"{email} is somebody's address already")
        say(f"{name} can now sign in as {email.strip().lower()}.")


@app.command("roles")
def list_roles() -> None:
    """List the roles."""
    for role in Role:
        print(role.value)
