"""What systems outside read and say: orders and their events, defects for maps, and no more."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok

from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.log import log_lines, rows_unlike_log
from pipeline.adapters.postgres.tokens import add_token, close_token
from pipeline.domain.chain import fault_in
from pipeline.domain.ids import OrganisationId, TokenId, organisation_id
from pipeline.domain.tokens import ApiToken, Scope
from tests.review.browsing import Browser, another, defects_of

DEPOT, OTHER = organisation_id("depot"), organisation_id("other")
ALL = frozenset(Scope)


class System:
    """A system outside, with its key."""

    def __init__(self, client: TestClient, key: str) -> None:
        self.client = TestClient(client.app)
        self.headers = {"Authorization": f"Bearer {key}"}

    def get(self, path: str, status: int = 200, **headers: str) -> Any:  # noqa: ANN401
        answer = self.client.get(f"/api/v1{path}", headers={**self.headers, **headers})
        assert answer.status_code == status, answer.text
        assert "set-cookie" not in answer.headers
        self.etag = answer.headers.get("etag", "")
        if status >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
        return answer.json() if answer.content else None

    def put(self, path: str, said: dict[str, object], status: int = 201) -> Any:  # noqa: ANN401
        answer = self.client.put(f"/api/v1{path}", json=said, headers=self.headers)
        assert answer.status_code == status, answer.text
        return answer.json()


def key_for(
    database: Database,
    owner: OrganisationId = DEPOT,
    scopes: frozenset[Scope] = ALL,
    days: float = 9,
) -> str:
    token = ApiToken(
        token_id=TokenId(uuid4()), authority_id=owner, name="Confirm", scopes=scopes,
        ends_at=datetime.now(UTC) + timedelta(days=days),
    )  # fmt: skip
    with database.acting_for(owner) as connection:
        return add_token(connection, token, added_by="ada")


@pytest.fixture
def confirm(client: TestClient, database: Database) -> System:
    return System(client, key_for(database))


@pytest.fixture
def order(ada: Browser) -> tuple[str, str]:
    """Order the repair of both; return the order, and its first defect."""
    paths = defects_of(ada)
    for path in paths:
        ada.get(path)
        ada.approve(path)
    names = [path.rpartition("/")[2] for path in paths]
    said = {"csrf": ada.csrf, "defect": names, "repair": "permanent", "traffic": "none"}
    return ada.client.post("/orders", data=said).url.path.rpartition("/")[2], names[0]


def happened(kind: str, defect: str | None = None, minutes: float = 0) -> dict[str, object]:
    at = datetime.now(UTC) + timedelta(minutes=minutes)
    said: dict[str, object] = {"kind": kind, "happened_at": at.isoformat(), "said_by": "Gang 4"}
    return said if defect is None else {**said, "defect_id": defect}


def test_an_order_goes_out_and_what_became_of_it_comes_back(
    ada: Browser, confirm: System, order: tuple[str, str], database: Database
) -> None:
    order_id, defect = order
    [found] = confirm.get("/orders")["orders"]
    assert found["order_id"] == order_id
    assert found["is_open"] and len(found["lines"]) == 2
    assert found["lines"][0]["depth_mm"] is None
    assert found["lines"][0]["due_at"]

    accepted = happened("accepted")
    event = f"/orders/{order_id}/events/{uuid4()}"
    assert confirm.put(event, accepted)["said_by"] == "Confirm: Gang 4"
    for _ in range(3):  # a network that loses answers
        assert confirm.put(event, accepted, 200)["kind"] == "accepted"
    told = confirm.put(event, happened("repaired", defect), 409)
    assert "told already, and otherwise" in told["detail"]
    told = confirm.put(f"/orders/{order_id}/events/{uuid4()}", accepted, 409)
    assert "accepted already" in told["detail"]
    for kind in ("made_safe", "repaired"):
        confirm.put(f"/orders/{order_id}/events/{uuid4()}", happened(kind, defect))
    words = ada.get(f"/orders/{order_id}")
    assert "repaired" in words and "Confirm: Gang 4" in words
    assert len(confirm.get(f"/orders/{order_id}")["events"]) == 3
    with database.acting_for(DEPOT) as connection:
        assert fault_in(list(log_lines(connection, DEPOT))) is None
        assert rows_unlike_log(connection, DEPOT) == ()


def test_what_cannot_have_happened_is_refused(confirm: System, order: tuple[str, str]) -> None:
    order_id, defect = order
    for said, status, detail in (
        (happened("repaired", defect, minutes=9), 409, "in the future"),
        (happened("repaired", defect, minutes=-999), 409, "before it was ordered"),
        (happened("repaired", str(uuid4())), 409, "no such defect"),
        (happened("repaired"), 409, "is said of one defect"),
        (happened("accepted", defect), 409, "the whole order"),
        (happened("verified", defect), 409, "camera passes alone"),
        ({**happened("repaired", defect), "happened_at": "2026-03-01T12:00"}, 422, "happened_at"),
        ({**happened("repaired", defect), "by": "x"}, 422, "by"),
        ({**happened("repaired", defect), "note": "x\0"}, 409, "cannot be kept"),
        ({}, 422, "kind"),
    ):
        told = confirm.put(f"/orders/{order_id}/events/{uuid4()}", said, status)
        assert detail in told["detail"], told
    assert confirm.put(f"/orders/{uuid4()}/events/{uuid4()}", happened("accepted"), 404)
    assert confirm.get(f"/orders/{order_id}")["events"] == []


def test_what_has_not_changed_is_not_sent_again(confirm: System, order: tuple[str, str]) -> None:
    confirm.get("/orders")
    etag = confirm.etag
    assert confirm.get("/orders", 304, **{"If-None-Match": etag}) is None
    confirm.put(f"/orders/{order[0]}/events/{uuid4()}", happened("accepted"))
    assert confirm.get("/orders", 200, **{"If-None-Match": etag})


@pytest.mark.usefixtures("order")
def test_orders_come_a_page_at_a_time(confirm: System) -> None:
    page = confirm.get("/orders?limit=1")
    assert len(page["orders"]) == 1
    assert confirm.get(f"/orders?limit=1&after={page['next_after']}") == {
        "orders": [], "next_after": None,
    }  # fmt: skip


def test_defects_for_maps(ada: Browser, confirm: System) -> None:
    first, second = defects_of(ada)
    ada.get(first)
    ada.approve(first)
    confirmed = confirm.get("/collections/defects/items")["features"]
    possible = confirm.get("/collections/possible-defects/items")["features"]
    assert [one["id"] for one in confirmed] == [first.rpartition("/")[2]]
    assert [one["id"] for one in possible] == [second.rpartition("/")[2]]
    assert possible[0]["properties"]["depth_mm"] is None
    lon, lat = possible[0]["geometry"]["coordinates"]
    near = f"{lon - 0.0001},{lat - 0.0001},{lon + 0.0001},{lat + 0.0001}"
    items = "/collections/possible-defects/items"
    for box, count in ((near, 1), ("-180,-90,180,90", 1), ("0,51,1,52", 0), ("1,2,3,1,2,4", 0)):
        assert confirm.get(f"{items}?bbox={box}")["numberReturned"] == count, box
    for when, count in (("2026-02-10T12:00:00Z/..", 1), ("../2026-01-01", 0), ("2020-01-01", 0)):
        assert confirm.get(f"{items}?datetime={when}")["numberReturned"] == count, when
    for wrong in ("bbox=1,2,3", "bbox=a,b,c,d", "bbox=2,50,1,51", "bbox=nan,1,2,3",
                  "datetime=soon", "datetime=1-1-1/9-9-99", "limit=0", "after=x"):  # fmt: skip
        confirm.get(f"{items}?{wrong}", 422)
    confirm.get(f"{items}/{second.rpartition('/')[2]}")
    confirm.get(f"{items}/{first.rpartition('/')[2]}", 404)
    confirm.get("/collections/everything/items", 404)
    assert "no 'bobx'" in confirm.get(f"{items}?bobx=1,2,3,4", 400)["detail"]


def test_a_gis_finds_its_way_from_the_landing_page(confirm: System) -> None:
    links = {one["rel"]: one["href"] for one in confirm.get("/")["links"]}
    assert confirm.client.get(links["service-desc"]).json()["openapi"].startswith("3.")
    conforms = confirm.client.get(links["conformance"]).json()["conformsTo"]
    assert any(one.endswith("/core") for one in conforms)
    collections = confirm.client.get(links["data"]).json()["collections"]
    for collection in collections:
        items = next(one["href"] for one in collection["links"] if one["rel"] == "items")
        answer = confirm.client.get(f"{items}?limit=1", headers=confirm.headers)
        assert answer.headers["content-type"] == "application/geo+json"
        seen = answer.json()["features"]
        for following in [one for one in answer.json()["links"] if one["rel"] == "next"]:
            page = confirm.client.get(following["href"], headers=confirm.headers)
            seen += page.json()["features"]
        assert len({one["id"] for one in seen}) == len(seen)
    assert len(seen) == 2  # both possible defects, a page each


READS = {
    "/orders": Scope.ORDERS_READ,
    "/orders/{order}": Scope.ORDERS_READ,
    "/collections/defects": Scope.DEFECTS_READ,
    "/collections/defects/items": Scope.DEFECTS_READ,
    "/collections/defects/items/{defect}": Scope.DEFECTS_READ,
    "/collections/possible-defects/items": Scope.POSSIBLE_READ,
}


@pytest.mark.parametrize("scope", list(Scope))
def test_a_key_does_what_its_scopes_say_and_no_more(
    client: TestClient, database: Database, order: tuple[str, str], scope: Scope
) -> None:
    system = System(client, key_for(database, scopes=frozenset({scope})))
    for path, needed in READS.items():
        address = path.format(order=order[0], defect=order[1])
        system.get(address, 200 if needed is scope else 403)
    event = f"/orders/{order[0]}/events/{uuid4()}"
    system.put(event, happened("accepted"), 201 if scope is Scope.ORDERS_WRITE else 403)


def test_another_councils_key_finds_nothing_and_changes_nothing(
    client: TestClient, database: Database, order: tuple[str, str]
) -> None:
    other = System(client, key_for(database, OTHER))
    assert other.get("/orders")["orders"] == []
    other.get(f"/orders/{order[0]}", 404)
    other.get(f"/collections/defects/items/{order[1]}", 404)
    other.put(f"/orders/{order[0]}/events/{uuid4()}", happened("accepted"), 404)


def test_an_event_of_another_council_is_not_told_of(
    client: TestClient, confirm: System, database: Database, order: tuple[str, str]
) -> None:
    event = uuid4()
    confirm.put(f"/orders/{order[0]}/events/{event}", happened("accepted"))
    other = System(client, key_for(database, OTHER))
    other.put(f"/orders/{order[0]}/events/{event}", happened("accepted"), 404)

    # Of an order of their own, under an id that somebody else has used.
    eve = another(client)
    eve.sign_in("eve@other.example")
    path = defects_of(eve)[0]
    eve.get(path)
    eve.approve(path)
    said = {"csrf": eve.csrf, "defect": path.rpartition("/")[2], "repair": "permanent",
            "traffic": "none"}  # fmt: skip
    theirs = eve.client.post("/orders", data=said).url.path.rpartition("/")[2]
    told = other.put(f"/orders/{theirs}/events/{event}", happened("accepted"), 409)
    assert "not free" in told["detail"] and "Gang 4" not in told["detail"]
    assert other.get(f"/orders/{theirs}")["accepted_at"] is None
    other.put(f"/orders/{theirs}/events/{uuid4()}", happened("accepted"))


@pytest.mark.parametrize("shown", ["", "Bearer", "Bearer x", "Bearer rwapi_x", "Basic eDp5", "é"])
def test_no_key_opens_nothing(client: TestClient, shown: str) -> None:
    for path in READS:
        answer = client.get(
            f"/api/v1{path.format(order=uuid4(), defect=uuid4())}",
            headers={b"Authorization": shown.encode()},
        )
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"


def test_a_key_that_ended_or_was_closed_opens_nothing(
    client: TestClient, database: Database
) -> None:
    System(client, key_for(database, days=-1)).get("/orders", 401)
    key = key_for(database)
    system = System(client, key)
    system.get("/orders")
    with database.acting_for(DEPOT) as connection:
        row = connection.execute(
            "select * from roadwear.api_token where ends_at > now()"
        ).fetchone()
        assert row is not None
        token = ApiToken(
            token_id=row["token_id"], authority_id=DEPOT, name="Confirm", scopes=ALL,
            ends_at=row["ends_at"],
        )  # fmt: skip
        close_token(connection, token, closed_by="ada")
    system.get("/orders", 401)


def test_a_signed_in_session_is_no_key(ada: Browser) -> None:
    assert ada.client.get("/api/v1/orders").status_code == 401


def test_no_request_makes_it_fail(
    client: TestClient, database: Database, order: tuple[str, str]
) -> None:
    """Ask whatever the description allows, and what it does not: no 5xx, and answers as said."""
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", client.app)
    shown = {"Authorization": f"Bearer {key_for(database)}"}
    asked = 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        for mode in GenerationMode:

            @settings(max_examples=20, deadline=None, database=None, derandomize=True,
                      suppress_health_check=list(HealthCheck))  # fmt: skip
            @given(case=operation.as_strategy(mode, headers=shown))
            def ask(case: Case[Any]) -> None:
                nonlocal asked
                if "order_id" in (case.path_parameters or {}):
                    case.path_parameters["order_id"] = order[0]
                asked += 1
                case.call_and_validate()

            # Where nothing can be asked, nothing can be asked wrongly.
            with suppress(Unsatisfiable):
                ask()
    assert asked > 100
