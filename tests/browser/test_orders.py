"""Orders in a real browser: from approval to done, on a phone's width too."""

import re

from playwright.sync_api import Browser

from tests.browser.conftest import faults, fits, signed_in


def test_an_order_from_approval_to_done(chromium: Browser, address: str) -> None:
    page = signed_in(chromium, address, "ada")
    for _ in range(2):
        page.goto(f"{address}/queue")
        page.get_by_role("link", name="Possible pothole number 1").click()
        page.get_by_label("Yes, approve it").check()
        for label in ("Impact", "Likelihood"):
            page.get_by_label(label, exact=True).select_option("4")
        page.get_by_label("If that is not what was proposed").select_option("users")
        page.get_by_role("button", name="Record my decision").click()
        page.get_by_text("Ada approved this").wait_for()

    page.get_by_role("link", name="Orders").click()
    page.get_by_role("heading", name="Visit 1: 2 defects").wait_for()
    assert faults(page) == []
    assert fits(page)
    page.get_by_role("button", name="Order visit 1").click()
    assert faults(page) == []
    assert fits(page)
    page.get_by_label("What is to be done?").select_option("permanent")
    page.get_by_label("Traffic management").select_option("stop_go")
    page.get_by_label("School").check()
    page.get_by_role("button", name="Order the repairs").click()
    page.get_by_role("heading", name=re.compile("Order 20")).wait_for()

    page.get_by_text("Say what became of the whole order").click()
    page.get_by_label("What became of it?").first.select_option("accepted")
    page.get_by_role("button", name="Keep this").first.click()
    page.get_by_text("The order: accepted by the contractor").wait_for()
    for number in (1, 2):
        page.get_by_text(f"Say what became of number {number}").click()
        page.locator(f"#kind-{number}").select_option("repaired")
        assert faults(page) == []
        assert fits(page)
        page.locator("details[open]").get_by_role("button", name="Keep this").click()
        page.get_by_text(f"Number {number}: repaired on").wait_for()
    assert page.get_by_role("button", name="Keep this").count() == 0
    page.emulate_media(media="print")
    assert page.get_by_text("Sign out").is_hidden()
