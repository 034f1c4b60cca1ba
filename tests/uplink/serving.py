"""A real server for depots, on a free port, in a thread; and cards to hand in."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from pipeline import wiring
from pipeline.adapters.clock_system import SystemClock
from pipeline.adapters.footage_store import FootageStore
from pipeline.adapters.postgres import depots
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.intake import save_organisation
from pipeline.adapters.postgres.ledger import PostgresLedger
from pipeline.adapters.prober import SandboxedProber
from pipeline.adapters.video_pyav import sha256_of_file
from pipeline.domain.ids import BatchId, DriveId, OrganisationId, organisation_id
from pipeline.domain.receiving import Depot, ExpectedFile
from pipeline.line import LineSettings
from pipeline.simulator.recorders import add_blackvue_gps, write_recording
from pipeline.uplink.means import Limits, Means
from pipeline.uplink.receiving import Receiving
from tests.builders import NOON
from tests.footage import write_plain

SETTINGS = LineSettings()


def receiving_in(
    database: Database, folder: Path, *, reserve_bytes: int = 0, limits: Limits | None = None
) -> Receiving:
    """Return what takes files in, into a folder."""
    return Receiving(
        Means(
            database=database,
            ledger=PostgresLedger(database, SystemClock()),
            store=FootageStore(folder, reserve_bytes=reserve_bytes),
            prober=SandboxedProber(),
            clock=SystemClock(),
            prepare=lambda received: wiring.prepare(received, SETTINGS),
            limits=limits or Limits(),
        )
    )


def add_depot(database: Database, name: str = "North", **changes: str) -> tuple[Depot, str]:
    """Add a depot of the organisation of the same name, and return its key."""
    owner = organisation_id(name)
    authority = changes.pop("authority", name)
    with database.acting_for(owner) as connection:
        save_organisation(connection, name)
        save_organisation(connection, authority)
        depot = Depot(
            depot_id=depots.depot_id(owner, name, 0),
            owner_id=owner,
            authority_id=organisation_id(authority),
            name=name,
            **{"fleet_number": "1142", **changes},
        )
        key = depots.add_depot(connection, depot, added_by="a test")
    assert key is not None
    return depot, key


def write_drive(
    folder: Path, begins: datetime, *, clips: int = 2, lat: float = 51.5, prefix: str = ""
) -> Sequence[Path]:
    """Write clips of six seconds that follow one another, with positions inside."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for number in range(clips):
        at = begins + timedelta(seconds=6 * number)
        clip = write_plain(
            folder / f"{prefix}{at:%Y%m%d_%H%M%S}_NF.mp4", created=f"{at:%Y-%m-%dT%H:%M:%SZ}"
        )
        places = [(lat + (6 * number + second) * 9e-5, -0.1) for second in range(7)]
        written.append(add_blackvue_gps(clip, places, gps_at=at, clock_at=at))
    return written


def hand_in(receiving: Receiving, depot: Depot, card: Path, *, read: bool = True) -> BatchId:
    """Hand in every file of a folder that is wanted, without a network; return the batch."""
    batch = receiving.open(depot, fleet_number="", source="test").batch_id
    paths = sorted(path for path in card.rglob("*") if path.is_file())
    files = [
        ExpectedFile(
            path=path.relative_to(card).as_posix(),
            size_bytes=path.stat().st_size,
            sha256=sha256_of_file(path),
        )
        for path in paths
    ]
    for file in receiving.announce(depot, batch, files).files:
        if file.outcome is None:
            arriving = receiving.begin_upload(depot, batch, file.path)
            receiving.store.append(arriving.upload_id, 0, (card / file.path).read_bytes())
            receiving.arrived(depot, arriving)
    receiving.close(depot, batch)
    if read:
        receiving.read(depot.owner_id, batch)
    return batch


def kept_files(folder: Path) -> list[Path]:
    """Return the footage in a store's folder."""
    return [p for p in sorted(folder.rglob("*")) if p.is_file() and p.name != "store-id"]


def hand_in_a_clip(database: Database, folder: Path) -> tuple[OrganisationId, DriveId]:
    """Hand six seconds in, of which nothing was looked at yet."""
    depot, _ = add_depot(database)
    card = folder / "card"
    card.mkdir()
    clip = write_recording(card / "a.mp4", seconds=6, created=NOON)
    places = [(52.4 + 9e-5 * second, -1.55) for second in range(7)]
    add_blackvue_gps(clip, places, gps_at=NOON, clock_at=NOON)
    hand_in(receiving_in(database, folder / "footage"), depot, card)
    with database.acting_for(depot.owner_id) as connection:
        row = connection.execute("select drive_id from roadwear.drive").fetchone()
    assert row is not None
    return depot.owner_id, DriveId(row["drive_id"])
