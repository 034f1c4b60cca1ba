"""Every page that needs nothing but a queue: no fault that axe knows, and no sideways scrolling."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pyotp
import pytest
from playwright.sync_api import Browser, Page

from pipeline.adapters.blobs_obstore import ObstoreBlobs
from pipeline.adapters.clock_system import SystemClock
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.ledger import PostgresLedger
from pipeline.adapters.postgres.people import add_person
from pipeline.domain.decisions import Role
from pipeline.domain.ids import organisation_id
from pipeline.domain.policy import Policies
from pipeline.domain.roads import Hierarchy, RoadSection
from pipeline.review.desk import Desk
from tests.browser.conftest import PASSWORD, faults, fits, serving, signed_in
from tests.builders import a_road_line
from tests.stored import AIDS, RULES, STORE, store_a_queue

DEPOT = organisation_id("depot")
PAGES = (
    "/queue", "/queue/arrived", "/defects?state=queued", "/visits", "/orders", "/orders/new",
    "/duty", "/coverage", "/coverage?street=long", "/evidence", "/policy", "/audit",
    "/audit?verify=true", "/people", "/account", "/second-looks", "/help", "/help/practice",
    "/accessibility", "/privacy", "/operations", "/operations/rota",
    "/nowhere",
)  # fmt: skip
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.fixture
def address(database: Database, tmp_path: Path) -> Iterator[str]:
    blobs = ObstoreBlobs.from_location(str(tmp_path))
    jpeg = cv2.imencode(".jpg", np.full((90, 160, 3), 120, np.uint8))[1].tobytes()
    ledger = PostgresLedger(database, SystemClock())
    store_a_queue(ledger, blobs, jpeg, authority="depot")
    street = RoadSection(
        section_id="S", line=a_road_line((-20, 0), (200, 0)), usrn=20400123, name="Long Street",
        hierarchy=Hierarchy.LOCAL_ACCESS,
    )  # fmt: skip
    ledger.save_roads("depot", name="roads", content_sha256="0", sections=[street])
    with database.acting_for(DEPOT) as connection:
        for name in ("ada", "ben"):
            add_person(
                connection, DEPOT, email=f"{name}@depot.example", name=name.title(),
                password=PASSWORD, roles=[Role.ENGINEER, Role.ADMIN],
            )  # fmt: skip
    policy, content = RULES.policies.general
    rules = replace(
        RULES, policies=Policies(general=(replace(policy, second_look_share=1.0), content))
    )
    with serving(Desk(database, blobs, SystemClock(), rules, STORE, AIDS)) as found:
        yield found


@pytest.fixture
def page(chromium: Browser, address: str) -> Iterator[Page]:
    found = signed_in(chromium, address, "ada")
    yield found
    found.context.close()


def test_every_page_is_without_fault_and_fits(page: Page, address: str) -> None:
    wrong: dict[str, list[str]] = {}
    for path in PAGES:
        page.goto(f"{address}{path}")
        page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
        found = faults(page)
        if not fits(page):
            found.append("it scrolls sideways at 320 px")
        if found:
            wrong[path] = found
    assert wrong == {}


def test_a_policy_is_tried_and_its_page_is_without_fault(page: Page, address: str) -> None:
    page.goto(f"{address}/policy")
    page.get_by_label("Or one that comes along").select_option("devon")
    page.get_by_role("button", name="Try it").click()
    page.get_by_role("heading", name=re.compile("would change today")).wait_for()
    assert faults(page) == []
    assert fits(page)


def test_a_second_look_is_taken_by_keyboard_and_its_page_is_without_fault(
    chromium: Browser, page: Page, address: str
) -> None:
    page.get_by_role("link", name="Possible pothole number 2").click()
    page.get_by_label("No, reject it").check()
    page.get_by_label("If you reject it, why?").select_option("shadow_or_water")
    page.get_by_role("button", name="Record my decision").click()
    page.get_by_text("Ada rejected this").wait_for()

    ben = signed_in(chromium, address, "ben")
    ben.goto(f"{address}/second-looks")
    ben.locator("main a[href^='/second-looks/']").first.press("Enter")
    ben.wait_for_url(re.compile(r"/second-looks/[0-9a-f-]{36}"))
    assert ben.get_by_text("Ada").count() == 0  # blind
    assert faults(ben) == []
    assert fits(ben)
    ben.get_by_label("No", exact=False).first.press("Space")
    ben.get_by_label("If you would reject it, why?").select_option("shadow_or_water")
    ben.locator("main form button").first.press("Enter")
    ben.get_by_text("1 were judged twice").wait_for()
    assert faults(ben) == []
    ben.context.close()


def test_somebody_is_let_in_chooses_a_password_and_practises(
    chromium: Browser, page: Page, address: str
) -> None:
    page.goto(f"{address}/people")
    page.get_by_label("Email address").fill("nia@depot.example")
    page.get_by_label("Name, as it is to stand on decisions").fill("Nia")
    page.get_by_label("Engineer: decides").last.check()
    page.get_by_role("button", name="Let in", exact=True).click()
    given = page.locator("main code").inner_text()
    assert faults(page) == []

    nia = chromium.new_context().new_page()
    nia.goto(f"{address}/sign-in")
    nia.get_by_label("Email address").fill("nia@depot.example")
    nia.get_by_label("Password").fill(given)
    nia.keyboard.press("Enter")
    nia.get_by_label("Present password").fill(given)
    nia.get_by_label("New password").fill("three words together")
    nia.get_by_role("button", name="Change password").click()
    nia.get_by_role("link", name="Help").click()
    nia.get_by_role("link", name="Practise on 24 drawn cases").click()
    for number in range(24):
        nia.get_by_role("heading", name=f"Practice: {number + 1} of 24").wait_for()
        nia.get_by_label("A pothole: a defect").check()
        nia.get_by_role("button", name="Answer").click()
    nia.get_by_text("12 of 24 right").wait_for()
    assert faults(nia) == []
    assert fits(nia)
    nia.context.close()


def test_a_code_from_a_phone_is_set_up_and_asked_for(
    chromium: Browser, page: Page, address: str
) -> None:
    page.goto(f"{address}/account")
    secret = page.locator("main code").inner_text()
    phone = pyotp.TOTP(secret)
    at = datetime.now(UTC)
    page.get_by_label("Your password, to set it up").fill(PASSWORD)
    page.get_by_label("The six digits that it shows then").fill(phone.at(at))
    page.get_by_role("button", name="Set it up").click()
    page.get_by_text("Set up: a code from a phone").wait_for()
    assert faults(page) == []
    assert fits(page)

    again = chromium.new_context().new_page()
    again.goto(f"{address}/sign-in")
    again.get_by_label("Email address").fill("ada@depot.example")
    again.get_by_label("Password").fill(PASSWORD)
    again.keyboard.press("Enter")
    again.get_by_role("heading", name="Code from your phone").wait_for()
    assert faults(again) == []
    assert fits(again)
    again.get_by_label("The six digits").fill("000000")
    again.keyboard.press("Enter")
    again.get_by_role("heading", name="There is a problem").wait_for()
    assert faults(again) == []
    again.get_by_label("The six digits").fill(phone.at(at + timedelta(seconds=30)))
    again.keyboard.press("Enter")
    again.wait_for_url("**/queue")
    again.context.close()
