"""Issue: approved defects become works orders, and what becomes of these. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pipeline.domain.decisions import Role
from pipeline.domain.defects import DefectState
from pipeline.domain.errors import RuleError
from pipeline.domain.ids import DefectId, OrderId, PersonId
from pipeline.domain.orders import (
    MOST_LINES,
    WAITS,
    Approved,
    EventKind,
    OrderEvent,
    OrderFields,
    OrderLine,
    WorksOrder,
)
from pipeline.domain.policy import CouncilPolicy

# From which states an event may follow.
_FOLLOWS: Final[Mapping[EventKind, Collection[DefectState]]] = {
    EventKind.ACCEPTED: frozenset(DefectState),
    EventKind.MADE_SAFE: frozenset({DefectState.ORDERED}),
    EventKind.REPAIRED: WAITS,
    EventKind.NOT_FOUND: WAITS,
    EventKind.CANCELLED: WAITS,
    EventKind.VERIFIED: frozenset({DefectState.REPAIRED}),
    EventKind.DOUBTED: frozenset({DefectState.VERIFIED}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Orderer:
    """Who orders, when, and under which number."""

    order_id: OrderId
    number: str
    person_id: PersonId
    roles: Collection[Role]
    ordered_at: datetime


def issue(
    approved: Sequence[Approved],
    fields: OrderFields,
    orderer: Orderer,
    *,
    policy: CouncilPolicy,
) -> WorksOrder:
    """Return the order for approved defects.

    Raises:
        RuleError: One of them is not approved any more, or it is not for this person to order.
    """
    if Role.ENGINEER not in orderer.roles:
        raise RuleError(f"Only a person with the role “{Role.ENGINEER}” may order a repair.")
    if not 1 <= len(approved) <= MOST_LINES:
        raise RuleError(f"Choose from 1 to {MOST_LINES} approved defects.")
    for one in approved:
        if not one.category:
            raise RuleError(
                "One of them was approved before the category was kept with the approval. Take "
                "the approval back on its page, and approve it again. Nothing was ordered."
            )
        if one.defect.state is not DefectState.APPROVED:
            raise RuleError(
                f"One of them is “{one.defect.state.words.lower()}” by now. Nothing was ordered."
            )
    return WorksOrder(
        order_id=orderer.order_id,
        number=orderer.number,
        person_id=orderer.person_id,
        fields=fields,
        ordered_at=orderer.ordered_at,
        policy_sha256=policy.sha256,
        lines=tuple(_line(one, policy) for one in approved),
    )


def follow(order: WorksOrder, event: OrderEvent) -> dict[DefectId, DefectState]:
    """Return the states that an event brings an order's defects into; those that stay are missing.

    Raises:
        RuleError: It cannot have happened to the order as it stands.
    """
    if order.cancelled:
        raise RuleError(f"Order {order.number} is cancelled: nothing happens to it any more.")
    # People tell the minute, and no second.
    if event.happened_at < order.ordered_at.replace(second=0, microsecond=0):
        raise RuleError("This happened before it was ordered; is the date right?")
    if event.kind is EventKind.ACCEPTED and order.accepted_at is not None:
        raise RuleError(f"Order {order.number} is accepted already.")
    after = event.kind.leads_to
    concerned = _concerned(order, event)
    return {} if after is None else {line.defect_id: after for line in concerned}


def _concerned(order: WorksOrder, event: OrderEvent) -> list[OrderLine]:
    """Return the defects of an order that an event is about.

    Raises:
        RuleError: There are none, or it cannot have happened to one of them.
    """
    allowed = _FOLLOWS[event.kind]
    if event.kind.is_of_whole_order:
        # What is done stays done.
        left = [line for line in order.lines if line.state in allowed]
        if not left:
            raise RuleError(f"Nothing of order {order.number} is left to be cancelled.")
        return left
    found = [line for line in order.lines if line.defect_id == event.defect_id]
    if not found:
        raise RuleError(f"Order {order.number} has no such defect.")
    for line in found:
        if line.state not in allowed:
            raise RuleError(
                f"This cannot be “{event.kind.words}”: it is “{line.state.words.lower()}”."
            )
    return found


def _line(one: Approved, policy: CouncilPolicy) -> OrderLine:
    band = policy.band_called(one.category)
    return OrderLine(
        defect_id=one.defect.defect_id,
        category=one.category,
        respond=None if band is None else band.respond,
        detected_at=one.detected_at,
        decided_at=one.decided_at,
        width_m=one.defect.width_m,
        length_m=one.defect.length_m,
        depth_mm=one.defect.depth_mm,
    )
