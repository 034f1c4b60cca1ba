"""`roadwear depot`: who may hand in footage, and which camera is on which vehicle."""

import getpass
from typing import Annotated

import typer
from rich.table import Table

from deploy.doors import console, expected_failures, say
from pipeline import wiring
from pipeline.adapters.mail_smtp import is_address
from pipeline.adapters.postgres import depots
from pipeline.adapters.postgres.intake import save_organisation, save_vehicle
from pipeline.domain.errors import RuleError
from pipeline.domain.ids import organisation_id
from pipeline.domain.receiving import Depot

app = typer.Typer(no_args_is_help=True)
Owner = Annotated[str, typer.Option("--owner", help="Whose footage it is.")]
_MOST_KEYS = 1000


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="The depot, or the vehicle.")],
    owner: Owner,
    authority: Annotated[
        str, typer.Option(help="Whose roads the footage shows; otherwise the owner's.")
    ] = "",
    vehicle: Annotated[
        str, typer.Option(help="Fleet number, where the key is one vehicle's.")
    ] = "",
    forward: Annotated[
        str,
        typer.Option(help="Of recorders with several cameras: which looks ahead, like CH1."),
    ] = "",
    mail: Annotated[
        str,
        typer.Option(help="Who is sent by mail what became of every card."),
    ] = "",
) -> None:
    """Give a depot or a vehicle a key; it is shown once, on standard output."""
    with expected_failures():
        settings = wiring.Settings.from_env()
        if mail and not is_address(mail.strip()):
            raise RuleError(f"{mail!r} is no mail address")
        if mail and wiring.mail(settings) is None:
            say("roadwear: no mail is sent before ROADWEAR_MAIL_URL and _FROM are set for serve")
        database = wiring.database(settings)
        with database.acting_for(organisation_id(owner)) as connection:
            owner_id = save_organisation(connection, owner)
            authority_id = save_organisation(connection, authority or owner)
            if vehicle:
                save_vehicle(connection, owner_id, vehicle)
            if name.strip().lower() in {
                d.name.lower() for d in depots.load_depots(connection, owner_id)
            }:
                raise RuleError(
                    f"{name} has a key; end it first: roadwear depot close {name!r} --owner {owner}"
                )
            key = None
            for issue in range(_MOST_KEYS):
                depot = Depot(
                    depot_id=depots.depot_id(owner_id, name, issue),
                    owner_id=owner_id,
                    authority_id=authority_id,
                    name=name.strip(),
                    fleet_number=vehicle.strip().lower(),
                    forward_channel=forward.strip().upper(),
                    mail=mail.strip(),
                )
                key = depots.add_depot(connection, depot, added_by=getpass.getuser())
                if key is not None:
                    break
        say(f"The key of {name}, shown once; keep it secret:")
        print(key)


@app.command("list")
def list_depots(owner: Owner) -> None:
    """List who may hand in footage."""
    with expected_failures():
        database = wiring.database(wiring.Settings.from_env())
        owner_id = organisation_id(owner)
        with database.acting_for(owner_id) as connection:
            known = depots.load_depots(connection, owner_id)
    table = Table("depot", "vehicle", "camera ahead", "mail")
    for depot in known:
        table.add_row(
            depot.name,
            depot.fleet_number or "any",
            depot.forward_channel or "–",
            depot.mail or "–",
        )
    console.print(table)


@app.command()
def close(name: Annotated[str, typer.Argument(help="The depot.")], owner: Owner) -> None:
    """End a depot's key."""
    with expected_failures():
        database = wiring.database(wiring.Settings.from_env())
        owner_id = organisation_id(owner)
        with database.acting_for(owner_id) as connection:
            known = depots.load_depots(connection, owner_id)
            depot = next((d for d in known if d.name.lower() == name.strip().lower()), None)
            if depot is None:
                raise RuleError(f"{owner} has no depot {name!r} with a key")
            depots.close_depot(connection, depot, closed_by=getpass.getuser())
        say(f"The key of {depot.name} is ended.")


@app.command()
def camera(
    serial: Annotated[str, typer.Argument(help="The camera's serial number.")],
    vehicle: Annotated[str, typer.Argument(help="Fleet number.")],
    owner: Owner,
) -> None:
    """Say on which vehicle a camera is, by its serial number; the latest word counts."""
    with expected_failures():
        database = wiring.database(wiring.Settings.from_env())
        with database.acting_for(organisation_id(owner)) as connection:
            owner_id = save_organisation(connection, owner)
            save_vehicle(connection, owner_id, vehicle)
            depots.save_camera_of_vehicle(
                connection, owner_id, serial, vehicle, said_by=getpass.getuser()
            )
        say(f"Camera {serial.strip()} is on vehicle {vehicle.strip()}.")
