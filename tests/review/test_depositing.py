"""The log's end goes daily to somebody outside, and is in the bundle that is made then."""

from datetime import UTC, datetime, timedelta

import pytest
from aiosmtpd.controller import Controller

from pipeline.adapters.mail_smtp import SmtpMail
from pipeline.adapters.postgres import retention
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.intake import save_organisation
from pipeline.adapters.postgres.log import log_head, log_lines, set_depositary
from pipeline.domain.chain import fault_in
from pipeline.domain.ids import organisation_id
from pipeline.domain.keeping import Kind
from pipeline.review.depositing import Depositor
from tests.letterbox import Letterbox

NORTH = organisation_id("north")
MORNING = datetime(2026, 11, 23, 7, tzinfo=UTC)


class Set:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.at = MORNING

    def now(self) -> datetime:
        return self.at


def say_something(database: Database, days: int) -> None:
    with database.acting_for(NORTH) as connection:
        retention.set_days(connection, NORTH, Kind.STILL, days, said_by="ada")


@pytest.fixture
def clock() -> Set:
    return Set()


@pytest.fixture
def depositor(database: Database, letterbox: tuple[Letterbox, Controller], clock: Set) -> Depositor:
    with database.acting_for(NORTH) as connection:
        save_organisation(connection, "north")
        set_depositary(connection, NORTH, "law@solicitor.example", said_by="ada")
    _, server = letterbox
    mail = SmtpMail(f"smtp://{server.hostname}:{server.port}", "roads@council.example")
    return Depositor(database, mail, clock)


def test_once_a_day_where_something_was_said(
    depositor: Depositor, database: Database, letterbox: tuple[Letterbox, Controller], clock: Set
) -> None:
    box, _ = letterbox
    say_something(database, 1)
    assert depositor.deposit() == 1
    to, letter = box.letters[0]
    assert to == ["law@solicitor.example"]
    with database.acting_for(NORTH) as connection:
        head = log_head(connection, NORTH)
        lines = list(log_lines(connection, NORTH))
    assert head is not None
    assert f"{head.ordinal}:{head.sha256}" in letter.get_content()
    assert fault_in(lines, head=(head.ordinal, head.sha256)) is None

    say_something(database, 2)
    clock.at += timedelta(hours=5)
    assert depositor.deposit() == 0  # not twice a day
    clock.at += timedelta(hours=19)
    assert depositor.deposit() == 1
    clock.at += timedelta(days=1)
    assert depositor.deposit() == 0  # nothing was said since
    assert len(box.letters) == 2


def test_what_the_mail_server_does_not_take_is_sent_again(
    depositor: Depositor, database: Database, letterbox: tuple[Letterbox, Controller]
) -> None:
    box, _ = letterbox
    say_something(database, 1)
    box.full = True
    assert depositor.deposit() == 0
    box.full = False
    assert depositor.deposit() == 1


def test_nobody_is_sent_anything_who_was_not_named(
    depositor: Depositor, database: Database, letterbox: tuple[Letterbox, Controller]
) -> None:
    with database.acting_for(NORTH) as connection:
        set_depositary(connection, NORTH, "", said_by="ada")
    assert depositor.deposit() == 0
    assert letterbox[0].letters == []
