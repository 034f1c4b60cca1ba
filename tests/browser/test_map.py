"""The map beside the list, in a real browser, under the real content security policy."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Playwright

from pipeline.adapters.clock_system import SystemClock
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.ledger import PostgresLedger
from pipeline.domain.roads import Hierarchy, RoadSection
from tests.browser.conftest import PASSWORD, faults, fits
from tests.builders import a_road_line


@pytest.fixture(scope="module")
def drawing(driver: Playwright) -> Iterator[Browser]:
    """Return a browser that draws: maps need WebGL, which it computes itself."""
    browser = driver.chromium.launch(
        executable_path="/usr/bin/chromium",
        args=["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
              "--disable-background-networking"],
    )  # fmt: skip
    yield browser
    browser.close()


@pytest.fixture
def page(drawing: Browser, address: str, database: Database) -> Iterator[Page]:
    ledger = PostgresLedger(database, SystemClock())
    section = RoadSection(
        section_id="S", line=a_road_line((-200, 0), (200, 0)), usrn=1, name="Long Street",
        hierarchy=Hierarchy.LINK,
    )  # fmt: skip
    ledger.save_roads("depot", name="roads", content_sha256="0", sections=[section])
    context = drawing.new_context(viewport={"width": 1400, "height": 900})
    found = context.new_page()
    found.goto(f"{address}/queue")
    found.get_by_label("Email address").fill("ada@depot.example")
    found.get_by_label("Password").fill(PASSWORD)
    found.keyboard.press("Enter")
    found.wait_for_url("**/queue")
    yield found
    context.close()


def test_the_map_shows_what_the_list_has_and_asks_nobody_else(page: Page, address: str) -> None:
    asked: list[str] = []
    problems: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.get_by_role("link", name="Show the map beside the list").click()
    page.wait_for_selector("#map[data-ready]")
    page.wait_for_function("window.roadwearMap.areTilesLoaded()")
    drawn = page.evaluate(
        "window.roadwearMap.queryRenderedFeatures({layers: ['defects']})"
        ".map(f => f.properties.defect_id)"
    )
    listed = [
        str(link.get_attribute("href")).rpartition("/")[2]
        for link in page.locator("[data-row]").all()
    ]
    assert sorted(set(drawn)) == sorted(listed)
    assert page.evaluate(
        "window.roadwearMap.querySourceFeatures('council', {sourceLayer: 'roads'}).length"
    )
    assert problems == []
    assert all(url.startswith((address, "data:", "blob:")) for url in asked), asked

    point = page.evaluate(
        "(() => { const f = window.roadwearMap.queryRenderedFeatures({layers: ['defects']})[0];"
        " const p = window.roadwearMap.project(f.geometry.coordinates); return [p.x, p.y]; })()"
    )
    page.locator("#map canvas").click(position={"x": point[0], "y": point[1]})
    link = page.locator(".maplibregl-popup a").first
    assert str(link.get_attribute("href")).rpartition("/")[2] in listed
    page.locator("[data-row]").first.focus()
    page.wait_for_function("window.roadwearMap.getLayer('pointed')")
    link.click()
    page.wait_for_url("**/defects/*")


def test_the_list_is_narrowed_to_what_the_map_shows(page: Page, address: str) -> None:
    page.goto(f"{address}/queue?map=true&kind=pothole")
    page.wait_for_selector("#map[data-ready]")
    rows = page.locator("[data-lon]")
    listed = rows.count()
    lon, lat = (float(rows.first.get_attribute(f"data-{name}") or 0) for name in ("lon", "lat"))
    page.evaluate(f"window.roadwearMap.jumpTo({{center: [{lon}, {lat}], zoom: 21}})")
    page.get_by_role("button", name="List only what the map shows").press("Enter")
    page.get_by_text("1 of them are shown").wait_for()
    assert "kind=pothole" in page.url and "box=" in page.url
    page.wait_for_selector("#map[data-ready]")
    page.get_by_role("link", name="List what lies elsewhere too").click()
    page.wait_for_url(lambda url: "box=" not in url)
    assert page.locator("[data-lon]").count() == listed > 1


def test_the_map_is_no_barrier(page: Page, address: str) -> None:
    page.goto(f"{address}/queue?map=true")
    page.wait_for_selector("#map[data-ready]")
    page.evaluate("document.querySelector('meta[http-equiv]')?.remove()")
    assert fits(page)


def test_axe_finds_nothing(drawing: Browser, page: Page, address: str) -> None:
    other = drawing.new_context(bypass_csp=True, storage_state=page.context.storage_state())
    beside = other.new_page()
    beside.goto(f"{address}/queue?map=true")
    beside.wait_for_selector("#map[data-ready]")
    assert faults(beside) == []
    other.close()
