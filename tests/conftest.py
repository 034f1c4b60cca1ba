"""A real PostGIS, made once a run; a database of its own for each test that asks for one."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from pipeline.adapters.postgres.database import Database, migrate
from pipeline.adapters.private_cluster import ClusterFile, PrivateCluster

pytest_plugins = ["tests.letterbox"]
HOME = Path(__file__).parents[1] / ".roadwear" / "tests"
_TEMPLATE = "roadwear_template"


def with_name(url: str, name: str) -> str:
    """Return the URL of another database on the same server."""
    return url.rpartition("/")[0] + "/" + name


@pytest.fixture(scope="session")
def cluster() -> Iterator[ClusterFile]:
    """Start the project's own kind of cluster; a machine without PostgreSQL fails here, loudly."""
    server = PrivateCluster(HOME)
    known = server.start()
    with psycopg.connect(known.admin_url, autocommit=True) as admin:
        row = admin.execute("select rolsuper from pg_roles where rolname = 'roadwear_owner'")
        assert row.fetchone() == (False,), f"a cluster of before: remove {HOME}/db"
        admin.execute(sql.SQL("drop database if exists {}").format(sql.Identifier(_TEMPLATE)))
        admin.execute(
            sql.SQL("create database {} owner roadwear_owner").format(sql.Identifier(_TEMPLATE))
        )
    # As a council's database team does it: what is migrated has an ordinary owner.
    with psycopg.connect(with_name(known.admin_url, _TEMPLATE)) as admin:
        admin.execute("create extension postgis")
    migrate(with_name(known.owner_url, _TEMPLATE))
    yield known
    server.stop()


@contextmanager
def _fresh_database(cluster: ClusterFile) -> Iterator[tuple[str, str]]:
    name = f"test_{uuid4().hex[:12]}"
    with psycopg.connect(cluster.admin_url, autocommit=True) as admin:
        admin.execute(
            sql.SQL("create database {} template {} owner roadwear_owner").format(
                sql.Identifier(name), sql.Identifier(_TEMPLATE)
            )
        )
        yield with_name(cluster.admin_url, name), with_name(cluster.app_url, name)
        admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def database_urls(cluster: ClusterFile) -> Iterator[tuple[str, str]]:
    """Return the superuser's and the application's URL of a fresh, migrated database."""
    with _fresh_database(cluster) as urls:
        yield urls


@pytest.fixture
def other_database_urls(cluster: ClusterFile) -> Iterator[tuple[str, str]]:
    """Return those of a second database, for a test that compares two."""
    with _fresh_database(cluster) as urls:
        yield urls


@pytest.fixture
def database(database_urls: tuple[str, str]) -> Iterator[Database]:
    """Return the application's way into a fresh database."""
    opened = Database(database_urls[1])
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def _no_strangers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection that leaves this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else "local"
        if host not in {"127.0.0.1", "::1", "localhost", "local"}:
            pytest.fail(f"something tried to talk to {host}")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session")
def street_footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a short rendered drive: clip.mp4, track.gpx, rig.toml, truth.json."""
    from tests.footage import write_street  # noqa: PLC0415 - renders: only where asked for

    folder = tmp_path_factory.mktemp("street")
    holes = write_street(folder)
    (folder / "truth.json").write_text(json.dumps(holes), "utf-8")
    return folder
