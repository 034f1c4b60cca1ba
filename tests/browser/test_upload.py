"""Footage is handed in on the page in a real browser: cut off on the way, and by keyboard."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, Route

from deploy.serving import web_app
from pipeline import wiring
from pipeline.simulator.recorders import write_recording
from tests.browser.conftest import faults
from tests.builders import NOON
from tests.uplink.serving import add_depot, write_drive

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@dataclass(frozen=True)
class Site:
    address: str
    key: str


@pytest.fixture
def site(database_urls: tuple[str, str], tmp_path: Path) -> Iterator[Site]:
    settings = wiring.Settings(
        home=tmp_path, database_url=database_urls[1], free_gib=0.0, secret_key="k" * 32
    )
    _, key = add_depot(wiring.database(settings))
    server = uvicorn.Server(
        uvicorn.Config(web_app(settings, https_only=False), port=0, log_level="error")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield Site(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", key)
    server.should_exit = True
    thread.join()
    wiring.database(settings).close()


def at_the_depot(chromium: Browser, site: Site) -> Page:
    page = chromium.new_context(bypass_csp=True).new_page()
    page.goto(f"{site.address}/fleet")
    page.get_by_label("Key").fill(site.key)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Hand in footage").wait_for()
    return page


def test_a_card_is_handed_in_through_a_cut_connection(
    chromium: Browser, site: Site, tmp_path: Path
) -> None:
    card = tmp_path / "card"
    write_drive(card, NOON)
    (card / "noise.mp4").write_bytes(b"noise" * 100)
    write_recording(card / "20260210_120000_NR.mp4")
    page = at_the_depot(chromium, site)
    cut: list[str] = []

    def unreliable(route: Route) -> None:
        if route.request.method in {"PATCH", "HEAD"} and len(cut) < 4:
            cut.append(route.request.method)
            route.abort("internetdisconnected")
        else:
            route.continue_()

    page.route("**/uplink/uploads/*", unreliable)
    page.get_by_label("The whole card, or a folder").set_input_files(card)
    page.get_by_text("The connection is lost").wait_for()

    page.get_by_role("heading", name="What became of your files").wait_for(timeout=60_000)
    while page.get_by_role("link", name="look again").count():
        time.sleep(0.2)
        page.get_by_role("link", name="look again").click()
    page.get_by_role("heading", name="Do not wipe").wait_for()
    assert len(cut) == 4 and "PATCH" in cut
    words = page.inner_text("main")
    assert "this file: card/noise.mp4" in words
    assert "accepted" in words and "rear camera" in words
    assert "Vehicle 1142, 12 seconds: 0% cannot be used" in words
    assert faults(page) == []
    page.screenshot(path=str(tmp_path / "batch.png"), full_page=True)


def test_the_pages_have_no_fault_that_axe_knows_and_need_the_key(
    chromium: Browser, site: Site
) -> None:
    page = chromium.new_context(bypass_csp=True).new_page()
    page.goto(f"{site.address}/fleet/vehicles")
    assert page.url.endswith("/fleet/key")
    assert faults(page) == []
    page.get_by_label("Key").fill("rw_wrong")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="There is a problem").wait_for()
    assert faults(page) == []

    page = at_the_depot(chromium, site)
    assert faults(page) == []
    page.get_by_role("link", name="Vehicles and their cameras").press("Enter")
    page.get_by_role("heading", name="Jobs").wait_for()
    assert faults(page) == []


def test_another_browser_without_the_key_gets_nothing(chromium: Browser, site: Site) -> None:
    page = chromium.new_context().new_page()

    answer = page.request.post(
        f"{site.address}/uplink/batches", data={"source": "web"}, headers={"Origin": site.address}
    )

    assert answer.status == 401
