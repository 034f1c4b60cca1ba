"""`roadwear evidence`: signed bundles of evidence, and the keys that sign them."""

import getpass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from deploy.doors import USAGE, expected_failures, say
from pipeline import wiring
from pipeline.domain.errors import RuleError
from pipeline.domain.ids import organisation_id
from pipeline.domain.street import Claim
from pipeline.domain.uk_time import LONDON

app = typer.Typer(no_args_is_help=True)
Authority = Annotated[str, typer.Option("--authority", help="Whose streets.")]


@app.command()
def bundle(
    authority: Authority,
    usrn: Annotated[int, typer.Option(help="The street.")],
    on: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Day of the incident.")],
    out: Annotated[Path, typer.Option(help="ZIP file to write.")],
    months: Annotated[int, typer.Option(help="How many months before it are asked about.")] = 24,
) -> None:
    """Answer the nine questions of a claim: a signed PDF with tables, pictures and the log."""
    # The pages take half a second to import, and serve nothing else here.
    from deploy.serving import desk_of  # noqa: PLC0415
    from pipeline.review.evidence import give_out  # noqa: PLC0415

    with expected_failures():
        desk = desk_of(wiring.Settings.from_env())
        if on.date() > desk.clock.now().astimezone(LONDON).date():
            raise RuleError("--on is in the future")
        try:
            claim = Claim(usrn=usrn, incident_on=on.date(), months=months)
        except ValueError as error:
            raise RuleError(str(error)) from error
        part = out.with_name(f"{out.name}.part")
        try:
            with part.open("wb") as file:
                give_out(desk, organisation_id(authority), claim, getpass.getuser(), file)
            part.replace(out)
        except OSError as error:
            say(f"roadwear: {out} cannot be written ({error.strerror})")
            raise typer.Exit(USAGE) from error
        finally:
            part.unlink(missing_ok=True)
        say(f"The bundle is in {out}; CHECK.txt in it says how to check it.")


@app.command()
def key(
    authority: Authority,
    key_file: Annotated[
        Path | None, typer.Option("--key", help="PEM of another key, without a password.")
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option(help="PEM of its certificate, and of those who signed it.")
    ] = None,
) -> None:
    """Print whose key signs, to be published; or have another one sign from now on.

    A key that signs its own certificate is made where there is none. The key itself lies in
    HOME/keys, readable by its owner alone: back it up as you back up the database.
    """
    with expected_failures():
        settings = wiring.Settings.from_env()
        store = wiring.signers(settings)
        if (key_file is None) is not (certificate is None):
            raise RuleError("--key and --certificate go together")
        if key_file is not None and certificate is not None:
            from pipeline.adapters.signing import read_signer  # noqa: PLC0415 - as above

            store.keep(authority, read_signer(key_file, certificate))
        signer = store.of(authority, wiring.clock().now())
        say(signer.name)
        print(signer.fingerprint)
