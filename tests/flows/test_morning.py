"""What was promised for the morning and is not done is told to people, each once."""

from datetime import UTC, datetime, timedelta

import pytest
from aiosmtpd.controller import Controller
from prefect.logging import disable_run_logger

from flows.morning import morning
from flows.telling import ToldError
from pipeline import wiring
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.people import add_person
from pipeline.domain.decisions import Role
from pipeline.domain.ids import DriveId, OrganisationId
from tests.letterbox import Letterbox
from tests.review.browsing import PASSWORD

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


class Later:
    """A clock that is ahead."""

    ahead = timedelta(days=3)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Later:
    found = Later()
    monkeypatch.setattr(wiring, "clock", lambda: found)
    return found


@pytest.fixture
def letters(letterbox: tuple[Letterbox, Controller], monkeypatch: pytest.MonkeyPatch) -> Letterbox:
    box, server = letterbox
    monkeypatch.setenv("ROADWEAR_MAIL_URL", f"smtp://127.0.0.1:{server.port}")
    monkeypatch.setenv("ROADWEAR_MAIL_FROM", "roadwear@council.example")
    monkeypatch.setenv("ROADWEAR_SERVER", "https://r.example")
    return box


def let_in(database: Database, owner: OrganisationId, **roles: Role) -> None:
    with database.acting_for(owner) as connection:
        for name, role in roles.items():
            add_person(
                connection, owner, email=f"{name}@council.example", name=name, password=PASSWORD,
                roles=[role],
            )  # fmt: skip


def told() -> dict[str, int]:
    with disable_run_logger():
        return morning()


def test_each_who_sees_to_operations_is_told_once_a_day(
    drive: tuple[OrganisationId, DriveId], database: Database, clock: Later, letters: Letterbox
) -> None:
    let_in(database, drive[0], oz=Role.OPERATIONS, ada=Role.ENGINEER, adm=Role.ADMIN)
    assert told() == {"late": 1, "told": 1}
    assert told() == {"late": 1, "told": 0}
    [(to, letter)] = letters.letters
    assert to == ["oz@council.example"]
    text = letter.get_content()
    assert "1 drive that was promised for 06:30 is not done" in text
    assert "https://r.example/operations" in text
    clock.ahead += timedelta(days=1)
    assert told() == {"late": 1, "told": 1}


def test_nothing_is_told_while_nothing_is_late(
    drive: tuple[OrganisationId, DriveId], database: Database, clock: Later, letters: Letterbox
) -> None:
    let_in(database, drive[0], oz=Role.OPERATIONS)
    clock.ahead = timedelta()
    assert told() == {"late": 0, "told": 0}
    assert letters.letters == []


def test_a_mail_that_is_not_taken_is_sent_again_by_the_next_run(
    drive: tuple[OrganisationId, DriveId], database: Database, clock: Later, letters: Letterbox
) -> None:
    del clock
    let_in(database, drive[0], adm=Role.ADMIN)
    letters.full = True
    assert told() == {"late": 1, "told": 0}
    letters.full = False
    assert told() == {"late": 1, "told": 1}


@pytest.mark.usefixtures("drive", "clock")
def test_that_nobody_can_be_told_is_a_failure_and_not_silence() -> None:
    with pytest.raises(ToldError) as raised:
        told()
    assert "ROADWEAR_MAIL_URL" in raised.value.sentence
