"""Which database: the one that is set, or the private cluster if it runs."""

from pathlib import Path

from pipeline.adapters.postgres.database import Database, ping
from pipeline.adapters.private_cluster import PrivateCluster
from pipeline.domain.errors import OutageError


def application_url(url: str | None, home: Path) -> str:
    """Return the application's database.

    Raises:
        OutageError: None is set and the private cluster does not run.
    """
    if url:
        return url
    cluster = PrivateCluster(home)
    known = cluster.known()
    if known is None or not cluster.is_running():
        raise OutageError(
            "no database is running; start one with “roadwear db start”, or set "
            "ROADWEAR_DATABASE_URL to one that runs"
        )
    return known.app_url


def open_database(url: str | None, home: Path) -> Database:
    """Return the application's database, having asked it once whether it answers.

    Raises:
        OutageError: It does not, or none is set and the private cluster does not run.
    """
    chosen = application_url(url, home)
    ping(chosen)
    return Database(chosen)
