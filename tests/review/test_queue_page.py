"""The queue: filtered, searched, a page at a time, with what is late."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.bank_holidays import Nation, working_days
from pipeline.adapters.blobs_obstore import ObstoreBlobs
from pipeline.adapters.clock_system import SystemClock
from pipeline.adapters.postgres import queue_pages
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.ledger import PostgresLedger
from pipeline.adapters.postgres.people import add_person
from pipeline.domain.decisions import Role
from pipeline.domain.ids import organisation_id
from pipeline.domain.responding import ClockStart, ResponseTime, Unit, due_at, late_before
from pipeline.review import create_app
from pipeline.review.desk import Desk
from tests.review.browsing import PASSWORD, Browser
from tests.stored import RULES, SIGNERS, STORE, store_a_queue


class Later:
    """A clock that is ahead."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def later() -> Later:
    return Later()


@pytest.fixture
def ada(database: Database, tmp_path: Path, later: Later) -> Browser:
    blobs = ObstoreBlobs.from_location(str(tmp_path))
    store_a_queue(PostgresLedger(database, SystemClock()), blobs, b"jpeg", authority="depot")
    depot = organisation_id("depot")
    with database.acting_for(depot) as connection:
        add_person(
            connection, depot, email="ada@x.example", name="Ada", password=PASSWORD,
            roles=[Role.ENGINEER],
        )  # fmt: skip
    desk = Desk(database, blobs, later, RULES, STORE, SIGNERS)
    app = create_app(desk, secret_key="k" * 32)
    browser = Browser(TestClient(app, base_url="https://testserver"))
    browser.sign_in("ada@x.example")
    return browser


def references(database: Database) -> list[str]:
    with database.acting_for(organisation_id("depot")) as connection:
        found = connection.execute(
            "select defect_id::text as name from roadwear.queue_entry order by score desc"
        )
        return [row["name"] for row in found]


def test_the_queue_is_searched_by_reference_and_filtered_by_kind(
    ada: Browser, database: Database
) -> None:
    first, second = references(database)
    found = ada.get(f"/queue?text={first[:8].upper()}")
    assert "1 of them are shown" in found
    assert first[:8] in found and second[:8] not in found
    assert "2 of them are shown" in ada.get("/queue?kind=pothole")
    assert "Nothing of the queue is as asked for" in ada.get("/queue?kind=transverse_crack")
    assert "Nothing of the queue is as asked for" in ada.get("/queue?text=no+such+street")


@pytest.mark.parametrize(
    "address",
    ["page=0", "page=-1", "page=x", "page=99999999999999999999", "page=7", "kind=kite",
     "late=maybe", "category='%3B+drop+table+roadwear.defect%3B--", "text=%00", "text=%25%27%22%3B",
     "text=" + "x" * 5000, "category=%3Cscript%3E", "page=%D9%A3"],
)  # fmt: skip
def test_odd_addresses_are_answered(ada: Browser, address: str) -> None:
    ada.get(f"/queue?{address}")
    assert "<script>" not in ada.html


def test_what_is_typed_is_text_on_the_page(ada: Browser) -> None:
    ada.get("/queue?text=%3Cb%3E%22onfocus%3D")
    assert "<b>" not in ada.html
    assert "&lt;b&gt;" in ada.html


def test_what_is_late_is_said_and_can_be_shown_alone(ada: Browser, later: Later) -> None:
    assert "should have been decided" not in ada.get("/queue")
    assert "Nothing of the queue is as asked for" in ada.get("/queue?late=true")
    assert "2 arrived in the last 24 hours" in ada.get("/queue")
    later.ahead = timedelta(days=60)
    ada.sign_in("ada@x.example")
    assert "2 should have been decided by now" in ada.get("/queue")
    assert "0 arrived in the last 24 hours" in ada.get("/queue")
    assert "2 of them are shown" in ada.get("/queue?late=true")
    assert ada.html.count("govuk-tag--red") == 2


def test_pages_follow_one_another(
    ada: Browser, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_pages, "PAGE_ROWS", 1)
    monkeypatch.setattr("pipeline.review.queue.PAGE_ROWS", 1)
    first, second = references(database)
    assert first[:8] in ada.get("/queue?kind=pothole")
    assert 'href="/queue?kind=pothole&amp;page=2"' in ada.html
    found = ada.get("/queue?kind=pothole&page=2")
    assert second[:8] in found and first[:8] not in found
    assert "Page 2 of 2" in found
    assert "it has 2 pages" in ada.get("/queue?page=3")


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.integers(1, 20),
    st.sampled_from(Unit),
)
def test_what_was_detected_before_that_instant_is_late_and_nothing_else(
    now: datetime, amount: int, unit: Unit
) -> None:
    rule = ResponseTime(amount=amount, unit=unit, starts=ClockStart.DETECTION)
    england = working_days(Nation.ENGLAND_AND_WALES)
    found = late_before(rule, now, england)
    assert due_at(rule, found - timedelta(seconds=2), england).is_late(now)
    assert not due_at(rule, found + timedelta(seconds=2), england).is_late(now)
