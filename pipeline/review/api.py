"""What systems outside read and say, by REST: works orders and what became of them."""

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from pipeline.adapters.policy_toml import calendar_of
from pipeline.adapters.postgres.database import Connection
from pipeline.adapters.postgres.orders import (
    load_event,
    load_events,
    load_order,
    load_order_page,
    lock_order,
    save_event,
)
from pipeline.adapters.postgres.tokens import token_of
from pipeline.domain.errors import InputError, OutageError, RoadwearError, RuleError
from pipeline.domain.ids import DefectId, EventId, OrderId
from pipeline.domain.orders import EventKind, OrderEvent, OrderLine, WorksOrder
from pipeline.domain.responding import IsWorkingDay
from pipeline.domain.tokens import ApiToken, Scope
from pipeline.review.desk import Desk
from pipeline.review.throttle import TooManyError
from pipeline.stages.issue import follow

PROBLEM = "application/problem+json"
_STATUSES: dict[type[RoadwearError], int] = {
    RuleError: 409, InputError: 404, OutageError: 503, TooManyError: 429,
}  # fmt: skip
_TOLD = frozenset(EventKind) - {EventKind.VERIFIED, EventKind.DOUBTED}
_ABOUT = """Works orders and defects, for the systems that a council has.

Ask with `Authorization: Bearer KEY`; `roadwear token add` gives a key. Everything may be asked and
said twice. An answer has an `ETag`: send it back as `If-None-Match`, and what has not changed comes
as 304. Instants are ISO 8601 with their offset; places are WGS 84 unless they say easting and
northing (National Grid). What no engineer confirmed is a *possible* defect and is no business of a
works system.
"""

BEARER = HTTPBearer(auto_error=False, description="A key of roadwear token add.")
Shown = Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)]
Limit = Annotated[int, Query(ge=1, le=500, description="How many at most.")]


class Problem(BaseModel):
    """What went wrong, for a person (RFC 9457)."""

    title: str
    status: int
    detail: str


class SizeOut(BaseModel):
    """A measured size: 95 of 100 truths lie within two sigma."""

    value: float
    sigma: float
    how: str


class LineOut(BaseModel):
    """One defect of an order, as it was when it was ordered, and how it stands."""

    defect_id: UUID
    category: str
    state: str
    due_at: datetime | None = Field(description="None where its clock has not begun.")
    detected_at: datetime
    decided_at: datetime
    width_m: SizeOut
    length_m: SizeOut
    depth_mm: SizeOut | None = Field(description="None where nobody measured it.")


class EventOut(BaseModel):
    """What became of an order, or of one of its defects."""

    event_id: UUID
    kind: EventKind
    defect_id: UUID | None = Field(description="None where it is said of the whole order.")
    happened_at: datetime
    said_by: str
    note: str


class OrderOut(BaseModel):
    """A works order."""

    order_id: UUID
    number: str
    ordered_at: datetime
    accepted_at: datetime | None
    cancelled: bool
    is_open: bool
    type_of_repair: str
    traffic_management: str
    hazards: list[str]
    speed_limit_mph: int | None
    permit: str
    adoption: str
    reinstatement_owner: str
    note: str
    lines: list[LineOut]
    events: list[EventOut]


class OrdersOut(BaseModel):
    """A page of orders, in the order in which they were given."""

    orders: list[OrderOut]
    next_after: UUID | None = Field(description="Ask with ?after= this; None: that was all.")


class EventIn(BaseModel):
    """What became of an order."""

    model_config = ConfigDict(extra="forbid")

    kind: EventKind
    defect_id: UUID | None = Field(
        default=None, description="Of which defect; left out for accepted and cancelled."
    )
    happened_at: AwareDatetime
    said_by: str = Field(default="", max_length=100, description="Who says so, there.")
    note: str = Field(default="", max_length=1000)


ANSWERS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "content": {PROBLEM: {}}, "description": what}
    for status, what in (
        (400, "The address asks for something that there is not."),
        (401, "No key, or one that opens nothing any more."),
        (403, "The key may not do this."),
        (404, "There is no such thing."),
        (422, "What was sent is not understood."),
        (429, "The key asked too often: wait a minute."),
        (503, "Try again."),
    )
}
UNKNOWN: dict[int | str, dict[str, Any]] = {400: ANSWERS[400]}
CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {
        "model": Problem,
        "content": {PROBLEM: {}},
        "description": "It cannot have happened to the order as it stands, or the same event "
        "was told otherwise.",
    }
}


def create_api(desk: Desk) -> FastAPI:
    """Return the application; it has no session and no cookie.

    Args:
        desk: What it shares with the pages.
    """
    # The part that every address begins with is the application's that mounts this one.
    app = FastAPI(
        title="Roadwear", version="1", description=_ABOUT, docs_url=None, redoc_url=None,
        openapi_url="/v1/openapi.json", separate_input_output_schemas=False,
    )  # fmt: skip
    app.router.dependencies.append(Depends(_known_only))
    _add_errors(app)
    _add_orders(app, desk)
    return app


def _known_only(request: Request) -> None:
    """Refuse what the description does not have: a misspelt filter must not give everything.

    Raises:
        HTTPException: There is such a parameter in the address (OGC 17-069r4, requirement 12).
    """
    path, method = request.scope["route"].path, request.method.lower()
    described = request.app.openapi()["paths"][path][method].get("parameters", ())
    known = {one["name"] for one in described if one["in"] == "query"}
    unknown = sorted(set(request.query_params) - known)
    if unknown:
        raise HTTPException(
            400, f"There is no {unknown[0][:50]!r} to ask for; there is {', '.join(sorted(known))}"
        )


def token_shown(desk: Desk, shown: HTTPAuthorizationCredentials | None, scope: Scope) -> ApiToken:
    """Return whose key came with a request.

    Raises:
        HTTPException: None came, it opens nothing any more, or it may not do this.
    """
    key = shown.credentials if shown is not None else ""
    token = token_of(desk.database, key) if key.isascii() else None
    if token is None or token.ends_at <= desk.clock.now():
        raise HTTPException(
            401, "Send a key that is valid.", headers={"WWW-Authenticate": "Bearer"}
        )
    desk.throttle.by_key(str(token.token_id))
    if scope not in token.scopes:
        raise HTTPException(403, f"This key has not the scope {scope.value}.")
    return token


def caller(desk: Desk, scope: Scope) -> Callable[..., ApiToken]:
    """Return what finds out whose key came with a request, and whether it may do this."""

    def found(shown: Shown) -> ApiToken:
        return token_shown(desk, shown, scope)

    return found


def answer(request: Request, content: object, media_type: str = "application/json") -> Response:
    """Return JSON with its ETag; nothing but the ETag where it has not changed."""
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    asked = {one.strip().removeprefix("W/") for one in
             request.headers.get("if-none-match", "").split(",")}  # fmt: skip
    if etag in asked:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return what went wrong."""
    titles = {
        400: "Not understood", 401: "Who are you?", 403: "Not allowed", 404: "Not found",
        409: "Conflict", 422: "Not understood", 429: "Too many", 503: "Try again",
    }  # fmt: skip
    body = Problem(title=titles.get(status, "Not done"), status=status, detail=detail)
    return JSONResponse(body.model_dump(), status, headers=headers, media_type=PROBLEM)


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(RoadwearError)
    def tell(_request: Request, error: RoadwearError) -> Response:
        status = next(s for kind, s in _STATUSES.items() if isinstance(error, kind))
        later = {"Retry-After": "60"} if status == 429 else None  # noqa: PLR2004
        return problem(status, str(error), later)

    @app.exception_handler(HTTPException)
    def refuse(_request: Request, error: HTTPException) -> Response:
        return problem(error.status_code, str(error.detail), error.headers)

    @app.exception_handler(RequestValidationError)
    def not_understood(_request: Request, error: RequestValidationError) -> Response:
        told = "; ".join(
            f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}"
            for one in error.errors()[:5]
        )
        return problem(422, told)


def _add_orders(app: FastAPI, desk: Desk) -> None:
    read, write = caller(desk, Scope.ORDERS_READ), caller(desk, Scope.ORDERS_WRITE)

    @app.get("/v1/orders", responses=ANSWERS, tags=["Orders"])
    def list_orders(
        request: Request,
        token: Annotated[ApiToken, Depends(read)],
        limit: Limit = 100,
        after: Annotated[UUID | None, Query(description="The next_after of the last page.")] = None,
    ) -> OrdersOut:
        """Give works orders, a page at a time."""
        owner = token.authority_id
        with desk.database.acting_for(owner) as connection:
            orders = load_order_page(
                connection, owner, after=None if after is None else OrderId(after), limit=limit
            )
            calendar = calendar_of(desk.policy(owner)[0])
            found = [_order_out(connection, order, calendar) for order in orders]
        more = orders[-1].order_id if len(orders) == limit else None
        page = OrdersOut(orders=found, next_after=more)
        return answer(request, page.model_dump(mode="json"))  # type: ignore[return-value]

    @app.get("/v1/orders/{order_id}", responses=ANSWERS, tags=["Orders"])
    def one_order(
        request: Request, order_id: UUID, token: Annotated[ApiToken, Depends(read)]
    ) -> OrderOut:
        """Give one works order."""
        with desk.database.acting_for(token.authority_id) as connection:
            order = load_order(connection, OrderId(order_id))
            if order is None:
                raise InputError("There is no such order.")
            calendar = calendar_of(desk.policy(token.authority_id)[0])
            found = _order_out(connection, order, calendar)
        return answer(request, found.model_dump(mode="json"))  # type: ignore[return-value]

    @app.put(
        "/v1/orders/{order_id}/events/{event_id}", responses={**ANSWERS, **CONFLICT,
        201: {"model": EventOut, "description": "It was recorded."}}, tags=["Orders"],
    )  # fmt: skip
    def say_what_became(
        order_id: UUID, event_id: UUID, said: EventIn, token: Annotated[ApiToken, Depends(write)]
    ) -> EventOut:
        """Say what became of an order; the same again, by the same event_id, changes nothing.

        The event_id is yours: a UUID that you make once for each event and keep.
        """
        event, is_new = _record(desk, token, OrderId(order_id), EventId(event_id), said)
        body = _event_out(event).model_dump(mode="json")
        return JSONResponse(body, 201 if is_new else 200)  # type: ignore[return-value]


def _record(
    desk: Desk, token: ApiToken, order_id: OrderId, event_id: EventId, said: EventIn
) -> tuple[OrderEvent, bool]:
    """Keep what a system says of an order; return it, and whether it is new.

    Raises:
        InputError: There is no such order.
        RuleError: It cannot have happened, or the same event was told otherwise.
    """
    now = desk.clock.now()
    if said.kind not in _TOLD:
        raise RuleError(f"“{said.kind.value}” is said by camera passes alone.")
    if said.happened_at > now:
        raise RuleError("That is in the future; is your clock right?")
    who = f"{token.name}: {said.said_by.strip()}" if said.said_by.strip() else token.name
    try:
        event = OrderEvent(
            event_id=event_id,
            order_id=order_id,
            defect_id=None if said.defect_id is None else DefectId(said.defect_id),
            kind=said.kind,
            happened_at=said.happened_at,
            said_by=who,
            note=said.note.strip(),
        )
    except ValueError as error:
        raise RuleError(f"{error}.".capitalize()) from error
    with desk.database.acting_for(token.authority_id) as connection:
        lock_order(connection, order_id)
        order = load_order(connection, order_id)
        if order is None:
            raise InputError("There is no such order.")
        before = load_event(connection, event_id)
        if before is not None:
            if before != event:
                raise RuleError("This event_id was told already, and otherwise: make a new one.")
            return before, False
        save_event(connection, token.authority_id, event, follow(order, event))
    return event, True


def _order_out(connection: Connection, order: WorksOrder, calendar: IsWorkingDay) -> OrderOut:
    fields = order.fields
    return OrderOut(
        order_id=order.order_id,
        number=order.number,
        ordered_at=order.ordered_at,
        accepted_at=order.accepted_at,
        cancelled=order.cancelled,
        is_open=order.is_open,
        type_of_repair=fields.repair.value,
        traffic_management=fields.traffic.value,
        hazards=[hazard.value for hazard in fields.hazards],
        speed_limit_mph=fields.speed_limit_mph,
        permit=fields.permit,
        adoption=fields.adoption.value,
        reinstatement_owner=fields.reinstatement_owner,
        note=fields.note,
        lines=[_line_out(order, line, calendar) for line in order.lines],
        events=[_event_out(event) for event in load_events(connection, order.order_id)],
    )


def _line_out(order: WorksOrder, line: OrderLine, calendar: IsWorkingDay) -> LineOut:
    due = order.due_of(line, calendar)
    sizes = {
        name: None if size is None
        else SizeOut(value=size.value, sigma=size.sigma, how=size.how)
        for name, size in (
            ("width_m", line.width_m), ("length_m", line.length_m), ("depth_mm", line.depth_mm)
        )
    }  # fmt: skip
    return LineOut.model_validate(
        {
            "defect_id": line.defect_id,
            "category": line.category,
            "state": line.state.value,
            "due_at": None if due is None else due.at,
            "detected_at": line.detected_at,
            "decided_at": line.decided_at,
            **sizes,
        }
    )


def _event_out(event: OrderEvent) -> EventOut:
    return EventOut(
        event_id=event.event_id,
        kind=event.kind,
        defect_id=event.defect_id,
        happened_at=event.happened_at,
        said_by=event.said_by,
        note=event.note,
    )
