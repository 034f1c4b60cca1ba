"""Works orders: proposed visits, one order, what became of it, and its files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import FastAPI, Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, Field

from pipeline.adapters.export_orders import (
    order_rows,
    orders_csv,
    orders_geojson,
    orders_geopackage,
)
from pipeline.adapters.policy_toml import calendar_of
from pipeline.adapters.postgres.database import Connection
from pipeline.adapters.postgres.defects import load_defect, load_evidence, save_policy
from pipeline.adapters.postgres.orders import (
    MOST_APPROVED,
    load_approved,
    load_events,
    load_order,
    load_orders,
    lock_order,
    lock_orders,
    next_number,
    save_event,
    save_order,
)
from pipeline.adapters.postgres.people import Person
from pipeline.adapters.postgres.roads import load_road_facts, load_sections, network_in_use
from pipeline.domain.decisions import Role
from pipeline.domain.defects import Defect
from pipeline.domain.errors import InputError, RuleError
from pipeline.domain.ids import DefectId, EventId, OrderId, OrganisationId
from pipeline.domain.orders import (
    Adoption,
    Approved,
    EventKind,
    Hazard,
    OrderEvent,
    OrderFields,
    RepairType,
    TrafficManagement,
    WorksOrder,
)
from pipeline.domain.roads import Box, RoadFacts
from pipeline.domain.uk_time import LONDON
from pipeline.geometry.network import RoadNetwork
from pipeline.review import order_words
from pipeline.review.desk import Desk, require_csrf
from pipeline.stages.bundle import BundleSettings, Visit, bundle, driven_between
from pipeline.stages.issue import Orderer, follow, issue

_LONGEST_NOTE, _LONGEST_FIELD, _MOST_DIGITS = 1000, 100, 3
_BESIDE_M = 500.0
_FILES = {
    "csv": "text/csv; charset=utf-8",
    "geojson": "application/geo+json",
    "gpkg": "application/geopackage+sqlite3",
}


class OrderForm(BaseModel):
    """What an engineer sends in to order repairs."""

    csrf: str
    defect: list[UUID] = Field(default_factory=list)
    repair: str = ""
    traffic: str = ""
    hazard: list[str] = Field(default_factory=list)
    speed: str = ""
    permit: str = ""
    adoption: str = Adoption.UNKNOWN
    reinstatement_owner: str = ""
    note: str = ""

    def fields(self) -> OrderFields:
        """Return what it says.

        Raises:
            RuleError: It says too little, or what cannot be.
        """
        if self.repair not in set(RepairType):
            raise RuleError("Choose what is to be done.")
        if self.traffic not in set(TrafficManagement):
            raise RuleError("Choose how traffic is led past the works.")
        if not set(self.hazard) <= set(Hazard) or self.adoption not in set(Adoption):
            raise RuleError("The form is not understood. Go back, reload the page and try again.")
        if len(self.note) > _LONGEST_NOTE:
            raise RuleError(f"The note must be {_LONGEST_NOTE} characters or fewer.")
        if max(len(self.permit), len(self.reinstatement_owner)) > _LONGEST_FIELD:
            raise RuleError(f"Permit and owner must be {_LONGEST_FIELD} characters or fewer.")
        speed = self.speed.strip()
        if speed and not (speed.isascii() and speed.isdigit() and len(speed) <= _MOST_DIGITS):
            raise RuleError("Write the speed limit as a number of miles an hour, or leave it out.")
        try:
            return OrderFields(
                repair=RepairType(self.repair),
                traffic=TrafficManagement(self.traffic),
                hazards=tuple(hazard for hazard in Hazard if hazard in set(self.hazard)),
                speed_limit_mph=int(speed) if speed else None,
                permit=self.permit.strip(),
                adoption=Adoption(self.adoption),
                reinstatement_owner=self.reinstatement_owner.strip(),
                note=self.note.strip(),
            )
        except ValueError as error:
            raise RuleError(f"{error}.".capitalize()) from error


class EventForm(BaseModel):
    """What an engineer sends in of what became of an order."""

    csrf: str
    kind: str = ""
    defect: str = ""
    when: str = ""
    note: str = ""

    def event(self, order_id: OrderId, said_by: str, now: datetime) -> OrderEvent:
        """Return what it says.

        Raises:
            RuleError: It says too little, or what cannot be.
        """
        if self.kind not in set(EventKind) - {EventKind.VERIFIED, EventKind.DOUBTED}:
            raise RuleError("Choose what became of it.")
        if len(self.note) > _LONGEST_NOTE:
            raise RuleError(f"The note must be {_LONGEST_NOTE} characters or fewer.")
        try:
            happened_at = _uk_time(self.when, now) if self.when else now
            defect = DefectId(UUID(self.defect)) if self.defect else None
        except (ValueError, OverflowError) as error:
            raise RuleError("Enter when it happened as a date and a time.") from error
        if happened_at > now:
            raise RuleError("That is in the future; is the date right?")
        try:
            return OrderEvent(
                event_id=EventId(uuid4()),
                order_id=order_id,
                defect_id=defect,
                kind=EventKind(self.kind),
                happened_at=happened_at,
                said_by=said_by,
                note=self.note.strip(),
            )
        except ValueError as error:
            raise RuleError("Choose of which defect this is said.") from error


def _uk_time(text: str, now: datetime) -> datetime:
    """Return an instant that was written in UK time; the later of two, unless it is to come."""
    said = datetime.fromisoformat(text).replace(tzinfo=LONDON)
    later = said.replace(fold=1)
    return later if later.utcoffset() != said.utcoffset() and later <= now else said


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSeen:
    """An order with what its files and its page tell besides."""

    order: WorksOrder
    defects: Mapping[DefectId, Defect]
    roads: Mapping[DefectId, RoadFacts]


def add_orders(app: FastAPI, desk: Desk) -> None:
    """Add the routes."""
    _add_lists(app, desk)
    _add_order(app, desk)

    @app.get("/orders/{order_id}/order.{kind}")
    def order_file(request: Request, order_id: UUID, kind: str) -> Response:
        person = desk.person(request)
        if kind not in _FILES:
            raise InputError("There is no such file.")
        seen = _seen(desk, person.organisation_id, OrderId(order_id))
        rows = order_rows(seen.order, seen.defects, seen.roads, _calendar(desk, person))
        defects = [seen.defects[line.defect_id] for line in seen.order.lines]
        content = {
            "csv": lambda: orders_csv(rows),
            "geojson": lambda: orders_geojson(rows, desk.rules.grid, defects),
            "gpkg": lambda: orders_geopackage(rows),
        }[kind]()
        name = f"order-{seen.order.number}.{kind}"
        return Response(
            content,
            media_type=_FILES[kind],
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )


def _add_lists(app: FastAPI, desk: Desk) -> None:
    @app.get("/orders")
    def orders_page(request: Request) -> Response:
        person = desk.person(request)
        with desk.database.acting_for(person.organisation_id) as connection:
            approved = load_approved(connection, person.organisation_id)
            roads = load_road_facts(
                connection, person.organisation_id, [one.defect.defect_id for one in approved]
            )
            visits = _visits(connection, person.organisation_id, approved)
            orders = load_orders(connection, person.organisation_id)
        now, calendar = desk.clock.now(), _calendar(desk, person)
        return desk.page(
            request, "orders.html",
            visits=[order_words.visit_view(visit, approved, roads) for visit in visits],
            waiting=[order_words.order_row(o, calendar, now) for o in orders if o.is_open],
            done=[order_words.order_row(o, calendar, now) for o in orders if not o.is_open],
            is_cut=len(approved) == MOST_APPROVED, most=MOST_APPROVED,
            may_order=Role.ENGINEER in person.roles,
        )  # fmt: skip

    @app.get("/orders/new")
    def new_order(request: Request) -> Response:
        person = desk.person(request)
        wanted = _names(request.query_params.getlist("defect"))
        with desk.database.acting_for(person.organisation_id) as connection:
            approved = load_approved(connection, person.organisation_id, wanted)
            names = [one.defect.defect_id for one in approved]
            roads = load_road_facts(connection, person.organisation_id, names)
        limits = {road.speed_limit_mph for road in roads.values() if road.speed_limit_mph}
        return desk.page(
            request, "order_new.html",
            rows=[order_words.approved_row(one, roads.get(one.defect.defect_id))
                  for one in approved],
            missing=len(wanted) - len(approved),
            speed=max(limits, default=""),
            repairs=[(one.value, one.words) for one in RepairType],
            traffics=[(one.value, one.words) for one in TrafficManagement],
            hazards=[(one.value, one.words) for one in Hazard],
            adoptions=[(one.value, one.words) for one in Adoption],
            may_order=Role.ENGINEER in person.roles,
        )  # fmt: skip

    @app.post("/orders")
    def order_form(request: Request, form: Annotated[OrderForm, Form()]) -> Response:
        require_csrf(request, form.csrf)
        person = desk.person(request)
        order = _ordered(desk, person, [DefectId(name) for name in form.defect], form.fields())
        return RedirectResponse(f"/orders/{order.order_id}", status_code=303)


def _add_order(app: FastAPI, desk: Desk) -> None:
    @app.get("/orders/{order_id}")
    def order_page(request: Request, order_id: UUID) -> Response:
        person = desk.person(request)
        seen = _seen(desk, person.organisation_id, OrderId(order_id))
        names = [line.defect_id for line in seen.order.lines]
        with desk.database.acting_for(person.organisation_id) as connection:
            events = load_events(connection, seen.order.order_id)
            stills = load_evidence(connection, names)
        now, calendar = desk.clock.now(), _calendar(desk, person)
        return desk.page(
            request, "order.html", order=seen.order,
            facts=order_words.order_facts(seen.order),
            lines=[
                order_words.line_view(
                    seen.order, line, (seen.defects[line.defect_id], calendar, now),
                    seen.roads.get(line.defect_id), stills.get(line.defect_id, ()),
                )
                for line in seen.order.lines
            ],
            events=[order_words.event_words(event, seen.order) for event in events],
            may_say=Role.ENGINEER in person.roles and seen.order.is_open,
            now=now.astimezone(LONDON).strftime("%Y-%m-%dT%H:%M"),
            files=list(_FILES),
        )  # fmt: skip

    @app.post("/orders/{order_id}/event")
    def event_form(
        request: Request, order_id: UUID, form: Annotated[EventForm, Form()]
    ) -> Response:
        require_csrf(request, form.csrf)
        person = desk.person(request)
        if Role.ENGINEER not in person.roles:
            raise RuleError(f"Only a person with the role “{Role.ENGINEER}” may say this.")
        event = form.event(OrderId(order_id), person.name, desk.clock.now())
        with desk.database.acting_for(person.organisation_id) as connection:
            lock_order(connection, OrderId(order_id))
            order = load_order(connection, OrderId(order_id))
            if order is None:
                raise InputError("There is no such order.")
            save_event(
                connection, person.organisation_id, event, follow(order, event),
                person=person.person_id,
            )  # fmt: skip
        return RedirectResponse(f"/orders/{order_id}", status_code=303)


def _ordered(
    desk: Desk, person: Person, names: Sequence[DefectId], fields: OrderFields
) -> WorksOrder:
    authority, now = person.organisation_id, desk.clock.now()
    policy, content = desk.policy(person.organisation_id)
    with desk.database.acting_for(authority) as connection:
        lock_orders(connection, authority)
        save_policy(connection, authority, policy, content)
        approved = load_approved(connection, authority, sorted(set(names)))
        if len(approved) < len(set(names)):
            raise RuleError("One of them is not approved any more. Nothing was ordered.")
        orderer = Orderer(
            order_id=OrderId(uuid4()),
            number=next_number(connection, authority, now.astimezone(LONDON).year),
            person_id=person.person_id,
            roles=person.roles,
            ordered_at=now,
        )
        order = issue(approved, fields, orderer, policy=policy)
        save_order(connection, authority, order)
    return order


def _seen(desk: Desk, authority: OrganisationId, order_id: OrderId) -> OrderSeen:
    with desk.database.acting_for(authority) as connection:
        order = load_order(connection, order_id)
        if order is None:
            raise InputError("There is no such order.")
        names = [line.defect_id for line in order.lines]
        found = [load_defect(connection, name) for name in names]
        roads = load_road_facts(connection, authority, names)
    defects = {defect.defect_id: defect for defect in found if defect is not None}
    return OrderSeen(order=order, defects=defects, roads=roads)


def _visits(
    connection: Connection, authority: OrganisationId, approved: Sequence[Approved]
) -> tuple[Visit, ...]:
    """Return which of the approved defects are mended in one visit, by road."""
    if not approved:
        return ()
    settings = BundleSettings()
    places = [one.defect.at for one in approved]
    network_id = network_in_use(connection, authority)
    network = None
    if network_id is not None:
        east, north = [p.easting_m for p in places], [p.northing_m for p in places]
        box = Box(
            west_m=min(east) - _BESIDE_M, east_m=max(east) + _BESIDE_M,
            south_m=min(north) - _BESIDE_M, north_m=max(north) + _BESIDE_M,
        )  # fmt: skip
        network = RoadNetwork(load_sections(connection, network_id, box))
    return bundle(driven_between(places, network, settings=settings), settings=settings)


def _calendar(desk: Desk, person: Person) -> order_words.Calendar:
    return calendar_of(desk.policy(person.organisation_id)[0])


def _names(texts: Sequence[str]) -> list[DefectId]:
    """Return the ids in an address; what is none is left out."""
    found = []
    for text in texts[:100]:
        try:
            found.append(DefectId(UUID(text)))
        except ValueError:
            continue
    return sorted(set(found))
