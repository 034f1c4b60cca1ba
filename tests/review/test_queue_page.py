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
from tests.stored import AIDS, RULES, STORE, store_a_queue


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
    desk = Desk(database, blobs, later, RULES, STORE, AIDS)
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


def put_on_streets(database: Database, hierarchies: tuple[str, str] = ("2", "4b")) -> None:
    """Say of the two possible defects on which street each lies, as ranking does."""
    with database.acting_for(organisation_id("depot")) as connection:
        for number, name in enumerate(references(database)):
            connection.execute(
                "update roadwear.queue_entry set street = %s, usrn = %s, hierarchy = %s "
                "where defect_id = %s",
                (("High Street", "Mill Lane")[number], 100 + number, hierarchies[number], name),
            )


def test_each_filter_leaves_what_it_says(ada: Browser, database: Database) -> None:
    put_on_streets(database)
    first, second = (name[:8] for name in references(database))
    with database.acting_for(organisation_id("depot")) as connection:
        connection.execute(
            "update roadwear.defect set confidence = 0.55 where defect_id::text like %s",
            (f"{second}%",),
        )
        connection.execute(
            "update roadwear.queue_entry set detected_at = now() - interval '9 days' "
            "where defect_id::text like %s",
            (f"{first}%",),
        )
    box = "529990,179990,530010,180010"
    for asked, shown in (
        ("text=high+str", {first}), ("text=101", {second}), ("hierarchy=2", {first}),
        ("hierarchy=4b", {second}), ("hierarchy=3a", set()), ("age=day", {second}),
        ("age=over7", {first}), ("age=over28", set()), ("age=week", {second}),
        ("sure=unsure", {second}),
        ("sure=middling", {first}), ("sure=sure", set()), ("vehicle=V1", {first, second}),
        ("vehicle=v2", set()), (f"box={box}", {first}), ("box=1,2,3", {first, second}),
        ("box=0,0,9,9", set()), ("hierarchy=9&age=x&sure=y", {first, second}),
        (f"box={box}&hierarchy=4b", set()),
    ):  # fmt: skip
        words = ada.get(f"/queue?{asked}")
        assert {one for one in (first, second) if one in words} == shown, asked


def test_a_view_is_kept_shown_changed_and_removed(ada: Browser, database: Database) -> None:
    put_on_streets(database)
    ada.get("/queue?hierarchy=4b&map=true&page=3")
    words = ada.post("/queue/views", {"name": "Lanes <b>", "query": "hierarchy=4b&map=true&x=1"})
    assert "Your views (1)" in words and "Lanes &lt;b&gt;" in ada.html
    assert 'href="/queue?hierarchy=4b&amp;map=true"' in ada.html
    ada.post("/queue/views", {"name": "Lanes <b>", "query": "age=day"})
    assert 'href="/queue?age=day"' in ada.html and "Your views (1)" in ada.get("/queue")
    for wrong in ("", "x" * 61):
        assert "up to 60 characters" in ada.post(
            "/queue/views", {"name": wrong, "query": ""}, status=422
        )
    ada.get("/queue")
    ada.post("/queue/views", {"name": "Lanes <b>", "remove": "true"})
    assert "Your views (" not in ada.get("/queue")


def test_a_view_leads_nowhere_else(ada: Browser) -> None:
    ada.get("/queue")
    answer = ada.client.post(
        "/queue/views",
        data={"csrf": ada.csrf, "name": "x", "query": "//evil.example?map=true"},
        follow_redirects=False,
    )
    assert answer.headers["location"] == "/queue?"


def test_a_flood_is_said_by_street_and_by_camera_pass(
    ada: Browser, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_on_streets(database)
    words = ada.get("/queue/arrived")
    assert "High Street 1" in words and "Mill Lane 1" in words and "v1 2" in words
    assert "far more than usual" not in words
    assert "/queue?text=100&amp;age=day" in ada.html and "/passes/" in ada.html
    monkeypatch.setattr("pipeline.review.queue._FLOOD_FROM", 2)
    assert "far more than usual" in ada.get("/queue/arrived")


def test_sizes_are_drawn_to_scale_and_what_is_near_is_named(
    ada: Browser, database: Database
) -> None:
    first, second = references(database)
    words = ada.get(f"/defects/{first}")
    assert 'rx="400" ry="400"' in ada.html  # 0.80 m, in millimetres
    assert "Drawn to scale: 0.80 m" in ada.html
    assert "Near by, within 50 m" in words
    assert f"/defects/{second}" in ada.html and "20 m away" in words
