"""Orders on the pages: from approval to verified, found again, cancelled, and as files."""

import csv
import io
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pyogrio
import pytest
from fastapi.testclient import TestClient

from pipeline.adapters.clock_system import SystemClock
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.ledger import PostgresLedger
from pipeline.adapters.postgres.log import log_lines, rows_unlike_log
from pipeline.domain.chain import fault_in
from pipeline.domain.ids import organisation_id
from tests.builders import NOON, an_observation
from tests.review.browsing import Browser, another, defects_of, say
from tests.stored import gather, store_findings

DEPOT = organisation_id("depot")
FIELDS = {"repair": "permanent", "traffic": "stop_go"}


@pytest.fixture
def approved(ada: Browser) -> list[str]:
    """Approve both possible defects, and return their pages."""
    paths = defects_of(ada)
    for path in paths:
        ada.get(path)
        ada.approve(path)
    return paths


def ordered(browser: Browser, paths: list[str], **fields: str | list[str]) -> str:
    """Order the repair of defects; return the order's page."""
    browser.get("/orders/new?" + "&".join(f"defect={path.rpartition('/')[2]}" for path in paths))
    names = [path.rpartition("/")[2] for path in paths]
    answer = browser.client.post(
        "/orders", data={"csrf": browser.csrf, "defect": names, **FIELDS, **fields}
    )
    assert answer.status_code == 200, answer.text
    return str(answer.url.path)


def tell(browser: Browser, order: str, kind: str, path: str = "", status: int = 200) -> str:
    browser.get(order)
    name = path.rpartition("/")[2]
    return browser.post(f"{order}/event", {"kind": kind, "defect": name}, status=status)


def drive_by(database: Database, east_m: float, *, hours: float) -> None:
    """Let a camera pass by so many hours from now that sees a hole there."""
    second = (datetime.now(UTC) - NOON).total_seconds() + hours * 3600
    seen = [
        an_observation(east_m, 0, drive=f"by {hours}", second=second + look, width_m=0.8)
        for look in range(3)
    ]
    ledger = PostgresLedger(database, SystemClock())
    gather(ledger, store_findings(ledger, seen, authority="depot"))


def test_from_approval_to_verified(ada: Browser, approved: list[str], database: Database) -> None:
    words = ada.get("/orders")
    assert "Visit 1: 2 defects" in words
    assert "minutes saved" in words
    order = ordered(ada, approved, hazard=["school", "blind_bend"], speed="30", permit="P1",
                    adoption="adopted", note="ring the school")  # fmt: skip
    words = ada.get(order)
    for said in ("Permanent repair", "Stop/go boards", "Blind bend, school", "30 mph", "P1",
                 "Adopted highway", "ring the school"):  # fmt: skip
        assert said in words
    assert "Repair ordered not yet" not in ada.get(approved[0])
    assert "Take the last decision back" not in ada.html
    assert "Nothing approved waits" in ada.get("/orders")

    tell(ada, order, "accepted")
    assert "Order accepted not yet" not in ada.get(approved[0])
    tell(ada, order, "made_safe", approved[0])
    words = tell(ada, order, "repaired", approved[0])
    assert "Number 1: made safe on" in words and "Number 1: repaired on" in words
    tell(ada, order, "repaired", approved[1])
    assert "Status Done" in ada.get(order)

    drive_by(database, 300, hours=2)  # past the first, and sees nothing there
    assert "no longer seen by a later camera pass" in ada.get(order)
    assert "Status Verified" in ada.get(approved[0])
    drive_by(database, 20, hours=3)  # the second is there again
    assert approved[1] in defects_of(ada)
    assert "Record my decision" in ada.get(approved[1])
    with database.acting_for(DEPOT) as connection:
        assert fault_in(list(log_lines(connection, DEPOT))) is None
        assert rows_unlike_log(connection, DEPOT) == ()


def test_a_void_pass_neither_verifies_nor_finds_again(
    ada: Browser, approved: list[str], database: Database
) -> None:
    order = ordered(ada, approved)
    for path in approved:
        tell(ada, order, "repaired", path)
    drive_by(database, 20, hours=2)  # the first is gone, the second is there
    assert "Status Verified" in ada.get(approved[0])
    assert approved[1] in defects_of(ada)
    ada.get(approved[1])
    page = re.findall(r"/passes/[0-9a-f-]{36}", ada.html)[0]
    ada.get(page)
    ada.post(f"{page}/void", {"void": "true", "reason": "places_wrong"})
    assert "Status Repaired" in ada.get(approved[0])
    assert "Status Repaired" in ada.get(approved[1])
    assert defects_of(ada) == []
    assert "that camera pass does not count" in ada.get(order)
    ada.get(page)
    ada.post(f"{page}/void", {"void": "false"})
    assert "Status Verified" in ada.get(approved[0])
    assert approved[1] in defects_of(ada)


def test_what_is_found_again_begins_anew(
    ada: Browser, approved: list[str], database: Database
) -> None:
    ada.get(approved[1])
    taken = re.search(r'name="takes_back" value="([^"]+)"', ada.html)
    assert taken
    ada.decide(approved[1], {"move": "undo", "takes_back": taken[1]})
    ada.get(approved[1])
    say(ada, f"{approved[1]}/depth", {"depth_mm": "90", "how": "ruler"})
    ada.get(approved[1])
    ada.approve(approved[1])
    order = ordered(ada, approved[1:])
    tell(ada, order, "repaired", approved[1])
    with database.acting_for(DEPOT) as connection:
        connection.execute("update roadwear.defect set detected_at = now() - interval '200 days'")
    drive_by(database, 20, hours=2)
    words = ada.get(approved[1])
    assert "Depth Unknown" in words
    assert "late" not in words
    assert "Repair ordered not yet" in words and "Decided not yet" in words


def test_a_defect_that_no_pass_shows_any_more_is_said_to_be_so(
    ada: Browser, approved: list[str]
) -> None:
    ada.get(approved[0])
    page = re.findall(r"/passes/[0-9a-f-]{36}", ada.html)[0]
    ada.get(page)
    ada.post(f"{page}/void", {"void": "true", "reason": "a_test"})
    assert "no camera pass that counts shows it" in ada.get("/orders")


def test_footage_of_before_the_repair_does_not_find_it_again(
    ada: Browser, approved: list[str], database: Database
) -> None:
    order = ordered(ada, approved[:1])
    tell(ada, order, "repaired", approved[0])
    drive_by(database, 0, hours=-24)
    assert "Status Repaired" in ada.get(approved[0])
    assert approved[0] not in defects_of(ada)


def test_a_cancelled_order_gives_its_defects_back(ada: Browser, approved: list[str]) -> None:
    order = ordered(ada, approved)
    tell(ada, order, "cancelled")
    assert "Status Cancelled" in ada.get(order)
    assert "Visit 1: 2 defects" in ada.get("/orders")
    assert "Take the last decision back" in ada.get(approved[0])
    second = ordered(ada, approved)
    assert second != order
    assert "00002" in ada.get(second)


def test_what_the_gang_does_not_find_is_looked_at_again(ada: Browser, approved: list[str]) -> None:
    order = ordered(ada, approved[:1])
    tell(ada, order, "not_found", approved[0])
    assert "Site visit asked for" in ada.get(approved[0])
    assert "Record my decision" in ada.html


def test_nothing_is_ordered_twice(ada: Browser, approved: list[str]) -> None:
    ordered(ada, approved[:1])
    name = approved[0].rpartition("/")[2]
    assert "1 of those that you chose are not approved any more" in ada.get(
        f"/orders/new?defect={name}&defect=kite"
    )
    ada.get("/orders")
    words = ada.post("/orders", {"defect": name, **FIELDS}, status=422)
    assert "not approved any more. Nothing was ordered" in words


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"repair": ""}, "what is to be done"),
        ({"traffic": "kite"}, "how traffic is led"),
        ({"hazard": "dragons"}, "not understood"),
        ({"adoption": "maybe"}, "not understood"),
        ({"speed": "33"}, "from 5 to 70 mph"),
        ({"speed": "-30"}, "number of miles an hour"),
        ({"speed": "9" * 5000}, "number of miles an hour"),
        ({"note": "a\0b"}, "cannot be kept"),
        ({"permit": "a\0b"}, "cannot be kept"),
        ({"note": "x" * 1001}, "1000 characters"),
        ({"permit": "x" * 101}, "100 characters"),
        ({"defect": []}, "from 1 to 50"),
    ],
)
def test_an_order_that_says_too_little_is_answered(
    ada: Browser, approved: list[str], fields: dict[str, str], words: str
) -> None:
    ada.get("/orders")
    name = approved[0].rpartition("/")[2]
    assert words in ada.post("/orders", {"defect": name, **FIELDS, **fields}, status=422)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "what became of it"),
        ({"kind": "verified"}, "what became of it"),
        ({"kind": "repaired"}, "of which defect"),
        ({"kind": "accepted", "defect": "kite"}, "a date and a time"),
        ({"kind": "accepted", "when": "yesterday"}, "a date and a time"),
        ({"kind": "accepted", "when": "2999-01-01T00:00"}, "in the future"),
        ({"kind": "accepted", "when": "2020-01-01T00:00"}, "before it was ordered"),
    ],
)
def test_an_event_that_says_too_little_is_answered(
    ada: Browser, approved: list[str], fields: dict[str, str], words: str
) -> None:
    order = ordered(ada, approved[:1])
    ada.get(order)
    assert words in ada.post(f"{order}/event", fields, status=422)


def test_an_order_is_read_by_other_systems(
    ada: Browser, approved: list[str], tmp_path: Path
) -> None:
    order = ordered(ada, approved, note="=1+1")
    table = ada.client.get(f"{order}/order.csv")
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [row["category"] for row in rows] == ["CAT1_24", "CAT2H"]
    assert {row["note"] for row in rows} == {"'=1+1"}
    assert rows[0]["easting_m"] == "530000.0"
    assert float(rows[0]["width_low_m"]) < float(rows[0]["width_m"])

    features = json.loads(ada.client.get(f"{order}/order.geojson").content)["features"]
    assert [round(x, 2) for x in features[0]["geometry"]["coordinates"]] == [-0.13, 51.5]
    assert features[0]["properties"]["due_at"]

    path = tmp_path / "order.gpkg"
    path.write_bytes(ada.client.get(f"{order}/order.gpkg").content)
    meta, _, shapes, columns = pyogrio.raw.read(path)
    assert meta["crs"] == "EPSG:27700"
    assert len(shapes) == 2
    assert list(columns[list(meta["fields"]).index("category")]) == ["CAT1_24", "CAT2H"]
    assert ada.client.get(f"{order}/order.exe").status_code == 404


def test_nobody_else_orders_or_sees_it(
    client: TestClient,
    ada: Browser,
    approved: list[str],
) -> None:
    order = ordered(ada, approved[:1])
    fay, eve = another(client), another(client)
    fay.sign_in("fay@depot.example")
    name = approved[1].rpartition("/")[2]
    assert "Only an engineer orders repairs" in fay.get(f"/orders/new?defect={name}")
    said = {"defect": name, **FIELDS}
    assert "Only a person with the role" in fay.post("/orders", said, status=422)
    assert "became of" not in fay.get(order)
    assert "Only a person with the role" in tell(fay, order, "accepted", status=422)
    eve.sign_in("eve@other.example")
    for path in (order, f"{order}/order.csv"):
        assert eve.client.get(path).status_code == 404
    eve.get("/queue")
    assert "no such order" in eve.post(f"{order}/event", {"kind": "accepted"}, status=404)
    assert re.search(r"Accepted by the contractor\s+not yet", ada.get(order))
