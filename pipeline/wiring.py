"""Settings, read once, and the adapters that they choose, built when they are first needed."""

import os
import secrets
import shutil
from datetime import time
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipeline.adapters.blobs_obstore import ObstoreBlobs
from pipeline.adapters.clock_system import SystemClock
from pipeline.adapters.footage_store import FootageStore
from pipeline.adapters.grid_ostn15 import Ostn15Grid
from pipeline.adapters.mail_smtp import SmtpMail
from pipeline.adapters.oidc import SignInElsewhere, read_providers
from pipeline.adapters.policy_toml import GENERAL, default_policy, policy_files, read_policy
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.ledger import PostgresLedger
from pipeline.adapters.postgres.opening import open_database
from pipeline.adapters.rig_toml import rig_for
from pipeline.adapters.signing import SignerStore
from pipeline.adapters.video_pyav import PyAvFootage
from pipeline.domain.errors import InputError, NoRoomError, OutageError
from pipeline.domain.ids import organisation_id
from pipeline.domain.intake import ReceivedDrive
from pipeline.domain.policy import Policies
from pipeline.domain.ports import Clock
from pipeline.domain.room import Room, room_of
from pipeline.line import LineSettings, PreparedDrive, prepare_drive

_DAYS_A_YEAR = 365.25
_BYTES_PER_GIB = 1 << 30


class Settings(BaseSettings):
    """What a person may set, each as ROADWEAR_… in the environment; unknown ones are refused."""

    model_config = SettingsConfigDict(env_prefix="ROADWEAR_", extra="forbid", frozen=True)

    home: Path = Field(
        default=Path(".roadwear"), description="Folder for the private database and pictures."
    )
    database_url: str | None = Field(
        default=None,
        description="PostgreSQL of the application, postgresql://…; otherwise the private one.",
    )
    database_owner_url: str | None = Field(
        default=None,
        description="The same database as its owner, for migrations; otherwise database_url.",
    )
    blobs_url: str | None = Field(
        default=None, description="Store of pictures: s3://…, az://… or a folder."
    )
    footage: Path | None = Field(
        default=None, description="Folder of footage that was handed in; otherwise HOME/footage."
    )
    free_gib: float = Field(
        default=10.0, ge=0, description="So many GiB of the footage's disk are left free."
    )
    quota_gib: float = Field(
        default=2048.0, gt=0, description="So many GiB of footage may an organisation keep."
    )
    largest_gib: float = Field(
        default=64.0, gt=0, description="So many GiB may one file have that is handed in."
    )
    ready_by: time | None = Field(
        default=None,
        description="By this time of day (UK) what was handed in is looked at: 06:30. What would "
        "take longer is refused before a byte is sent.",
    )
    policy: Path | None = Field(
        default=None,
        description="The council's policy: a file, or a name of roadwear policy list. For several "
        "councils a folder: kent.toml is Kent's, general.toml everybody else's.",
    )
    model: str = Field(
        default="", description="The detector's weights, by name; empty: the released ones."
    )
    runtime: str = Field(default="openvino", description="openvino or ultralytics.")
    device: str = Field(default="cpu", description="cpu, or for ultralytics cuda:0 …")
    slot: str = Field(
        default="",
        description="The concurrency limit of Prefect of which a piece of work holds one slot; one "
        "for each GPU that several workers share (roadwear ops setup --slot).",
    )
    prefect_pages: str = Field(
        default="",
        pattern=r"^(https?://\S+)?$",
        description="Where operations find Prefect's own pages, http://host:4200; Operations links "
        "there. They have no sign-in and show all organisations: for an installation of one alone.",
    )
    backup_mark: Path | None = Field(
        default=None,
        description="A file that is touched by each backup that is made: the digest and Prometheus "
        "say where none was for 26 hours.",
    )
    prefect_api: str = Field(
        default="",
        pattern=r"^(https?://\S+)?$",
        description="Prefect's server, http://host:4200/api: it is told of footage that came in, "
        "which is then begun at once, and not within five minutes.",
    )
    traces: str = Field(
        default="",
        pattern=r"^(https?://\S+)?$",
        description="Where flows send traces of what they do, http://host:4318/v1/traces: a "
        "collector of OpenTelemetry (OTLP over HTTP).",
    )
    worker_hour_cost: float | None = Field(
        default=None,
        ge=0,
        description="What an hour of a worker costs, in pounds: Operations then says what a "
        "kilometre costs.",
    )
    dask: str = Field(
        default="",
        description="A Dask cluster that does the parts of studies, tls://host:8786; otherwise "
        "processes of the worker's machine do.",
    )
    secrets: Path | None = Field(
        default=None,
        description="A folder of files, each a setting: roadwear_database_url has what "
        "ROADWEAR_DATABASE_URL would say. Otherwise the one that systemd gives (LoadCredential).",
    )
    secret_key: str | None = Field(
        default=None, description="Signs sessions; otherwise one is made and kept in home."
    )
    second_factor: Literal["offered", "required"] = Field(
        default="offered",
        description="Whether who signs in by a password needs a code from a phone too.",
    )
    sign_in: Path | None = Field(
        default=None, description="Identity providers at which people may sign in: a TOML file."
    )
    server: str | None = Field(
        default=None, description="Where roadwear upload and card hand footage in, https://…"
    )
    key: str | None = Field(default=None, description="The depot's key for them.")
    mail_url: str | None = Field(
        default=None,
        description="Sends mail: smtp://host, smtp+starttls://user:password@host, smtps://…",
    )
    mail_from: str = Field(default="", description="From whom mail comes: name@host.")
    map_tiles: str = Field(
        default="",
        description="Pictures of another map under the council's own: "
        "https://tiles.example/{z}/{x}/{y}.png. Browsers then ask there.",
    )
    map_attribution: str = Field(default="", description="Whose map that is, as it asks for.")
    spacing_m: float = Field(default=3.0, gt=0, le=50, description="Metres between two looks.")
    piece_s: float = Field(
        default=120.0, ge=1, le=600, description="Seconds of footage in one unit of work."
    )
    road_view_every_m: float | None = Field(
        default=None, gt=0, description="Keep a redacted road view so often; off by default."
    )

    @classmethod
    def from_env(cls) -> "Settings":
        """Read the environment.

        Raises:
            InputError: A setting is unknown or wrong.
        """
        known = {f"ROADWEAR_{name}".upper() for name in cls.model_fields}
        unknown = sorted(
            name for name in os.environ if name.startswith("ROADWEAR_") and name not in known
        )
        if unknown:
            raise InputError(f"unknown setting {', '.join(unknown)}; see docs/settings.md")
        folder = os.environ.get("ROADWEAR_SECRETS") or os.environ.get("CREDENTIALS_DIRECTORY")
        if folder and not Path(folder).is_dir():
            raise InputError("setting ROADWEAR_SECRETS: there is no such folder")
        unknown = sorted(one for one in _settings_in(folder) if one.upper() not in known)
        if unknown:
            raise InputError(f"{folder} has unknown settings: {', '.join(unknown)}")
        try:
            return cls(_secrets_dir=folder)  # type: ignore[call-arg]
        except ValidationError as error:
            first = error.errors()[0]
            name = "_".join(str(part) for part in first["loc"]).upper()
            raise InputError(f"setting ROADWEAR_{name}: {first['msg'].lower()}") from error

    def line(self) -> LineSettings:
        """Return the line's settings."""
        standard = LineSettings()
        return LineSettings(
            sample=type(standard.sample)(spacing_m=self.spacing_m),
            piece_s=self.piece_s,
            road_view_every_m=self.road_view_every_m,
        )


def _settings_in(folder: str | None) -> list[str]:
    """Return the names of a folder's files that are meant to be settings of ours."""
    every = Path(folder).iterdir() if folder else ()
    return [path.name for path in every if path.name.upper().startswith("ROADWEAR_")]


def clock() -> Clock:
    """Return the machine's clock."""
    return SystemClock()


def footage(settings: Settings | None = None) -> PyAvFootage:
    """Return what opens clips; those of the store are known by their names there."""
    return PyAvFootage(store=footage_folder(settings or Settings.from_env()))


def footage_folder(settings: Settings) -> Path:
    """Return where footage is kept that was handed in."""
    return (settings.footage or settings.home / "footage").resolve()


def footage_store(settings: Settings) -> FootageStore:
    """Return what keeps footage that was handed in."""
    return FootageStore(
        footage_folder(settings), reserve_bytes=round(settings.free_gib * _BYTES_PER_GIB)
    )


def existing(folder: Path) -> Path:
    """Return a folder, or the nearest above it that is there: whose disk is written to."""
    return next(path for path in (folder.resolve(), *folder.resolve().parents) if path.exists())


def room(settings: Settings) -> Room:
    """Return what there is room for: uploads on the footage's disk, work on that of pictures."""
    reserve = settings.free_gib * _BYTES_PER_GIB
    written = [settings.home]
    if "://" not in (settings.blobs_url or "://"):
        written.append(Path(settings.blobs_url or ""))
    free = min(shutil.disk_usage(existing(folder)).free for folder in written)
    if room_of(free, reserve) is Room.NO_WORK:
        return Room.NO_WORK
    footage_free = shutil.disk_usage(existing(footage_folder(settings))).free
    return Room.ENOUGH if room_of(footage_free, reserve) is Room.ENOUGH else Room.NO_UPLOADS


def require_room(settings: Settings) -> None:
    """Refuse to work on footage where the disk is next to full.

    Raises:
        NoRoomError: It is.
    """
    if room(settings) is Room.NO_WORK:
        raise NoRoomError(
            f"less than {settings.free_gib / 2:g} GiB of the disk are free: no footage is looked "
            "at until there is more (roadwear retention run, or ROADWEAR_FREE_GIB)"
        )


def grid_at(received: ReceivedDrive) -> Ostn15Grid:
    """Return the grid for GPS places of a drive's day.

    Raises:
        InputError: The drive has no positions.
    """
    if not received.fixes:
        raise InputError("the track has no usable position in it")
    return Ostn15Grid(
        epoch_year=1970 + received.fixes[0].taken_at.timestamp() / 86400 / _DAYS_A_YEAR
    )


def grid_now() -> Ostn15Grid:
    """Return the grid for places that are given out today."""
    return Ostn15Grid(epoch_year=1970 + clock().now().timestamp() / 86400 / _DAYS_A_YEAR)


def prepare(received: ReceivedDrive, settings: LineSettings) -> PreparedDrive:
    """Prepare a received drive with the real grid and rigs.

    Raises:
        InputError: See `prepare_drive`.
    """
    return prepare_drive(received, rig_for=rig_for, grid=grid_at(received), settings=settings)


def policies(settings: Settings) -> Policies:
    """Return which policy each authority goes by, each with its bytes.

    Raises:
        InputError: A policy file cannot be read.
    """
    if settings.policy is None:
        return Policies(general=default_policy())
    if not settings.policy.is_dir():
        return Policies(general=read_policy(settings.policy))
    own = {name: read_policy(path) for name, path in policy_files(settings.policy).items()}
    general = own.pop(GENERAL, None) or default_policy()
    return Policies(general=general, own={organisation_id(name): one for name, one in own.items()})


def blobs(settings: Settings) -> ObstoreBlobs:
    """Open the store of pictures.

    Raises:
        OutageError: It cannot be opened.
    """
    return ObstoreBlobs.from_location(
        settings.blobs_url or str((settings.home / "blobs").resolve())
    )


def signers(settings: Settings) -> SignerStore:
    """Return where councils' signing keys are kept."""
    return SignerStore(settings.home / "keys")


def mail(settings: Settings) -> SmtpMail | None:
    """Return what sends mail; None if no server is set.

    Raises:
        InputError: The settings are no mail server's.
    """
    return SmtpMail(settings.mail_url, settings.mail_from) if settings.mail_url else None


def secret_key(settings: Settings) -> str:
    """Return the key that signs sessions; made once and kept, readable by its owner alone.

    Raises:
        OutageError: It cannot be kept.
    """
    if settings.secret_key:
        return settings.secret_key
    path = settings.home / "secret_key"
    try:
        if not path.exists():
            settings.home.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_text(secrets.token_urlsafe(48), "utf-8")
        return path.read_text("utf-8")
    except OSError as error:
        raise OutageError(f"the session key cannot be kept in {path}: {error.strerror}") from error


def elsewhere(settings: Settings) -> tuple[SignInElsewhere, ...]:
    """Return the identity providers at which people may sign in.

    Raises:
        InputError: The file that names them cannot be read.
    """
    if settings.sign_in is None:
        return ()
    return tuple(SignInElsewhere(provider) for provider in read_providers(settings.sign_in))


def ledger(settings: Settings) -> PostgresLedger:
    """Return what is known and stored.

    Raises:
        OutageError: No database is set or running.
    """
    return PostgresLedger(database(settings), clock())


@cache
def _database(url: str | None, home: Path) -> Database:
    return open_database(url, home)


def database(settings: Settings) -> Database:
    """Return the application's database; one pool a process.

    Raises:
        OutageError: No database is set or running.
    """
    return _database(settings.database_url, settings.home)
