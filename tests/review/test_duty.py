"""Friday afternoon's finding: raised, told to who is on duty, acknowledged; or nobody watches."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.blobs_obstore import ObstoreBlobs
from pipeline.adapters.mail_smtp import SmtpMail
from pipeline.adapters.policy_toml import parse_policy
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.ledger import PostgresLedger
from pipeline.adapters.postgres.log import log_lines, rows_unlike_log
from pipeline.adapters.postgres.people import add_person
from pipeline.domain.chain import fault_in
from pipeline.domain.decisions import Role
from pipeline.domain.duty import Duty, watched_until
from pipeline.domain.ids import DutyId, PersonId, natural_uuid, organisation_id
from pipeline.domain.policy import Policies
from pipeline.domain.uk_time import LONDON
from pipeline.line import LineSettings, gather_drive
from pipeline.review import create_app
from pipeline.review.desk import Desk
from pipeline.review.duty import Alarm
from tests.builders import an_observation
from tests.letterbox import Letterbox
from tests.review.browsing import PASSWORD, Browser, another, defects_of
from tests.stored import AIDS, RULES, STORE, store_findings

DEPOT = organisation_id("depot")
FRIDAY = datetime(2026, 11, 27, 16, 20, tzinfo=LONDON).astimezone(UTC)
# The presets count the time to a decision in hours for CAT1 alone; here for CAT1_24 too.
CONTENT = RULES.policies.general[1].replace(
    b'decide = { within = 1, unit = "working_days", from = "detection" }',
    b'decide = { within = 24, unit = "hours", from = "detection" }',
)
POLICY = (parse_policy(CONTENT, name="test"), CONTENT)


class Set:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.at = FRIDAY

    def now(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Set:
    return Set()


@pytest.fixture
def app(database: Database, tmp_path: Path, clock: Set) -> TestClient:
    ledger = PostgresLedger(database, clock)
    ledger.make_known("depot", "depot", "v1")
    with database.acting_for(DEPOT) as connection:
        for name, role in (("ada", Role.ENGINEER), ("ben", Role.ENGINEER), ("fay", Role.FLEET)):
            add_person(
                connection, DEPOT, email=f"{name}@depot.example", name=name.title(),
                password=PASSWORD, roles=[role],
            )  # fmt: skip
    blobs = ObstoreBlobs.from_location(str(tmp_path))
    rules = replace(RULES, policies=Policies(general=POLICY))
    return TestClient(
        create_app(Desk(database, blobs, clock, rules, STORE, AIDS), secret_key="k" * 32)
    )


@pytest.fixture
def ada(app: TestClient) -> Browser:
    browser = another(app)
    browser.sign_in("ada@depot.example")
    return browser


def find_one(database: Database, clock: Set, name: str = "one") -> None:
    """Let footage be looked at that shows a large hole in the wheel path."""
    ledger = PostgresLedger(database, clock)
    seen = [an_observation(0, 0, drive=name, second=look, width_m=0.8) for look in range(3)]
    drive = store_findings(ledger, seen, authority="depot")
    gather_drive(
        DEPOT, drive.drive_id, ledger=ledger, policy=POLICY, settings=LineSettings()
    )  # fmt: skip


def put_on_duty(browser: Browser, name: str, begins: str, ends: str, status: int = 200) -> str:
    browser.get("/duty")
    person = re.search(rf'value="([0-9a-f-]+)"[^>]*>{name}<', browser.html)
    fields = {"person": person[1] if person else "", "from_at": begins, "until_at": ends}
    return browser.post("/duty", fields, status=status)


def test_a_finding_of_friday_is_told_on_saturday_and_acknowledged(
    ada: Browser, database: Database, clock: Set, letterbox: tuple[Letterbox, Controller]
) -> None:
    mailbox, server = letterbox
    mail = SmtpMail(f"smtp://127.0.0.1:{server.port}", "roadwear@depot.example")
    alarm = Alarm(database, mail, clock, "https://r.example/")
    put_on_duty(ada, "Ben", "2026-11-28T08:00", "2026-11-29T08:00")
    find_one(database, clock)
    words = ada.get("/queue")
    assert "1 possible emergency waits to be acknowledged" in words
    assert "nobody is watching possible emergencies until Saturday 28 November, 08:00" in words
    assert alarm.tell() == 0

    clock.at = datetime(2026, 11, 28, 8, 1, tzinfo=UTC)
    ada.sign_in("ada@depot.example")
    assert alarm.tell() == 1
    assert alarm.tell() == 0
    clock.at += timedelta(minutes=16)
    assert alarm.tell() == 1
    [(to, letter), _] = mailbox.letters
    text = letter.get_content()
    assert to == ["ben@depot.example"]
    path = defects_of(ada)[0]
    assert f"https://r.example{path}" in text
    assert "possible defect until you confirm it" in re.sub(r"\s+", " ", text)

    words = ada.get("/duty")
    assert "Ben watches possible emergencies" in words
    assert "Told by mail: Ben" in words
    form = re.search(r"/alerts/[0-9a-f-]+/acknowledge", ada.html)
    assert form
    words = ada.post(form[0], {"note": "cones on the way"})
    assert "Nothing waits to be acknowledged" in words
    assert "acknowledged by Ada Saturday" in words or "acknowledged by Ada 28 November" in words
    assert "somebody was quicker" in ada.post(form[0], {}, status=422).lower()
    clock.at += timedelta(hours=1)
    assert alarm.tell() == 0
    with database.acting_for(DEPOT) as connection:
        kinds = [re.search(r'"kind" : "(\w+)"', one.line) for one in log_lines(connection, DEPOT)]
        assert [kind[1] for kind in kinds if kind] == [
            "duty", "alert", "alert_told", "alert_told", "alert_acknowledged",
        ]  # fmt: skip
        assert fault_in(list(log_lines(connection, DEPOT))) is None
        assert rows_unlike_log(connection, DEPOT) == ()


def test_what_is_decided_waits_no_longer_and_is_raised_again_when_it_is_taken_back(
    ada: Browser, database: Database, clock: Set
) -> None:
    find_one(database, clock)
    assert "1 possible emergency" in ada.get("/queue")
    path = defects_of(ada)[0]
    clock.at += timedelta(minutes=1)
    ada.get(path)
    ada.decide(path, {"move": "not_ours"})
    assert "emergency waits" not in ada.get("/queue")
    assert "; decided" in ada.get("/duty")
    clock.at += timedelta(minutes=1)
    ada.get(path)
    taken = re.search(r'name="takes_back" value="([^"]+)"', ada.html)
    assert taken
    ada.decide(path, {"move": "undo", "takes_back": taken[1]})
    assert "1 possible emergency" in ada.get("/queue")


def test_seen_again_it_is_not_raised_again(ada: Browser, database: Database, clock: Set) -> None:
    find_one(database, clock)
    find_one(database, clock, "again")
    assert "1 possible emergency waits" in ada.get("/queue")


def test_who_is_taken_off_duty_watches_no_more(ada: Browser) -> None:
    assert "Nobody is on duty: nobody is watching" in ada.get("/queue")
    put_on_duty(ada, "Ben", "2026-11-27T16:00", "2026-11-27T20:00")
    words = put_on_duty(ada, "Ada", "2026-11-27T20:00", "2026-11-28T20:00")
    assert "somebody does until Saturday 28 November, 20:00" in words
    end = re.search(r"/duty/[0-9a-f-]+/end", ada.html)
    assert end
    assert "Nobody is on duty" in ada.post(end[0], {})


@pytest.mark.parametrize(
    ("begins", "ends", "words"),
    [
        ("", "", "each as a date and a time"),
        ("2026-11-27T16:00", "kite", "each as a date and a time"),
        ("2026-11-28T16:00", "2026-11-27T16:00", "end after it begins"),
        ("2026-11-20T16:00", "2026-11-21T16:00", "in the future"),
        ("2026-11-28T16:00", "2027-11-27T16:00", "more than 14 days"),
    ],
)
def test_a_duty_that_cannot_be_is_refused(ada: Browser, begins: str, ends: str, words: str) -> None:
    assert words in put_on_duty(ada, "Ben", begins, ends, status=422)


def test_fleet_staff_neither_acknowledge_nor_put_on_duty(
    app: TestClient, ada: Browser, database: Database, clock: Set
) -> None:
    find_one(database, clock)
    ada.get("/duty")
    form = re.search(r"/alerts/[0-9a-f-]+/acknowledge", ada.html)
    assert form
    fay = another(app)
    fay.sign_in("fay@depot.example")
    assert "Acknowledge number" not in fay.get("/duty")
    assert "Only a person with the role" in fay.post(form[0], {}, status=422)
    assert "Only a person" in put_on_duty(
        fay, "Ben", "2026-11-28T16:00", "2026-11-28T17:00", status=422
    )


@given(st.lists(st.tuples(st.integers(0, 48), st.integers(1, 24)), max_size=6))
def test_watched_until_is_the_end_of_an_unbroken_watch(spans: list[tuple[int, int]]) -> None:
    duties = tuple(
        Duty(
            duty_id=DutyId(natural_uuid("duty", n)), person_id=PersonId(natural_uuid("p", n)),
            name="x", email="x", from_at=FRIDAY + timedelta(hours=begin),
            until_at=FRIDAY + timedelta(hours=begin + long),
        )
        for n, (begin, long) in enumerate(spans)
    )  # fmt: skip
    now = FRIDAY + timedelta(hours=12)
    until = watched_until(duties, now)
    hour = now
    while any(duty.is_on(hour) for duty in duties):
        hour += timedelta(hours=1)
    assert until == (hour if hour > now else None)
