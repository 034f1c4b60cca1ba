"""`roadwear records`: what the council holds elsewhere of its streets, brought in as CSV."""

import getpass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from deploy.doors import console, expected_failures, say
from pipeline import wiring
from pipeline.adapters.postgres.council_records import load_imports, save_records
from pipeline.adapters.postgres.intake import save_organisation
from pipeline.adapters.records_csv import read_records
from pipeline.domain.errors import RuleError
from pipeline.domain.ids import organisation_id
from pipeline.domain.records import RecordImport, RecordKind, records_sha256
from pipeline.domain.uk_time import LONDON

app = typer.Typer(no_args_is_help=True)
Authority = Annotated[str, typer.Option("--authority", help="Whose streets.")]
_DAY = ["%Y-%m-%d"]


@app.command()
def load(
    file: Annotated[Path, typer.Argument(help="CSV with a line of headings.")],
    authority: Authority,
    kind: Annotated[RecordKind, typer.Option(help="What its lines are.")],
    covers_from: Annotated[
        datetime, typer.Option("--from", formats=_DAY, help="From this day on it has them all …")
    ],
    covers_to: Annotated[datetime, typer.Option("--to", formats=_DAY, help="… to this one.")],
    source: Annotated[str, typer.Option(help="Which system it comes from: “Confirm”.")],
    column: Annotated[
        list[str] | None,
        typer.Option(help="How the file heads a column: --column date='Inspected on'."),
    ] = None,
) -> None:
    """Bring in what other systems hold: for bundles of evidence, and as labels beside a defect.

    Needed are the columns reference, usrn and date; what else is taken, docs/desk.md tells.
    Nothing else is: names and addresses of who complained stay out. The same file again changes
    nothing; a later one with the same reference corrects it.
    """
    with expected_failures():
        named = dict(_named(one) for one in column or ())
        found = read_records(file, kind, named)
        if covers_to.date() > wiring.clock().now().astimezone(LONDON).date():
            raise RuleError("--to is in the future: a file cannot have what is still to come")
        database, now = wiring.database(wiring.Settings.from_env()), wiring.clock().now()
        try:
            of = RecordImport(
                kind=kind,
                source=source.strip(),
                content_sha256=found.content_sha256,
                records_sha256=records_sha256(found.records),
                covers_from=covers_from.date(),
                covers_to=covers_to.date(),
                records=len(found.records),
                left_out=found.left_out,
                said_by=getpass.getuser(),
                imported_at=now,
            )
        except ValueError as error:
            raise RuleError(f"{error}: --from is after --to") from error
        with database.acting_for(organisation_id(authority)) as connection:
            owner = save_organisation(connection, authority)
            is_new = save_records(connection, owner, of, found.records)
        if not is_new:
            say("Just this was brought in already; nothing was changed.")
            return
        say(f"{len(found.records)} {kind.words} were brought in from {file.name}.")
        if found.left_out:
            say(f"{found.left_out} lines name no street (USRN) and were left out.")
        if found.ignored:
            say(f"Not taken, of these columns nothing is kept: {', '.join(found.ignored)}.")


@app.command("list")
def show(authority: Authority) -> None:
    """Show what was brought in, and from when to when it is whole."""
    with expected_failures():
        owner = organisation_id(authority)
        with wiring.database(wiring.Settings.from_env()).acting_for(owner) as connection:
            imports = [one for kind in RecordKind for one in load_imports(connection, owner, kind)]
        if not imports:
            say("Nothing was brought in yet: roadwear records load --help")
            return
        table = Table("what", "from", "to", "records", "source", "brought in", "by")
        for one in imports:
            table.add_row(
                one.kind.value, str(one.covers_from), str(one.covers_to), str(one.records),
                one.source, f"{one.imported_at:%Y-%m-%d}", one.said_by,
            )  # fmt: skip
        console.print(table)


def _named(text: str) -> tuple[str, str]:
    name, equals, heading = text.partition("=")
    if not equals or not heading.strip():
        raise RuleError("--column is to be NAME=HEADING: --column date='Inspected on'")
    return name.strip().lower(), heading.strip()
