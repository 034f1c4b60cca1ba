"""Two authorities in one installation: each is shown and decides by its own policy."""

from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from pipeline.adapters.blobs_obstore import ObstoreBlobs
from pipeline.adapters.clock_system import SystemClock
from pipeline.adapters.policy_toml import parse_policy
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.intake import save_organisation
from pipeline.adapters.postgres.ledger import PostgresLedger
from pipeline.adapters.postgres.people import add_person
from pipeline.domain.decisions import Role
from pipeline.domain.ids import organisation_id
from pipeline.domain.policy import Policies
from pipeline.review import create_app
from pipeline.review.desk import Desk
from tests.review.browsing import PASSWORD, another, defects_of
from tests.stored import AIDS, RULES, STORE, store_a_queue

DEPOT = organisation_id("depot")
GENERAL = RULES.policies.general
KENTS = GENERAL[1].replace(b"CAT", b"KENT")


@pytest.fixture
def app(database: Database, tmp_path: Path) -> TestClient:
    blobs = ObstoreBlobs.from_location(str(tmp_path))
    store_a_queue(PostgresLedger(database, SystemClock()), blobs, b"jpeg", authority="depot")
    for name in ("depot", "other"):
        with database.acting_for(organisation_id(name)) as connection:
            save_organisation(connection, name)
            add_person(
                connection, organisation_id(name), email=f"ada@{name}.example", name="Ada",
                password=PASSWORD, roles=[Role.ENGINEER],
            )  # fmt: skip
    own = {DEPOT: (parse_policy(KENTS, name="kent"), KENTS)}
    rules = replace(RULES, policies=Policies(general=GENERAL, own=own))
    desk = Desk(database, blobs, SystemClock(), rules, STORE, AIDS)
    return TestClient(create_app(desk, secret_key="k" * 32))


def test_each_goes_by_its_own(app: TestClient, database: Database) -> None:
    ada, eve = another(app), another(app)
    ada.sign_in("ada@depot.example")
    eve.sign_in("ada@other.example")
    assert "KENT1" in ada.get("/policy") and "KENT1" not in eve.get("/policy")
    assert "CAT1" in eve.get("/policy")
    assert "KENT2H" in ada.get("/queue") and "KENT" not in eve.get("/queue")

    path = defects_of(ada)[1]
    assert "KENT2H" in ada.get(path)
    ada.approve(path)
    with database.acting_for(DEPOT) as connection:
        row = connection.execute("select category, policy_sha256 from roadwear.decision").fetchone()
    assert row is not None
    assert row["category"].startswith("KENT")
    assert row["policy_sha256"] == parse_policy(KENTS, name="kent").sha256
    assert "KENT" in ada.get("/orders")
