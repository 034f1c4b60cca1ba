"""A real browser, and what axe says of a page."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from pipeline.adapters.blobs_obstore import ObstoreBlobs
from pipeline.adapters.clock_system import SystemClock
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.ledger import PostgresLedger
from pipeline.adapters.postgres.people import add_person
from pipeline.domain.decisions import Role
from pipeline.domain.ids import organisation_id
from pipeline.review import create_app
from pipeline.review.desk import Desk
from tests.stored import AIDS, RULES, STORE, store_a_queue

NARROW = {"width": 320, "height": 700}
PASSWORD = "a long enough password"  # noqa: S105 - a test's own


@pytest.fixture(scope="package")
def driver() -> Iterator[Playwright]:
    """Return what starts browsers: one at a time is allowed in a process."""
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="package")
def chromium(driver: Playwright) -> Iterator[Browser]:
    browser = driver.chromium.launch(
        executable_path="/usr/bin/chromium",
        args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
    )
    yield browser
    browser.close()


def faults(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{fault['id']}: {fault['help']}" for fault in found]


def fits(page: Page) -> bool:
    """Return whether a page of 320 px is not scrolled sideways (WCAG 1.4.10: 400 % of 1280 px)."""
    width = page.viewport_size
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    found = page.evaluate("document.documentElement.scrollWidth")
    page.set_viewport_size(width or NARROW)  # type: ignore[arg-type]
    return bool(found <= NARROW["width"])


@pytest.fixture
def address(database: Database, tmp_path: Path) -> Iterator[str]:
    blobs = ObstoreBlobs.from_location(str(tmp_path))
    jpeg = cv2.imencode(".jpg", np.full((90, 160, 3), 120, np.uint8))[1].tobytes()
    store_a_queue(PostgresLedger(database, SystemClock()), blobs, jpeg, authority="depot")
    with database.acting_for(organisation_id("depot")) as connection:
        for name in ("ada", "ben"):
            add_person(
                connection,
                organisation_id("depot"),
                email=f"{name}@depot.example",
                name=name.title(),
                password=PASSWORD,
                roles=[Role.ENGINEER],
            )
    desk = Desk(database, blobs, SystemClock(), RULES, STORE, AIDS)
    with serving(desk) as found:
        yield found


@contextmanager
def serving(desk: Desk) -> Iterator[str]:
    """Serve a desk on a free port, and return its address."""
    app = create_app(desk, secret_key="k" * 32)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


def signed_in(chromium: Browser, address: str, name: str) -> Page:
    page = chromium.new_context(java_script_enabled=True, bypass_csp=True).new_page()
    page.goto(f"{address}/queue")
    page.get_by_label("Email address").fill(f"{name}@depot.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/queue")
    return page
