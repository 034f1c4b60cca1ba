"""`roadwear token`: keys with which systems outside read, and say what became of orders."""

import getpass
from datetime import timedelta
from typing import Annotated
from uuid import uuid4

import typer
from rich.table import Table

from deploy.doors import console, expected_failures, say
from pipeline import wiring
from pipeline.adapters.postgres import tokens
from pipeline.adapters.postgres.intake import save_organisation
from pipeline.domain.errors import RuleError
from pipeline.domain.ids import TokenId, organisation_id
from pipeline.domain.tokens import ApiToken, Scope

app = typer.Typer(no_args_is_help=True)
Authority = Annotated[str, typer.Option("--authority", help="Whose data.")]
_SCOPES = "; ".join(f"{scope.value}: {scope.words}" for scope in Scope)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="The system, as it is to stand in the log.")],
    authority: Authority,
    scope: Annotated[list[Scope], typer.Option(help=_SCOPES)],
    days: Annotated[int, typer.Option(min=1, max=1096, help="So long it is valid.")] = 365,
) -> None:
    """Give a system outside a key; it is shown once, on standard output."""
    with expected_failures():
        database, now = wiring.database(wiring.Settings.from_env()), wiring.clock().now()
        with database.acting_for(organisation_id(authority)) as connection:
            owner = save_organisation(connection, authority)
            if name.strip() in {token.name for token in tokens.load_tokens(connection, owner)}:
                raise RuleError(
                    f"{name} has a key; end it first: "
                    f"roadwear token close {name!r} --authority {authority}"
                )
            try:
                token = ApiToken(
                    token_id=TokenId(uuid4()),
                    authority_id=owner,
                    name=name.strip(),
                    scopes=frozenset(scope),
                    ends_at=now + timedelta(days=days),
                )
            except ValueError as error:
                raise RuleError(str(error)) from error
            key = tokens.add_token(connection, token, added_by=getpass.getuser())
        say(f"The key of {name}, valid until {token.ends_at:%d %B %Y}, shown once; keep it secret:")
        print(key)


@app.command("list")
def show(authority: Authority) -> None:
    """Show which systems have a key, what they may do, and until when."""
    with expected_failures():
        owner = organisation_id(authority)
        with wiring.database(wiring.Settings.from_env()).acting_for(owner) as connection:
            found = tokens.load_tokens(connection, owner)
        table = Table("system", "may", "until")
        for token in found:
            table.add_row(token.name, ", ".join(sorted(token.scopes)), f"{token.ends_at:%Y-%m-%d}")
        console.print(table)


@app.command()
def close(
    name: Annotated[str, typer.Argument(help="The system.")],
    authority: Authority,
) -> None:
    """End a system's key."""
    with expected_failures():
        owner = organisation_id(authority)
        with wiring.database(wiring.Settings.from_env()).acting_for(owner) as connection:
            found = [t for t in tokens.load_tokens(connection, owner) if t.name == name.strip()]
            if not found:
                raise RuleError(f"{name} has no key")
            for token in found:
                tokens.close_token(connection, token, closed_by=getpass.getuser())
        say(f"The key of {name} opens nothing any more.")
