"""Orders: what may be ordered, what may become of it, and by when it is due."""

from dataclasses import replace
from datetime import date, timedelta
from uuid import uuid4

import pytest

from pipeline.domain.decisions import Role
from pipeline.domain.defects import DefectState
from pipeline.domain.errors import RuleError
from pipeline.domain.ids import DefectId, EventId, OrderId, PersonId
from pipeline.domain.orders import (
    Approved,
    EventKind,
    OrderEvent,
    OrderFields,
    RepairType,
    TrafficManagement,
    WorksOrder,
)
from pipeline.domain.responding import ClockStart, ResponseTime, Unit
from pipeline.stages.issue import Orderer, follow, issue
from tests.builders import NOON, a_defect, a_policy

FIELDS = OrderFields(repair=RepairType.PERMANENT, traffic=TrafficManagement.STOP_GO)


def approved(category: str = "CAT2H", state: DefectState = DefectState.APPROVED) -> Approved:
    defect = replace(a_defect(state=state), defect_id=DefectId(uuid4()))
    return Approved(defect=defect, category=category, detected_at=NOON, decided_at=NOON)


def an_orderer(*roles: Role) -> Orderer:
    return Orderer(
        order_id=OrderId(uuid4()), number="2026-00001", person_id=PersonId(uuid4()),
        roles=roles or (Role.ENGINEER,), ordered_at=NOON + timedelta(hours=1),
    )  # fmt: skip


def an_order(*ones: Approved) -> WorksOrder:
    return issue(ones or (approved(),), FIELDS, an_orderer(), policy=a_policy())


def an_event(order: WorksOrder, kind: EventKind, line: int = 0, hours: float = 2) -> OrderEvent:
    return OrderEvent(
        event_id=EventId(uuid4()),
        order_id=order.order_id,
        defect_id=None if kind.is_of_whole_order else order.lines[line].defect_id,
        kind=kind,
        happened_at=NOON + timedelta(hours=hours),
        said_by="test",
    )


def test_an_order_keeps_what_was_judged_and_its_response_time() -> None:
    order = an_order(approved("CAT1"), approved("MONITOR"), approved("unheard of"))
    assert [line.category for line in order.lines] == ["CAT1", "MONITOR", "unheard of"]
    assert order.lines[0].respond is not None
    assert order.lines[1].respond is order.lines[2].respond is None


@pytest.mark.parametrize("state", [s for s in DefectState if s is not DefectState.APPROVED])
def test_only_what_is_approved_is_ordered(state: DefectState) -> None:
    with pytest.raises(RuleError, match="Nothing was ordered"):
        an_order(approved(), approved(state=state))


def test_only_an_engineer_orders_and_something() -> None:
    with pytest.raises(RuleError, match="engineer"):
        issue([approved()], FIELDS, an_orderer(Role.FLEET), policy=a_policy())
    for count in (0, 51):
        ones = [approved() for _ in range(count)]
        with pytest.raises(RuleError, match="from 1 to 50"):
            issue(ones, FIELDS, an_orderer(), policy=a_policy())


@pytest.mark.parametrize(
    ("starts", "began"),
    [
        (ClockStart.DETECTION, 0.0),
        (ClockStart.DECISION, 0.0),
        (ClockStart.ORDER, 1.0),
        (ClockStart.RECEIPT, 5.0),
    ],
)
def test_a_clock_begins_at_the_event_that_the_policy_names(
    starts: ClockStart, began: float
) -> None:
    order = an_order()
    line = replace(order.lines[0], respond=ResponseTime(amount=2, unit=Unit.HOURS, starts=starts))
    every_day = lambda _: True  # noqa: E731
    before = order.due_of(line, every_day)
    assert (before is None) is (starts is ClockStart.RECEIPT)
    accepted = replace(order, accepted_at=NOON + timedelta(hours=5))
    due = accepted.due_of(line, every_day)
    assert due is not None
    assert due.at == NOON + timedelta(hours=began + 2)


def test_suffolks_clock_begins_on_the_working_day_after_the_order() -> None:
    order = an_order()
    line = replace(
        order.lines[0],
        respond=ResponseTime(amount=2, unit=Unit.WORKING_DAYS, starts=ClockStart.NEXT_WORKING_DAY),
    )
    due = order.due_of(line, lambda day: day.weekday() < 5)
    assert due is not None
    assert due.day == date(2026, 2, 12)  # ordered on Tuesday the 10th


def test_a_defect_goes_from_ordered_to_verified_and_no_other_way() -> None:
    order = an_order(approved(), approved())
    first, second = (line.defect_id for line in order.lines)
    assert follow(order, an_event(order, EventKind.ACCEPTED)) == {}
    assert follow(order, an_event(order, EventKind.MADE_SAFE)) == {first: DefectState.MADE_SAFE}
    assert follow(order, an_event(order, EventKind.REPAIRED, 1)) == {second: DefectState.REPAIRED}
    assert follow(order, an_event(order, EventKind.CANCELLED)) == dict.fromkeys(
        (first, second), DefectState.APPROVED
    )
    with pytest.raises(RuleError, match="cannot be"):
        follow(order, an_event(order, EventKind.VERIFIED))
    done = replace(
        order, lines=(replace(order.lines[0], state=DefectState.REPAIRED), order.lines[1])
    )
    assert follow(done, an_event(done, EventKind.VERIFIED)) == {first: DefectState.VERIFIED}
    for kind in (EventKind.MADE_SAFE, EventKind.REPAIRED):
        with pytest.raises(RuleError, match="cannot be"):
            follow(done, an_event(done, kind))


def test_what_is_done_stays_done_when_the_rest_is_cancelled_or_accepted_late() -> None:
    order = an_order(approved(), approved())
    partly = replace(
        order, lines=(replace(order.lines[0], state=DefectState.REPAIRED), order.lines[1])
    )
    assert follow(partly, an_event(partly, EventKind.CANCELLED)) == {
        order.lines[1].defect_id: DefectState.APPROVED
    }
    assert follow(partly, an_event(partly, EventKind.ACCEPTED)) == {}
    whole = replace(partly, lines=partly.lines[:1])
    with pytest.raises(RuleError, match="left to be cancelled"):
        follow(whole, an_event(whole, EventKind.CANCELLED))


def test_what_was_approved_without_a_category_is_approved_again_first() -> None:
    with pytest.raises(RuleError, match="approve it again"):
        an_order(approved(""))


def test_what_cannot_have_happened_is_refused() -> None:
    order = an_order()
    with pytest.raises(RuleError, match="before it was ordered"):
        follow(order, an_event(order, EventKind.REPAIRED, hours=0.5))
    late = replace(order, ordered_at=order.ordered_at + timedelta(seconds=45))
    assert follow(late, an_event(late, EventKind.REPAIRED, hours=1))
    with pytest.raises(RuleError, match="no such defect"):
        follow(order, an_event(an_order(), EventKind.REPAIRED))
    with pytest.raises(RuleError, match="accepted already"):
        follow(replace(order, accepted_at=NOON), an_event(order, EventKind.ACCEPTED))
    with pytest.raises(RuleError, match="cancelled"):
        follow(replace(order, cancelled=True), an_event(order, EventKind.REPAIRED))
    with pytest.raises(ValueError, match="the whole order"):
        replace(an_event(order, EventKind.ACCEPTED), defect_id=order.lines[0].defect_id)
    with pytest.raises(ValueError, match="speed limit"):
        replace(FIELDS, speed_limit_mph=33)
