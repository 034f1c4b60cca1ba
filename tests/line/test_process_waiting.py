"""What was handed in is looked at by a command, and it is known when that will be done."""

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from subprocess import CompletedProcess, Popen
from time import sleep
from uuid import uuid4

import pytest

from pipeline.adapters.postgres.backlog import load_backlog, waiting_footage
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.private import add_area
from pipeline.domain.backlog import Backlog
from pipeline.domain.errors import NoRoomError
from pipeline.domain.ids import ClipSha256, StoreId
from pipeline.domain.places import LonLat
from pipeline.domain.private import PrivateArea
from pipeline.domain.receiving import Depot, ExpectedFile
from pipeline.simulator.recorders import add_blackvue_gps, write_recording
from pipeline.uplink.means import Limits
from tests.builders import NOON
from tests.line.test_drive_to_queue import ROADWEAR, House
from tests.uplink.serving import add_depot, hand_in, kept_files, receiving_in


@pytest.fixture
def house(database_urls: tuple[str, str], tmp_path: Path, street_footage: Path) -> House:
    return House(database_urls, tmp_path / "home", street_footage)


def process(house: House) -> CompletedProcess[str]:
    return house.run([ROADWEAR, "process", "--owner", "north"])


def backlog_of(database: Database, depot: Depot, store: StoreId) -> Backlog:
    with database.acting_for(depot.owner_id) as connection:
        return load_backlog(connection, depot.owner_id, store, datetime.now(UTC))


def runs(database: Database, depot: Depot) -> Sequence[dict[str, object]]:
    with database.acting_for(depot.owner_id) as connection:
        return connection.execute(
            "select clip_sha256, from_pts, looked, not_looked from roadwear.run order by from_pts"
        ).fetchall()


def test_what_waits_is_looked_at_killed_or_not_and_gathered_once(
    house: House, database: Database, tmp_path: Path
) -> None:
    depot, _ = add_depot(database)
    card = tmp_path / "card"
    card.mkdir()
    shutil.copy(house.footage / "clip.mp4", card)
    shutil.copy(house.footage / "track.gpx", card / "clip.gpx")
    receiving = receiving_in(database, house.home / "footage")
    hand_in(receiving, depot, card)
    before = backlog_of(database, depot, receiving.store.store_id)
    assert before.waiting_s == pytest.approx(7.3, abs=0.1)
    assert before.rate is None

    with Popen([ROADWEAR, "process"], env=house.env) as running:
        while not runs(database, depot):
            assert running.poll() is None
            sleep(0.05)
        running.kill()
    done = len(runs(database, depot))

    finished = process(house)
    assert finished.returncode == 0, finished.stderr
    assert "pieces were new; possible defects: " in finished.stderr
    pieces = runs(database, depot)
    assert 1 <= done <= len(pieces) == len({run["from_pts"] for run in pieces}) == 7
    after = backlog_of(database, depot, receiving.store.store_id)
    assert after.waiting_s == 0
    assert after.rate is not None and after.rate > 0
    with database.acting_for(depot.owner_id) as connection:
        assert waiting_footage(connection, depot.owner_id, receiving.store.store_id) == ()
    assert "Nothing waits." in process(house).stderr


def test_footage_of_a_contractor_is_looked_at_once_for_the_council(
    house: House, database: Database, tmp_path: Path
) -> None:
    depot, _ = add_depot(database, authority="council")
    card = tmp_path / "card"
    card.mkdir()
    shutil.copy(house.footage / "clip.mp4", card)
    shutil.copy(house.footage / "track.gpx", card / "clip.gpx")
    hand_in(receiving_in(database, house.home / "footage"), depot, card)
    done = process(house)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("pieces were new") == 1
    assert "pieces were new" not in process(house).stderr


def test_what_is_private_is_not_looked_at_and_the_rest_is(
    house: House, database: Database, tmp_path: Path
) -> None:
    depot, _ = add_depot(database)
    home = LonLat(lon_deg=-1.55, lat_deg=52.4)
    area = PrivateArea(area_id=uuid4(), name="Depot", centre=home, radius_m=100.0)
    with database.acting_for(depot.owner_id) as connection:
        add_area(connection, depot.owner_id, area, said_by="a test")
    card = tmp_path / "card"
    card.mkdir()
    clip = write_recording(card / "a.mp4", seconds=30, created=NOON)
    places = [(home.lat_deg + 9e-5 * second, home.lon_deg) for second in range(31)]
    add_blackvue_gps(clip, places, gps_at=NOON, clock_at=NOON)
    receiving = receiving_in(database, house.home / "footage")
    hand_in(receiving, depot, card)

    done = process(house)

    assert done.returncode == 0, done.stderr
    assert "left out" not in done.stderr
    found = runs(database, depot)
    # Ten seconds lie in the area: there is no position of them, so that nothing can be said at all.
    reasons = [dict(run["not_looked"]) for run in found]  # type: ignore[call-overload]
    assert all(not reason for reason in reasons[:10])
    assert {name for reason in reasons[10:15] for name in reason} == {"private"}
    assert all(run["looked"] for run in found[15:])


def test_a_drive_of_which_the_footage_is_gone_is_told_of_and_stops_nothing(
    house: House, database: Database, tmp_path: Path
) -> None:
    depot, _ = add_depot(database)
    card = tmp_path / "card"
    card.mkdir()
    clip = write_recording(card / "a.mp4", seconds=6, created=NOON)
    places = [(52.4 + 9e-5 * second, -1.55) for second in range(7)]
    add_blackvue_gps(clip, places, gps_at=NOON, clock_at=NOON)
    receiving = receiving_in(database, house.home / "footage")
    hand_in(receiving, depot, card)
    for kept in kept_files(house.home / "footage"):
        kept.unlink()
    done = process(house)
    assert done.returncode == 0
    assert "is left out" in done.stderr and "1 drives could not be read" in done.stderr


def test_what_cannot_be_done_in_time_is_refused_before_a_byte_is_sent(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    depot, _ = add_depot(database)
    in_an_hour = (datetime.now(UTC) + timedelta(hours=1)).astimezone()
    limits = Limits(ready_by=time(in_an_hour.hour, in_an_hour.minute))
    receiving = receiving_in(database, tmp_path / "store", limits=limits)
    monkeypatch.setattr(
        "pipeline.uplink.receiving.load_backlog",
        lambda *_: Backlog(waiting_s=0, rate=1.0, bytes_per_s=1000.0),
    )
    batch = receiving.open(depot, fleet_number="", source="test").batch_id
    big = ExpectedFile(path="a.mp4", size_bytes=30 * 3600 * 1000, sha256=ClipSha256("a" * 64))
    small = ExpectedFile(path="b.mp4", size_bytes=60 * 1000, sha256=ClipSha256("b" * 64))
    with pytest.raises(NoRoomError, match="must be done by"):
        receiving.announce(depot, batch, [big])
    assert receiving.announce(depot, batch, [small]).files[0].outcome is None
