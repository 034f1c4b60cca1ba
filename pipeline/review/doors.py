"""Signing in and out: by a password, with a code from a phone, or at the council's own provider."""

import time
from typing import Annotated

from fastapi import FastAPI, Form, Request
from fastapi.responses import RedirectResponse, Response
from itsdangerous import BadSignature, URLSafeTimedSerializer

from pipeline.adapters.oidc import Attempt, SignInElsewhere
from pipeline.adapters.postgres.people import (
    Person,
    load_person,
    person_at,
    sign_in,
    use_code,
)
from pipeline.adapters.second_factor import step_of
from pipeline.domain.decisions import Role
from pipeline.domain.errors import InputError, RuleError
from pipeline.domain.ids import OrganisationId, PersonId, uuid_of
from pipeline.review.desk import Desk, require_csrf

# A person who has given the right password has so long to look at the phone.
_PENDING_S = 300
_ATTEMPT_S = 600
_COOKIE = "roadwear_sign_in"


def add_doors(app: FastAPI, desk: Desk, *, secret_key: str, https_only: bool) -> None:
    """Add the routes.

    Args:
        app: To which.
        desk: What the pages share.
        secret_key: Signs what a browser keeps while somebody signs in elsewhere.
        https_only: Such a cookie goes over TLS alone.
    """
    _add_passwords(app, desk)
    _add_codes(app, desk)
    keeper = URLSafeTimedSerializer(secret_key, salt="sign-in elsewhere")
    _add_elsewhere(app, desk, keeper, https_only=https_only)

    @app.post("/sign-out")
    def sign_out(request: Request, csrf: Annotated[str, Form()]) -> Response:
        require_csrf(request, csrf)
        request.session.clear()
        return RedirectResponse("/sign-in", status_code=303)


def _machine(request: Request) -> str:
    return request.client.host if request.client else ""


def _let_in(request: Request, person: Person, *, elsewhere: bool = False) -> None:
    """Begin a session; nothing of the one before stays in it."""
    request.session.clear()
    request.session.update(
        organisation=str(person.organisation_id),
        person=str(person.person_id),
        name=person.name,
        mark=person.mark,
        admin=Role.ADMIN in person.roles,
        operations=bool({Role.OPERATIONS, Role.ADMIN} & person.roles),
        elsewhere=elsewhere,
        begun=int(time.time()),
    )


def _add_passwords(app: FastAPI, desk: Desk) -> None:
    @app.get("/sign-in")
    def sign_in_page(request: Request) -> Response:
        return _page(desk, request)

    @app.post("/sign-in")
    def sign_in_form(
        request: Request,
        csrf: Annotated[str, Form()],
        email: Annotated[str, Form()] = "",
        password: Annotated[str, Form()] = "",
    ) -> Response:
        require_csrf(request, csrf)
        desk.throttle.before_sign_in(email, _machine(request))
        person = sign_in(desk.database, email, password)
        if person is None:
            return _page(
                desk, request, status=401, email=email,
                problem="No account has this address and password",
            )  # fmt: skip
        if person.code_secret:
            request.session.clear()
            request.session.update(
                pending=str(person.person_id),
                of=str(person.organisation_id),
                since=int(time.time()),
                mark=person.mark,
            )
            return RedirectResponse("/sign-in/code", status_code=303)
        desk.throttle.right_password(email, _machine(request))
        _let_in(request, person)
        return RedirectResponse("/queue", status_code=303)


def _page(
    desk: Desk, request: Request, *, status: int = 200, email: str = "", problem: str | None = None
) -> Response:
    return desk.page(
        request, "sign_in.html", status=status, problem=problem, email=email,
        elsewhere=[(one.provider.key, one.provider.name) for one in desk.doors.elsewhere],
    )  # fmt: skip


def _add_codes(app: FastAPI, desk: Desk) -> None:
    def pending(request: Request) -> Person:
        organisation = uuid_of(str(request.session.get("of", "")))
        person_id = uuid_of(str(request.session.get("pending", "")))
        since = int(request.session.get("since", 0))
        person = None
        if organisation and person_id and time.time() - since < _PENDING_S:
            with desk.database.acting_for(OrganisationId(organisation)) as connection:
                person = load_person(connection, PersonId(person_id))
        if person is None or person.mark != request.session.get("mark") or not person.code_secret:
            raise RuleError("That took too long. Sign in again with your password.")
        return person

    @app.get("/sign-in/code")
    def code_page(request: Request) -> Response:
        pending(request)
        return desk.page(request, "sign_in_code.html", problem=None)

    @app.post("/sign-in/code")
    def code_form(
        request: Request, csrf: Annotated[str, Form()], code: Annotated[str, Form()] = ""
    ) -> Response:
        require_csrf(request, csrf)
        person = pending(request)
        desk.throttle.before_sign_in(person.email, _machine(request))
        step = step_of(desk.doors.sealer.open(person.code_secret), code, desk.clock.now())
        with desk.database.acting_for(person.organisation_id) as connection:
            right = step is not None and use_code(connection, person, step)
        if not right:
            return desk.page(
                request, "sign_in_code.html", status=401,
                problem="That is not the code, or it was used already: wait for the next one",
            )  # fmt: skip
        desk.throttle.right_password(person.email, _machine(request))
        _let_in(request, person)
        return RedirectResponse("/queue", status_code=303)


def _add_elsewhere(
    app: FastAPI, desk: Desk, keeper: URLSafeTimedSerializer, *, https_only: bool
) -> None:
    def named(key: str) -> SignInElsewhere:
        for one in desk.doors.elsewhere:
            if one.provider.key == key:
                return one
        raise InputError("There is no such way to sign in.")

    def back_to(request: Request, key: str) -> str:
        base = desk.doors.address or str(request.base_url)
        return f"{base.rstrip('/')}/sign-in/back/{key}"

    @app.get("/sign-in/with/{key}")
    def begin(request: Request, key: str) -> Response:
        desk.throttle.by_key(f"sign-in elsewhere {_machine(request)}", most=30)
        address, attempt = named(key).begin(back_to(request, key))
        answer = RedirectResponse(address, status_code=303)
        # The session's cookie does not come along from another site; this one has to, once.
        answer.set_cookie(
            _COOKIE,
            keeper.dumps([key, attempt.state, attempt.nonce, attempt.verifier]),
            max_age=_ATTEMPT_S, path="/sign-in/back", httponly=True, samesite="lax",
            secure=https_only,
        )  # fmt: skip
        return answer

    @app.get("/sign-in/back/{key}")
    def back(request: Request, key: str) -> Response:
        desk.throttle.by_key(f"sign-in elsewhere {_machine(request)}", most=30)
        elsewhere = named(key)
        attempt = _kept_attempt(keeper, request.cookies.get(_COOKIE, ""), key)
        who = elsewhere.finish(back_to(request, key), attempt, dict(request.query_params))
        organisation = elsewhere.provider.organisation_id
        with desk.database.acting_for(organisation) as connection:
            person = person_at(connection, organisation, who)
        if person is None:
            raise RuleError(
                f"{elsewhere.provider.name} knows you, but nobody has let you into Roadwear, or "
                "your account there is not the one of before. Ask an administrator of Roadwear."
            )
        _let_in(request, person, elsewhere=True)
        # A redirect would still count as coming from elsewhere, without the session's cookie.
        answer = desk.page(request, "signed_in.html", name=person.name)
        answer.delete_cookie(_COOKIE, path="/sign-in/back")
        return answer


def _kept_attempt(keeper: URLSafeTimedSerializer, cookie: str, key: str) -> Attempt:
    """Return what a browser kept while somebody was elsewhere.

    Raises:
        RuleError: It is not of this provider, too old, or not from here.
    """
    try:
        began, state, nonce, verifier = keeper.loads(cookie, max_age=_ATTEMPT_S)
    except (BadSignature, ValueError) as error:
        raise RuleError("This sign-in was not begun here, or too long ago. Begin again.") from error
    if began != key:
        raise RuleError("This sign-in was begun with another provider. Begin again.")
    return Attempt(state=state, nonce=nonce, verifier=verifier)
