"""`roadwear rota`: on which days vehicles are out, so that a silent one is noticed."""

from datetime import timedelta
from typing import Annotated

import typer
from rich.table import Table

from deploy.doors import console, expected_failures, say
from pipeline import wiring
from pipeline.adapters.postgres.people import person_called
from pipeline.adapters.postgres.rota import load_watched, save_rota
from pipeline.domain.decisions import Role
from pipeline.domain.errors import InputError, RuleError
from pipeline.domain.ids import organisation_id
from pipeline.domain.rota import MOST_DAYS, WEEKDAYS, Rota
from pipeline.domain.uk_time import LONDON

app = typer.Typer(no_args_is_help=True)
Owner = Annotated[str, typer.Option(help="Whose vehicles.")]
_KNOWN = timedelta(days=28)
_SHORT = tuple(day[:3].lower() for day in WEEKDAYS)


@app.command("set")
def set_rota(
    vehicles: Annotated[list[str], typer.Argument(help="Fleet numbers.")],
    owner: Owner,
    days: Annotated[
        str, typer.Option(help="mon-fri, or mon,wed,sat; none while they are not expected.")
    ],
    by: Annotated[str, typer.Option(help="Who says so: their email address.")],
    within: Annotated[
        int,
        typer.Option(min=0, max=MOST_DAYS, help="Within so many days their footage comes."),
    ] = 1,
) -> None:
    """Say on which days vehicles are out; what was said before no longer counts."""
    with expected_failures():
        owner_id, now = organisation_id(owner), wiring.clock().now()
        rota = Rota(
            weekdays=_weekdays(days),
            within_days=within,
            from_day=now.astimezone(LONDON).date(),
        )
        with wiring.database(wiring.Settings.from_env()).acting_for(owner_id) as connection:
            person = person_called(connection, by)
            if person is None or Role.OPERATIONS not in person.roles:
                raise RuleError(f"{owner} has nobody with the role operations at {by}")
            known = {one.vehicle: one.vehicle_id for one in load_watched(connection, owner_id, now)}
            wanted = [name.strip().lower() for name in vehicles]
            unknown = [name for name in wanted if name not in known]
            if unknown:
                raise InputError(f"{owner} has no vehicle {', '.join(unknown)}: roadwear rota list")
            save_rota(connection, person, [known[name] for name in wanted], rota, now)
        say(f"{', '.join(wanted)}: {rota.words}")


@app.command("list")
def show(owner: Owner) -> None:
    """Show the vehicles, their rotas, and when each was last heard from."""
    with expected_failures():
        owner_id, now = organisation_id(owner), wiring.clock().now()
        table = Table("vehicle", "out on", "last heard from")
        with wiring.database(wiring.Settings.from_env()).acting_for(owner_id) as connection:
            for one in load_watched(connection, owner_id, now - _KNOWN):
                heard = one.last_heard_at
                table.add_row(
                    one.vehicle, one.rota.words if one.rota else "on no rota",
                    f"{heard.astimezone(LONDON):%Y-%m-%d %H:%M}" if heard else "not in 28 days",
                )  # fmt: skip
        console.print(table)


def _weekdays(said: str) -> frozenset[int]:
    """Return days of the week that were written down.

    Raises:
        RuleError: They are not understood.
    """
    found: set[int] = set()
    for part in said.lower().replace(" ", "").split(","):
        first, _, last = part.partition("-")
        if part == "none":
            continue
        if first not in _SHORT or (last or first) not in _SHORT:
            raise RuleError(f"--days {said} is not understood: mon-fri, or mon,wed,sat, or none")
        begin, end = _SHORT.index(first), _SHORT.index(last or first)
        found |= {day % len(_SHORT) for day in range(begin, end + 1 + len(_SHORT) * (end < begin))}
    return frozenset(found)
