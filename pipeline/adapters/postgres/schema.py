"""Which migrations a database has, and which these programs bring."""

import re
from importlib.resources import files
from uuid import uuid4

import psycopg

from pipeline.adapters.postgres.database import Database
from pipeline.domain.ids import OrganisationId

_FILE = re.compile(r"m(\d{4})_\w+\.py")


def newest_migration() -> str:
    """Return the number of the newest migration that these programs bring, "0026"."""
    folder = files("pipeline.adapters.postgres") / "migrations" / "versions"
    return max(found[1] for one in folder.iterdir() if (found := _FILE.fullmatch(one.name)))


def schema_version(database: Database) -> str:
    """Return the number of the newest migration that a database has; "" where it has none.

    Raises:
        OutageError: It does not answer.
    """
    try:
        with database.acting_for(OrganisationId(uuid4())) as connection:
            row = connection.execute("select version_num from public.schema_version").fetchone()
    except psycopg.errors.InsufficientPrivilege:
        # Before migration 0026 nobody was let ask.
        return ""
    return str(row["version_num"]) if row else ""
