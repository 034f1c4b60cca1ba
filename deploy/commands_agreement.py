"""`roadwear agreement`: to whom footage may show what concerns their roads."""

import getpass
from datetime import datetime
from typing import Annotated
from uuid import uuid4

import typer
from rich.table import Table

from deploy.doors import console, expected_failures, say
from pipeline import wiring
from pipeline.adapters.postgres import agreements
from pipeline.adapters.postgres.intake import save_organisation
from pipeline.domain.agreements import Agreement
from pipeline.domain.errors import RuleError
from pipeline.domain.ids import AgreementId, organisation_id
from pipeline.domain.uk_time import LONDON

app = typer.Typer(no_args_is_help=True)
Owner = Annotated[str, typer.Option("--owner", help="Whose footage it is.")]
Authority = Annotated[str, typer.Option("--authority", help="Whose roads they are.")]


@app.command()
def add(
    owner: Owner,
    authority: Authority,
    source: Annotated[
        str, typer.Option(help="Where it is written down: a minute, a contract, with its date.")
    ],
    from_on: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], help="For drives from this day; today."),
    ] = None,
) -> None:
    """Let a highway authority have what an owner's drives show of its roads, and no more.

    A drive is still handed in for one authority. Where it comes along the roads of another with
    which there is an agreement, that part of it is the other's. Both need their road networks
    loaded (roadwear roads load); what lies on neither stays with the first.
    """
    with expected_failures():
        database, now = wiring.database(wiring.Settings.from_env()), wiring.clock().now()
        with database.acting_for(organisation_id(owner)) as connection:
            try:
                made = Agreement(
                    agreement_id=AgreementId(uuid4()),
                    owner_id=save_organisation(connection, owner),
                    authority_id=save_organisation(connection, authority),
                    from_on=(from_on or now.astimezone(LONDON)).date(),
                    source=source.strip(),
                )
            except ValueError as error:
                raise RuleError(str(error)) from error
            if any(
                (one.owner_id, one.authority_id) == (made.owner_id, made.authority_id)
                for one, _, _ in agreements.load_agreements(connection)
            ):
                raise RuleError(
                    f"{owner} and {authority} have an agreement; end it first: "
                    f"roadwear agreement end --owner {owner} --authority {authority}"
                )
            agreements.save_agreement(connection, made, said_by=getpass.getuser())
        say(f"From {made.from_on:%d %B %Y} on {authority} has what {owner} films of its roads.")


@app.command("list")
def show(
    organisation: Annotated[str, typer.Argument(help="Owner or authority.")],
) -> None:
    """Show the agreements of an organisation, on either side."""
    with expected_failures():
        known = organisation_id(organisation)
        with wiring.database(wiring.Settings.from_env()).acting_for(known) as connection:
            found = agreements.load_agreements(connection)
        table = Table("owner", "authority", "from", "written down in")
        for one, owner, authority in found:
            table.add_row(owner, authority, f"{one.from_on:%Y-%m-%d}", one.source)
        console.print(table)


@app.command()
def end(owner: Owner, authority: Authority) -> None:
    """End an agreement; what the authority has it keeps, since it has decided on it."""
    with expected_failures():
        database, now = wiring.database(wiring.Settings.from_env()), wiring.clock().now()
        sides = organisation_id(owner), organisation_id(authority)
        with database.acting_for(sides[1]) as connection:
            found = [
                one
                for one, _, _ in agreements.load_agreements(connection)
                if (one.owner_id, one.authority_id) == sides
            ]
            if not found:
                raise RuleError(f"{owner} and {authority} have no agreement")
            for one in found:
                agreements.end_agreement(
                    connection,
                    one,
                    ended_on=now.astimezone(LONDON).date(),
                    said_by=getpass.getuser(),
                )
        say(f"Footage of {owner} that is processed from now on is not shared with {authority}.")
