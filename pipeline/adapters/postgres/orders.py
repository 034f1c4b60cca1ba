"""Works orders, and what became of them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from pipeline.adapters.postgres.database import Connection
from pipeline.adapters.postgres.defects import load_defect
from pipeline.domain.defects import DefectState
from pipeline.domain.errors import RuleError
from pipeline.domain.ids import DefectId, EventId, OrderId, OrganisationId, PersonId
from pipeline.domain.observations import Measurement
from pipeline.domain.orders import (
    Adoption,
    Approved,
    EventKind,
    Hazard,
    OrderEvent,
    OrderFields,
    OrderLine,
    RepairType,
    TrafficManagement,
    WorksOrder,
    states_after,
)
from pipeline.domain.responding import ClockStart, ResponseTime, Unit

MOST_APPROVED = 500
_MOST_ORDERS = 200
_EVENT = (
    "select event_id, order_id, defect_id, kind, happened_at, said_by, note, recorded_at "
    "from roadwear.order_event"
)


def lock_orders(connection: Connection, authority: OrganisationId) -> None:
    """Hold off every other new order of an authority until commit: numbers follow one another."""
    connection.execute(
        "select pg_advisory_xact_lock(hashtextextended('orders ' || %s, 0))", (str(authority),)
    )


def next_number(connection: Connection, authority: OrganisationId, year: int) -> str:
    """Return the number of an authority's next order; it is locked."""
    row = connection.execute(
        "select count(*) as n from roadwear.works_order where authority_id = %s "
        "and starts_with(number, %s)",
        (authority, f"{year}-"),
    ).fetchone()
    return f"{year}-{(row['n'] if row else 0) + 1:05d}"


def load_approved(
    connection: Connection,
    authority: OrganisationId,
    names: Sequence[DefectId] | None = None,
) -> tuple[Approved, ...]:
    """Return approved defects that nothing was ordered for, the longest decided first.

    Args:
        connection: A transaction.
        authority: Whose.
        names: Only these, each held until the end of the transaction; None for all.
    """
    if names is not None:
        _lock_defects(connection, names)
    rows = connection.execute(
        "select d.defect_id, d.detected_at, d.emptied_at, x.decided_at, x.category "
        "from roadwear.defect d join lateral (select decided_at, category from roadwear.decision "
        "x where x.defect_id = d.defect_id and x.move = 'approve' and not exists (select 1 "
        "from roadwear.decision u where u.takes_back = x.decision_id) "
        "order by decided_at desc limit 1) x on true where d.authority_id = %(a)s "
        "and d.state = 'approved' and (%(names)s::uuid[] is null or d.defect_id = any(%(names)s)) "
        "order by x.decided_at, d.defect_id limit %(most)s",
        {"most": MOST_APPROVED, "a": authority, "names": None if names is None else list(names)},
    ).fetchall()
    found = []
    for row in rows:
        defect = load_defect(connection, DefectId(row["defect_id"]))
        if defect is not None:
            found.append(
                Approved(
                    defect=defect,
                    category=row["category"] or "",
                    detected_at=row["detected_at"],
                    decided_at=row["decided_at"],
                    still_counts=row["emptied_at"] is None,
                )
            )
    return tuple(found)


def _lock_defects(connection: Connection, names: Sequence[DefectId]) -> None:
    """Hold defects until commit, in the order in which everybody does."""
    connection.execute(
        "select 1 from roadwear.defect where defect_id = any(%s) order by defect_id for update",
        (list(names),),
    )


def save_order(connection: Connection, authority: OrganisationId, order: WorksOrder) -> None:
    """Keep an order; its defects are ordered from then on."""
    connection.execute(
        "insert into roadwear.works_order (order_id, authority_id, number, person_id, fields, "
        "lines, policy_sha256, ordered_at) values (%s, %s, %s, %s, %s, %s, %s, %s)",
        (
            order.order_id, authority, order.number, order.person_id,
            json.dumps(asdict(order.fields)),
            json.dumps([_line_as_json(line) for line in order.lines]),
            order.policy_sha256, order.ordered_at,
        ),
    )  # fmt: skip
    for line in order.lines:
        connection.execute(
            "insert into roadwear.works_order_line (order_id, defect_id, authority_id) "
            "values (%s, %s, %s)",
            (order.order_id, line.defect_id, authority),
        )
        connection.execute(
            "update roadwear.defect set state = 'ordered', ordered_at = %s, accepted_at = null, "
            "version = version + 1 where defect_id = %s",
            (order.ordered_at, line.defect_id),
        )


def lock_order(connection: Connection, order_id: OrderId) -> None:
    """Hold off whatever else would happen to an order until commit."""
    connection.execute(
        "select pg_advisory_xact_lock(hashtextextended('order ' || %s, 0))", (str(order_id),)
    )


def load_order(connection: Connection, order_id: OrderId) -> WorksOrder | None:
    """Return an order as it stands; None if the organisation has none of that id."""
    row = connection.execute(
        "select * from roadwear.works_order where order_id = %s", (order_id,)
    ).fetchone()
    return None if row is None else _order(connection, row)


def load_orders(connection: Connection, authority: OrganisationId) -> tuple[WorksOrder, ...]:
    """Return all of an authority's open orders and its newest ones, the newest first."""
    rows = connection.execute(
        "select * from roadwear.works_order where authority_id = %(a)s and (order_id in ("
        "select l.order_id from roadwear.works_order_line l join roadwear.defect d "
        "using (defect_id) where l.authority_id = %(a)s and d.state in ('ordered', 'made_safe')) "
        "or order_id in (select order_id from roadwear.works_order where authority_id = %(a)s "
        "order by ordered_at desc limit %(most)s)) order by ordered_at desc, number desc",
        {"a": authority, "most": _MOST_ORDERS},
    ).fetchall()
    return tuple(_order(connection, row) for row in rows)


def load_order_page(
    connection: Connection, authority: OrganisationId, *, after: OrderId | None, limit: int
) -> tuple[WorksOrder, ...]:
    """Return a page of an authority's orders, the first first.

    Args:
        connection: A transaction that acts for the authority.
        authority: Whose.
        after: The last order of the page before; None for the first page.
        limit: How many at most.
    """
    rows = connection.execute(
        "select * from roadwear.works_order where authority_id = %(a)s "
        "and (%(after)s::uuid is null or (ordered_at, order_id) > "
        "(select ordered_at, order_id from roadwear.works_order "
        "where order_id = %(after)s)) order by ordered_at, order_id limit %(limit)s",
        {"a": authority, "after": after, "limit": limit},
    ).fetchall()
    return tuple(_order(connection, row) for row in rows)


def load_event(connection: Connection, event_id: EventId) -> OrderEvent | None:
    """Return one thing that became of an order; None if it was never told."""
    row = connection.execute(f"{_EVENT} where event_id = %s", (event_id,)).fetchone()
    return None if row is None else OrderEvent(**{**row, "kind": EventKind(row["kind"])})


def orders_of(connection: Connection, defect_id: DefectId) -> tuple[WorksOrder, ...]:
    """Return the orders that a defect was ever part of, the first first."""
    rows = connection.execute(
        "select o.* from roadwear.works_order o join roadwear.works_order_line l using (order_id) "
        "where l.defect_id = %s order by o.ordered_at",
        (defect_id,),
    ).fetchall()
    return tuple(_order(connection, row) for row in rows)


def save_event(
    connection: Connection,
    authority: OrganisationId,
    event: OrderEvent,
    states: Mapping[DefectId, DefectState],
    *,
    person: PersonId | None = None,
) -> None:
    """Keep what became of an order, and move its defects on.

    Args:
        connection: A transaction that holds the order.
        authority: Whose.
        event: What happened.
        states: What the defects are from now on.
        person: Who said it on a page; None where a system outside did.

    Raises:
        RuleError: Another event has its id.
    """
    kept = connection.execute(
        "insert into roadwear.order_event (event_id, authority_id, order_id, defect_id, kind, "
        "happened_at, said_by, person_id, note) values (%s, %s, %s, %s, %s, %s, %s, %s, %s) "
        "on conflict do nothing returning event_id",
        (
            event.event_id, authority, event.order_id, event.defect_id, event.kind,
            event.happened_at, event.said_by, person, event.note,
        ),
    ).fetchone()  # fmt: skip
    if kept is None:
        raise RuleError("This event has an id that is not free. Nothing was recorded.")
    if event.kind is EventKind.ACCEPTED:
        connection.execute(
            "update roadwear.defect set accepted_at = %s where defect_id in (select defect_id "
            "from roadwear.works_order_line where order_id = %s)",
            (event.happened_at, event.order_id),
        )
    _lock_defects(connection, list(states))
    for defect_id, state in states.items():
        connection.execute(
            "update roadwear.defect set state = %(state)s, version = version + 1, "
            "repaired_at = case when %(kind)s = 'repaired' then %(at)s else repaired_at end, "
            "ordered_at = case when %(state)s = 'approved' then null else ordered_at end, "
            "accepted_at = case when %(state)s = 'approved' then null else accepted_at end "
            "where defect_id = %(defect)s",
            {
                "state": state,
                "kind": event.kind,
                "at": event.happened_at,
                "defect": defect_id,
            },
        )


def load_events(connection: Connection, order_id: OrderId) -> tuple[OrderEvent, ...]:
    """Return what became of an order, as it was told, the first first."""
    rows = connection.execute(f"{_EVENT} where order_id = %s order by ordinal", (order_id,))
    return tuple(OrderEvent(**{**row, "kind": EventKind(row["kind"])}) for row in rows)


def _order(connection: Connection, row: Mapping[str, Any]) -> WorksOrder:
    events = load_events(connection, row["order_id"])
    names = [DefectId(UUID(line["defect_id"])) for line in row["lines"]]
    now = states_after(names, events)
    cancelled = any(event.kind is EventKind.CANCELLED for event in events)
    fields = row["fields"]
    return WorksOrder(
        order_id=row["order_id"],
        number=row["number"],
        person_id=row["person_id"],
        fields=OrderFields(
            **{
                **fields,
                "repair": RepairType(fields["repair"]),
                "traffic": TrafficManagement(fields["traffic"]),
                "hazards": tuple(Hazard(one) for one in fields["hazards"]),
                "adoption": Adoption(fields["adoption"]),
            }
        ),
        lines=tuple(_line(one, now[name]) for one, name in zip(row["lines"], names, strict=True)),
        ordered_at=row["ordered_at"],
        policy_sha256=row["policy_sha256"],
        accepted_at=next(
            (event.happened_at for event in events if event.kind is EventKind.ACCEPTED), None
        ),
        cancelled=cancelled,
    )


def _line(said: Mapping[str, Any], state: DefectState) -> OrderLine:
    respond = said["respond"]
    return OrderLine(
        defect_id=DefectId(UUID(said["defect_id"])),
        category=said["category"],
        respond=None
        if respond is None
        else ResponseTime(
            amount=respond["amount"],
            unit=Unit(respond["unit"]),
            starts=ClockStart(respond["starts"]),
        ),
        detected_at=datetime.fromisoformat(said["detected_at"]),
        decided_at=datetime.fromisoformat(said["decided_at"]),
        width_m=Measurement(**said["width_m"]),
        length_m=Measurement(**said["length_m"]),
        depth_mm=None if said["depth_mm"] is None else Measurement(**said["depth_mm"]),
        state=state,
    )


def _line_as_json(line: OrderLine) -> dict[str, Any]:
    return {
        "defect_id": str(line.defect_id),
        "category": line.category,
        "respond": None if line.respond is None else asdict(line.respond),
        "detected_at": line.detected_at.isoformat(),
        "decided_at": line.decided_at.isoformat(),
        "width_m": asdict(line.width_m),
        "length_m": asdict(line.length_m),
        "depth_mm": None if line.depth_mm is None else asdict(line.depth_mm),
    }
