"""The web application: routes that ask, pass on, and answer."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import FastAPI, Form, Request
from fastapi.responses import RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware

from pipeline.adapters.postgres.defects import (
    load_defect,
    load_entry,
    load_evidence,
    mark_shown,
)
from pipeline.adapters.postgres.instants import load_instants
from pipeline.adapters.postgres.passes import load_passes
from pipeline.adapters.postgres.people import (
    Person,
    load_decisions,
    save_decision,
    sign_in,
)
from pipeline.adapters.postgres.queue_pages import beside
from pipeline.adapters.postgres.roads import load_road_facts
from pipeline.domain.decisions import Decision, Move, RejectReason
from pipeline.domain.defects import DefectState
from pipeline.domain.errors import InputError, OutageError, RoadwearError, RuleError
from pipeline.domain.ids import DecisionId, DefectId
from pipeline.review import words
from pipeline.review.desk import Desk, SignedOutError, require_csrf
from pipeline.review.fleet import add_fleet
from pipeline.review.identity import add_identity, identity_of
from pipeline.review.queue import add_queue
from pipeline.stages.decide import StaleError, apply_decision

STATUSES: dict[type[RoadwearError], int] = {
    StaleError: 409,
    RuleError: 422,
    InputError: 404,
    OutageError: 503,
}
_STATIC = Path(__file__).parent / "static"
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "script-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_SESSION_S = 8 * 3600
_LONGEST_NOTE = 2000


class DecisionForm(BaseModel):
    """What an engineer sends in."""

    csrf: str
    seen_version: int
    move: str = ""
    reason: str = ""
    note: str = ""

    def problem(self) -> str | None:
        """Return what is wrong with the form, in the words of the page, or None."""
        if self.move not in set(Move):
            return "Choose whether you approve or reject"
        if self.move == Move.REJECT and self.reason not in set(RejectReason):
            return "Choose why you reject it"
        if self.reason == RejectReason.OTHER and not self.note.strip():
            return "Say in the note why you reject it"
        if len(self.note) > _LONGEST_NOTE:
            return f"The note must be {_LONGEST_NOTE} characters or fewer"
        return None


def create_app(desk: Desk, *, secret_key: str, https_only: bool = False) -> FastAPI:
    """Return the application.

    Args:
        desk: What the pages share.
        secret_key: Signs the session cookie.
        https_only: Send the cookie over TLS alone; for anything but this machine itself.
    """
    app = FastAPI(title="Roadwear", docs_url=None, redoc_url=None, openapi_url=None)
    app.user_middleware.append(session_of(secret_key, https_only=https_only))
    app.middleware("http")(_safe_headers)
    app.mount("/static", StaticFiles(directory=_STATIC), name="static")
    _add_errors(app, desk)
    _add_doors(app, desk)
    add_queue(app, desk)
    _add_defects(app, desk)
    _add_decisions(app, desk)
    add_identity(app, desk)
    add_fleet(app, desk)
    return app


def session_of(secret_key: str, *, https_only: bool) -> Middleware:
    """Return what keeps sessions in a signed cookie: the same for everything under one address."""
    return Middleware(
        SessionMiddleware,
        secret_key=secret_key,
        max_age=_SESSION_S,
        same_site="strict",
        https_only=https_only,
        session_cookie="roadwear_session",
    )


def _back_from(path: str) -> str:
    """Return the page to look at again after a form was refused."""
    if path.startswith("/fleet"):
        return path.removesuffix("/answer") if path.endswith("/answer") else "/fleet"
    return "/queue" if path.startswith("/words/") else re.sub(r"/(decision|join|split)$", "", path)


async def _safe_headers(request: Request, call_next: Callable[[Request], Any]) -> Response:
    response: Response = await call_next(request)
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def _add_errors(app: FastAPI, desk: Desk) -> None:
    @app.exception_handler(SignedOutError)
    def to_sign_in(_request: Request, _error: SignedOutError) -> Response:
        return RedirectResponse("/sign-in", status_code=303)

    @app.exception_handler(RoadwearError)
    def tell(request: Request, error: RoadwearError) -> Response:
        status = next(s for kind, s in STATUSES.items() if isinstance(error, kind))
        heading = {
            409: "This possible defect has changed",
            503: "The service is not available just now",
            404: "Not found",
        }.get(status, "That cannot be done")
        return desk.page(
            request, "error.html", status=status, heading=heading, message=str(error),
            back=_back_from(request.url.path),
        )  # fmt: skip

    @app.exception_handler(404)
    def not_found(request: Request, _error: Exception) -> Response:
        return desk.page(
            request, "error.html", status=404, heading="Not found",
            message="There is no such page.", back="/queue",
        )  # fmt: skip


def _add_doors(app: FastAPI, desk: Desk) -> None:
    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/")
    def home() -> Response:
        return RedirectResponse("/queue", status_code=303)

    @app.get("/sign-in")
    def sign_in_page(request: Request) -> Response:
        return desk.page(request, "sign_in.html", problem=None, email="")

    @app.post("/sign-in")
    def sign_in_form(
        request: Request,
        csrf: Annotated[str, Form()],
        email: Annotated[str, Form()] = "",
        password: Annotated[str, Form()] = "",
    ) -> Response:
        require_csrf(request, csrf)
        person = sign_in(desk.database, email, password)
        if person is None:
            return desk.page(
                request, "sign_in.html", status=401, email=email,
                problem="No account has this address and password",
            )  # fmt: skip
        request.session.clear()
        request.session.update(
            organisation=str(person.organisation_id),
            person=str(person.person_id),
            name=person.name,
        )
        return RedirectResponse("/queue", status_code=303)

    @app.post("/sign-out")
    def sign_out(request: Request, csrf: Annotated[str, Form()]) -> Response:
        require_csrf(request, csrf)
        request.session.clear()
        return RedirectResponse("/sign-in", status_code=303)


def _add_defects(app: FastAPI, desk: Desk) -> None:
    @app.get("/defects/{defect_id}")
    def defect_page(request: Request, defect_id: UUID) -> Response:
        person = desk.person(request)
        return _defect_page(desk, request, person, DefectId(defect_id), problem=None)

    @app.get("/defects/{defect_id}/pictures/{number}")
    def picture(request: Request, defect_id: UUID, number: int) -> Response:
        person = desk.person(request)
        with desk.database.acting_for(person.organisation_id) as connection:
            stills = load_evidence(connection, [DefectId(defect_id)]).get(DefectId(defect_id), ())
        if not 0 <= number < len(stills):
            raise InputError("There is no such picture.")
        jpeg = desk.blobs.get(stills[number]["blob_key"])
        return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "private"})


def _add_decisions(app: FastAPI, desk: Desk) -> None:
    @app.post("/defects/{defect_id}/decision")
    def decide(
        request: Request, defect_id: UUID, form: Annotated[DecisionForm, Form()]
    ) -> Response:
        require_csrf(request, form.csrf)
        person = desk.person(request)
        problem = form.problem()
        if problem is not None:
            return _defect_page(desk, request, person, DefectId(defect_id), problem=problem)
        _decide(desk, person, DefectId(defect_id), form)
        return RedirectResponse(f"/defects/{defect_id}", status_code=303)


def _decide(desk: Desk, person: Person, defect_id: DefectId, form: DecisionForm) -> None:
    """Record one decision: the defect is held while its version is compared."""
    with desk.database.acting_for(person.organisation_id) as connection:
        defect = load_defect(connection, defect_id, lock=True)
        if defect is None:
            raise InputError("There is no such defect.")
        entry = load_entry(connection, defect_id)
        if entry is None and defect.state is DefectState.QUEUED:
            raise StaleError(
                "This possible defect is no longer in the queue: newer footage joined it to "
                "another, or no longer shows it. Nothing was recorded."
            )
        stills = load_evidence(connection, [defect_id]).get(defect_id, ())
        road = load_road_facts(connection, person.organisation_id, [defect_id]).get(defect_id)
        decision = Decision(
            decision_id=DecisionId(uuid4()),
            defect_id=defect_id,
            person_id=person.person_id,
            move=Move(form.move),
            seen_version=form.seen_version,
            policy_sha256=entry.policy_sha256 if entry else "",
            reason=RejectReason(form.reason) if form.move == Move.REJECT else None,
            note=form.note.strip(),
            decided_at=desk.clock.now(),
        )
        after = apply_decision(defect, decision, roles=person.roles)
        shown = {
            "facts": words.facts(defect, entry, road),
            "reasons": list(entry.reasons) if entry else [],
            "pictures": [still["blob_key"] for still in stills],
        }
        save_decision(connection, person.organisation_id, decision, after, shown)


def _defect_page(
    desk: Desk, request: Request, person: Person, defect_id: DefectId, *, problem: str | None
) -> Response:
    with desk.database.acting_for(person.organisation_id) as connection:
        defect = load_defect(connection, defect_id)
        if defect is None:
            raise InputError("There is no such defect.")
        mark_shown(connection, defect_id, desk.clock.now())
        entry = load_entry(connection, defect_id)
        stills = load_evidence(connection, [defect_id]).get(defect_id, ())
        road = load_road_facts(connection, person.organisation_id, [defect_id]).get(defect_id)
        decisions = load_decisions(connection, defect_id)
        passes = load_passes(connection, person.organisation_id, [defect_id]).get(defect_id, ())
        identity = identity_of(connection, defect, [still["observation_id"] for still in stills])
        instants = load_instants(connection, [defect_id])[defect_id]
        before, after = beside(connection, person.organisation_id, entry)
    due = None
    if entry is not None:
        due = words.decide_by(entry.category, instants, desk.rules.policy[0], desk.clock.now())
    return desk.page(
        request,
        "defect.html",
        status=200 if problem is None else 422,
        problem=problem,
        defect=defect,
        heading=f"{'' if defect.state.confirmed else 'Possible '}{defect.kind.words}".capitalize(),
        facts=words.facts(defect, entry, road),
        due=due,
        instants=words.instant_rows(instants),
        reasons=entry.reasons if entry else (),
        pictures=words.pictures(stills),
        passes=words.pass_rows(passes),
        decisions=[words.decision_words(d) for d in decisions],
        undecided=entry is not None,
        before=before,
        after=after,
        identity=identity,
        reject_reasons=[(reason.value, reason.words) for reason in RejectReason],
    )
