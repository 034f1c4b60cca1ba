"""Two depots' computers share one database: each answers for the footage in its own folder."""

from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.adapters.blobs_obstore import ObstoreBlobs
from pipeline.adapters.clock_system import SystemClock
from pipeline.adapters.footage_store import FootageStore
from pipeline.adapters.postgres.backlog import load_backlog, waiting_footage
from pipeline.adapters.postgres.database import Database
from pipeline.domain.keeping import Kind
from pipeline.domain.receiving import Depot, Outcome, verdict_of
from pipeline.uplink.receiving import Receiving
from pipeline.uplink.retention import DeletionLedger, Keeper
from tests.builders import NOON
from tests.uplink.serving import add_depot, hand_in, kept_files, receiving_in, write_drive

Two = tuple[Receiving, Receiving, Depot]


@pytest.fixture
def two(database: Database, tmp_path: Path) -> Two:
    depot, _ = add_depot(database)
    write_drive(tmp_path / "a", NOON)
    write_drive(tmp_path / "b", NOON, lat=51.6)
    here, there = (receiving_in(database, tmp_path / name) for name in ("here", "there"))
    return here, there, depot


def test_a_batch_is_read_where_its_bytes_are(two: Two, tmp_path: Path) -> None:
    here, there, depot = two
    batch = hand_in(here, depot, tmp_path / "a", read=False)
    assert there.to_do() == ()
    assert here.to_do() == ((depot.owner_id, batch),)
    manifest = here.read(depot.owner_id, batch)
    assert verdict_of(manifest).safe


def test_a_card_that_was_handed_in_elsewhere_is_known_and_not_sent_again(
    two: Two, tmp_path: Path
) -> None:
    here, there, depot = two
    hand_in(here, depot, tmp_path / "a")
    batch = hand_in(there, depot, tmp_path / "a")
    manifest = there.manifest(depot.owner_id, batch)[1]
    assert {file.outcome for file in manifest.files} == {Outcome.ALREADY_THERE}
    assert verdict_of(manifest).safe
    assert kept_files(there.store.root) == []


def test_each_looks_at_its_own_and_says_when_that_is_done(
    two: Two, tmp_path: Path, database: Database
) -> None:
    here, there, depot = two
    hand_in(here, depot, tmp_path / "a")
    hand_in(there, depot, tmp_path / "b")
    owner, now = depot.owner_id, SystemClock().now()
    with database.acting_for(owner) as connection:
        own = [waiting_footage(connection, owner, r.store.store_id) for r in (here, there)]
        waits = load_backlog(connection, owner, here.store.store_id, now).waiting_s
    assert [len(drives) for drives in own] == [1, 1]
    assert own[0] != own[1]
    assert waits == pytest.approx(12.0, abs=0.5)


def test_each_removes_its_own_when_their_time_is_over(
    two: Two, tmp_path: Path, database: Database
) -> None:
    here, there, depot = two
    hand_in(here, depot, tmp_path / "a")
    hand_in(there, depot, tmp_path / "b")
    later = SystemClock().now() + timedelta(days=31)

    def remove(receiving: Receiving) -> int:
        keeper = Keeper(
            database=database,
            store=receiving.store,
            blobs=ObstoreBlobs.from_location(str(tmp_path / "blobs")),
            ledger=DeletionLedger(receiving.store.root / "deletions.jsonl"),
            now=lambda: later,
        )
        return keeper.run(depot.owner_id)[Kind.FOOTAGE]

    assert remove(here) == 2
    assert len(kept_files(there.store.root)) == 2
    assert remove(there) == 2
    assert [p.name for p in kept_files(there.store.root)] == ["deletions.jsonl"]


def test_a_store_keeps_its_name_and_two_differ(tmp_path: Path) -> None:
    first = FootageStore(tmp_path / "a", reserve_bytes=0)
    again = FootageStore(tmp_path / "a", reserve_bytes=0)
    other = FootageStore(tmp_path / "b", reserve_bytes=0)
    assert first.store_id == again.store_id != other.store_id
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["store-id"]
