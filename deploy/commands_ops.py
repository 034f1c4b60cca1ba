"""`roadwear ops`: what Prefect needs is made and checked; what waits, failed and is tried again."""

import os
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Annotated
from uuid import UUID

import typer
from rich.table import Table

from deploy.doors import console, expected_failures, say
from deploy.processing import store_of
from pipeline import wiring
from pipeline.adapters.postgres.people import person_called
from pipeline.adapters.postgres.receiving import all_organisations
from pipeline.adapters.postgres.work import ask_again, load_all_waiting
from pipeline.domain.errors import OutageError, RuleError
from pipeline.domain.ids import DriveId, organisation_id

app = typer.Typer(no_args_is_help=True)


@app.command()
def setup(
    slot: Annotated[
        list[str] | None,
        typer.Option(help="NAME=1: so many pieces at once on what ROADWEAR_SLOT=NAME shares."),
    ] = None,
    wait: Annotated[
        float, typer.Option(min=0, help="Wait so many seconds for the server to answer.")
    ] = 0.0,
) -> None:
    """Make in Prefect what the flows need: work pool, queues, automations, deployments.

    Again is harmless: what is there is put right. PREFECT_API_URL says where the server is.
    """
    with expected_failures():
        from flows.ops import set_up  # noqa: PLC0415 - Prefect takes seconds to load

        slots = dict(map(_slot, slot or []))
        _wait_for_server(wait)
        for line in _asked(partial(set_up, slots=slots)):
            say(line)


@app.command()
def check() -> None:
    """Say what is wrong with Prefect as the flows need it, and what to do; nothing wrong is 0."""
    with expected_failures():
        from flows.ops import faults_of  # noqa: PLC0415 - Prefect takes seconds to load

        faults = _asked(faults_of)
        for fault in faults:
            say(f"roadwear: {fault}")
        if faults:
            raise OutageError(f"{len(faults)} things are to be put right")
        say("All is as it has to be.")


@app.command()
def env() -> None:
    """Print the settings with which Prefect's server and workers are started, as NAME=VALUE."""
    from flows.ops import SETTINGS  # noqa: PLC0415 - Prefect takes seconds to load

    for name, value in SETTINGS.items():
        print(f"{name}={value}")


@app.command()
def waiting() -> None:
    """Show which drives wait, and what became of them so far. Needs no Prefect."""
    with expected_failures():
        settings = wiring.Settings.from_env()
        drives = load_all_waiting(wiring.database(settings), store_of(settings))
        if not drives:
            say("Nothing waits.")
            return
        table = Table("drive", "received", "minutes", "last", "why")
        for one in drives:
            last = one.said[-1] if one.said else None
            table.add_row(
                str(one.drive_id), f"{one.received_at:%Y-%m-%d %H:%M}", f"{one.waiting_s / 60:.1f}",
                last.kind.words if last else "–", last.sentence if last else "",
            )  # fmt: skip
        console.print(table)
        for_a_person = sum(one.needs_a_person for one in drives)
        if for_a_person:
            say(f"{for_a_person} are not tried again by themselves: roadwear ops retry DRIVE")


@app.command()
def retry(
    drive: Annotated[UUID, typer.Argument(help="The drive, as roadwear ops waiting shows it.")],
    owner: Annotated[str, typer.Option(help="Whose footage it is.")],
    by: Annotated[str, typer.Option(help="Who asks: their email address.")],
) -> None:
    """Ask for another try of a drive that failed. It is begun by the next process-night."""
    with expected_failures():
        settings, owner_id = wiring.Settings.from_env(), organisation_id(owner)
        with wiring.database(settings).acting_for(owner_id) as connection:
            person = person_called(connection, by)
            if person is None:
                raise RuleError(f"{owner} has nobody with the address {by}")
            ask_again(connection, person, DriveId(drive), wiring.clock().now())
        say("It is begun by the next process-night, or by roadwear process.")


@app.command()
def tell() -> None:
    """Send everybody's digest of today by mail; who was sent it is not sent it again.

    For a machine without Prefect, from a timer of its own: with Prefect the flow health does it.
    """
    with expected_failures():
        from flows.health import tell as tell_of  # noqa: PLC0415 - Prefect takes seconds to load

        everybody = all_organisations(wiring.database(wiring.Settings.from_env()))
        counts = [tell_of(one) for one in everybody]
        told, matters = (sum(one[name] for one in counts) for name in ("told", "matters"))
        say(f"People told: {told}. Things to look at: {matters}.")


def _wait_for_server(seconds: float) -> None:
    """Return once Prefect's server answers, or after so long; who asks then says that it does not.

    Args:
        seconds: How long at most.
    """
    import httpx  # noqa: PLC0415

    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with suppress(httpx.TransportError, httpx.InvalidURL):
            if httpx.get(f"{os.environ.get('PREFECT_API_URL', '')}/ready", timeout=2).is_success:
                return
        time.sleep(0.5)


def _slot(said: str) -> tuple[str, int]:
    """Return a name and how many.

    Raises:
        RuleError: It is not understood.
    """
    name, _, count = said.partition("=")
    if not (name and count.isascii() and count.isdigit() and int(count)):
        raise RuleError(f"--slot {said} is not understood: --slot gpu-0=1")
    return name, int(count)


def _asked(what: Callable[..., Awaitable[tuple[str, ...]]]) -> tuple[str, ...]:
    """Ask Prefect's server.

    Raises:
        OutageError: It does not answer, or nobody said where it is.
    """
    import anyio  # noqa: PLC0415
    import httpx  # noqa: PLC0415
    from prefect.client.orchestration import get_client  # noqa: PLC0415

    if not os.environ.get("PREFECT_API_URL"):
        raise OutageError(
            "where Prefect's server is was not said: set PREFECT_API_URL, http://host:4200/api"
        )

    async def ask() -> tuple[str, ...]:
        async with get_client() as client:
            return await what(client)

    try:
        return anyio.run(ask)
    except httpx.HTTPError as error:
        raise OutageError(
            f"Prefect's server does not answer at {os.environ['PREFECT_API_URL']}: is it running?"
        ) from error
