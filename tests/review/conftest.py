"""A desk with a small queue, and who signs in there."""

from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from fastapi.testclient import TestClient

from pipeline.adapters.blobs_obstore import ObstoreBlobs
from pipeline.adapters.clock_system import SystemClock
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.ledger import PostgresLedger
from pipeline.adapters.postgres.people import add_person
from pipeline.domain.decisions import Role
from pipeline.domain.ids import organisation_id
from pipeline.review import create_app
from pipeline.review.desk import Desk
from tests.review.browsing import PASSWORD, Browser, another
from tests.review.things import Things, make_things
from tests.stored import AIDS, RULES, STORE, store_a_queue


@pytest.fixture
def client(database: Database, tmp_path: object) -> Iterator[TestClient]:
    blobs = ObstoreBlobs.from_location(str(tmp_path))
    grey = np.full((90, 160, 3), 120, np.uint8)
    jpeg = cv2.imencode(".jpg", grey)[1].tobytes()
    store_a_queue(PostgresLedger(database, SystemClock()), blobs, jpeg, authority="depot")
    with database.acting_for(organisation_id("depot")) as connection:
        for name, role in [
            ("ada", Role.ENGINEER),
            ("ben", Role.ENGINEER),
            ("fay", Role.FLEET),
            ("ops", Role.OPERATIONS),
            ("vic", Role.VIEWER),
            ("adm", Role.ADMIN),
        ]:
            add_person(
                connection,
                organisation_id("depot"),
                email=f"{name}@depot.example",
                name=name.title(),
                password=PASSWORD,
                roles=[role],
            )
    store_a_queue(PostgresLedger(database, SystemClock()), blobs, jpeg, authority="other")
    with database.acting_for(organisation_id("other")) as connection:
        add_person(
            connection,
            organisation_id("other"),
            email="eve@other.example",
            name="Eve",
            password=PASSWORD,
            roles=[Role.ENGINEER],
        )
    app = create_app(
        Desk(database, blobs, SystemClock(), RULES, STORE, AIDS), secret_key="test" * 8
    )
    with TestClient(app) as found:
        yield found


@pytest.fixture
def ada(client: TestClient) -> Browser:
    browser = another(client)
    browser.sign_in("ada@depot.example")
    return browser


@pytest.fixture
def things(ada: Browser, database: Database) -> Things:
    """Make a queue, an order, a camera pass, a possible emergency, a site visit."""
    return make_things(ada, database)
