"""From footage to a repair that a later camera pass bears out: real ingests, a real browser."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from pipeline.adapters.blobs_obstore import ObstoreBlobs
from pipeline.adapters.clock_system import SystemClock
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.people import add_person
from pipeline.adapters.tracks_gpx import parse_gpx
from pipeline.domain.decisions import Role
from pipeline.domain.ids import organisation_id
from pipeline.review.desk import Desk
from tests.browser.conftest import PASSWORD, serving, signed_in
from tests.footage import write_street
from tests.line.test_drive_to_queue import ROADWEAR, House
from tests.stored import AIDS, RULES, STORE

DEPOT, USRN = organisation_id("depot"), 20400123
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


def ingest(house: House) -> None:
    done = house.run(house.ingest(house.footage / "clip.mp4"))
    assert done.returncode == 0, done.stderr


def load_street(house: House) -> None:
    fixes = parse_gpx((house.footage / "track.gpx").read_bytes(), name="track")
    line = [(fix.place.lon_deg, fix.place.lat_deg) for fix in fixes]
    feature = {
        "type": "Feature",
        "properties": {"id": "S 1", "name": "Long Street", "usrn": USRN},
        "geometry": {"type": "LineString", "coordinates": line},
    }
    path = house.home.parent / "street.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}), "utf-8")
    done = house.run([ROADWEAR, "roads", "load", str(path), "--authority", "depot"])
    assert done.returncode == 0, done.stderr


def approve_and_repair(page: Page, address: str) -> str:
    """Approve the most urgent, order it, and say that it is repaired; return its page."""
    page.goto(f"{address}/queue")
    page.get_by_role("link", name="Possible pothole number 1").click()
    path = page.url
    page.get_by_label("Yes, approve it").check()
    for label in ("Impact", "Likelihood"):
        page.get_by_label(label, exact=True).select_option("4")
    page.get_by_label("If that is not what was proposed").select_option("users")
    page.get_by_role("button", name="Record my decision").click()
    page.get_by_text("Ada approved this").wait_for()
    page.get_by_role("link", name="Orders").click()
    page.get_by_role("button", name="Order visit 1").click()
    page.get_by_label("What is to be done?").select_option("permanent")
    page.get_by_label("Traffic management").select_option("stop_go")
    page.get_by_role("button", name="Order the repairs").click()
    page.get_by_text("Say what became of number 1").click()
    page.locator("#kind-1").select_option("repaired")
    page.locator("details[open]").get_by_role("button", name="Keep this").click()
    page.get_by_text("Number 1: repaired on").wait_for()
    return path


def evidence(page: Page, address: str) -> str:
    today = datetime.now(UTC).date()
    page.goto(f"{address}/evidence?usrn={USRN}&on={today}&months=24")
    page.get_by_role("heading", name=re.compile(r"^1\. ")).wait_for()
    return page.locator("main").inner_text()


def test_a_hole_is_found_ordered_mended_and_seen_to_be_mended(
    chromium: Browser,
    database: Database,
    database_urls: tuple[str, str],
    street_footage: Path,
    tmp_path: Path,
) -> None:
    house = House(database_urls, tmp_path / "home", street_footage)
    load_street(house)
    ingest(house)
    with database.acting_for(DEPOT) as connection:
        add_person(
            connection, DEPOT, email="ada@depot.example", name="Ada", password=PASSWORD,
            roles=[Role.ENGINEER],
        )  # fmt: skip
    blobs = ObstoreBlobs.from_location(str(house.home / "blobs"))
    with (
        serving(Desk(database, blobs, SystemClock(), RULES, STORE, AIDS)) as address,
        closing_page(chromium, address) as page,
    ):
        path = approve_and_repair(page, address)

        # A drive after the repair, along a street that is sound.
        house.footage = tmp_path / "later"
        house.footage.mkdir()
        later = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=1)
        write_street(house.footage, mended=True, started_at=later, seed=6)
        ingest(house)
        page.goto(path)
        page.get_by_text("Verified").first.wait_for()
        page.goto(f"{address}/orders")
        page.get_by_role("link", name=re.compile("20")).first.click()
        page.get_by_text("camera pass").first.wait_for()

        # A pass is voided: what it bore out is doubted, on every page and in the evidence.
        before = evidence(page, address)
        voided = _last_pass(page, address)
        page.goto(voided)
        page.get_by_label("Why?").select_option("a_test")
        page.get_by_role("button", name=re.compile("Void")).click()
        page.get_by_text("Void: nothing of it counts").wait_for()
        page.goto(path)
        assert page.get_by_text("Verified", exact=True).count() == 0
        page.goto(f"{address}/coverage")
        page.get_by_text("No: voided").wait_for()
        assert evidence(page, address) != before
        page.goto(voided)
        page.get_by_role("button", name=re.compile("Restore")).click()
        page.goto(f"{address}/coverage")
        assert page.get_by_text("No: voided").count() == 0
        page.goto(path)
        page.get_by_text("Verified").first.wait_for()


@contextmanager
def closing_page(chromium: Browser, address: str) -> Iterator[Page]:
    """Sign in; a browser that stays open would keep the server from ending."""
    page = signed_in(chromium, address, "ada")
    try:
        yield page
    finally:
        page.context.close()


def _last_pass(page: Page, address: str) -> str:
    page.goto(f"{address}/coverage")
    return str(page.locator("table a[href^='/passes/']").first.evaluate("a => a.href"))
