"""Operations' page: what waits, what failed and why, another try, and who is silent."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from pipeline.adapters.blobs_obstore import ObstoreBlobs
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.log import log_lines, rows_unlike_log
from pipeline.adapters.postgres.people import add_person
from pipeline.adapters.postgres.work import Effort, load_effort, load_work, say_work
from pipeline.domain.chain import fault_in
from pipeline.domain.decisions import Role
from pipeline.domain.ids import DriveId, OrganisationId, natural_uuid
from pipeline.domain.work import WorkKind, WorkWord
from pipeline.review import create_app
from pipeline.review.desk import Desk, Works
from pipeline.review.operations import effort_words
from tests.review.browsing import PASSWORD, Browser
from tests.stored import AIDS, RULES
from tests.uplink.serving import hand_in_a_clip, receiving_in


class Set:
    """A clock that a test puts forward."""

    ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def clock() -> Set:
    return Set()


@pytest.fixture
def drive(database: Database, tmp_path: Path) -> tuple[OrganisationId, DriveId]:
    """Hand six seconds in, of which nothing was looked at yet."""
    return hand_in_a_clip(database, tmp_path)


@pytest.fixture
def desk(
    database: Database, tmp_path: Path, clock: Set, drive: tuple[OrganisationId, DriveId]
) -> Desk:
    with database.acting_for(drive[0]) as connection:
        add_person(
            connection, drive[0], email="ops@north.example", name="Oz", password=PASSWORD,
            roles=[Role.OPERATIONS],
        )  # fmt: skip
    store = receiving_in(database, tmp_path / "footage").store.store_id
    blobs = ObstoreBlobs.from_location(str(tmp_path / "blobs"))
    return Desk(database, blobs, clock, RULES, store, AIDS)


@pytest.fixture
def ops(desk: Desk) -> Iterator[Browser]:
    with TestClient(create_app(desk, secret_key="k" * 32), base_url="https://testserver") as client:
        browser = Browser(client)
        browser.sign_in("ops@north.example")
        yield browser


def told(
    database: Database, drive: tuple[OrganisationId, DriveId], kind: WorkKind, sentence: str = ""
) -> None:
    owner, drive_id = drive
    word = WorkWord(kind=kind, sentence=sentence, flow_run_id=None, happened_at=datetime.now(UTC))
    with database.acting_for(owner) as connection:
        say_work(connection, owner, drive_id, word)


def test_what_waits_is_shown_and_when_it_is_late(ops: Browser, clock: Set) -> None:
    words = ops.get("/operations")
    assert "1 drive, 0.0 hours of footage" in words
    assert "1142" in words
    assert "nothing that was promised for 06:30 is left" in words
    assert ">late<" not in ops.html
    assert "None of 1: what was to come has come" in words

    clock.ahead = timedelta(days=4)
    ops.sign_in("ops@north.example")
    words = ops.get("/operations")
    assert "1 drive that was promised for 06:30 is not done" in words
    assert ">late<" in ops.html
    assert "1142: last heard from" in words


def test_what_failed_says_why_and_is_tried_again_when_a_person_asks(
    ops: Browser, database: Database, drive: tuple[OrganisationId, DriveId]
) -> None:
    told(database, drive, WorkKind.BEGUN)
    assert "Being looked at since" in ops.get("/operations")
    told(database, drive, WorkKind.FAILED, "a.mp4 <b>cannot</b> be read")
    words = ops.get("/operations")
    assert "1 that is not tried again by itself" in words
    assert "a.mp4 &lt;b&gt;cannot" in ops.html
    form = re.search(r"/operations/drives/[0-9a-f-]+/retry", ops.html)
    assert form

    words = ops.post(form[0], {})
    assert "Another try was asked for" in words
    assert "/retry" not in ops.html
    owner, drive_id = drive
    with database.acting_for(owner) as connection:
        kinds = [word.kind for word in load_work(connection, owner, [drive_id])[drive_id]]
        assert kinds == [WorkKind.BEGUN, WorkKind.FAILED, WorkKind.ASKED]
        assert fault_in(list(log_lines(connection, owner))) is None
        assert rows_unlike_log(connection, owner) == ()


def test_what_is_not_even_read_is_counted(
    ops: Browser, database: Database, drive: tuple[OrganisationId, DriveId], clock: Set
) -> None:
    with database.acting_for(drive[0]) as connection:
        connection.execute("update roadwear.batch set state = 'closed'")
    assert "1 upload, the oldest ended" in ops.get("/operations")
    clock.ahead = timedelta(days=4)
    ops.sign_in("ops@north.example")
    assert "1 upload that was promised for 06:30 is not even read" in ops.get("/operations")


def test_a_drive_that_is_nobodys_is_not_tried(ops: Browser) -> None:
    ops.get("/operations")
    other = f"/operations/drives/{natural_uuid('drive', 'other')}/retry"
    assert "There is no such drive of yours" in ops.post(other, {}, status=422)


def test_what_a_kilometre_takes_is_told_once_something_was_looked_at(
    ops: Browser, database: Database, drive: tuple[OrganisationId, DriveId]
) -> None:
    assert "Not known yet" in ops.get("/operations")
    owner, drive_id = drive
    begun = datetime.now(UTC) - timedelta(hours=1)
    with database.acting_for(owner) as connection:
        for kind, minutes in (
            (WorkKind.BEGUN, 0), (WorkKind.LOST, 20), (WorkKind.BEGUN, 30), (WorkKind.DONE, 45),
        ):  # fmt: skip
            at = begun + timedelta(minutes=minutes)
            say_work(connection, owner, drive_id, WorkWord(
                kind=kind, sentence="", flow_run_id=None, happened_at=at,
            ))  # fmt: skip
        effort = load_effort(connection, owner, begun - timedelta(days=1))
    # What was lost counts up to the last piece that it stored, and it stored none.
    assert effort == Effort(worker_s=900.0, looked_m=0.0)
    assert effort_words(replace(effort, looked_m=7500.0), None) == (
        "2.0 minutes of a worker: 7.5 km in 0.2 hours of workers, in the last 28 days"
    )
    assert effort_words(replace(effort, looked_m=7500.0), 0.6) == (
        "£0.020: 7.5 km in 0.2 hours of workers, in the last 28 days, at £0.60 an hour"
    )


def test_a_run_is_looked_up_in_prefect_where_its_pages_are_known(
    ops: Browser, database: Database, drive: tuple[OrganisationId, DriveId], desk: Desk
) -> None:
    owner, drive_id = drive
    run = uuid4()
    word = WorkWord(
        kind=WorkKind.FAILED, sentence="no", flow_run_id=run, happened_at=datetime.now(UTC)
    )
    with database.acting_for(owner) as connection:
        say_work(connection, owner, drive_id, word)
    assert "in Prefect" not in ops.get("/operations") + ops.html
    desk.works = Works(prefect="http://prefect.example:4200")
    ops.get("/operations")
    assert f'href="http://prefect.example:4200/runs/flow-run/{run}"' in ops.html
    assert 'href="http://prefect.example:4200/dashboard"' in ops.html
