"""What the pages say of works orders: view models made of domain types. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from pipeline.domain.defects import Defect, DefectState
from pipeline.domain.ids import DefectId
from pipeline.domain.orders import WAITS, Approved, EventKind, OrderEvent, OrderLine, WorksOrder
from pipeline.domain.responding import ClockStart, IsWorkingDay
from pipeline.domain.roads import RoadFacts
from pipeline.review.words import Picture, instant_words, pictures, road_words, where_words
from pipeline.stages.bundle import Visit

Calendar = IsWorkingDay
_OFFERED = {
    DefectState.ORDERED: (EventKind.MADE_SAFE, EventKind.REPAIRED, EventKind.NOT_FOUND),
    DefectState.MADE_SAFE: (EventKind.REPAIRED, EventKind.NOT_FOUND),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovedRow:
    """An approved defect, as a list shows it."""

    defect_id: str
    what: str
    category: str
    street: str
    where: str
    still_counts: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitView:
    """Defects that are proposed to be mended in one visit."""

    rows: tuple[ApprovedRow, ...]
    words: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRow:
    """An order, as a list shows it."""

    order_id: str
    number: str
    count: int
    states: str
    due: str
    is_late: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LineView:
    """One defect of an order, as its page shows it."""

    defect_id: str
    what: str
    facts: tuple[tuple[str, str], ...]
    is_late: bool
    pictures: tuple[Picture, ...]
    offered: tuple[tuple[str, str], ...]


def approved_row(one: Approved, road: RoadFacts | None) -> ApprovedRow:
    """Return a line of a list of approved defects."""
    defect = one.defect
    return ApprovedRow(
        defect_id=str(defect.defect_id),
        what=f"{defect.kind.words.capitalize()}, {defect.width_m.value:.2f} m wide, "
        f"{defect.length_m.value:.2f} m long",
        category=one.category or "no category",
        street=road.street if road else "",
        where=where_words(defect),
        still_counts=one.still_counts,
    )


def visit_view(
    visit: Visit, approved: Sequence[Approved], roads: Mapping[DefectId, RoadFacts]
) -> VisitView:
    """Return a proposed visit."""
    ones = [approved[index] for index in visit.order]
    names = [one.defect.defect_id for one in ones]
    words = f"About {visit.minutes:.0f} minutes of a gang"
    if len(ones) > 1:
        words += f", {visit.driven_m:.0f} m apart in all; {visit.saved_min:.0f} minutes saved"
    return VisitView(
        rows=tuple(approved_row(one, roads.get(one.defect.defect_id)) for one in ones),
        words=f"{words}.",
        address=f"/orders/new?{urlencode([('defect', str(name)) for name in names])}",
    )


def order_row(order: WorksOrder, calendar: Calendar, now: datetime) -> OrderRow:
    """Return a line of the list of orders."""
    dues = [order.due_of(line, calendar) for line in order.lines if line.state in WAITS]
    known = sorted((due for due in dues if due is not None), key=lambda due: due.at)
    counted = dict.fromkeys(DefectState, 0)
    for line in order.lines:
        counted[line.state] += 1
    states = ", ".join(f"{n} {s.words.lower()}" for s, n in counted.items() if n)
    return OrderRow(
        order_id=str(order.order_id),
        number=order.number,
        count=len(order.lines),
        states="cancelled" if order.cancelled else states,
        due=known[0].words if known and order.is_open else "",
        is_late=bool(known) and order.is_open and known[0].is_late(now),
    )


def order_facts(order: WorksOrder) -> list[tuple[str, str]]:
    """Return what a gang needs to know beside the places, line by line."""
    fields = order.fields
    hazards = ", ".join(hazard.words.lower() for hazard in fields.hazards)
    speed = "not known" if fields.speed_limit_mph is None else f"{fields.speed_limit_mph} mph"
    return [
        ("Status", "Cancelled" if order.cancelled else "Open" if order.is_open else "Done"),
        ("Ordered", instant_words(order.ordered_at)),
        (
            "Accepted by the contractor",
            instant_words(order.accepted_at) if order.accepted_at else "not yet",
        ),
        ("What is to be done", fields.repair.words),
        ("Traffic management", fields.traffic.words),
        ("Hazards", hazards.capitalize() or "None named"),
        ("Speed limit", speed),
        ("Permit", fields.permit or "none given"),
        ("Adoption", fields.adoption.words),
        ("Reinstatement of", fields.reinstatement_owner or "nobody named"),
        ("Note", fields.note or "none"),
    ]


def line_view(
    order: WorksOrder,
    line: OrderLine,
    now: tuple[Defect, Calendar, datetime],
    road: RoadFacts | None,
    stills: Sequence[Mapping[str, Any]],
) -> LineView:
    """Return one defect of an order.

    Args:
        order: The order.
        line: Of which defect.
        now: The defect as it stands, the council's calendar, and the present.
        road: What is known of its road.
        stills: Its pictures.
    """
    defect, calendar, present = now
    due = order.due_of(line, calendar)
    depth = "not measured" if line.depth_mm is None else f"{line.depth_mm.value:.0f} mm"
    waits = line.state in _OFFERED and not order.cancelled
    facts = (
        ("Status", line.state.words),
        ("Category", line.category or "none"),
        ("Due", _due_words(order, line) if due is None else due.words),
        ("Road", road_words(road)),
        ("Place (National Grid)", where_words(defect)),
        ("Width, length", f"{line.width_m.value:.2f} m, {line.length_m.value:.2f} m"),
        ("Depth", depth),
    )
    return LineView(
        defect_id=str(line.defect_id),
        what=defect.kind.words.capitalize(),
        facts=facts,
        is_late=waits and due is not None and due.is_late(present),
        pictures=tuple(pictures(stills)),
        offered=tuple((kind.value, kind.words.capitalize()) for kind in _OFFERED[line.state])
        if waits
        else (),
    )


def event_words(event: OrderEvent, order: WorksOrder) -> str:
    """Return what became of an order as a sentence."""
    names = [line.defect_id for line in order.lines]
    which = "The order" if event.defect_id is None else f"Number {names.index(event.defect_id) + 1}"
    note = f" Note: {event.note}" if event.note else ""
    return (
        f"{which}: {event.kind.words} on {instant_words(event.happened_at)}, says "
        f"{event.said_by}.{note}"
    )


def _due_words(order: WorksOrder, line: OrderLine) -> str:
    if line.respond is None:
        return "no response time"
    if line.respond.starts is ClockStart.RECEIPT and order.accepted_at is None:
        return f"{line.respond.words}: its clock begins when the contractor accepts"
    return line.respond.words
