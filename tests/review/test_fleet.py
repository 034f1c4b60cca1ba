"""Fleet staff's pages: who may see them, and what they say of cameras and drives."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from pipeline.adapters.blobs_obstore import ObstoreBlobs
from pipeline.adapters.clock_system import SystemClock
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.depots import close_depot
from pipeline.adapters.postgres.fleet import VehicleHealth
from pipeline.adapters.postgres.ledger import PostgresLedger
from pipeline.domain.ids import organisation_id
from pipeline.domain.looks import NotLookedReason
from pipeline.review import create_app
from pipeline.review.desk import Desk
from pipeline.review.fleet import jobs
from pipeline.simulator.recorders import gpx
from tests.builders import NOON
from tests.footage import write_plain
from tests.review.browsing import Browser
from tests.stored import AIDS, RULES, STORE
from tests.uplink.serving import add_depot, hand_in, receiving_in, write_drive


@pytest.fixture
def client(database: Database, tmp_path: Path) -> TestClient:
    blobs = ObstoreBlobs.from_location(str(tmp_path / "blobs"))
    app = create_app(Desk(database, blobs, SystemClock(), RULES, STORE, AIDS), secret_key="k" * 32)
    return TestClient(app, base_url="https://testserver")


def with_key(client: TestClient, key: str, *, status: int = 200) -> Browser:
    page = Browser(TestClient(client.app, base_url="https://testserver"))
    page.get("/fleet/key")
    answer = page.client.post("/fleet/key", data={"csrf": page.csrf, "key": key})
    assert answer.status_code == status
    return page


def test_nothing_is_shown_without_a_key_that_holds(client: TestClient, database: Database) -> None:
    depot, key = add_depot(database)
    for path in ("/fleet", "/fleet/vehicles", f"/fleet/drives/{depot.depot_id}"):
        assert client.get(path).url.path == "/fleet/key"
    with_key(client, "rw_wrong", status=401)
    with_key(client, "\u00e9", status=401)

    page = with_key(client, key)
    assert page.client.get("/fleet/vehicles").url.path == "/fleet/vehicles"
    with database.acting_for(depot.owner_id) as connection:
        close_depot(connection, depot, closed_by="ada")
    assert page.client.get("/fleet/vehicles").url.path == "/fleet/key"


def test_a_drive_is_shown_to_its_own_depot_alone(
    client: TestClient, database: Database, tmp_path: Path
) -> None:
    depot, key = add_depot(database)
    _, other_key = add_depot(database, "South")
    receiving = receiving_in(database, tmp_path / "store")
    (clip,) = write_drive(tmp_path / "card", NOON, clips=1)
    clip.rename(tmp_path / "card" / "<b>a.mp4")
    batch = hand_in(receiving, depot, tmp_path / "card")
    (drive,) = PostgresLedger(database, SystemClock()).drives_of(organisation_id("North"))

    page = with_key(client, key)
    assert "Safe to wipe all 1 files stored and checked" in page.get(f"/fleet/uploads/{batch}")
    assert "<b>a.mp4" not in page.html
    assert "A drive of vehicle 1142" in page.get(f"/fleet/drives/{drive}")
    assert "0:00 to 0:06: usable" in page.html
    assert "51.5" not in page.html
    assert "1142" in page.get("/fleet/vehicles")

    other = with_key(client, other_key)
    other.get(f"/fleet/uploads/{batch}", status=404)
    other.get(f"/fleet/drives/{drive}", status=404)
    assert "1142" not in other.get("/fleet/vehicles")


def health(vehicle: str, **lost_s: float) -> VehicleHealth:
    return VehicleHealth(
        vehicle=vehicle,
        last_heard_at=NOON,
        seconds=100.0,
        lost_s={NotLookedReason(reason): seconds for reason, seconds in lost_s.items()},
    )


def test_one_job_for_a_vehicle_and_the_weather_apart() -> None:
    found = [
        health("1", dirty_lens=10.0, camera_moved=20.0, too_dark=50.0),
        health("2", dirty_lens=63.0),
        health("3", blurred=2.0),
        health("4"),
    ]

    assert [(job.vehicle, job.share) for job in jobs(found)] == [("2", "63%"), ("1", "30%")]
    assert "fix its mount" in jobs(found)[1].words
    assert [(j.vehicle, j.share) for j in jobs(found, helpable=False)] == [("1", "50%")]


def test_a_question_is_answered_on_the_page_and_nothing_is_handed_in_again(
    client: TestClient, database: Database, tmp_path: Path
) -> None:
    depot, key = add_depot(database)
    receiving = receiving_in(database, tmp_path / "store")
    card = tmp_path / "card"
    card.mkdir()
    write_plain(card / "a.mp4", created=None)
    places = [(51.5 + 9e-5 * i, -0.1) for i in range(600)]
    (card / "day.gpx").write_bytes(gpx(NOON, places))
    batch = hand_in(receiving, depot, card)
    page = with_key(client, key)
    assert "When did a.mp4 begin?" in page.get(f"/fleet/uploads/{batch}")
    path = f"/fleet/uploads/{batch}/answer"

    def said(status: int = 200, **time: str) -> str:
        fields = {"path": "a.mp4", "day": "10", "month": "2", "year": "2026", **time}
        return page.post(path, fields, status=status)

    page.get(f"/fleet/uploads/{batch}")
    assert "Write the date as day, month and year" in said(422, hour="25")
    page.get(f"/fleet/uploads/{batch}")
    assert "not one on which this can have been" in said(422, year="2126", hour="12")
    page.get(f"/fleet/uploads/{batch}")
    assert "This was not asked" in said(422, path="b.mp4", hour="12")

    page.get(f"/fleet/uploads/{batch}")
    assert "being read" in said(hour="12", minute="5", second="30")
    receiving.read(depot.owner_id, batch)

    assert "Safe to wipe all 2 files" in page.get(f"/fleet/uploads/{batch}")
    assert "from 2026-02-10 12:05:30 UTC" in page.get(f"/fleet/uploads/{batch}")
    page.get("/fleet/key")
    assert "somebody has answered it meanwhile" in said(422, hour="12")
