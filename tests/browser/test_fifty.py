"""A queue of fifty, worked by keyboard alone."""

from collections import Counter

import pytest
from playwright.sync_api import Browser, Page

from pipeline.adapters.clock_system import SystemClock
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.ledger import PostgresLedger
from pipeline.adapters.postgres.log import log_lines, rows_unlike_log
from pipeline.domain.chain import fault_in
from pipeline.domain.ids import organisation_id
from tests.browser.conftest import signed_in
from tests.builders import an_observation
from tests.stored import gather, store_findings

DEPOT, MANY = organisation_id("depot"), 50


@pytest.fixture
def page(chromium: Browser, address: str, database: Database) -> Page:
    """Sign in to a queue to which 48 were added, none of them grave."""
    ledger = PostgresLedger(database, SystemClock())
    seen = [
        an_observation(100 + 15.0 * n, 0, drive="more", second=100 + n + look / 4, width_m=0.35)
        for n in range(MANY - 2)
        for look in range(2)
    ]
    gather(ledger, store_findings(ledger, seen, authority="depot"))
    return signed_in(chromium, address, "ada")


class Keys:
    """Presses keys, and counts them; nothing else is touched."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.pressed = 0

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
            self.pressed += 1

    def leads(self, *keys: str) -> None:
        """Press keys, the last of which leads to another page."""
        self.press(*keys[:-1])
        with self.page.expect_navigation():
            self.press(keys[-1])


def test_fifty_by_keyboard_alone(page: Page, database: Database) -> None:
    page.reload()
    keys = Keys(page)
    page.locator("summary", has_text="Work with single keys").focus()
    keys.press("Enter", "Tab", "Space")
    keys.press("j")
    keys.leads("Enter")
    # The first is grave: nothing is chosen and no key approves it. It is looked at on site.
    assert page.get_by_label("Impact", exact=True).input_value() == ""
    keys.press("a")
    assert page.evaluate("document.activeElement.tagName") == "BODY"
    keys.press("v", "Enter", "Tab", "Tab")
    keys.leads("Enter")
    keys.leads("n")
    for number in range(1, MANY):
        if number % 10 == 3:  # rejected, with a reason
            keys.press("r", "Space", "Tab", "Tab", "Tab", "Tab", "ArrowDown", "Tab", "Tab")
            keys.leads("Enter")
        elif number % 10 == 6:  # watched for four weeks
            keys.press("w", "Enter", "Tab", "Tab", "Tab", "Tab", "Tab", "Tab")
            keys.leads("Enter")
        else:
            keys.press("a", "Space")
            keys.leads("Enter")
        if number < MANY - 1:
            keys.leads("n")
    keys.leads("u")
    page.get_by_text("Nothing waits for a decision").wait_for()
    with database.acting_for(DEPOT) as connection:
        rows = connection.execute("select move, count(*) as n from roadwear.decision group by move")
        made = Counter({row["move"]: row["n"] for row in rows})
        assert fault_in(list(log_lines(connection, DEPOT))) is None
        assert rows_unlike_log(connection, DEPOT) == ()
    assert made == {"approve": 39, "reject": 5, "watch": 5, "site_visit": 1}
    assert keys.pressed <= 6 * MANY
