"""A person's own account: password, second factor, what they may do."""

from typing import Annotated

from fastapi import FastAPI, Form, Request
from fastapi.responses import RedirectResponse, Response

from pipeline.adapters.postgres.people import (
    Person,
    is_password,
    load_person,
    load_qualifications,
    say_of_person,
    set_code,
    set_password,
    use_code,
)
from pipeline.adapters.second_factor import address_of, new_secret, picture_of, step_of
from pipeline.domain.errors import RuleError
from pipeline.domain.uk_time import LONDON
from pipeline.review.desk import Desk, require_csrf

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 200
# What a page showed can be set up for so long.
_SET_UP_S = 900


def check_password(password: str) -> str:
    """Return a password that may be one.

    Raises:
        RuleError: It is too short, or too long to be typed by anybody.
    """
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise RuleError(
            f"A password has at least {SHORTEST_PASSWORD} characters, and at most "
            f"{LONGEST_PASSWORD}. Three words that do not belong together are easy to remember."
        )
    return password


def add_account(app: FastAPI, desk: Desk) -> None:
    """Add the routes."""

    @app.get("/account")
    def account_page(request: Request) -> Response:
        person = desk.person(request, unfinished=True)
        secret = new_secret()
        with desk.database.acting_for(person.organisation_id) as connection:
            today = desk.clock.now().astimezone(LONDON).date()
            entries = load_qualifications(connection, person.person_id, today)
        address = address_of(secret, person.email)
        return desk.page(
            request, "account.html", person=person, entries=entries,
            roles=[role.words for role in sorted(person.roles)],
            elsewhere=bool(request.session.get("elsewhere")),
            unfinished=desk.unfinished(request, person),
            secret=secret, sealed=desk.doors.sealer.seal(f"{person.person_id} {secret}"),
            picture=picture_of(address), shortest=SHORTEST_PASSWORD,
        )  # fmt: skip

    @app.post("/account/password")
    def password_form(
        request: Request,
        csrf: Annotated[str, Form()],
        password: Annotated[str, Form()] = "",
        new: Annotated[str, Form()] = "",
    ) -> Response:
        require_csrf(request, csrf)
        person = desk.person(request, unfinished=True)
        _again(desk, request, person, password)
        if check_password(new) == password:
            raise RuleError("The new password is the old one. Choose another.")
        with desk.database.acting_for(person.organisation_id) as connection:
            set_password(connection, person, new)
            say_of_person(connection, person, what="chose a password", said_by=person.name)
        return _kept(desk, request, person)

    @app.post("/account/code")
    def code_form(
        request: Request,
        csrf: Annotated[str, Form()],
        sealed: Annotated[str, Form()] = "",
        code: Annotated[str, Form()] = "",
        password: Annotated[str, Form()] = "",
    ) -> Response:
        require_csrf(request, csrf)
        person = desk.person(request, unfinished=True)
        _again(desk, request, person, password)
        whose, _, secret = desk.doors.sealer.open(sealed, within_s=_SET_UP_S).partition(" ")
        step = step_of(secret, code, desk.clock.now())
        if whose != str(person.person_id) or step is None:
            raise RuleError(
                "That is not the code of what the page showed. Go back, add it to your phone anew, "
                "and enter the code that it shows; the phone's clock has to be right."
            )
        if person.code_secret:
            raise RuleError("There is a second factor already. Take it off first.")
        with desk.database.acting_for(person.organisation_id) as connection:
            use_code(connection, person, step)
            set_code(connection, person, desk.doors.sealer.seal(secret))
            say_of_person(connection, person, what="set up a second factor", said_by=person.name)
        return _kept(desk, request, person)

    @app.post("/account/code/off")
    def code_off_form(
        request: Request, csrf: Annotated[str, Form()], password: Annotated[str, Form()] = ""
    ) -> Response:
        require_csrf(request, csrf)
        person = desk.person(request, unfinished=True)
        _again(desk, request, person, password)
        with desk.database.acting_for(person.organisation_id) as connection:
            set_code(connection, person, "")
            say_of_person(
                connection, person, what="took the second factor off", said_by=person.name
            )
        return _kept(desk, request, person)

    _add_sessions(app, desk)


def _again(desk: Desk, request: Request, person: Person, password: str) -> None:
    """Ask for the password again: a page that was left open must not be enough.

    Raises:
        RuleError: It is not the person's.
        TooManyError: Too many were wrong.
    """
    machine = request.client.host if request.client else ""
    desk.throttle.before_sign_in(person.email, machine)
    with desk.database.acting_for(person.organisation_id) as connection:
        right = is_password(connection, person.person_id, password)
    if not right:
        raise RuleError("That is not your present password. Nothing was changed.")
    desk.throttle.right_password(person.email, machine)


def _kept(desk: Desk, request: Request, person: Person) -> Response:
    """Go on in this session; all others of the person have ended."""
    with desk.database.acting_for(person.organisation_id) as connection:
        now = load_person(connection, person.person_id)
    if now is not None:
        request.session["mark"] = now.mark
    return RedirectResponse("/account", status_code=303)


def _add_sessions(app: FastAPI, desk: Desk) -> None:
    @app.post("/account/sessions")
    def sessions_form(request: Request, csrf: Annotated[str, Form()]) -> Response:
        require_csrf(request, csrf)
        person = desk.person(request, unfinished=True)
        with desk.database.acting_for(person.organisation_id) as connection:
            say_of_person(connection, person, what="ended all sessions", said_by=person.name)
        return _kept(desk, request, person)
