"""What was kept long enough is gone everywhere; what is held stays, also after a restore."""

import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from pipeline.adapters.blobs_obstore import ObstoreBlobs
from pipeline.adapters.clock_system import SystemClock
from pipeline.adapters.postgres import retention as rows
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.ledger import PostgresLedger
from pipeline.adapters.postgres.people import add_person
from pipeline.adapters.private_cluster import ClusterFile
from pipeline.domain.decisions import Role
from pipeline.domain.errors import InputError
from pipeline.domain.ids import UploadId, organisation_id
from pipeline.domain.keeping import DEFAULT_DAYS, Hold, Kind
from pipeline.domain.places import LonLat
from pipeline.domain.receiving import Depot, ExpectedFile
from pipeline.uplink.receiving import Receiving
from pipeline.uplink.retention import Deletion, DeletionLedger, Keeper
from tests.builders import NOON
from tests.conftest import with_name
from tests.stored import store_a_queue
from tests.uplink.serving import add_depot, hand_in, receiving_in, write_drive

NORTH = organisation_id("North")


@dataclass
class Kept:
    """A drive that was handed in, and a clock that can be put forward."""

    database: Database
    receiving: Receiving
    depot: Depot
    folder: Path
    days: float = 0.0

    def now(self) -> datetime:
        return SystemClock().now() + timedelta(days=self.days)

    def keeper(self) -> Keeper:
        return Keeper(
            database=self.database,
            store=self.receiving.store,
            blobs=ObstoreBlobs.from_location(str(self.folder / "blobs")),
            ledger=DeletionLedger(self.folder / "deletions.jsonl"),
            now=self.now,
        )

    def after(self, days: float) -> dict[Kind, int]:
        self.days = days
        return self.keeper().run(NORTH)

    def files(self) -> list[Path]:
        return [p for p in (self.folder / "store" / str(NORTH)).rglob("*") if p.is_file()]

    def fixes(self) -> int:
        with self.database.acting_for(NORTH) as connection:
            row = connection.execute("select count(*) as n from roadwear.drive_fix").fetchone()
        return row["n"] if row else -1

    def hold(self, *, lat: float = 51.5, begins: datetime = NOON) -> Hold:
        hold = Hold(
            hold_id=uuid4(),
            owner_id=NORTH,
            place=LonLat(lon_deg=-0.1, lat_deg=lat),
            radius_m=100.0,
            from_at=begins,
            to_at=begins + timedelta(hours=1),
            reason="accident",
            said_by="ada",
        )
        with self.database.acting_for(NORTH) as connection:
            rows.add_hold(connection, hold)
        return hold


@pytest.fixture
def kept(database: Database, tmp_path: Path) -> Kept:
    receiving = receiving_in(database, tmp_path / "store")
    depot, _ = add_depot(database)
    write_drive(tmp_path / "card", NOON)
    hand_in(receiving, depot, tmp_path / "card")
    return Kept(database, receiving, depot, tmp_path)


def test_every_kind_has_a_clock_that_starts_at_receipt(kept: Kept) -> None:
    assert set(DEFAULT_DAYS) == set(Kind)
    assert kept.after(29.9) == {Kind.FOOTAGE: 0, Kind.PARTIAL: 0, Kind.STILL: 0, Kind.TRACK: 0}
    assert len(kept.files()) == 2
    assert kept.fixes() == 14

    gone = kept.after(30.1)

    assert gone == {Kind.FOOTAGE: 2, Kind.PARTIAL: 0, Kind.STILL: 0, Kind.TRACK: 1}
    assert kept.files() == []
    assert kept.fixes() == 0
    assert kept.after(31) == {Kind.FOOTAGE: 0, Kind.PARTIAL: 0, Kind.STILL: 0, Kind.TRACK: 0}


def test_an_organisation_says_how_long(kept: Kept) -> None:
    with kept.database.acting_for(NORTH) as connection:
        rows.set_days(connection, NORTH, Kind.FOOTAGE, 2, said_by="ada")
        assert rows.days_kept(connection)[Kind.FOOTAGE] == 2

    assert kept.after(3)[Kind.FOOTAGE] == 2
    assert kept.fixes() == 14


def test_a_hold_on_the_place_and_time_stops_the_clock_till_it_is_lifted(kept: Kept) -> None:
    hold = kept.hold()

    assert kept.after(400) == {Kind.FOOTAGE: 0, Kind.PARTIAL: 0, Kind.STILL: 0, Kind.TRACK: 0}
    with kept.database.acting_for(NORTH) as connection:
        rows.lift_hold(connection, NORTH, str(hold.hold_id), reason="settled", said_by="ada")
        with pytest.raises(InputError, match="no hold"):
            rows.lift_hold(connection, NORTH, str(hold.hold_id), reason="again", said_by="ada")
    assert kept.after(400)[Kind.FOOTAGE] == 2


@pytest.mark.parametrize(
    "changes",
    [{"lat": 51.6}, {"begins": NOON + timedelta(days=1)}],
    ids=["elsewhere", "another day"],
)
def test_a_hold_elsewhere_keeps_nothing(kept: Kept, changes: dict[str, object]) -> None:
    kept.hold(**changes)  # type: ignore[arg-type]

    assert kept.after(31)[Kind.FOOTAGE] == 2


def test_what_a_restored_backup_brings_back_is_removed_again(kept: Kept) -> None:
    backup = kept.folder / "backup"
    shutil.copytree(kept.folder / "store", backup)
    kept.after(31)
    shutil.copytree(backup, kept.folder / "store", dirs_exist_ok=True)
    assert len(kept.files()) == 2

    assert kept.keeper().again() == 2
    assert kept.files() == []
    assert kept.keeper().again() == 0


def test_a_database_out_of_a_backup_is_served_only_when_what_was_deleted_is_so_again(
    kept: Kept, cluster: ClusterFile, database_urls: tuple[str, str]
) -> None:
    files = kept.folder / "backup"
    shutil.copytree(kept.folder / "store", files)
    assert kept.fixes() > 0
    kept.database.close()
    name = f"older_{uuid4().hex[:12]}"
    with psycopg.connect(cluster.admin_url, autocommit=True) as admin:
        source = sql.Identifier(database_urls[0].rpartition("/")[2])
        admin.execute(
            sql.SQL("create database {} template {} owner roadwear_owner").format(
                sql.Identifier(name), source
            )
        )
    kept.database = Database(database_urls[1])
    kept.days = DEFAULT_DAYS[Kind.TRACK] + 1
    removed = kept.keeper().night()
    assert removed.of_each[Kind.FOOTAGE] == 2 and removed.of_each[Kind.TRACK] == 1
    assert kept.keeper().catch_up() == 0
    kept.database.close()

    shutil.copytree(files, kept.folder / "store", dirs_exist_ok=True)
    kept.database = Database(with_name(database_urls[1], name))
    try:
        assert kept.fixes() > 0
        assert kept.keeper().catch_up() == 3
        assert kept.files() == [] and kept.fixes() == 0
        assert kept.keeper().catch_up() == 0
    finally:
        kept.database.close()
        with psycopg.connect(cluster.admin_url, autocommit=True) as admin:
            admin.execute(sql.SQL("drop database {}").format(sql.Identifier(name)))


def test_a_line_that_was_cut_off_swallows_no_other(tmp_path: Path) -> None:
    ledger = DeletionLedger(tmp_path / "deletions.jsonl")
    gone = [
        Deletion(at=NOON, owner_id=str(NORTH), kind=Kind.STILL, key=key) for key in ("a", "b", "c")
    ]
    ledger.add(gone[:1])
    with (tmp_path / "deletions.jsonl").open("a") as file:
        file.write('{"at": "2026-')
    ledger.add(gone[1:2])
    ledger.add(gone[2:])
    assert [one.key for one in ledger] == ["a", "b", "c"]


def test_what_was_handed_in_anew_after_it_was_removed_stays(kept: Kept) -> None:
    (first, _) = sorted(kept.files())
    content = first.read_bytes()
    kept.after(31)
    first.write_bytes(content)
    with kept.database.acting_for(NORTH) as connection:
        connection.execute(
            "update roadwear.stored_file set gone_at = null, received_at = %s where sha256 = %s",
            (kept.now() + timedelta(seconds=1), first.name),
        )

    assert kept.keeper().again() == 0
    assert first.exists()


def test_uploads_that_were_never_finished_go_after_a_week(kept: Kept) -> None:
    batch = kept.receiving.open(kept.depot, fleet_number="", source="test")
    file = ExpectedFile(path="a.mp4", size_bytes=9, sha256="c" * 64)  # type: ignore[arg-type]
    kept.receiving.announce(kept.depot, batch.batch_id, [file])
    arriving = kept.receiving.begin_upload(kept.depot, batch.batch_id, "a.mp4")
    kept.receiving.store.append(arriving.upload_id, 0, b"half")

    assert kept.after(6.9)[Kind.PARTIAL] == 0
    assert kept.after(7.1)[Kind.PARTIAL] == 1
    assert kept.receiving.store.arrived_bytes(UploadId(arriving.upload_id)) is None


def test_stills_behind_a_decision_are_records(kept: Kept) -> None:
    blobs = ObstoreBlobs.from_location(str(kept.folder / "blobs"))
    store_a_queue(
        PostgresLedger(kept.database, SystemClock()), blobs, b"\xff\xd8 jpeg", authority="North"
    )
    undecided = blobs.put(NORTH, "defect", b"\xff\xd8 another jpeg")
    with kept.database.acting_for(NORTH) as connection:
        connection.execute(
            "insert into roadwear.still (run_id, owner_id, authority_id, pts, kind, ordinal, "
            "taken_at, chainage_m, width_px, height_px, bystanders, blob_key) select run_id, "
            "owner_id, authority_id, pts, kind, 999, taken_at, chainage_m, width_px, height_px, "
            "bystanders, %s from roadwear.still limit 1",
            (undecided,),
        )
        keys = {
            row["blob_key"]
            for row in connection.execute("select blob_key from roadwear.still").fetchall()
        }
    assert keys and all(blobs.has(key) for key in keys)

    with kept.database.acting_for(NORTH) as connection:
        decided = connection.execute(
            "select m.defect_id, s.blob_key from roadwear.still s "
            "join roadwear.current_membership m using (observation_id) limit 1"
        ).fetchone()
        assert decided is not None
        person = add_person(
            connection, NORTH, email="ada@north.example", name="Ada",
            password="a long enough password", roles=[Role.ENGINEER],  # noqa: S106
        )  # fmt: skip
        connection.execute(
            "insert into roadwear.decision (decision_id, authority_id, defect_id, person_id, move, "
            "note, seen_version, policy_sha256, shown, decided_at) values "
            "(%s, %s, %s, %s, 'reject', '', 1, '', '{}', now())",
            (uuid4(), NORTH, decided["defect_id"], person),
        )

    assert kept.after(364)[Kind.STILL] == 0
    assert kept.after(366)[Kind.STILL] == 1
    assert blobs.has(decided["blob_key"])
    assert not blobs.has(undecided)
    (kept.folder / "blobs" / undecided).write_bytes(b"from a backup")
    assert kept.keeper().again() == 1
    assert not blobs.has(undecided)
    assert kept.after(2200)[Kind.STILL] == 1
    assert not any(blobs.has(key) for key in keys)


def test_tracks_are_forgotten_by_their_function_alone(kept: Kept) -> None:
    with (
        pytest.raises(Exception, match=r"permission denied|only ever added"),
        kept.database.acting_for(NORTH) as connection,
    ):
        connection.execute("delete from roadwear.drive_fix")
    assert kept.fixes() == 14


def test_nothing_is_removed_where_the_ledger_cannot_be_written(kept: Kept) -> None:
    (kept.folder / "deletions.jsonl").mkdir()

    with pytest.raises(Exception, match="nothing was removed"):
        kept.after(31)
    assert len(kept.files()) == 2
    assert kept.fixes() == 14
