"""`roadwear private`: areas of which nothing is kept."""

import getpass
from typing import Annotated
from uuid import uuid4

import typer
from rich.table import Table

from deploy.doors import console, expected_failures, say
from pipeline import wiring
from pipeline.adapters.postgres import private as rows
from pipeline.adapters.postgres.intake import save_organisation
from pipeline.domain.errors import RuleError
from pipeline.domain.ids import organisation_id
from pipeline.domain.places import LonLat
from pipeline.domain.private import PrivateArea

app = typer.Typer(no_args_is_help=True)
Owner = Annotated[str, typer.Option("--owner", help="Whose footage it is.")]
Name = Annotated[str, typer.Argument(help='Such as "Depot North"; never somebody\'s address.')]


@app.command()
def add(
    name: Name,
    owner: Owner,
    lat: Annotated[float, typer.Option(min=-90, max=90)],
    lon: Annotated[float, typer.Option(min=-180, max=180)],
    radius: Annotated[float, typer.Option(min=1, max=20_000, help="Metres.")] = 150.0,
) -> None:
    """Keep neither positions nor pictures from an area, of what is handed in from now on."""
    with expected_failures():
        owner_id = organisation_id(owner)
        try:
            centre = LonLat(lon_deg=lon, lat_deg=lat)
            area = PrivateArea(area_id=uuid4(), name=name.strip(), centre=centre, radius_m=radius)
        except ValueError as error:
            raise RuleError(str(error)) from error
        database = wiring.database(wiring.Settings.from_env())
        with database.acting_for(owner_id) as connection:
            save_organisation(connection, owner)
            if area.name.lower() in {known.name.lower() for known in rows.load_areas(connection)}:
                raise RuleError(
                    f"there is an area {name!r}; end it first: "
                    f"roadwear private end {name!r} --owner {owner}"
                )
            rows.add_area(connection, owner_id, area, said_by=getpass.getuser())
        say(f"Of what is handed in from now on, nothing is kept within {radius:.0f} m of {name}.")


@app.command("list")
def show(owner: Owner) -> None:
    """Show the areas of which nothing is kept."""
    with expected_failures():
        database = wiring.database(wiring.Settings.from_env())
        with database.acting_for(organisation_id(owner)) as connection:
            areas = rows.load_areas(connection)
    table = Table("area", "latitude", "longitude", "metres")
    for area in areas:
        table.add_row(
            area.name,
            f"{area.centre.lat_deg:.5f}",
            f"{area.centre.lon_deg:.5f}",
            f"{area.radius_m:.0f}",
        )
    console.print(table)


@app.command()
def end(name: Name, owner: Owner) -> None:
    """Keep again what is handed in from an area, from now on."""
    with expected_failures():
        database = wiring.database(wiring.Settings.from_env())
        owner_id = organisation_id(owner)
        with database.acting_for(owner_id) as connection:
            rows.end_area(connection, owner_id, name, said_by=getpass.getuser())
        say(f"{name} is private no more, for what is handed in from now on.")
