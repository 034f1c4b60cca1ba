"""A private PostgreSQL cluster from the system's own binaries, for a machine that has none.

PostgreSQL refuses to run as root; as root this steps down to the `postgres` user, and to a folder
which that user can reach.
"""

import hashlib
import json
import os
import pwd
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.domain.errors import OutageError

_TIMEOUT_S = 60
_ROLE = (
    "do $$ begin if not exists (select from pg_roles where rolname = '{role}') then "
    "create role {role} {options}; end if; end $$"
)
_DATABASE = "select datname from pg_database"
_EXTENSION = "create extension if not exists postgis"
_ADMIN, _OWNER, _APP = "roadwear_admin", "roadwear_owner", "roadwear_login"
_NAME = "roadwear"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFile:
    """What is kept of a private cluster, readable by its owner alone."""

    data_dir: str
    port: int
    owner_password: str
    app_password: str
    # Empty in a cluster of before there was one: there the owner is the superuser.
    admin_password: str = ""

    @property
    def admin_url(self) -> str:
        """For what a council's database team does: roles, databases, extensions."""
        return self._url(*self.admin)

    @property
    def admin(self) -> tuple[str, str]:
        """The superuser and its password."""
        if not self.admin_password:
            return _OWNER, self.owner_password
        return _ADMIN, self.admin_password

    @property
    def owner_url(self) -> str:
        """For migrations: an ordinary user that owns the database and is no superuser."""
        return self._url(_OWNER, self.owner_password)

    @property
    def app_url(self) -> str:
        """For everything else: a role that owns nothing."""
        return self._url(_APP, self.app_password)

    def _url(self, user: str, password: str) -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{_NAME}"


class PrivateCluster:
    """One cluster, described by a file in a folder of ours."""

    def __init__(self, home: Path) -> None:
        """Keep the cluster's description (and, where possible, its data) in a folder."""
        self._home = home.resolve() / "db"
        self._file = self._home / "cluster.json"

    def known(self) -> ClusterFile | None:
        """Return the cluster's description, or None if there is none yet."""
        try:
            return ClusterFile(**json.loads(self._file.read_text("utf-8")))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise OutageError(f"{self._file} is damaged; remove it to begin anew") from error

    def is_running(self) -> bool:
        """Return whether our server runs: by its process, not by its lock file alone."""
        cluster = self.known()
        return cluster is not None and self._process(cluster) is not None

    def start(self) -> ClusterFile:
        """Make the cluster if there is none, start it if it does not run, and describe it.

        Raises:
            OutageError: PostgreSQL is not installed, or does not start; the message says why.
        """
        cluster = self.known() or self._create()
        if self._process(cluster) is not None:
            return cluster
        self._clear_stale_lock(cluster)
        if not _port_is_free(cluster.port):
            cluster = self._moved(cluster)
        log = Path(cluster.data_dir) / "server.log"
        self._run(
            "pg_ctl", "start", "-D", cluster.data_dir, "-w", "-t", str(_TIMEOUT_S), "-s",
            "-l", str(log), "-o", f"-p {cluster.port} -h 127.0.0.1 -k ''",
        )  # fmt: skip
        self._make_roles(cluster)
        return cluster

    def stop(self) -> bool:
        """Stop the server; False if it did not run."""
        cluster = self.known()
        if cluster is None or self._process(cluster) is None:
            return False
        self._run("pg_ctl", "stop", "-D", cluster.data_dir, "-m", "fast", "-w", "-s")
        return True

    def remove(self) -> None:
        """Stop the server and delete its data, wherever they had to be put."""
        self.stop()
        cluster = self.known()
        if cluster is not None:
            shutil.rmtree(cluster.data_dir)
            self._file.unlink()

    def _create(self) -> ClusterFile:
        self._home.mkdir(parents=True, exist_ok=True)
        data = self._data_dir()
        cluster = ClusterFile(
            data_dir=str(data),
            port=_free_port(),
            owner_password=secrets.token_urlsafe(24),
            app_password=secrets.token_urlsafe(24),
            admin_password=secrets.token_urlsafe(24),
        )
        with _password_file(cluster.admin_password) as path:
            self._run(
                "initdb", "-D", str(data), "-U", _ADMIN, "--auth=scram-sha-256", "-E", "UTF8",
                "--locale=C.UTF-8", f"--pwfile={path}", "--no-instructions",
            )  # fmt: skip
        self._write(cluster)
        return cluster

    def _make_roles(self, cluster: ClusterFile) -> None:
        """Make the roles, the database and its extension, once; the rest is for migrations."""
        for statement in (
            _ROLE.format(role="roadwear_app", options="nologin"),
            _ROLE.format(role=_APP, options="login in role roadwear_app"),
            _ROLE.format(role=_OWNER, options="login"),
            f"alter role {_APP} password '{cluster.app_password}'",
            f"alter role {_OWNER} password '{cluster.owner_password}'",
            f"grant roadwear_app to {_OWNER} with admin option",
        ):
            self._ask(cluster, "postgres", statement)
        if _NAME not in self._ask(cluster, "postgres", _DATABASE).split():
            self._ask(cluster, "postgres", f"create database {_NAME} owner {_OWNER}")
        self._ask(cluster, _NAME, "set client_min_messages = error; " + _EXTENSION)

    def _ask(self, cluster: ClusterFile, database: str, statement: str) -> str:
        """Have the superuser carry out a statement; return the rows, one a line."""
        name, password = cluster.admin
        return self._run(
            "psql", "-h", "127.0.0.1", "-p", str(cluster.port), "-U", name, "-d", database,
            "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-",
            env={"PGPASSWORD": password}, given=statement,
        )  # fmt: skip

    def _moved(self, cluster: ClusterFile) -> ClusterFile:
        """Return the cluster on another port: somebody else has taken its own."""
        moved = ClusterFile(**{**asdict(cluster), "port": _free_port()})
        self._write(moved)
        return moved

    def _write(self, cluster: ClusterFile) -> None:
        fresh = self._file.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(asdict(cluster)), "utf-8")
        fresh.replace(self._file)

    def _data_dir(self) -> Path:
        """Return a new folder that the server's user owns and can reach."""
        wanted = self._home / "data"
        if os.geteuid() != 0:
            return wanted
        user = _server_user()
        wanted.mkdir(mode=0o700, exist_ok=True)
        os.chown(wanted, user.pw_uid, user.pw_gid)
        reaches = subprocess.run(  # noqa: S603 - our own arguments
            ["/usr/bin/test", "-w", str(wanted)],
            user=user.pw_uid, group=user.pw_gid, extra_groups=[], check=False,
        )  # fmt: skip
        if reaches.returncode == 0:
            return wanted
        wanted.rmdir()
        name = hashlib.sha256(str(self._home.resolve()).encode()).hexdigest()[:12]
        fallback = Path(user.pw_dir) / f"roadwear-{name}"
        fallback.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.chown(fallback, user.pw_uid, user.pw_gid)
        return fallback

    def _process(self, cluster: ClusterFile) -> int | None:
        """Return the server's process id, if it is alive and is ours."""
        try:
            pid = int((Path(cluster.data_dir) / "postmaster.pid").read_text().splitlines()[0])
            command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        except (OSError, ValueError, IndexError):
            return None
        return pid if "postgres" in command and cluster.data_dir in command else None

    def _clear_stale_lock(self, cluster: ClusterFile) -> None:
        """Remove the lock of a server that is gone: its number may be somebody else's by now."""
        (Path(cluster.data_dir) / "postmaster.pid").unlink(missing_ok=True)

    def _run(
        self,
        program: str,
        *arguments: str,
        env: dict[str, str] | None = None,
        given: str = "",
    ) -> str:
        # What is given on standard input stands in no list of processes.
        as_root = os.geteuid() == 0
        user = _server_user() if as_root else None
        try:
            done = subprocess.run(  # noqa: S603 - the program is found among PostgreSQL's own
                [str(_binaries() / program), *arguments],
                capture_output=program != "pg_ctl",
                input=given,
                text=True,
                check=True,
                cwd="/",
                timeout=_TIMEOUT_S + 10,
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", **(env or {})},
                user=user.pw_uid if user else None,
                group=user.pw_gid if user else None,
                extra_groups=[] if user else None,
            )
        except subprocess.CalledProcessError as error:
            raise OutageError(
                f"PostgreSQL's {program} failed: {_last_line(error.stderr)}"
            ) from error
        except subprocess.TimeoutExpired as error:
            raise OutageError(f"PostgreSQL's {program} did not end in {_TIMEOUT_S} s") from error
        return done.stdout or ""


def _binaries() -> Path:
    """Return the newest installed server's folder of programs.

    Raises:
        OutageError: There is none.
    """
    found = [
        path.parent
        for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")
        if re.fullmatch(r"\d+", path.parents[1].name)
    ]
    if found:
        return max(found, key=lambda path: int(path.parent.name))
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    raise OutageError(
        "PostgreSQL's server is not installed; run “make setup”, or install postgresql and "
        "postgresql-NN-postgis-3, or set ROADWEAR_DATABASE_URL"
    )


def _server_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError as error:
        raise OutageError(
            "PostgreSQL will not run as root and there is no user postgres to step down to"
        ) from error


@contextmanager
def _password_file(password: str) -> Iterator[Path]:
    """Keep a password in a file that only the server's user can read, for as long as it takes."""
    with tempfile.NamedTemporaryFile("w", prefix="roadwear-", encoding="utf-8") as file:
        if os.geteuid() == 0:
            user = _server_user()
            os.chown(file.fileno(), user.pw_uid, user.pw_gid)
        file.write(password + "\n")
        file.flush()
        yield Path(file.name)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _last_line(text: str | None) -> str:
    lines = [line for line in (text or "").splitlines() if line.strip()]
    return lines[-1].strip() if lines else "see server.log in its data folder"
