"""`roadwear log`: what persons said and decided, in a chain that cannot be changed unseen."""

import getpass
import sys
from typing import Annotated

import typer

from deploy.doors import REFUSED, expected_failures, say
from pipeline import wiring
from pipeline.adapters.mail_smtp import is_address
from pipeline.adapters.postgres.council_records import imports_unlike_log
from pipeline.adapters.postgres.intake import save_organisation
from pipeline.adapters.postgres.log import (
    depositary_of,
    last_deposit,
    log_head,
    log_lines,
    rows_unlike_log,
    set_depositary,
)
from pipeline.domain.chain import fault_in
from pipeline.domain.errors import RuleError
from pipeline.domain.ids import organisation_id
from pipeline.domain.uk_time import LONDON

app = typer.Typer(no_args_is_help=True)
Authority = Annotated[str, typer.Option("--authority", help="Whose log.")]


@app.command()
def verify(
    authority: Authority,
    head: Annotated[
        str,
        typer.Option(help="ORDINAL:SHA256 as `roadwear log head` gave it and somebody kept it."),
    ] = "",
) -> None:
    """Check that no line was changed, left out or added, and that the rows are as logged."""
    with expected_failures():
        owner = organisation_id(authority)
        deposited = _head(head) if head else None
        with wiring.database(wiring.Settings.from_env()).acting_for(owner) as connection:
            fault = fault_in(log_lines(connection, owner), head=deposited)
            unlike = (
                *rows_unlike_log(connection, owner), *imports_unlike_log(connection, owner)
            )  # fmt: skip
            last = log_head(connection, owner)
    for sentence in ([fault] if fault else []) + list(unlike):
        say(f"roadwear: {sentence}")
    if fault or unlike:
        print("The log and what it tells of do not agree.")
        raise typer.Exit(REFUSED)
    count = last.ordinal if last else 0
    print(f"The log is whole: {count} lines, and what they tell of is as it was logged.")
    if not head:
        say("Lines cut off at the end are found only with --head, kept outside this system.")


@app.command()
def head(authority: Authority) -> None:
    """Print ORDINAL:SHA256 of the last line: keep it daily where nobody here can change it."""
    with expected_failures():
        owner = organisation_id(authority)
        with wiring.database(wiring.Settings.from_env()).acting_for(owner) as connection:
            last = log_head(connection, owner)
        if last is None:
            raise RuleError(f"{authority} has nothing in its log yet")
        print(f"{last.ordinal}:{last.sha256}")


@app.command()
def export(authority: Authority) -> None:
    """Print the log, a hash and a line at a time, to be checked with public tools alone."""
    with expected_failures():
        owner = organisation_id(authority)
        with wiring.database(wiring.Settings.from_env()).acting_for(owner) as connection:
            for line in log_lines(connection, owner):
                sys.stdout.write(f"{line.sha256}\t{line.line}\n")


@app.command()
def deposit(
    authority: Authority,
    to: Annotated[
        str, typer.Option("--with", help="Mail address of a solicitor, auditor …; none: show.")
    ] = "",
    nobody: Annotated[bool, typer.Option("--with-nobody", help="Deposit no longer.")] = False,
) -> None:
    """Have the log's end sent daily to somebody outside, while `roadwear serve` runs."""
    with expected_failures():
        owner = organisation_id(authority)
        if to and not is_address(to):
            raise RuleError(f"{to} is no mail address")
        settings = wiring.Settings.from_env()
        with wiring.database(settings).acting_for(owner) as connection:
            if to or nobody:
                save_organisation(connection, authority)
                set_depositary(connection, owner, to, said_by=getpass.getuser())
            known, last = depositary_of(connection, owner), last_deposit(connection, owner)
        say(f"The log's end is deposited with {known or 'nobody'}.")
        if last is not None:
            say(f"Last was line {last[0]}, on {last[1].astimezone(LONDON):%d %B %Y, %H:%M}.")
        if known and not settings.mail_url:
            say("No mail server is set: set ROADWEAR_MAIL_URL, or nothing is sent.")


def _head(text: str) -> tuple[int, str]:
    ordinal, _, sha256 = text.partition(":")
    if not ordinal.isdecimal() or not sha256:
        raise RuleError("--head is to be ORDINAL:SHA256, as roadwear log head prints it")
    return int(ordinal), sha256.lower()
