"""Who may do what: every route, for every role, for another council, and for nobody."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient

from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.log import log_lines
from pipeline.domain.uk_time import LONDON
from tests.review.browsing import Browser, another
from tests.review.things import DEPOT, Things, address

SEES, REFUSED, NOTHING, SIGN_IN = "sees", "role", "nothing", "sign in"

PICTURE = "/defects/{defect_id}/pictures/{number}"

# What each may see: engineers, fleet staff, operations, viewers and administrators of the council;
# an engineer of another; nobody.
PAGES = {
    "/queue": (SEES, SEES, SEES, SEES, SEES, SEES, SIGN_IN),
    "/queue/arrived": (SEES, SEES, SEES, SEES, SEES, SEES, SIGN_IN),
    "/defects": (SEES, SEES, SEES, SEES, SEES, SEES, SIGN_IN),
    "/defects/{defect_id}": (SEES, SEES, SEES, SEES, SEES, NOTHING, SIGN_IN),
    PICTURE: (SEES, SEES, SEES, SEES, SEES, NOTHING, SIGN_IN),
    "/passes/{drive_id}": (SEES, SEES, SEES, SEES, SEES, NOTHING, SIGN_IN),
    "/orders": (SEES, SEES, SEES, SEES, SEES, SEES, SIGN_IN),
    "/orders/new": (SEES, SEES, SEES, SEES, SEES, SEES, SIGN_IN),
    "/orders/{order_id}": (SEES, SEES, SEES, SEES, SEES, NOTHING, SIGN_IN),
    "/orders/{order_id}/order.{kind}": (SEES, SEES, SEES, SEES, SEES, NOTHING, SIGN_IN),
    "/duty": (SEES, SEES, SEES, SEES, SEES, SEES, SIGN_IN),
    "/evidence": (SEES, REFUSED, SEES, REFUSED, REFUSED, SEES, SIGN_IN),
    "/visits": (SEES, SEES, SEES, SEES, SEES, SEES, SIGN_IN),
    "/visits/session": (SEES, SEES, SEES, SEES, SEES, SEES, SIGN_IN),
    "/visits/photos/{entry_id}": (SEES, SEES, SEES, SEES, SEES, NOTHING, SIGN_IN),
    "/policy": (SEES, SEES, SEES, SEES, SEES, SEES, SIGN_IN),
    "/coverage": (SEES, SEES, SEES, SEES, SEES, SEES, SIGN_IN),
    "/coverage.csv": (SEES, SEES, SEES, SEES, SEES, NOTHING, SIGN_IN),
    "/audit": (SEES, REFUSED, SEES, REFUSED, SEES, SEES, SIGN_IN),
    "/second-looks": (SEES, SEES, SEES, SEES, SEES, SEES, SIGN_IN),
    "/second-looks/{decision_id}": (NOTHING, REFUSED, REFUSED, REFUSED, REFUSED, NOTHING, SIGN_IN),
    "/help": (SEES, SEES, SEES, SEES, SEES, SEES, SIGN_IN),
    "/help/practice": (SEES, SEES, SEES, SEES, SEES, SEES, SIGN_IN),
    "/help/practice/{number}/{view}.jpg": (SEES, SEES, SEES, SEES, SEES, SEES, SIGN_IN),
    "/account": (SEES, SEES, SEES, SEES, SEES, SEES, SIGN_IN),
    "/people": (REFUSED, REFUSED, REFUSED, REFUSED, SEES, REFUSED, SIGN_IN),
    "/operations": (REFUSED, REFUSED, SEES, REFUSED, SEES, REFUSED, SIGN_IN),
    "/operations/rota": (REFUSED, REFUSED, SEES, REFUSED, SEES, REFUSED, SIGN_IN),
    "/operations/rota/{vehicle_id}": (REFUSED, REFUSED, SEES, REFUSED, REFUSED, REFUSED, SIGN_IN),
    "/tiles/{zoom}/{x}/{y}.mvt": (SEES, SEES, SEES, SEES, SEES, SEES, SIGN_IN),
}
# What each may do; whoever may not changes nothing.
FORMS = {
    "/defects/{defect_id}/claim": (SEES, REFUSED, REFUSED, REFUSED, REFUSED, NOTHING, SIGN_IN),
    "/defects/{defect_id}/depth": (SEES, REFUSED, REFUSED, REFUSED, REFUSED, NOTHING, SIGN_IN),
    "/defects/{defect_id}/decision": (SEES, REFUSED, REFUSED, REFUSED, REFUSED, NOTHING, SIGN_IN),
    "/defects/{defect_id}/join": (SEES, REFUSED, REFUSED, REFUSED, REFUSED, NOTHING, SIGN_IN),
    "/defects/{defect_id}/split": (SEES, REFUSED, REFUSED, REFUSED, REFUSED, NOTHING, SIGN_IN),
    "/passes/{drive_id}/void": (SEES, REFUSED, REFUSED, REFUSED, REFUSED, NOTHING, SIGN_IN),
    "/orders": (SEES, REFUSED, REFUSED, REFUSED, REFUSED, NOTHING, SIGN_IN),
    "/orders/{order_id}/event": (SEES, REFUSED, REFUSED, REFUSED, REFUSED, NOTHING, SIGN_IN),
    "/duty": (SEES, REFUSED, SEES, REFUSED, REFUSED, NOTHING, SIGN_IN),
    "/alerts/{alert_id}/acknowledge": (SEES, REFUSED, REFUSED, REFUSED, REFUSED, NOTHING, SIGN_IN),
    "/evidence": (SEES, REFUSED, REFUSED, REFUSED, REFUSED, NOTHING, SIGN_IN),
    "/visits/entries": (SEES, REFUSED, REFUSED, REFUSED, REFUSED, NOTHING, SIGN_IN),
    "/second-looks/{decision_id}": (NOTHING, REFUSED, REFUSED, REFUSED, REFUSED, NOTHING, SIGN_IN),
    "/operations/rota/{vehicle_id}": (REFUSED, REFUSED, SEES, REFUSED, REFUSED, REFUSED, SIGN_IN),
    "/operations/drives/{drive_id}/retry": (
        REFUSED,
        REFUSED,
        SEES,
        REFUSED,
        REFUSED,
        REFUSED,
        SIGN_IN,
    ),
    "/people": (REFUSED, REFUSED, REFUSED, REFUSED, SEES, REFUSED, SIGN_IN),
    "/people/{person_id}": (REFUSED, REFUSED, REFUSED, REFUSED, SEES, REFUSED, SIGN_IN),
}
# Open to all, a depot's by its key (tests/review/test_fleet.py), a system's by its own
# (tests/review/test_api.py), or tried in their own tests.
OTHERS = {
    "/", "/api", "/health", "/ready", "/static", "/sign-in", "/sign-out", "/fleet", "/fleet/key",
    "/fleet/uploads/{batch_id}", "/fleet/uploads/{batch_id}/answer", "/fleet/drives/{drive_id}",
    "/fleet/vehicles", "/queue/views", "/queue/within", "/sign-in/code", "/sign-in/with/{key}",
    "/sign-in/back/{key}", "/policy/try", "/accessibility",
    "/privacy", "/account/password", "/account/code", "/account/code/off", "/account/sessions",
    "/visits/worker.js",
    "/duty/{duty_id}/end", "/words/{word_id}/take-back",
}  # fmt: skip
# What is said to another council of what is not its own: the same as of what there is not at all.
NOTHING_WORDS = (
    "There is no such", "No street of the USRN", "not approved any more",
    "or there is no such alert", "Choose an engineer",
)  # fmt: skip
WHO = ("ada@depot", "fay@depot", "ops@depot", "vic@depot", "adm@depot", "eve@other", "")


def fields(route: str, things: Things, version: Callable[[str], str]) -> dict[str, str]:
    """Return a form that would be carried out, if it may."""
    now = datetime.now(LONDON)
    other = things.other
    return {
        "/defects/{defect_id}/claim": {},
        "/defects/{defect_id}/depth": {"depth_mm": "40", "how": "ruler"},
        "/defects/{defect_id}/decision": {"move": "site_visit"},
        "/defects/{defect_id}/join": {"other": f"{other}:{version(other)}"},
        "/defects/{defect_id}/split": {"sighting": things.sighting},
        "/passes/{drive_id}/void": {"void": "true", "reason": "a_test"},
        "/orders": {"defect": things.approved, "repair": "permanent", "traffic": "none"},
        "/orders/{order_id}/event": {"kind": "accepted"},
        "/duty": {
            "person": things.ada,
            "from_at": now.strftime("%Y-%m-%dT%H:%M"),
            "until_at": (now + timedelta(hours=8)).strftime("%Y-%m-%dT%H:%M"),
        },
        "/alerts/{alert_id}/acknowledge": {},
        "/operations/drives/{drive_id}/retry": {},
        "/operations/rota/{vehicle_id}": {"day": "4", "within": "1"},
        "/evidence": {"usrn": "20400123", "on": "2026-03-01"},
        "/people": {"email": "new@depot.example", "name": "New", "role": "viewer"},
        "/people/{person_id}": {"change": "code"},
        # Nobody judges their own, and in this council only one decides.
        "/second-looks/{decision_id}": {"answer": "other"},
        "/visits/entries": {
            "entry_id": str(uuid4()),
            "defect_id": things.waiting,
            "person": things.ada,
            "outcome": "not_found",
        },
    }[route]


def someone(client: TestClient, who: str) -> Browser:
    browser = another(client)
    if who:
        browser.sign_in(f"{who}.example")
        browser.get("/queue")
    else:
        browser.get("/sign-in")
    return browser


def what(answer_path: str, status: int, text: str) -> str:
    if answer_path == "/sign-in":
        return SIGN_IN
    refused = "Only a person with the role" in text or "Only an engineer" in text
    nothing = any(words in text for words in NOTHING_WORDS)
    if status == 422 and refused:
        return REFUSED
    if status in {404, 422} and nothing:
        return NOTHING
    return SEES if status == 200 else f"{status}: {text[:300]}"


def test_every_route_has_its_place_in_the_table(client: TestClient) -> None:
    routes = {route.path for route in client.app.routes}  # type: ignore[attr-defined]
    assert routes == set(PAGES) | set(FORMS) | OTHERS


@pytest.mark.parametrize("who", WHO)
def test_what_each_sees(client: TestClient, things: Things, who: str) -> None:
    browser = someone(client, who)
    found = {}
    for route in PAGES:
        answer = browser.client.get(address(route, things))
        found[route] = what(answer.url.path, answer.status_code, answer.text)
    assert found == {route: cells[WHO.index(who)] for route, cells in PAGES.items()}


@pytest.mark.parametrize("route", FORMS)
def test_what_each_does_and_that_nobody_else_changes_anything(
    client: TestClient, database: Database, things: Things, route: str
) -> None:
    def lines() -> int:
        with database.acting_for(DEPOT) as connection:
            return len(list(log_lines(connection, DEPOT)))

    def version(name: str) -> str:
        with database.acting_for(DEPOT) as connection:
            row = connection.execute(
                "select version from roadwear.defect where defect_id = %s", (UUID(name),)
            ).fetchone()
        return str(row["version"]) if row else ""

    found = []
    for who in reversed(WHO):
        browser, before = someone(client, who), lines()
        said = fields(route, things, version)
        if who and route == "/visits/entries":
            said["person"] = browser.client.get("/visits/session").json()["person"]
        answer = browser.client.post(
            address(route, things),
            data={"csrf": browser.csrf, "seen_version": version(things.waiting), **said},
        )
        found.append(what(answer.url.path, answer.status_code, answer.text))
        if found[-1] == SEES and not route.endswith("/claim"):
            assert lines() > before
        else:
            assert lines() == before
    assert tuple(reversed(found)) == FORMS[route]


@pytest.mark.parametrize("route", FORMS)
def test_no_form_from_elsewhere_is_taken(
    client: TestClient, ada: Browser, things: Things, route: str
) -> None:
    said = fields(route, things, lambda _: "1")
    for csrf in ("", "forged", str(uuid4())):
        answer = ada.client.post(
            address(route, things), data={"csrf": csrf, "seen_version": "1", **said}
        )
        assert answer.status_code == 422
        assert "expired" in answer.text or "not understood" in answer.text
    del client
