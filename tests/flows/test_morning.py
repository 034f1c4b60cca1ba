"""What was promised for the morning and is not done is told to people, each once."""

from datetime import timedelta

import pytest
from prefect.logging import disable_run_logger

from flows.morning import morning
from flows.telling import ToldError
from pipeline.adapters.postgres.database import Database
from pipeline.domain.decisions import Role
from pipeline.domain.ids import DriveId, OrganisationId
from tests.flows.conftest import Later, let_in
from tests.letterbox import Letterbox

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


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
