"""A camera pass voided and restored: coverage, counts and the queue follow together."""

import re
from uuid import UUID

import pytest
from fastapi.testclient import TestClient

from pipeline.adapters.clock_system import SystemClock
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.drive_words import lock_drive
from pipeline.adapters.postgres.ledger import PostgresLedger
from pipeline.adapters.postgres.log import log_lines, rows_unlike_log
from pipeline.adapters.postgres.passes import load_passes
from pipeline.domain.chain import fault_in
from pipeline.domain.errors import OutageError
from pipeline.domain.ids import DefectId, organisation_id
from tests.builders import an_observation
from tests.review.browsing import Browser, another, defects_of
from tests.stored import gather, store_findings

DEPOT = organisation_id("depot")


def pass_of(browser: Browser, defect: str) -> str:
    browser.get(defect)
    found = re.search(r"/passes/[0-9a-f-]{36}", browser.html)
    assert found
    return found[0]


def looked(database: Database, defect: str) -> int:
    name = DefectId(UUID(defect.rpartition("/")[2]))
    with database.acting_for(DEPOT) as connection:
        return len(load_passes(connection, DEPOT, [name]).get(name, ()))


def void(browser: Browser, page: str, **fields: str) -> str:
    browser.get(page)
    return browser.post(f"{page}/void", {"void": "true", **fields})


def restore(browser: Browser, page: str) -> str:
    browser.get(page)
    return browser.post(f"{page}/void", {"void": "false", "note": "it was right"})


def test_what_a_void_pass_alone_showed_leaves_the_queue_and_comes_back(
    ada: Browser, database: Database
) -> None:
    before = defects_of(ada)
    path, page = before[0], pass_of(ada, before[0])
    assert "Road looked at 30 m" in ada.get(page)
    assert "2: Possible defect, waiting for an engineer" in ada.get(page)
    assert looked(database, path) == 1

    words = void(ada, page, reason="places_wrong", note="tunnel")
    assert "Void: nothing of it counts" in words
    assert "Ada voided this camera pass" in words and "tunnel" in words
    assert "2: No longer seen by any footage that counts" in words
    assert "Nothing waits for a decision" in ada.get("/queue")
    assert looked(database, path) == 0
    words = ada.get(path)
    assert "Camera passes that do not count" in words
    assert "Record my decision" not in words

    assert "Ada restored this camera pass" in restore(ada, page)
    assert defects_of(ada) == before
    assert looked(database, path) == 1
    assert "Camera passes that do not count" not in ada.get(path)
    with database.acting_for(DEPOT) as connection:
        assert fault_in(list(log_lines(connection, DEPOT))) is None
        assert rows_unlike_log(connection, DEPOT) == ()


def test_what_was_decided_stays_decided(ada: Browser) -> None:
    path = defects_of(ada)[0]
    page = pass_of(ada, path)
    ada.approve(path)
    void(ada, page, reason="camera_wrong")
    words = ada.get(path)
    assert "Ada approved this" in words
    assert "Camera passes that do not count" in words


def test_whoever_stores_results_waits_for_who_says_a_word_on_the_drive(
    database: Database, database_urls: tuple[str, str]
) -> None:
    ledger = PostgresLedger(database, SystemClock())
    seen = [an_observation(300, 0, drive="later", second=9000 + n) for n in range(3)]
    drive = store_findings(ledger, seen, authority="depot")
    impatient = Database(f"{database_urls[1]}?options=-c%20lock_timeout%3D200ms")
    again = PostgresLedger(impatient, SystemClock())
    with database.acting_for(DEPOT) as connection:
        lock_drive(connection, drive.drive_id)
        with pytest.raises(OutageError, match="lock timeout"):
            store_findings(again, seen, authority="depot", threshold=0.3)
    store_findings(again, seen, authority="depot", threshold=0.3)
    impatient.close()


def test_what_another_pass_saw_too_stays(ada: Browser, database: Database) -> None:
    path = defects_of(ada)[0]
    page = pass_of(ada, path)
    ledger = PostgresLedger(database, SystemClock())
    seen = [
        an_observation(0, 0, drive="again", second=5000 + look, width_m=0.8) for look in range(3)
    ]
    gather(ledger, store_findings(ledger, seen, authority="depot"))
    assert "5 pictures on 2 drives" in ada.get(path)
    void(ada, page, reason="pictures_unfit")
    assert defects_of(ada) == [path]
    assert "3 pictures on 1 drive" in ada.get(path)
    restore(ada, page)
    assert "5 pictures on 2 drives" in ada.get(path)


def test_new_results_of_a_void_pass_do_not_count(ada: Browser, database: Database) -> None:
    path = defects_of(ada)[0]
    ledger = PostgresLedger(database, SystemClock())
    seen = [
        an_observation(300, 0, drive="later", second=9000 + look, width_m=0.8) for look in range(3)
    ]
    drive = store_findings(ledger, seen, authority="depot")
    gather(ledger, drive)
    assert len(defects_of(ada)) == 3
    void(ada, f"/passes/{drive.drive_id}", reason="a_test")
    assert len(defects_of(ada)) == 2
    gather(ledger, store_findings(ledger, seen, authority="depot", threshold=0.3))
    assert path in defects_of(ada)
    assert len(defects_of(ada)) == 2
    restore(ada, f"/passes/{drive.drive_id}")
    assert len(defects_of(ada)) == 3


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"void": "true"}, "Choose why"),
        ({"void": "true", "reason": "other"}, "Say in the note"),
        ({"void": "true", "reason": "kite"}, "Choose why"),
        ({"void": "true", "reason": "a_test", "note": "x" * 501}, "500 characters"),
        ({"void": "false"}, "somebody was quicker"),
        ({"void": "maybe"}, "not understood"),
        ({"void": "true", "reason": "a_test", "note": "a\0b"}, "cannot be kept"),
    ],
)
def test_a_word_that_says_too_little_is_answered(
    ada: Browser, fields: dict[str, str], words: str
) -> None:
    page = pass_of(ada, defects_of(ada)[0])
    ada.get(page)
    assert words in ada.post(f"{page}/void", fields, status=422)


def test_nobody_else_voids_it(client: TestClient, ada: Browser) -> None:
    page = pass_of(ada, defects_of(ada)[0])
    fay, eve = another(client), another(client)
    fay.sign_in("fay@depot.example")
    assert "It must not count" not in fay.get(page)
    said = {"void": "true", "reason": "a_test"}
    assert "Only a person with the role" in fay.post(f"{page}/void", said, status=422)
    eve.sign_in("eve@other.example")
    eve.get(page, status=404)
    eve.get("/queue")
    assert "no such camera pass" in eve.post(f"{page}/void", said, status=422)
    assert "It counts" in ada.get(page)
