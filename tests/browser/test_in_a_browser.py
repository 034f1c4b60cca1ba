"""The pages in a real browser: keyboard, no script, and no accessibility fault that axe knows."""

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import PASSWORD, faults, fits, signed_in

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


def test_no_page_has_a_fault_that_axe_knows(chromium: Browser, address: str) -> None:
    page = chromium.new_context(bypass_csp=True).new_page()
    page.goto(f"{address}/sign-in")
    assert faults(page) == []
    page = signed_in(chromium, address, "ada")
    assert faults(page) == []
    page.get_by_role("link", name="Possible pothole number 1").click()
    for summary in page.locator("summary").all():
        summary.click()
    assert faults(page) == []
    page.get_by_role("button", name="Record my decision").click()
    page.get_by_role("heading", name="There is a problem").wait_for()
    assert faults(page) == []
    assert fits(page)
    page.locator("a[href^='/passes/']").first.click()
    page.get_by_role("heading", name="A camera pass").wait_for()
    assert faults(page) == []
    assert fits(page)
    page.get_by_role("link", name="Duty").click()
    page.get_by_role("heading", name="Possible emergencies").wait_for()
    assert faults(page) == []
    assert fits(page)


def test_a_camera_pass_is_voided_and_restored(chromium: Browser, address: str) -> None:
    page = signed_in(chromium, address, "ada")
    page.get_by_role("link", name="Possible pothole number 1").click()
    page.locator("a[href^='/passes/']").first.click()
    page.get_by_label("Why?").select_option("a_test")
    page.get_by_role("button", name="Void this camera pass").press("Enter")
    page.get_by_text("Void: nothing of it counts").wait_for()
    assert faults(page) == []
    page.get_by_role("link", name="Queue", exact=True).click()
    page.get_by_text("Nothing waits for a decision").wait_for()
    page.go_back()
    page.get_by_role("button", name="Restore it").press("Enter")
    page.get_by_text("It counts", exact=True).wait_for()
    page.get_by_role("link", name="Queue", exact=True).click()
    page.get_by_role("link", name="Possible pothole number 2").wait_for()


def test_two_engineers_at_once_with_the_keyboard(chromium: Browser, address: str) -> None:
    ada, ben = (signed_in(chromium, address, name) for name in ("ada", "ben"))
    for page in (ada, ben):
        page.get_by_role("link", name="Possible pothole number 1").click()
        assert page.locator("img").first.evaluate("picture => picture.naturalWidth") == 160

    ben.get_by_text("Ada has had this open since").wait_for()
    ben.get_by_role("button", name="Take it over").press("Enter")
    ben.get_by_label("No, reject it").check()
    ben.get_by_label("If you reject it, why?").select_option("shadow_or_water")

    ada.get_by_label("Yes, approve it").focus()
    ada.keyboard.press("Space")
    for label in ("Impact", "Likelihood"):
        box = ada.get_by_label(label, exact=True)
        assert box.input_value() == ""
        box.focus()
        ada.keyboard.press("4")
    ada.get_by_role("button", name="Record my decision").press("Enter")
    ada.get_by_role("heading", name="This possible defect has changed").wait_for()
    ada.get_by_text("Ben has this open since").wait_for()

    ben.get_by_role("button", name="Record my decision").click()
    ben.get_by_text("Ben rejected this").wait_for()
    ada.get_by_role("link", name="Look at it again").click()
    ada.get_by_text("Ben rejected this").wait_for()
    assert ada.get_by_role("button", name="Record my decision").count() == 0


def test_everything_works_without_script(chromium: Browser, address: str) -> None:
    page = chromium.new_context(java_script_enabled=False).new_page()
    page.goto(f"{address}/queue")
    page.get_by_label("Email address").fill("ada@depot.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Possible pothole number 2").click()
    page.get_by_label("No, reject it").check()
    page.get_by_label("If you reject it, why?").select_option("manhole_or_cover")
    page.get_by_role("button", name="Record my decision").click()

    assert "It is a manhole or other cover" in page.content()


def test_two_are_joined_and_split_with_the_keyboard_and_without_script(
    chromium: Browser, address: str
) -> None:
    page = chromium.new_context(java_script_enabled=False).new_page()
    page.goto(f"{address}/queue")
    page.get_by_label("Email address").fill("ada@depot.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Possible pothole number 1").click()
    page.locator("summary", has_text="It is the same as another").press("Enter")
    page.get_by_label("Possible pothole, 20.0 m away").press("Space")
    page.get_by_role("button", name="Join them into one").press("Enter")
    page.get_by_text("Ada joined possible defects into one").wait_for()
    assert page.get_by_text("4 pictures on 1 drive", exact=True).count() == 1

    page.get_by_role("button", name="Take that back").press("Enter")
    page.get_by_text("This was taken back").wait_for()
    page.locator("summary", has_text="Its pictures show two places").press("Enter")
    page.get_by_label("picture 2").press("Space")
    page.get_by_role("button", name="Split them off").press("Enter")
    page.get_by_text("Ada split this into two possible defects").wait_for()


def test_a_queue_is_worked_with_single_keys_once_they_are_switched_on(
    chromium: Browser, address: str
) -> None:
    page = signed_in(chromium, address, "ada")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.hasAttribute('data-row')") is False
    page.get_by_text("Work with single keys").click()
    page.get_by_label("Use single keys in this browser").check()
    assert faults(page) == []
    page.keyboard.press("/")
    page.keyboard.type("jap")
    assert page.get_by_label("Street, USRN or reference").input_value() == "jap"
    page.locator("h1").click()

    for key in ("j", "j", "k"):
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    page.wait_for_url("**/defects/*")
    first = page.url
    page.keyboard.press("n")
    page.wait_for_url(lambda url: "/defects/" in url and url != first)
    page.keyboard.press("p")
    page.wait_for_url(first)

    page.keyboard.press("a")
    assert page.evaluate("document.activeElement.id") != "move-approve"  # it is grave
    page.keyboard.press("r")
    page.keyboard.press("Space")
    page.get_by_label("If you reject it, why?").select_option("shadow_or_water")
    page.get_by_role("button", name="Record my decision").press("Enter")
    page.get_by_text("Ada rejected this").wait_for()
    page.wait_for_load_state()
    page.keyboard.press("z")
    page.keyboard.press("Enter")
    page.get_by_text("Ada took a decision back").wait_for()
    page.wait_for_load_state()
    page.keyboard.press("w")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Put it aside until then").press("Enter")
    page.get_by_text("Ada put this aside, to be watched").wait_for()
    page.wait_for_load_state()

    page.keyboard.press("n")
    page.wait_for_url(lambda url: "/defects/" in url and url != first)
    page.keyboard.press("a")
    assert not page.get_by_label("Yes, approve it").is_checked()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    page.get_by_text("Ada approved this").wait_for()
    page.wait_for_load_state()
    page.keyboard.press("u")
    page.get_by_text("Nothing waits for a decision").wait_for()
