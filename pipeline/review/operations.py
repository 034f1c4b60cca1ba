"""Operations: is last night's footage done, what failed and why, which vehicles are silent."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import FastAPI, Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel

from pipeline.adapters.policy_toml import days_off_of
from pipeline.adapters.postgres.backlog import load_backlog
from pipeline.adapters.postgres.rota import load_watched
from pipeline.adapters.postgres.work import (
    Effort,
    ask_again,
    load_all_waiting,
    load_done,
    load_effort,
    load_unread,
    load_vehicles,
)
from pipeline.domain.decisions import Role
from pipeline.domain.ids import DriveId
from pipeline.domain.rota import silences
from pipeline.domain.uk_time import by_when
from pipeline.domain.work import KEPT_WORDS, WaitingDrive, WorkKind, late_words, promised_by
from pipeline.review.desk import Desk, Works, require_csrf
from pipeline.review.words import instant_words

_DAY = timedelta(days=1)
_KNOWN = timedelta(days=28)
_MOST_ROWS = 200


class RetryForm(BaseModel):
    """What a person sends in to ask for another try."""

    csrf: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkRow:
    """A drive that waits, as the page shows it.

    Attributes:
        state: What became of it last.
        sentence: Why.
        is_late: It was promised for an earlier moment.
        run: Its last run on Prefect's pages; "" where there is none.
    """

    drive_id: DriveId
    vehicle: str
    received: str
    minutes: str
    promised: str
    state: str
    sentence: str
    is_late: bool
    needs_a_person: bool
    run: str


def add_operations(app: FastAPI, desk: Desk) -> None:
    """Add the page."""

    @app.get("/operations")
    def operations_page(request: Request) -> Response:
        person = desk.person_with(request, Role.OPERATIONS, Role.ADMIN)
        owner, now = person.organisation_id, desk.clock.now()
        waiting = load_all_waiting(desk.database, desk.store, owner=owner)
        with desk.database.acting_for(owner) as connection:
            unread = load_unread(connection, owner, desk.store)
            shown = sorted(waiting, key=lambda one: (not one.needs_a_person, one.received_at))
            shown = shown[:_MOST_ROWS]
            vehicles = load_vehicles(connection, owner, [one.drive_id for one in shown])
            backlog = load_backlog(connection, owner, desk.store, now)
            done = load_done(connection, owner, now - _DAY)
            effort = load_effort(connection, owner, now - _KNOWN)
            watched = load_watched(connection, owner, now - _KNOWN)
        done_at = backlog.done_at(now)
        works = desk.works if Role.OPERATIONS in person.roles else Works()
        return desk.page(
            request, "operations.html",
            promise=late_words(waiting, unread, now) or KEPT_WORDS,
            unread=[by_when(at, now) for at in unread],
            waiting=len(waiting), waiting_hours=f"{backlog.waiting_s / 3600:.1f}",
            clear=None if done_at is None else by_when(done_at, now),
            rate=None if backlog.rate is None else f"{backlog.rate:.1f}",
            done=done.drives, done_hours=f"{done.footage_s / 3600:.1f}",
            for_a_person=sum(one.needs_a_person for one in waiting),
            rows=[_row(one, vehicles.get(one.drive_id, ""), now, works) for one in shown],
            effort=effort_words(effort, desk.works.hour_cost), prefect=works.prefect,
            silent=silences(watched, now, is_off=days_off_of(desk.policy(owner)[0])),
            vehicles=len(watched), room=desk.room().words,
            may_ask=Role.OPERATIONS in person.roles,
        )  # fmt: skip

    @app.post("/operations/drives/{drive_id}/retry")
    def retry_form(
        request: Request, drive_id: UUID, form: Annotated[RetryForm, Form()]
    ) -> Response:
        require_csrf(request, form.csrf)
        person = desk.person_with(request, Role.OPERATIONS)
        with desk.database.acting_for(person.organisation_id) as connection:
            ask_again(connection, person, DriveId(drive_id), desk.clock.now())
        return RedirectResponse("/operations", status_code=303)


def effort_words(effort: Effort, hour_cost: float | None) -> str:
    """Return what looking took of late, for each kilometre of road that was looked at.

    Args:
        effort: Of the last four weeks.
        hour_cost: What a worker's hour costs, in pounds; None where nobody said.
    """
    if not effort.looked_m or not effort.worker_s:
        return "Not known yet"
    hours, looked_km = effort.worker_s / 3600, effort.looked_m / 1000
    spent = f"{looked_km:.1f} km in {hours:.1f} hours of workers, in the last 28 days"
    if hour_cost is None:
        return f"{60 * hours / looked_km:.1f} minutes of a worker: {spent}"
    return f"£{hours * hour_cost / looked_km:.3f}: {spent}, at £{hour_cost:.2f} an hour"


def _row(one: WaitingDrive, vehicle: str, now: datetime, works: Works) -> WorkRow:
    last = one.said[-1] if one.said else None
    state = "Waits" if last is None else f"{last.kind.words}, {instant_words(last.happened_at)}"
    if last is not None and last.kind is WorkKind.BEGUN:
        state = f"Being looked at since {instant_words(last.happened_at)}"
    promised = promised_by(one.received_at)
    run = last.flow_run_id if last else None
    return WorkRow(
        drive_id=one.drive_id,
        vehicle=vehicle,
        received=instant_words(one.received_at),
        minutes=f"{one.waiting_s / 60:.0f}",
        promised=by_when(promised, now),
        state=state[0].upper() + state[1:],
        sentence=last.sentence if last else "",
        is_late=promised <= now,
        needs_a_person=one.needs_a_person,
        run=f"{works.prefect}/runs/flow-run/{run}" if run and works.prefect else "",
    )
