"""What was promised, and when a drive is no longer tried again by itself."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from pipeline.domain.ids import DriveId, OrganisationId
from pipeline.domain.uk_time import LONDON
from pipeline.domain.work import (
    MOST_TRIES,
    WaitingDrive,
    WorkKind,
    WorkWord,
    late_words,
    promised_by,
    tries_since,
)

NOON = datetime(2026, 2, 10, 12, tzinfo=UTC)


def drive(*kinds: WorkKind) -> WaitingDrive:
    said = tuple(
        WorkWord(kind=kind, sentence="", flow_run_id=None, happened_at=NOON + timedelta(minutes=n))
        for n, kind in enumerate(kinds)
    )
    return WaitingDrive(
        owner_id=OrganisationId(uuid4()), drive_id=DriveId(uuid4()), received_at=NOON,
        waiting_s=60.0, said=said,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("received", "promised"),
    [
        ("2026-02-10T17:59", "2026-02-11T06:30"),
        ("2026-02-10T18:00", "2026-02-11T06:30"),
        ("2026-02-10T18:01", "2026-02-12T06:30"),
        ("2026-02-11T05:00", "2026-02-12T06:30"),
        # The nights when the clocks go forward and back: 06:30 is what the clock on the wall says.
        ("2026-03-28T12:00", "2026-03-29T06:30"),
        ("2026-10-24T12:00", "2026-10-25T06:30"),
    ],
)
def test_what_is_in_by_six_is_promised_for_half_past_six(received: str, promised: str) -> None:
    at = datetime.fromisoformat(received).replace(tzinfo=LONDON)
    assert promised_by(at.astimezone(UTC)) == datetime.fromisoformat(promised).replace(
        tzinfo=LONDON
    )


def test_the_night_in_march_is_an_hour_shorter_and_that_in_october_longer() -> None:
    for day, hours in (("2026-02-10", 12.5), ("2026-03-28", 11.5), ("2026-10-24", 13.5)):
        at = datetime.fromisoformat(f"{day}T18:00").replace(tzinfo=LONDON).astimezone(UTC)
        assert promised_by(at).astimezone(UTC) - at == timedelta(hours=hours)


def test_a_refusal_waits_for_a_person_and_what_was_lost_does_not() -> None:
    assert drive(WorkKind.BEGUN, WorkKind.FAILED).needs_a_person
    assert not drive(WorkKind.BEGUN, WorkKind.LOST).needs_a_person
    assert not drive(WorkKind.BEGUN, WorkKind.OUTAGE).needs_a_person
    assert not drive(WorkKind.BEGUN, WorkKind.FAILED, WorkKind.ASKED).needs_a_person
    assert not drive().needs_a_person


def test_what_is_lost_again_and_again_waits_for_a_person_until_they_ask() -> None:
    often = [WorkKind.BEGUN, WorkKind.LOST] * MOST_TRIES
    assert drive(*often).needs_a_person
    assert not drive(*often[2:]).needs_a_person
    assert not drive(*often, WorkKind.ASKED).needs_a_person
    assert not drive(*often, WorkKind.DONE, WorkKind.BEGUN).needs_a_person
    assert drive(*[WorkKind.LOST] * MOST_TRIES).needs_a_person
    assert drive(WorkKind.ASKED, *[WorkKind.LOST] * MOST_TRIES).needs_a_person
    assert not drive(*[WorkKind.BEGUN, WorkKind.OUTAGE] * 3 * MOST_TRIES).needs_a_person
    assert tries_since(drive(WorkKind.LOST, WorkKind.BEGUN, WorkKind.LOST).said) == 2


def test_what_is_late_is_said_and_what_waits_for_a_person_on_its_own_day_alone() -> None:
    morning = promised_by(NOON)
    waits, stuck = drive(), drive(WorkKind.BEGUN, WorkKind.FAILED)
    assert late_words([waits, stuck], [NOON], morning - timedelta(seconds=1)) == ""
    assert late_words([waits, waits, stuck], [NOON], morning) == (
        "2 drives that were promised for 06:30 are not done: 0.0 hours of footage. "
        "1 drive that was promised for 06:30 is not done until a person asks for a try. "
        "1 upload that was promised for 06:30 is not even read."
    )
    assert "person" not in late_words([waits, stuck], [], morning + timedelta(days=1))
