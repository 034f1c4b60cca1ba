"""Some decisions are judged once more, blind, by another engineer."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from pipeline.adapters.blobs_obstore import ObstoreBlobs
from pipeline.adapters.clock_system import SystemClock
from pipeline.adapters.policy_toml import parse_policy
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.log import rows_unlike_log
from pipeline.domain.errors import InputError
from pipeline.domain.ids import organisation_id
from pipeline.domain.policy import Policies
from pipeline.review import create_app
from pipeline.review.desk import Desk
from tests.review.browsing import Browser, another, defects_of
from tests.stored import AIDS, RULES, STORE

DEPOT = organisation_id("depot")
LOOK = re.compile(r"/second-looks/[0-9a-f-]{36}")


@pytest.fixture
def everything(client: TestClient, database: Database, tmp_path: Path) -> Iterator[TestClient]:
    """Serve the same where every decision is judged twice."""
    del client
    policy, content = RULES.policies.general
    strict = replace(policy, second_look_share=1.0), content
    rules = replace(RULES, policies=Policies(general=strict))
    blobs = ObstoreBlobs.from_location(str(tmp_path))
    desk = Desk(database, blobs, SystemClock(), rules, STORE, AIDS)
    with TestClient(create_app(desk, secret_key="test" * 8)) as found:
        yield found


def engineer(client: TestClient, name: str) -> Browser:
    browser = another(client)
    browser.sign_in(f"{name}@depot.example")
    return browser


def waits(browser: Browser) -> str:
    browser.get("/second-looks")
    found = LOOK.search(browser.html)
    return found[0] if found else ""


def test_two_judge_and_it_is_told_how_far_they_agree(
    everything: TestClient, database: Database
) -> None:
    ada, ben = engineer(everything, "ada"), engineer(everything, "ben")
    first, second = defects_of(ada)[:2]
    ada.get(first)
    ada.approve(first)
    ada.get(second)
    ada.decide(second, {"move": "reject", "reason": "manhole_or_cover"})
    assert waits(ada) == ""

    look = waits(ben)
    words = ben.get(look)
    for secret in ("Ada", "approved", "Approved", "rejected", "Status"):
        assert secret not in words.replace("approve it", "").replace("Ben", "")
    before = _states(database)
    ben.post(look, {"answer": "approve", "impact": "5", "likelihood": "5"})
    ben.get(waits(ben))
    words = ben.post(waits(ben), {"answer": "reject", "reason": "shadow_or_water", "note": "wet"})
    assert "2 were judged twice" in words
    assert "the same in 2" in words
    assert "kappa 1.00" in words
    assert "Where both approved, the category was the same in 0 of 1" in words
    assert "Ada: approve (CAT" in words
    assert "Ben: approve (CAT1)" in words
    assert waits(ben) == ""
    assert _states(database) == before
    with database.acting_for(DEPOT) as connection:
        assert rows_unlike_log(connection, DEPOT) == ()


def _states(database: Database) -> list[dict[str, object]]:
    with database.acting_for(DEPOT) as connection:
        return connection.execute(
            "select defect_id, state, version from roadwear.defect order by defect_id"
        ).fetchall()


def test_nobody_judges_their_own_twice_or_what_was_taken_back(
    everything: TestClient,
) -> None:
    ada, ben = engineer(everything, "ada"), engineer(everything, "ben")
    path = defects_of(ada)[0]
    ada.get(path)
    ada.decide(path, {"move": "site_visit"})
    look = waits(ben)
    ben.get(look)
    for wrong in (
        {}, {"answer": "perhaps"}, {"answer": "approve"}, {"answer": "reject"},
        {"answer": "approve", "impact": "9", "likelihood": "1"},
        {"answer": "other", "note": "x" * 1001},
    ):  # fmt: skip
        ben.post(look, dict(wrong), status=422)
        ben.get(look)
    ada.get("/queue")
    ada.post(look, {"answer": "other"}, status=404)
    ben.post(look, {"answer": "other"})
    ben.get("/queue")
    ben.post(look, {"answer": "other"}, status=404)

    ada.get(path)
    undo = re.search(r'name="takes_back" value="([^"]+)"', ada.html)
    assert undo
    ada.decide(path, {"move": "undo", "takes_back": undo[1]})
    assert "Nothing was judged twice yet" in ben.get("/second-looks")


def test_a_policy_says_which_share_and_none_is_more_than_all() -> None:
    _, content = RULES.policies.general
    own = b"second_look_share = 0.2\n" + content
    assert parse_policy(own, name="own").second_look_share == pytest.approx(0.2)
    with pytest.raises(InputError, match="from 0 to 1"):
        parse_policy(own.replace(b"0.2", b"1.2", 1), name="own")
