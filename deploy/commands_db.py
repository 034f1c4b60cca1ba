"""`roadwear db`: the private database."""

import typer

from deploy.doors import OUTAGE, expected_failures, say
from pipeline import wiring
from pipeline.adapters.postgres.database import migrate as bring_up_to_date
from pipeline.adapters.postgres.database import ping
from pipeline.adapters.private_cluster import PrivateCluster

app = typer.Typer(no_args_is_help=True)


def start_and_migrate(settings: wiring.Settings) -> None:
    """Start the private database if none is set, and bring it up to date.

    Raises:
        OutageError: It does not start, or the set one does not answer.
    """
    if settings.database_url:
        bring_up_to_date(settings.database_owner_url or settings.database_url)
        return
    bring_up_to_date(PrivateCluster(settings.home).start().owner_url)


@app.command()
def start() -> None:
    """Make and start the private database, and bring it up to date."""
    with expected_failures():
        settings = wiring.Settings.from_env()
        start_and_migrate(settings)
        say("The database runs and is up to date.")


@app.command()
def stop() -> None:
    """Stop the private database; what is in it stays."""
    with expected_failures():
        settings = wiring.Settings.from_env()
        stopped = PrivateCluster(settings.home).stop()
        say("The database is stopped." if stopped else "The database was not running.")


@app.command()
def status() -> None:
    """Say whether the database answers; exit 4 if not."""
    with expected_failures():
        settings = wiring.Settings.from_env()
        if settings.database_url:
            say(f"The set database answers: {ping(settings.database_url)}")
            return
        cluster = PrivateCluster(settings.home)
        known = cluster.known()
        if known is None or not cluster.is_running():
            say("The private database is not running; start it with “roadwear db start”.")
            raise typer.Exit(OUTAGE)
        say(f"The private database runs on port {known.port}: {ping(known.app_url)}")


@app.command()
def migrate() -> None:
    """Bring the database up to date."""
    with expected_failures():
        settings = wiring.Settings.from_env()
        start_and_migrate(settings)
        say("The database is up to date.")
