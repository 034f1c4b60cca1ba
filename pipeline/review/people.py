"""Who may sign in, and what they may do there: an administrator's page."""

import secrets
from typing import Annotated
from uuid import UUID

from fastapi import FastAPI, Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, ConfigDict

from pipeline.adapters.postgres.people import (
    Person,
    add_person,
    forget_elsewhere,
    load_everybody,
    say_of_person,
    set_code,
    set_password,
)
from pipeline.domain.decisions import Role
from pipeline.domain.errors import InputError, RuleError
from pipeline.review.desk import Desk, require_csrf

_LONGEST_NAME = 200


class PersonForm(BaseModel):
    """Somebody new."""

    model_config = ConfigDict(extra="ignore")

    csrf: str
    email: str = ""
    name: str = ""
    role: list[str] = []
    how: str = ""


class ChangeForm(BaseModel):
    """What changes of somebody."""

    model_config = ConfigDict(extra="ignore")

    csrf: str
    change: str = ""
    role: list[str] = []


def add_people(app: FastAPI, desk: Desk) -> None:
    """Add the routes."""

    @app.get("/people")
    def people_page(request: Request) -> Response:
        person = _admin(desk, request)
        with desk.database.acting_for(person.organisation_id) as connection:
            everybody = load_everybody(connection)
        return desk.page(
            request, "people.html", everybody=everybody, own=person.person_id,
            roles=[(role.value, role.words) for role in Role],
            has_elsewhere=bool(desk.doors.elsewhere),
        )  # fmt: skip

    @app.post("/people")
    def add_form(request: Request, form: Annotated[PersonForm, Form()]) -> Response:
        require_csrf(request, form.csrf)
        admin = _admin(desk, request)
        email, name = form.email.strip(), form.name.strip()
        if "@" not in email or not name or max(len(email), len(name)) > _LONGEST_NAME:
            raise RuleError("Enter an email address, and the name that is to stand on decisions.")
        local = form.how == "local" or not desk.doors.elsewhere
        password = _made() if local else None
        with desk.database.acting_for(admin.organisation_id) as connection:
            added = add_person(
                connection, admin.organisation_id, email=email, name=name, password=None,
                roles=_roles(form.role),
            )  # fmt: skip
            if added is None:
                raise RuleError(f"{email} is somebody's address already.")
            person = _of(load_everybody(connection), added)
            if password is not None:
                set_password(connection, person, password, given=True)
            say_of_person(connection, person, what="was added", said_by=admin.name)
        if password is None:
            return RedirectResponse("/people", status_code=303)
        return desk.page(request, "people_password.html", name=name, password=password)

    _add_changes(app, desk)


def _add_changes(app: FastAPI, desk: Desk) -> None:
    @app.post("/people/{person_id}")
    def change_form(
        request: Request, person_id: UUID, form: Annotated[ChangeForm, Form()]
    ) -> Response:
        require_csrf(request, form.csrf)
        admin = _admin(desk, request)
        with desk.database.acting_for(admin.organisation_id) as connection:
            person = _of(load_everybody(connection), person_id)
            if person.person_id == admin.person_id:
                raise RuleError(
                    "Nobody changes their own roles, or shuts themselves out: ask another "
                    "administrator. Your password and second factor are under your name."
                )
            what = _words(person, form)
            password = _made() if form.change == "password" else None
            if password is not None:
                set_password(connection, person, password, given=True)
            if form.change == "code":
                set_code(connection, person, "")
            if form.change == "elsewhere":
                forget_elsewhere(connection, person)
            say_of_person(
                connection, person, what=what, said_by=admin.name,
                roles=_roles(form.role) if form.change == "roles" else None,
                closed={"close": True, "open": False}.get(form.change),
            )  # fmt: skip
        if password is None:
            return RedirectResponse("/people", status_code=303)
        return desk.page(request, "people_password.html", name=person.name, password=password)


def _admin(desk: Desk, request: Request) -> Person:
    return desk.person_with(request, Role.ADMIN)


def _words(person: Person, form: ChangeForm) -> str:
    """Return what is done, for the log.

    Raises:
        RuleError: It is not said what is to change.
    """
    password = "was given a new password" if person.has_password else "may now use a password"
    words = {
        "roles": "has other roles",
        "close": "may not sign in any more",
        "open": "may sign in again",
        "password": password,
        "code": "lost the second factor",
        "elsewhere": "is to be recognised anew at the council's account",
    }
    if form.change not in words:
        raise RuleError("Choose what is to change.")
    return words[form.change]


def _made() -> str:
    """Return a password that has to be changed at the first sign-in; easy to read out."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(4))


def _roles(said: list[str]) -> list[Role]:
    known = {role.value for role in Role}
    if not said or not set(said) <= known:
        raise RuleError("Choose what the person may do.")
    return sorted({Role(one) for one in said})


def _of(everybody: tuple[Person, ...], person_id: UUID) -> Person:
    for person in everybody:
        if person.person_id == person_id:
            return person
    raise InputError("There is no such person.")
