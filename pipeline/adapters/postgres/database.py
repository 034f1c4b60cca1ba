"""Connections: pooled, acting for one organisation at a time, never as an owner.

Every transaction names the organisation that it acts for; row security does the rest.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import as_file, files
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool, PoolTimeout

from pipeline.domain.errors import InputError, OutageError, RuleError
from pipeline.domain.ids import OrganisationId

APP_ROLE = "roadwear_app"
# The owner acts as the application where it is its only user; where it is not, it need not.
_MEMBER = f"""
do $$ begin
  if not pg_has_role(current_user, '{APP_ROLE}', 'usage') then
    execute 'grant {APP_ROLE} to ' || quote_ident(current_user);
  end if;
exception when insufficient_privilege then null;
end $$
"""
Connection = psycopg.Connection[DictRow]


class Database:
    """A pool of connections to one database."""

    def __init__(self, url: str, *, timeout_s: float = 10.0, size: int = 8) -> None:
        """Open the pool lazily; nothing is connected until it is asked for."""
        self._url = url
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            url,
            min_size=0,
            max_size=size,
            timeout=timeout_s,
            kwargs={"row_factory": dict_row, "connect_timeout": max(2, int(timeout_s))},
            configure=_as_application,
            open=False,
        )

    @contextmanager
    def acting_for(self, organisation: OrganisationId) -> Iterator[Connection]:
        """Open a transaction that sees one organisation's rows; commits at the end.

        Raises:
            OutageError: The database does not answer, or went away half-way.
        """
        with self._transaction("roadwear.organisation", str(organisation)) as connection:
            yield connection

    @contextmanager
    def signing_in(self, email: str) -> Iterator[Connection]:
        """Open a transaction that sees one person, by address, and no organisation's rows.

        Raises:
            OutageError: The database does not answer.
        """
        with self._transaction("roadwear.sign_in_email", email) as connection:
            yield connection

    @contextmanager
    def showing_token(self, token_sha256: str) -> Iterator[Connection]:
        """Open a transaction that sees one depot, by the hash of its key, and nothing else.

        Raises:
            OutageError: The database does not answer.
        """
        with self._transaction("roadwear.token_sha256", token_sha256) as connection:
            yield connection

    @contextmanager
    def _transaction(self, setting: str, value: str) -> Iterator[Connection]:
        try:
            self._pool.open()
            with self._pool.connection() as connection:
                connection.execute("select set_config(%s, %s, true)", (setting, value))
                yield connection
        except PoolTimeout as error:
            ping(self._url)
            raise OutageError(
                "the database answers but is not prepared, or all connections are busy; "
                "run: roadwear db migrate"
            ) from error
        except psycopg.errors.UndefinedTable as error:
            raise OutageError(
                "the database has not been prepared; run: roadwear db migrate"
            ) from error
        except psycopg.DataError as error:
            raise RuleError(
                "What was sent has a sign or a number in it that cannot be kept. Nothing was "
                "recorded."
            ) from error
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise OutageError(f"the database failed: {_first_line(error)}") from error

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()


def copy_rows(
    connection: Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """COPY rows into a temporary table, then insert those that are not there yet.

    COPY itself does not obey row security, so it never writes to the table directly.
    """
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    fresh, target = sql.Identifier(f"fresh_{table}"), sql.Identifier("roadwear", table)
    connection.execute(
        sql.SQL("create temporary table {} as select {} from {} with no data").format(
            fresh, names, target
        )
    )
    with connection.cursor().copy(sql.SQL("copy {} ({}) from stdin").format(fresh, names)) as copy:
        for row in rows:
            copy.write_row(row)
    connection.execute(
        sql.SQL("insert into {} ({}) select {} from {} on conflict do nothing").format(
            target, names, names, fresh
        )
    )
    connection.execute(sql.SQL("drop table {}").format(fresh))


def migrate(url: str) -> str:
    """Bring a database up to date as its owner, and return the version that it then has.

    Raises:
        OutageError: The database does not answer.
    """
    # Alembic and SQLAlchemy take a third of a second to import, and serve nothing but this.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from sqlalchemy import create_engine  # noqa: PLC0415
    from sqlalchemy.exc import OperationalError  # noqa: PLC0415
    from sqlalchemy.pool import NullPool  # noqa: PLC0415

    ping(url)
    engine = create_engine(
        re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", url), poolclass=NullPool
    )
    try:
        with as_file(files("pipeline.adapters.postgres") / "migrations") as folder:
            config = Config()
            config.set_main_option("script_location", str(folder))
            with engine.begin() as connection:
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
                connection.exec_driver_sql(_MEMBER)
                version = connection.exec_driver_sql("select version_num from schema_version")
                return str(version.scalar_one())
    except OperationalError as error:
        raise OutageError(_no_database(url)) from error
    finally:
        engine.dispose()


def ping(url: str, *, timeout_s: int = 3) -> str:
    """Return the server's version.

    Raises:
        OutageError: The database does not answer.
    """
    try:
        with psycopg.connect(url, connect_timeout=timeout_s) as connection:
            row = connection.execute("select version()").fetchone()
    except psycopg.OperationalError as error:
        raise OutageError(_no_database(url)) from error
    except psycopg.ProgrammingError as error:
        raise InputError(
            "the database URL cannot be read; it looks like postgresql://user:password@host/name"
        ) from error
    return str(row[0]) if row else ""


def _as_application(connection: psycopg.Connection[Any]) -> None:
    connection.execute(sql.SQL("set role {}").format(sql.Identifier(APP_ROLE)))
    # Row security makes PostgreSQL think cheap queries dear, and compile them: 0.8 s for 2 ms.
    connection.execute("set jit = off")
    connection.commit()


def _no_database(url: str) -> str:
    """Say which database does not answer, without its password."""
    info = psycopg.conninfo.conninfo_to_dict(url)
    where = f"{info.get('host', 'localhost')}:{info.get('port', 5432)}"
    return (
        f"no database answers at {where}; start one with “roadwear db start”, or set "
        "ROADWEAR_DATABASE_URL to one that runs"
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
