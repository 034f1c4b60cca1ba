"""Thirty site visits without a signal, and what was found there is kept once, whatever happens."""

from collections.abc import Iterator
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, FilePayload, Page

from pipeline.adapters.clock_system import SystemClock
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.ledger import PostgresLedger
from pipeline.adapters.postgres.log import log_lines, rows_unlike_log
from pipeline.domain.chain import fault_in
from pipeline.domain.ids import organisation_id
from tests.browser.conftest import PASSWORD, faults, fits, signed_in
from tests.builders import an_observation
from tests.stored import gather, store_findings

DEPOT, MANY = organisation_id("depot"), 30
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.fixture
def page(chromium: Browser, address: str, database: Database) -> Iterator[Page]:
    """Sign in where somebody asked for thirty site inspections."""
    ledger = PostgresLedger(database, SystemClock())
    seen = [
        an_observation(100 + 20.0 * n, 0, drive="more", second=100 + n + look / 4, width_m=0.35)
        for n in range(MANY)
        for look in range(2)
    ]
    gather(ledger, store_findings(ledger, seen, authority="depot"))
    with database.acting_for(DEPOT) as connection:
        connection.execute(
            "update roadwear.defect set state = 'site_visit', decided_at = now() "
            "where at_e > 530050"
        )
        connection.execute(
            "delete from roadwear.queue_entry where defect_id in "
            "(select defect_id from roadwear.defect where state = 'site_visit')"
        )
    found = signed_in(chromium, address, "ada")
    yield found
    found.context.close()


def photograph() -> bytes:
    """Return a photograph of a phone: large, with its place and its owner in it."""
    grain = np.random.default_rng(1).integers(90, 150, (1200, 1600, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x013B] = "Ada's phone"
    out = BytesIO()
    Image.fromarray(grain).save(out, "JPEG", exif=exif)
    return out.getvalue()


def open_offline(page: Page, address: str, context: BrowserContext) -> None:
    """Look at the page while there is a signal, lose it, and open the page anew."""
    page.goto(f"{address}/visits")
    page.wait_for_selector("#visits[data-kept]", state="attached")
    context.set_offline(True)
    page.reload()
    page.get_by_text("There is no signal").wait_for()


def tell(page: Page, number: int, outcome: str, *, photo: bool = False) -> None:
    visit = page.locator("[data-visit]").nth(number)
    visit.locator("summary").click()
    visit.get_by_label(outcome).check()
    if outcome == "It was measured":
        visit.get_by_label("Depth, if you measured it").fill(str(30 + number))
        visit.get_by_label("How did you measure it?").select_option("ruler")
    if photo:
        picture = FilePayload(name="hole.jpg", mimeType="image/jpeg", buffer=photograph())
        visit.get_by_label("Photograph with the ruler in it").set_input_files(picture)
    visit.get_by_role("button", name="Keep this").click()
    visit.get_by_text("Kept on this phone, not sent yet").wait_for()


def test_thirty_visits_without_a_signal(page: Page, address: str, database: Database) -> None:
    context = page.context
    open_offline(page, address, context)
    assert page.locator("[data-visit]").count() == MANY
    loaded = "img => img.complete && img.naturalWidth > 0"
    for picture in page.locator("[data-visit] img").all():
        assert picture.evaluate(loaded)
    for number in range(MANY):
        outcome = ("It was measured", "There is nothing there", "It was made safe")[number % 3]
        tell(page, number, outcome, photo=number == 0)
        if number == 14:
            page.reload()  # the phone was locked, or the page closed
            page.get_by_text("There is no signal").wait_for()
    assert page.locator("#visits").get_attribute("data-waiting") == str(MANY)

    # The signal comes back, badly: answers are lost after they were taken.
    lost = 0

    def lose(route: object) -> None:
        nonlocal lost
        lost += 1
        if lost % 4 == 1:
            route.fetch()  # type: ignore[attr-defined]
            route.abort()  # type: ignore[attr-defined]
        else:
            route.continue_()  # type: ignore[attr-defined]

    context.route("**/visits/entries", lose)
    context.set_offline(False)
    for _ in range(MANY):
        page.get_by_role("button", name="Send what is kept on this phone").click()
        page.wait_for_timeout(300)
        if page.locator("#visits").get_attribute("data-waiting") == "0":
            break
    assert page.locator("#visits").get_attribute("data-waiting") == "0"
    assert lost > MANY
    with database.acting_for(DEPOT) as connection:
        rows = connection.execute(
            "select outcome, count(*) as n, count(distinct defect_id) as places, "
            "count(photo_key) as photos from roadwear.site_entry group by outcome order by outcome"
        ).fetchall()
        waiting = connection.execute(
            "select count(*) as n, count(depth_mm) as deep from roadwear.defect "
            "where state = 'queued' and at_e > 530050"
        ).fetchone()
        assert fault_in(list(log_lines(connection, DEPOT))) is None
        assert rows_unlike_log(connection, DEPOT) == ()
    assert [(row["outcome"], row["n"], row["places"]) for row in rows] == [
        ("made_safe", 10, 10), ("measured", 10, 10), ("not_found", 10, 10),
    ]  # fmt: skip
    assert sum(row["photos"] for row in rows) == 1
    assert waiting == {"n": MANY, "deep": 10}
    page.goto(f"{address}/visits")
    page.get_by_text("Nobody has asked for a site inspection").wait_for()


def test_the_page_has_no_fault_that_axe_knows_and_works_on_a_phone(
    page: Page, address: str
) -> None:
    page.goto(f"{address}/visits")
    page.wait_for_selector("#visits:not([hidden])")
    page.locator("summary").first.click()
    assert faults(page) == []
    assert fits(page)


def test_who_signed_out_meanwhile_is_asked_to_sign_in_and_loses_nothing(
    page: Page, address: str, database: Database
) -> None:
    open_offline(page, address, page.context)
    tell(page, 0, "There is nothing there")
    page.context.clear_cookies()
    page.context.set_offline(False)
    page.get_by_role("button", name="Send what is kept on this phone").click()
    page.get_by_text("sign in again to send them").wait_for()

    # Somebody else signs in on the phone: it waits; and then who wrote it: it is sent.
    for name, waiting in (("ben", "1"), ("ada", "0")):
        page.context.clear_cookies()
        page.goto(f"{address}/sign-in")
        page.get_by_label("Email address").fill(f"{name}@depot.example")
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url("**/queue")
        page.goto(f"{address}/visits")
        page.wait_for_selector(f"#visits[data-waiting='{waiting}']", state="attached")
        if name == "ben":
            page.get_by_text("1 were written by somebody else").wait_for()
    with database.acting_for(DEPOT) as connection:
        row = connection.execute(
            "select p.name from roadwear.site_entry join roadwear.person p using (person_id)"
        ).fetchall()
    assert row == [{"name": "Ada"}]
