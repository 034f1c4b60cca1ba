"""From Friday's upload to a repair seen from a camera and a bundle for a court, on one database.

Everything in it comes from rendered footage that goes down the real line; all that people do, they
do in Chromium.
"""

import json
import math
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from playwright.sync_api import Browser, Page, expect

from deploy.commands_roads import load
from deploy.ingest import detector_of, process, receive
from pipeline import wiring
from pipeline.adapters.mail_smtp import SmtpMail
from pipeline.adapters.policy_toml import parse_policy
from pipeline.adapters.postgres.log import log_lines, rows_unlike_log
from pipeline.adapters.postgres.people import add_person
from pipeline.domain.chain import fault_in
from pipeline.domain.decisions import Role
from pipeline.domain.ids import organisation_id
from pipeline.domain.policy import Policies
from pipeline.domain.uk_time import LONDON
from pipeline.review.desk import Desk
from pipeline.review.duty import Alarm
from pipeline.simulator.drive import PassRules
from pipeline.simulator.making import make_street
from tests.browser.conftest import PASSWORD, serving, signed_in
from tests.browser.test_visits import open_offline, tell
from tests.footage import first_metres, write_drive
from tests.letterbox import Letterbox
from tests.review.test_duty import CONTENT
from tests.review.test_evidence import run, steps
from tests.stored import AIDS, RULES, STORE

DEPOT, USRN = organisation_id("depot"), 20400123
FIFTY, VISITS, MENDED_M = 50, 30, 80.0
POLICY = (parse_policy(CONTENT, name="test"), CONTENT)
STREET = make_street(11, length_m=400, holes=60, manholes=1, patches=1, shadows=1, cracks=0)
RULES_OF_THE_ROAD = PassRules(speed_mps=12.0)
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


def next_friday() -> datetime:
    """Return 16:20 on the next Friday: what the database itself stamps lies before."""
    today = datetime.now(LONDON).replace(hour=16, minute=20, second=0, microsecond=0)
    return (today + timedelta(days=(4 - today.weekday()) % 7 or 7)).astimezone(UTC)


class Week:
    """An installation whose clock a test sets, and the browsers of those who work with it."""

    def __init__(self, settings: wiring.Settings, chromium: Browser, begins: datetime) -> None:
        self.settings, self.chromium, self.at = settings, chromium, begins
        self.address = ""
        self.pages: list[Page] = []

    def now(self) -> datetime:
        return self.at

    def goes_on_to(self, days: int, hour: int, minute: int = 0) -> None:
        """Set the clock, so many days later; everybody has to sign in again."""
        day = (self.at + timedelta(days=days)).astimezone(LONDON)
        self.at = day.replace(hour=hour, minute=minute).astimezone(UTC)
        self.goes_home()

    def goes_home(self) -> None:
        """Close everybody's browser: one that stays open would keep the server from ending."""
        for page in self.pages:
            page.context.close()
        self.pages.clear()

    def person(self, name: str) -> Page:
        """Return a browser in which somebody signed in."""
        self.pages.append(signed_in(self.chromium, self.address, name))
        return self.pages[-1]

    def ingest(self, footage: Path) -> None:
        batch = receive(
            [footage / "clip.mp4"], owner="depot", authority="depot", vehicle="v1",
            track=footage / "track.gpx", rig=footage / "rig.toml", started_at=None,
            settings=self.settings,
        )  # fmt: skip
        process(batch.received, self.settings, detector_of(self.settings))

    def beginning(self) -> set[str]:
        """Return the possible defects that lie surely on the first metres of the street."""
        east, north, _ = STREET.to_world(0.0, 0.0)
        with wiring.database(self.settings).acting_for(DEPOT) as connection:
            rows = connection.execute(
                "select defect_id, at_e, at_n from roadwear.defect where state = 'queued'"
            ).fetchall()
        return {
            str(row["defect_id"])
            for row in rows
            if 15 < math.dist((row["at_e"], row["at_n"]), (east, north)) < MENDED_M - 20
        }

    def states(self) -> Counter[str]:
        with wiring.database(self.settings).acting_for(DEPOT) as connection:
            rows = connection.execute("select state from roadwear.defect").fetchall()
        return Counter(row["state"] for row in rows)


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


@pytest.fixture
def week(
    chromium: Browser,
    database_urls: tuple[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Week]:
    settings = wiring.Settings(home=tmp_path / "home", database_url=database_urls[1])
    monkeypatch.setenv("ROADWEAR_DATABASE_URL", database_urls[1])
    monkeypatch.setenv("ROADWEAR_HOME", str(settings.home))
    found = Week(settings, chromium, next_friday())
    monkeypatch.setattr(wiring, "clock", lambda: found)
    monkeypatch.setattr(wiring, "policies", lambda _: Policies(general=POLICY))
    database = wiring.database(settings)
    wiring.ledger(settings).make_known("depot", "depot", "v1")
    with database.acting_for(DEPOT) as connection:
        for name in ("ada", "ben"):
            add_person(
                connection, DEPOT, email=f"{name}@depot.example", name=name.title(),
                password=PASSWORD, roles=[Role.ENGINEER],
            )  # fmt: skip
    rules = replace(RULES, policies=Policies(general=POLICY))
    with ExitStack() as stack:
        # Public tools go by the clock on the wall, for which this week lies in the future.
        signers = wiring.signers(settings)
        signers.of("depot", datetime.now(UTC))
        aids = replace(AIDS, signers=signers)
        desk = Desk(database, wiring.blobs(settings), found, rules, STORE, aids)
        found.address = stack.enter_context(serving(desk))
        stack.callback(found.goes_home)
        yield found
    database.close()


def footage(folder: Path, *, at: datetime, later: bool = False) -> Path:
    """Render the street, or its first metres after it was mended."""
    folder.mkdir()
    street = first_metres(STREET, MENDED_M) if later else STREET
    write_drive(
        folder, street, RULES_OF_THE_ROAD, seed=6 if later else 5, started_at=at, fps=8
    )  # fmt: skip
    return folder


def load_street(folder: Path) -> None:
    """Load a network that has the street, by its own centreline."""
    steps_m = range(0, int(STREET.length_m) + 1, 10)
    places = [STREET.to_world(float(at), 0.0)[:2] for at in steps_m]
    feature = {
        "type": "Feature",
        "properties": {"id": "S 1", "name": "Long Street", "usrn": USRN},
        "geometry": {"type": "LineString", "coordinates": places},
    }
    named = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::27700"}}
    path = folder / "street.geojson"
    path.write_text(
        json.dumps({"type": "FeatureCollection", "crs": named, "features": [feature]}), "utf-8"
    )
    load(path, authority="depot")


def test_a_week(week: Week, letterbox: tuple[Letterbox, Controller], tmp_path: Path) -> None:
    mailbox, server = letterbox
    mail = SmtpMail(f"smtp://127.0.0.1:{server.port}", "roadwear@depot.example")
    alarm = Alarm(wiring.database(week.settings), mail, week, "https://r.example/")
    load_street(tmp_path)

    grave = friday(week, alarm, tmp_path)
    saturday(week, alarm, mailbox, grave)
    monday(week)
    thirty_visits(week)
    mended = repaired(week)
    seen_to_be_mended(week, tmp_path, mended)
    voided_and_restored(week)
    bundle(week, tmp_path, grave)
    with wiring.database(week.settings).acting_for(DEPOT) as connection:
        assert fault_in(list(log_lines(connection, DEPOT))) is None
        assert rows_unlike_log(connection, DEPOT) == ()


def friday(week: Week, alarm: Alarm, folder: Path) -> int:
    """Put somebody on duty from Saturday, hand footage in at 16:20; return how many are grave."""
    page = week.person("ada")
    page.goto(f"{week.address}/duty")
    saturday = (week.at.astimezone(LONDON) + timedelta(days=1)).date()
    page.get_by_label("Who?").select_option(label="Ben")
    page.get_by_label("From when? (UK time)").fill(f"{saturday}T08:00")
    page.get_by_label("Until when? (UK time)").fill(f"{saturday + timedelta(days=1)}T08:00")
    page.get_by_role("button", name="Put on duty").click()
    page.get_by_text("Ben", exact=False).first.wait_for()

    week.ingest(footage(folder / "friday", at=week.at - timedelta(hours=6)))
    page.goto(f"{week.address}/queue")
    page.get_by_text(re.compile("nobody is watching possible emergencies until Sat")).wait_for()
    told = page.get_by_text(re.compile("possible emergencies wait to be acknowledged")).inner_text()
    assert alarm.tell() == 0
    return int(re.findall(r"(\d+) possible emergencies", told)[0])


def saturday(week: Week, alarm: Alarm, mailbox: Letterbox, grave: int) -> None:
    """Ben is told by mail, follows a link of it, and acknowledges all."""
    week.goes_on_to(days=1, hour=8, minute=1)
    assert alarm.tell() >= 1
    [(to, letter), *_] = mailbox.letters
    assert to == ["ben@depot.example"]
    paths = re.findall(r"https://r\.example(/defects/[0-9a-f-]+)", letter.get_content())
    page = week.person("ben")
    page.goto(f"{week.address}{paths[0]}")
    page.get_by_role("heading", name=re.compile("Possible pothole")).first.wait_for()
    page.goto(f"{week.address}/duty")
    for left in range(grave, 0, -1):
        expect(page.get_by_role("button", name="Acknowledge number")).to_have_count(left)
        page.get_by_label("What you do about it").first.fill("a gang is on its way")
        page.get_by_role("button", name="Acknowledge number 1", exact=True).click()
    page.get_by_text("Nothing waits to be acknowledged").wait_for()


def monday(week: Week) -> None:
    """Two engineers on one, two that are joined and parted again, and then fifty by keyboard."""
    week.goes_on_to(days=2, hour=9)
    ada, ben = week.person("ada"), week.person("ben")
    two_on_one(ada, ben, week.address)
    joined_and_parted(ada, week.address)

    ada.goto(f"{week.address}/queue")
    waiting = week.states()["queued"]
    assert waiting >= FIFTY
    # What a later drive will see mended is approved; which that is differs from week to week.
    first = week.beginning()
    keys = Keys(ada)
    ada.locator("summary", has_text="Work with single keys").focus()
    keys.press("Enter", "Tab", "Space")
    keys.press("j")
    keys.leads("Enter")
    for number in range(waiting):
        is_grave = ada.get_by_label("Impact", exact=True).input_value() == ""
        if not is_grave and ada.url.rpartition("/")[2] in first:
            keys.press("a", "Space")
        elif is_grave or number % 2:
            keys.press("v", "Enter", "Tab", "Tab")
        elif number % 10 == 4:  # rejected, with a reason
            keys.press("r", "Space", "Tab", "Tab", "Tab", "Tab", "ArrowDown", "Tab", "Tab")
        elif number % 10 == 8:  # watched for four weeks
            keys.press("w", "Enter", "Tab", "Tab", "Tab", "Tab", "Tab", "Tab")
        else:
            keys.press("a", "Space")
        keys.leads("Enter")
        if number < waiting - 1:
            keys.leads("n")
    keys.leads("u")
    ada.get_by_text("Nothing waits for a decision").wait_for()
    assert keys.pressed <= 7 * waiting
    made = week.states()
    assert made["site_visit"] >= VISITS
    assert min(made[state] for state in ("approved", "rejected", "watched")) >= 2
    assert made["approved"] >= 5


def two_on_one(ada: Page, ben: Page, address: str) -> None:
    """Ben is quicker; Ada, who had it open, is told so."""
    for page in (ada, ben):
        page.goto(f"{address}/queue")
        page.get_by_role("link", name="Possible pothole number 50").click()
    ben.get_by_role("button", name="Take it over").press("Enter")
    ben.get_by_label("No, reject it").check()
    ben.get_by_label("If you reject it, why?").select_option("shadow_or_water")
    ben.get_by_role("button", name="Record my decision").click()
    ben.get_by_text("Ben rejected this").wait_for()
    ada.get_by_label("No, reject it").check()
    ada.get_by_label("If you reject it, why?").select_option("manhole_or_cover")
    ada.get_by_role("button", name="Record my decision").press("Enter")
    ada.get_by_text(re.compile("was quicker|has changed|Ben rejected this")).first.wait_for()
    assert ada.get_by_text("Ada rejected this").count() == 0


def joined_and_parted(page: Page, address: str) -> None:
    """Join two that lie close together, and take it back."""
    page.goto(f"{address}/queue")
    page.get_by_role("link", name="Possible pothole number 1", exact=True).first.click()
    page.locator("summary", has_text="It is the same as another").press("Enter")
    page.get_by_label(re.compile("Possible pothole, .* away")).first.press("Space")
    page.get_by_role("button", name="Join them into one").press("Enter")
    page.get_by_text("Ada joined possible defects into one").wait_for()
    page.get_by_role("button", name="Take that back").press("Enter")
    page.get_by_text("This was taken back").wait_for()


def thirty_visits(week: Week) -> None:
    """Thirty places are visited where there is no signal; sent when it is back."""
    before = week.states()["site_visit"]
    phone = week.person("ben")
    open_offline(phone, week.address, phone.context)
    for number in range(VISITS):
        outcome = ("There is nothing there", "It was made safe")[number % 2]
        tell(phone, number, outcome, photo=number == 0)
    phone.context.set_offline(False)
    phone.get_by_role("button", name="Send what is kept on this phone").click()
    phone.wait_for_selector("#visits[data-waiting='0']", state="attached")
    assert week.states()["site_visit"] == before - VISITS


def repaired(week: Week) -> list[str]:
    """Order all that is approved, and say that the gang repaired it; return the orders' pages."""
    page, orders = week.person("ada"), []
    page.goto(f"{week.address}/orders")
    while page.get_by_role("button", name="Order visit 1", exact=True).count():
        page.get_by_role("button", name="Order visit 1", exact=True).click()
        page.get_by_label("What is to be done?").select_option("permanent")
        page.get_by_label("Traffic management").select_option("stop_go")
        page.get_by_role("button", name="Order the repairs").click()
        page.get_by_role("heading", name=re.compile("Order 20")).wait_for()
        orders.append(page.url)
        page.goto(f"{week.address}/orders")
        page.get_by_role("heading", level=1).wait_for()
    week.at += timedelta(hours=1)
    for order in orders:
        page.goto(order)
        for number in range(
            1, page.get_by_text(re.compile("Say what became of number")).count() + 1
        ):
            page.get_by_text(re.compile(f"Say what became of number {number}$")).click()
            page.locator(f"#kind-{number}").select_option("repaired")
            page.locator("details[open]").get_by_role("button", name="Keep this").click()
            page.get_by_text(f"Number {number}: repaired on").wait_for()
    return orders


def seen_to_be_mended(week: Week, folder: Path, orders: list[str]) -> None:
    """A later drive along the mended beginning of the street bears the repairs out."""
    week.goes_on_to(days=1, hour=10)
    week.ingest(footage(folder / "tuesday", at=week.at - timedelta(hours=1), later=True))
    page = week.person("ada")
    assert week.states()["verified"] >= 1
    told = []
    for order in orders:
        page.goto(order)
        page.get_by_role("heading", level=1).wait_for()
        told.append(page.get_by_text(re.compile("verified", re.IGNORECASE)).count())
    assert sum(told) >= 1


def evidence(page: Page, week: Week) -> str:
    page.goto(f"{week.address}/evidence?usrn={USRN}&on={week.at.date()}&months=24")
    page.get_by_role("heading", name=re.compile(r"^1\. ")).wait_for()
    return page.locator("main").inner_text()


def voided_and_restored(week: Week) -> None:
    """The later drive is voided, and coverage, counts and evidence follow; and restored."""
    page = week.pages[-1]
    before, counted = evidence(page, week), week.states()
    page.goto(f"{week.address}/coverage")
    voided = str(page.locator("table a[href^='/passes/']").first.evaluate("a => a.href"))
    page.goto(voided)
    page.get_by_label("Why?").select_option("a_test")
    page.get_by_role("button", name=re.compile("Void")).click()
    page.get_by_text("Void: nothing of it counts").wait_for()
    page.goto(f"{week.address}/coverage")
    page.get_by_text("No: voided").wait_for()
    assert week.states()["verified"] == 0
    page.goto(f"{week.address}/defects?state=verified")
    page.get_by_text("None is in this state").wait_for()
    assert evidence(page, week) != before
    page.goto(voided)
    page.get_by_role("button", name=re.compile("Restore")).click()
    page.get_by_text("It counts", exact=True).wait_for()
    assert week.states() == counted
    page.goto(f"{week.address}/coverage")
    assert page.get_by_text("No: voided").count() == 0


def bundle(week: Week, folder: Path, grave: int) -> None:
    """The bundle is downloaded, and checked as a stranger would check it."""
    page = week.pages[-1]
    evidence(page, week)
    with page.expect_download() as coming:
        page.get_by_role("button", name="Make the evidence bundle").click()
    kept = folder / "bundle"
    with zipfile.ZipFile(coming.value.path()) as packed:
        packed.extractall(kept)
    summed, signed, _, in_pdf, chained = steps(kept)
    assert all(line.endswith(": OK") for line in run(summed, kept).splitlines())
    assert "Verification successful" in run(signed, kept)
    assert "Signature is Valid" in run(in_pdf, kept)
    head = (kept / "CHECK.txt").read_text("utf-8").split("It has to be\n")[1].split()[0]
    assert run(chained, kept).split() == [head]
    told = json.loads((kept / "answers.json").read_text("utf-8"))["answers"]
    assert set(range(1, 10)) <= {one["number"] for one in told}
    assert all(one["parts"] for one in told)
    [emergencies] = [
        part["table"]["rows"]
        for one in told
        for part in one["parts"]
        if part["table"] and part["table"]["name"] == "emergencies"
    ]
    acknowledged = [row for row in emergencies if row[4].startswith("Ben, ")]
    assert len(acknowledged) >= grave
    assert {row[5] for row in acknowledged} == {"a gang is on its way"}
