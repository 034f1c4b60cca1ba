"""Operations' page: what waits, what failed and why, another try, and who is silent."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from pipeline.adapters.blobs_obstore import ObstoreBlobs
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.log import log_lines, rows_unlike_log
from pipeline.adapters.postgres.people import add_person
from pipeline.adapters.postgres.work import load_work, say_work
from pipeline.domain.chain import fault_in
from pipeline.domain.decisions import Role
from pipeline.domain.ids import DriveId, OrganisationId, natural_uuid
from pipeline.domain.work import WorkKind, WorkWord
from pipeline.review import create_app
from pipeline.review.desk import Desk
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
def ops(
    database: Database, tmp_path: Path, clock: Set, drive: tuple[OrganisationId, DriveId]
) -> Iterator[Browser]:
    owner, _ = drive
    with database.acting_for(owner) as connection:
        add_person(
            connection, owner, email="ops@north.example", name="Oz", password=PASSWORD,
            roles=[Role.OPERATIONS],
        )  # fmt: skip
    store = receiving_in(database, tmp_path / "footage").store.store_id
    desk = Desk(
        database, ObstoreBlobs.from_location(str(tmp_path / "blobs")), clock, RULES, store, AIDS
    )
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
    assert "All 1 were heard from in the last three days" in words

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
