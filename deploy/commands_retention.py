"""`roadwear retention`: how long things are kept, and what stops the clock."""

import getpass
from datetime import UTC, datetime
from typing import Annotated
from uuid import uuid4

import typer
from rich.table import Table

from deploy.doors import console, expected_failures, say
from pipeline import wiring
from pipeline.adapters.postgres import retention as rows
from pipeline.domain.errors import RuleError
from pipeline.domain.ids import organisation_id
from pipeline.domain.keeping import Hold, Kind
from pipeline.domain.places import LonLat
from pipeline.uplink.retention import keeper_of

app = typer.Typer(no_args_is_help=True)
Owner = Annotated[str, typer.Option("--owner", help="Whose footage it is.")]
Instant = Annotated[
    datetime, typer.Option(formats=["%Y-%m-%dT%H:%M:%SZ"], help="UTC, 2026-02-10T10:00:00Z.")
]


@app.command()
def run() -> None:
    """Remove what was kept long enough, of every organisation; for cron, every night."""
    with expected_failures():
        removed = keeper_of(wiring.Settings.from_env()).night()
    for kind, count in removed.of_each.items():
        if count:
            say(f"Removed {count}: {kind.words}.")
    if removed.again:
        say(f"Removed {removed.again} that a restored backup had brought back.")
    if not any(removed.of_each.values()) and not removed.again:
        say("Nothing was due.")


@app.command()
def again() -> None:
    """Remove again all that was ever removed: after footage, pictures or a database came back.

    `roadwear serve` does so by itself before it serves, if the database is older than the ledger
    of deletions.
    """
    with expected_failures():
        count = keeper_of(wiring.Settings.from_env()).after_restore()
        say(f"Removed {count} that had come back." if count else "Nothing had come back.")


@app.command("list")
def show(owner: Owner) -> None:
    """Show how long each kind of thing is kept, and the holds that stand."""
    with expected_failures():
        database = wiring.database(wiring.Settings.from_env())
        with database.acting_for(organisation_id(owner)) as connection:
            days, holds = rows.days_kept(connection), rows.load_holds(connection)
    table = Table("kind", "what", "days from receipt")
    for kind, kept in days.items():
        table.add_row(kind.value, kind.words, str(kept))
    console.print(table)
    for hold in holds:
        say(
            f"Hold {hold['hold_id']}: within {hold['radius_m']:.0f} m of {hold['lat_deg']:.5f}, "
            f"{hold['lon_deg']:.5f}, {hold['from_at']:%Y-%m-%d %H:%M} to "
            f"{hold['to_at']:%Y-%m-%d %H:%M}: {hold['reason']} ({hold['said_by']})"
        )


@app.command("set")
def set_days(
    kind: Annotated[Kind, typer.Argument(help="What.")],
    days: Annotated[int, typer.Argument(min=0, help="How long, from receipt on.")],
    owner: Owner,
) -> None:
    """Say how long a kind of thing is kept."""
    with expected_failures():
        database = wiring.database(wiring.Settings.from_env())
        owner_id = organisation_id(owner)
        with database.acting_for(owner_id) as connection:
            rows.set_days(connection, owner_id, kind, days, said_by=getpass.getuser())
        say(f"{owner} keeps {kind.words} for {days} days.")


@app.command()
def hold(
    owner: Owner,
    lat: Annotated[float, typer.Option(min=-90, max=90)],
    lon: Annotated[float, typer.Option(min=-180, max=180)],
    from_at: Instant,
    to_at: Instant,
    reason: Annotated[str, typer.Option(help='Why: "accident, claim 2026/114".')],
    radius: Annotated[float, typer.Option(min=1, help="Metres.")] = 200.0,
) -> None:
    """Keep what was near a place at a time, till the hold is lifted."""
    with expected_failures():
        owner_id = organisation_id(owner)
        try:
            wanted = Hold(
                hold_id=uuid4(),
                owner_id=owner_id,
                place=LonLat(lon_deg=lon, lat_deg=lat),
                radius_m=radius,
                from_at=from_at.replace(tzinfo=UTC),
                to_at=to_at.replace(tzinfo=UTC),
                reason=reason,
                said_by=getpass.getuser(),
            )
        except ValueError as error:
            raise RuleError(str(error)) from error
        database = wiring.database(wiring.Settings.from_env())
        with database.acting_for(owner_id) as connection:
            rows.add_hold(connection, wanted)
        say(f"Held: {wanted.hold_id}")


@app.command()
def lift(
    hold_id: Annotated[str, typer.Argument(help="Of the hold; roadwear retention list.")],
    owner: Owner,
    reason: Annotated[str, typer.Option(help="Why it need not be kept any longer.")],
) -> None:
    """Lift a hold: the clock goes on."""
    with expected_failures():
        database = wiring.database(wiring.Settings.from_env())
        owner_id = organisation_id(owner)
        with database.acting_for(owner_id) as connection:
            rows.lift_hold(connection, owner_id, hold_id, reason=reason, said_by=getpass.getuser())
        say(f"Lifted: {hold_id}")
