"""Possible emergencies: who watches, what waits, and who acknowledged it."""

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID, uuid4

import structlog
from fastapi import FastAPI, Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel

from pipeline.adapters.mail_smtp import SmtpMail
from pipeline.adapters.postgres.database import Connection, Database
from pipeline.adapters.postgres.duty import (
    acknowledge,
    end_duty,
    load_alerts,
    load_duties,
    load_waiting,
    save_duty,
    save_told,
)
from pipeline.adapters.postgres.people import Person, load_people
from pipeline.adapters.postgres.receiving import all_organisations
from pipeline.adapters.postgres.roads import load_road_facts
from pipeline.domain.decisions import Role
from pipeline.domain.duty import Alert, Duty, watched_until
from pipeline.domain.errors import OutageError, RuleError
from pipeline.domain.ids import AlertId, DutyId, OrganisationId, PersonId
from pipeline.domain.ports import Clock
from pipeline.domain.uk_time import LONDON
from pipeline.review.desk import Desk, require_csrf
from pipeline.review.words import instant_words

_log = structlog.get_logger(__name__)
_MAY = frozenset({Role.ENGINEER, Role.OPERATIONS})
_AHEAD, _BACK = timedelta(days=28), timedelta(days=14)
_LONGEST_DUTY = timedelta(days=14)
_LONGEST_NOTE = 500
_ASKED = (
    "A camera saw what may be an emergency. It is a possible defect until you confirm it. "
    "Acknowledge it, so that nobody else has to:"
)


class DutyForm(BaseModel):
    """What a person sends in to put somebody on duty; UK time."""

    csrf: str
    person: str = ""
    from_at: str = ""
    until_at: str = ""

    def times(self, now: datetime) -> tuple[datetime, datetime]:
        """Return from when until when.

        Raises:
            RuleError: They are no times, over, or longer than anybody can watch.
        """
        try:
            begins, ends = (
                datetime.fromisoformat(text).replace(tzinfo=LONDON)
                for text in (self.from_at, self.until_at)
            )
        except ValueError as error:
            raise RuleError("Enter from when until when, each as a date and a time.") from error
        if not begins < ends or ends <= now:
            raise RuleError("The time on duty has to end after it begins, and in the future.")
        if ends - begins > _LONGEST_DUTY:
            raise RuleError(f"Nobody is on duty for more than {_LONGEST_DUTY.days} days.")
        return begins, ends


def watch_words(connection: Connection, authority: OrganisationId, now: datetime) -> str:
    """Return who watches possible emergencies now, or that nobody does, as a sentence."""
    duties = load_duties(connection, authority, now, ahead=_AHEAD)
    on = [duty.name for duty in duties if duty.is_on(now)]
    until = watched_until(duties, now)
    if until is not None:
        return f"{' and '.join(on)} watches possible emergencies; somebody does until {_at(until)}."
    later = [duty for duty in duties if duty.from_at > now]
    then = f" until {_at(later[0].from_at)} ({later[0].name})" if later else ""
    return f"Nobody is on duty: nobody is watching possible emergencies{then}."


def add_duty(app: FastAPI, desk: Desk) -> None:
    """Add the routes."""

    @app.get("/duty")
    def duty_page(request: Request) -> Response:
        person, now = desk.person(request), desk.clock.now()
        with desk.database.acting_for(person.organisation_id) as connection:
            waiting = load_waiting(connection, person.organisation_id)
            past = load_alerts(connection, person.organisation_id, now - _BACK)
            duties = load_duties(connection, person.organisation_id, now, ahead=_AHEAD)
            people = load_people(connection)
            watch = watch_words(connection, person.organisation_id, now)
            names = [alert.defect_id for alert in waiting]
            roads = load_road_facts(connection, person.organisation_id, names)
        return desk.page(
            request, "duty.html", watch=watch, may_say=bool(person.roles & _MAY),
            may_acknowledge=Role.ENGINEER in person.roles,
            waiting=[
                (alert, roads[alert.defect_id].street if alert.defect_id in roads else "",
                 instant_words(alert.raised_at), _told_words(alert))
                for alert in waiting
            ],
            past=[_past_words(alert) for alert in past if not alert.waits],
            duties=[(str(d.duty_id), f"{d.name}: {_at(d.from_at)} to {_at(d.until_at)}",
                     d.is_on(now)) for d in duties],
            people=[(str(p.person_id), p.name) for p in people if Role.ENGINEER in p.roles],
        )  # fmt: skip

    @app.post("/duty")
    def duty_form(request: Request, form: Annotated[DutyForm, Form()]) -> Response:
        require_csrf(request, form.csrf)
        person = _may(desk, request, _MAY)
        begins, ends = form.times(desk.clock.now())
        with desk.database.acting_for(person.organisation_id) as connection:
            found = [p for p in load_people(connection) if str(p.person_id) == form.person]
            if not found or Role.ENGINEER not in found[0].roles:
                raise RuleError("Choose an engineer.")
            duty = Duty(
                duty_id=DutyId(uuid4()), person_id=found[0].person_id, name=found[0].name,
                email=found[0].email, from_at=begins, until_at=ends,
            )  # fmt: skip
            save_duty(connection, person.organisation_id, duty, said_by=person.name)
        return RedirectResponse("/duty", status_code=303)

    @app.post("/duty/{duty_id}/end")
    def end_form(request: Request, duty_id: UUID, csrf: Annotated[str, Form()]) -> Response:
        require_csrf(request, csrf)
        person = _may(desk, request, _MAY)
        with desk.database.acting_for(person.organisation_id) as connection:
            end_duty(
                connection, person.organisation_id, DutyId(duty_id),
                said_by=person.name, now=desk.clock.now(),
            )  # fmt: skip
        return RedirectResponse("/duty", status_code=303)

    @app.post("/alerts/{alert_id}/acknowledge")
    def acknowledge_form(
        request: Request,
        alert_id: UUID,
        csrf: Annotated[str, Form()],
        note: Annotated[str, Form()] = "",
    ) -> Response:
        require_csrf(request, csrf)
        person = _may(desk, request, frozenset({Role.ENGINEER}))
        if len(note) > _LONGEST_NOTE:
            raise RuleError(f"The note must be {_LONGEST_NOTE} characters or fewer.")
        with desk.database.acting_for(person.organisation_id) as connection:
            done = acknowledge(
                connection, person.organisation_id, AlertId(alert_id),
                person=person.person_id, note=note.strip(), now=desk.clock.now(),
            )  # fmt: skip
        if not done:
            raise RuleError("Somebody was quicker, or there is no such alert. Nothing was kept.")
        return RedirectResponse("/duty", status_code=303)


class Alarm:
    """Tells who is on duty by mail, again and again until somebody acknowledges."""

    def __init__(self, database: Database, mail: SmtpMail, clock: Clock, address: str) -> None:
        """Tell by a mail server.

        Args:
            database: Where the alerts are.
            mail: Sends them.
            clock: Tells the time.
            address: Of the pages, as people call them; "" if that is not set.
        """
        self._database = database
        self._mail = mail
        self._clock = clock
        self._address = address.rstrip("/")

    def tell(self) -> int:
        """Tell what is due; return how many mails were sent.

        Raises:
            OutageError: The database does not answer; it is tried again.
        """
        return sum(self._tell(owner) for owner in all_organisations(self._database))

    def _tell(self, authority: OrganisationId) -> int:
        now = self._clock.now()
        with self._database.acting_for(authority) as connection:
            due = [a for a in load_waiting(connection, authority) if a.is_to_be_told(now)]
            if not due:
                return 0
            on = [
                duty
                for duty in load_duties(connection, authority, now, ahead=_AHEAD)
                if duty.is_on(now)
            ]
        sent = 0
        for duty in on:
            try:
                self._mail.send(duty.email, _subject(due), self._words(due), None)
            except OutageError as error:
                _log.warning("a possible emergency is not told", why=str(error))
                continue
            sent += 1
            self._note(authority, due, duty.person_id, now)
        return sent

    def _note(
        self, authority: OrganisationId, due: list[Alert], person: PersonId, now: datetime
    ) -> None:
        with self._database.acting_for(authority) as connection:
            for alert in due:
                save_told(connection, authority, alert.alert_id, person, now)

    def _words(self, due: list[Alert]) -> str:
        lines = [
            f"{alert.category}, raised {instant_words(alert.raised_at)}: "
            f"{self._address}/defects/{alert.defect_id}"
            for alert in due
        ]
        return "\n\n".join(
            [
                _ASKED,
                f"{self._address}/duty",
                *lines,
            ]
        )


def _subject(due: list[Alert]) -> str:
    many = "A possible emergency" if len(due) == 1 else f"{len(due)} possible emergencies"
    return f"{many}: please acknowledge"


def _may(desk: Desk, request: Request, roles: frozenset[Role]) -> Person:
    person = desk.person(request)
    if not person.roles & roles:
        wanted = " or ".join(f"“{role}”" for role in sorted(roles))
        raise RuleError(f"Only a person with the role {wanted} may do this.")
    return person


def _told_words(alert: Alert) -> str:
    if not alert.told:
        return "Nobody has been told by mail."
    names = sorted({name for name, _ in alert.told})
    return f"Told by mail: {', '.join(names)}, last {instant_words(alert.told[-1][1])}."


def _past_words(alert: Alert) -> tuple[str, str]:
    raised = f"{alert.category}, raised {instant_words(alert.raised_at)}"
    if alert.acknowledged is not None:
        name, at = alert.acknowledged
        note = f" Note: {alert.note}" if alert.note else ""
        return str(alert.defect_id), f"{raised}; acknowledged by {name} {instant_words(at)}.{note}"
    at = alert.decided_at or alert.raised_at
    return str(alert.defect_id), f"{raised}; decided {instant_words(at)}."


def _at(instant: datetime) -> str:
    return f"{instant.astimezone(LONDON):%A %d %B, %H:%M}"
