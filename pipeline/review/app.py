"""The web application: routes that ask, pass on, and answer."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware

from pipeline.domain.errors import InputError, OutageError, RoadwearError, RuleError
from pipeline.review.account import add_account
from pipeline.review.api import create_api, problem
from pipeline.review.audit import add_audit
from pipeline.review.by_state import add_by_state
from pipeline.review.coverage import add_coverage
from pipeline.review.deciding import add_decisions
from pipeline.review.defect import add_defects
from pipeline.review.desk import SESSION_S, Desk, SignedOutError, UnfinishedError
from pipeline.review.doors import add_doors
from pipeline.review.duty import add_duty
from pipeline.review.evidence import add_evidence
from pipeline.review.features import add_features
from pipeline.review.fleet import add_fleet
from pipeline.review.help import add_help
from pipeline.review.identity import add_identity
from pipeline.review.maps import add_maps
from pipeline.review.operations import add_operations
from pipeline.review.orders import add_orders
from pipeline.review.passes import add_passes
from pipeline.review.people import add_people
from pipeline.review.policy import add_policy
from pipeline.review.queue import add_queue
from pipeline.review.readiness import add_readiness
from pipeline.review.rota import add_rota
from pipeline.review.second_looks import add_second_looks
from pipeline.review.throttle import TooManyError
from pipeline.review.visits import add_visits
from pipeline.stages.decide import StaleError

STATUSES: dict[type[RoadwearError], int] = {
    StaleError: 409,
    RuleError: 422,
    InputError: 404,
    OutageError: 503,
    TooManyError: 429,
}
_STATIC = Path(__file__).parent / "static"
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "script-src 'self'; worker-src 'self'; connect-src 'self'{others}; frame-ancestors 'none'; "
    "base-uri 'none'"
)
# Forms with a photograph are the largest; footage is handed in at the uplink, which is beside this.
_MOST_BYTES = 32 * 1024 * 1024


def create_app(desk: Desk, *, secret_key: str, https_only: bool = False) -> FastAPI:
    """Return the application.

    Args:
        desk: What the pages share.
        secret_key: Signs the session cookie.
        https_only: Send the cookie over TLS alone; for anything but this machine itself.
    """
    app = FastAPI(title="Roadwear", docs_url=None, redoc_url=None, openapi_url=None)
    app.user_middleware.append(session_of(secret_key, https_only=https_only))
    app.middleware("http")(_safe_headers(desk.base_map.origin))
    app.mount("/static", StaticFiles(directory=_STATIC), name="static")
    api = create_api(desk)
    add_features(api, desk)
    app.mount("/api", api)
    _add_ways_out(app)
    _add_errors(app, desk)
    _add_entrance(app)
    add_readiness(app, desk)
    add_doors(app, desk, secret_key=secret_key, https_only=https_only)
    add_account(app, desk)
    add_people(app, desk)
    add_policy(app, desk)
    add_operations(app, desk)
    add_rota(app, desk)
    add_second_looks(app, desk)
    add_coverage(app, desk)
    add_audit(app, desk)
    add_help(app, desk)
    add_queue(app, desk)
    add_by_state(app, desk)
    add_defects(app, desk)
    add_decisions(app, desk)
    add_identity(app, desk)
    add_passes(app, desk)
    add_orders(app, desk)
    add_duty(app, desk)
    add_evidence(app, desk)
    add_maps(app, desk)
    add_visits(app, desk)
    add_fleet(app, desk)
    return app


def session_of(secret_key: str, *, https_only: bool) -> Middleware:
    """Return what keeps sessions in a signed cookie: the same for everything under one address."""
    return Middleware(
        SessionMiddleware,
        secret_key=secret_key,
        max_age=SESSION_S,
        same_site="strict",
        https_only=https_only,
        session_cookie="roadwear_session",
    )


def _back_from(path: str) -> str:
    """Return the page to look at again after a form was refused."""
    if path.startswith(("/duty", "/alerts")):
        return "/duty"
    if path.startswith(("/sign-in/with", "/sign-in/back", "/sign-in/code")):
        return "/sign-in"
    for own in (
        "/sign-in",
        "/people",
        "/account",
        "/policy",
        "/coverage",
        "/audit",
        "/help",
        "/second-looks",
    ):
        if path.startswith(own):
            return own
    if path.startswith("/visits"):
        return "/visits"
    if path.startswith("/fleet"):
        return path.removesuffix("/answer") if path.endswith("/answer") else "/fleet"
    return (
        "/queue"
        if path.startswith("/words/")
        else re.sub(r"/(decision|depth|claim|join|split|void|event)$", "", path)
    )


def _safe_headers(others: str) -> Callable[[Request, Callable[[Request], Any]], Any]:
    """Return what gives every answer its headers.

    Args:
        others: Where a map of somebody else's is asked for; "" for nowhere.
    """
    policy = _POLICY.format(others=f" {others}" if others else "")

    async def safe_headers(request: Request, call_next: Callable[[Request], Any]) -> Response:
        response: Response = (
            PlainTextResponse("That is too much to send at once: 32 MiB at most.", 413)
            if _is_too_much(request)
            else await call_next(request)
        )
        response.headers["Content-Security-Policy"] = policy
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "same-origin"
        # What is the same for all is asked for again, and comes only where it has changed.
        kept = "no-cache" if request.url.path.startswith("/static/") else "no-store"
        response.headers.setdefault("Cache-Control", kept)
        return response

    return safe_headers


def _is_too_much(request: Request) -> bool:
    """Return whether more is announced than any form has, or it is not said how much."""
    if request.method not in {"POST", "PUT"}:
        return False
    length = request.headers.get("content-length", "")
    return not length.isdecimal() or int(length) > _MOST_BYTES


def _add_ways_out(app: FastAPI) -> None:
    """Send whoever is not signed in, or has something to do first, where that is done."""

    @app.exception_handler(SignedOutError)
    def to_sign_in(request: Request, _error: SignedOutError) -> Response:
        # A script is told so. The page would come with a session of its own, which might reach the
        # browser after the one whose form somebody is filling in.
        if request.headers.get("accept") == "application/json":
            return JSONResponse({"signed_out": True}, 401)
        return RedirectResponse("/sign-in", status_code=303)

    @app.exception_handler(UnfinishedError)
    def to_account(request: Request, _error: UnfinishedError) -> Response:
        if request.headers.get("accept") == "application/json":
            return JSONResponse({"unfinished": True}, 401)
        return RedirectResponse("/account", status_code=303)


def _add_errors(app: FastAPI, desk: Desk) -> None:
    @app.exception_handler(RoadwearError)
    def tell(request: Request, error: RoadwearError) -> Response:
        status = next(s for kind, s in STATUSES.items() if isinstance(error, kind))
        heading = {
            409: "This possible defect has changed",
            503: "The service is not available just now",
            404: "Not found",
            429: "Too many tries",
        }.get(status, "That cannot be done")
        return desk.page(
            request, "error.html", status=status, heading=heading, message=str(error),
            back=_back_from(request.url.path),
        )  # fmt: skip

    @app.exception_handler(RequestValidationError)
    def not_understood(request: Request, _error: RequestValidationError) -> Response:
        return desk.page(
            request, "error.html", status=422, heading="That cannot be done",
            message="What was sent is not understood. Go back, reload the page and try again.",
            back=_back_from(request.url.path),
        )  # fmt: skip

    @app.exception_handler(404)
    def not_found(request: Request, _error: Exception) -> Response:
        if request.url.path.startswith("/api/"):
            return problem(404, "There is no such address.")
        return desk.page(
            request, "error.html", status=404, heading="Not found",
            message="There is no such page.", back="/queue",
        )  # fmt: skip


def _add_entrance(app: FastAPI) -> None:
    @app.get("/")
    def home() -> Response:
        return RedirectResponse("/queue", status_code=303)
