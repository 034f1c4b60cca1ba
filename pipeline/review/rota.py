"""The rota: on which days each vehicle is out, so that a silent one is noticed."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import FastAPI, Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel

from pipeline.adapters.postgres.rota import load_watched, save_rota
from pipeline.domain.decisions import Role
from pipeline.domain.errors import InputError, RuleError
from pipeline.domain.ids import VehicleId
from pipeline.domain.rota import MOST_DAYS, WEEKDAYS, Rota
from pipeline.domain.uk_time import LONDON
from pipeline.review.desk import Desk, require_csrf
from pipeline.review.words import instant_words

_KNOWN = timedelta(days=28)
_NEXT_DAY = "1"


class RotaForm(BaseModel):
    """On which days a vehicle is out, and within how many days its footage comes."""

    csrf: str
    day: list[str] = []
    within: str = ""


def add_rota(app: FastAPI, desk: Desk) -> None:
    """Add the pages."""

    @app.get("/operations/rota")
    def rota_page(request: Request) -> Response:
        person = desk.person_with(request, Role.OPERATIONS, Role.ADMIN)
        since = desk.clock.now() - _KNOWN
        with desk.database.acting_for(person.organisation_id) as connection:
            vehicles = load_watched(connection, person.organisation_id, since)
        rows = [
            (
                one.vehicle_id,
                one.vehicle,
                one.rota.words if one.rota else "On no rota",
                instant_words(one.last_heard_at) if one.last_heard_at else "Not in 28 days",
            )
            for one in vehicles
        ]
        may_say = Role.OPERATIONS in person.roles
        return desk.page(request, "rota.html", rows=rows, may_say=may_say)

    @app.get("/operations/rota/{vehicle_id}")
    def vehicle_page(request: Request, vehicle_id: UUID) -> Response:
        person = desk.person_with(request, Role.OPERATIONS)
        since = desk.clock.now() - _KNOWN
        with desk.database.acting_for(person.organisation_id) as connection:
            vehicles = load_watched(connection, person.organisation_id, since)
        found = [one for one in vehicles if one.vehicle_id == vehicle_id]
        if not found:
            raise InputError("There is no such vehicle of yours.")
        rota = found[0].rota
        return desk.page(
            request, "rota_vehicle.html", vehicle=found[0], weekdays=list(enumerate(WEEKDAYS)),
            days=rota.weekdays if rota else (), most_days=MOST_DAYS,
            within=str(rota.within_days) if rota else _NEXT_DAY,
        )  # fmt: skip

    @app.post("/operations/rota/{vehicle_id}")
    def rota_form(
        request: Request, vehicle_id: UUID, form: Annotated[RotaForm, Form()]
    ) -> Response:
        require_csrf(request, form.csrf)
        person = desk.person_with(request, Role.OPERATIONS)
        now = desk.clock.now()
        rota = Rota(
            weekdays=frozenset(_number(day, len(WEEKDAYS) - 1) for day in form.day),
            within_days=_number(form.within.strip(), MOST_DAYS),
            from_day=now.astimezone(LONDON).date(),
        )
        with desk.database.acting_for(person.organisation_id) as connection:
            save_rota(connection, person, [VehicleId(vehicle_id)], rota, now)
        return RedirectResponse("/operations/rota", status_code=303)


def _number(said: str, most: int) -> int:
    """Return a number that was sent in.

    Raises:
        RuleError: It is none, or too large.
    """
    if said.isascii() and said.isdigit() and len(said) <= len(str(most)) and int(said) <= most:
        return int(said)
    raise RuleError(f"Enter a whole number of days from 0 to {MOST_DAYS}, and days of the week.")
