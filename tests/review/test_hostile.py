"""What a hostile hand tries on the pages: none of it works, and each is tried here."""

import json
import re
from base64 import b64encode
from html.parser import HTMLParser

import itsdangerous
import pytest
from fastapi.testclient import TestClient

from pipeline.adapters.clock_system import SystemClock
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.ledger import PostgresLedger
from pipeline.domain.ids import organisation_id
from pipeline.domain.roads import Hierarchy, OnRoad, RoadSection
from pipeline.review.throttle import Throttle, TooManyError
from tests.builders import a_road_line
from tests.review.browsing import PASSWORD, Browser, another, defects_of

DEPOT = organisation_id("depot")
SCRIPT = "<script src=//evil.example></script><img src=x onerror=alert(1)>\"'{{7*191}}"
SQL = "'; drop table roadwear.decision; --"


class Alive(HTMLParser):
    """Finds what a browser would run or fetch from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        handlers = [name for name in values if name.startswith("on")]
        source = values.get("src") or ""
        if handlers or "evil" in source or (tag == "img" and source == "x"):
            self.found.append(f"{tag} {values}")


def dead(html: str) -> bool:
    page = Alive()
    page.feed(html)
    return page.found == []


def cookie_of(browser: Browser) -> str:
    return str(browser.client.cookies["roadwear_session"])


@pytest.fixture
def named(ada: Browser, database: Database) -> Browser:
    """Lay all that was seen on a street with a hostile name."""
    ledger = PostgresLedger(database, SystemClock())
    section = RoadSection(
        section_id=SCRIPT, line=a_road_line((-20, 0), (80, 0)), usrn=20400123, name=SCRIPT,
        road_class=SCRIPT, hierarchy=Hierarchy.LINK,
    )  # fmt: skip
    ledger.save_roads("depot", name=SCRIPT, content_sha256="0", sections=[section])
    network = ledger.network_in_use(DEPOT)
    assert network is not None
    for drive_id in ledger.drives_of(DEPOT):
        drive = ledger.load_drive(DEPOT, drive_id).drive
        place = OnRoad(section_id=SCRIPT, chainage_m=5, offset_m=0, along=True, probability=0.97)
        unplaced = ledger.load_unplaced(drive, network)
        ledger.save_places(drive, network, {one.observation_id: place for one in unplaced})
    return ada


def test_no_text_that_somebody_wrote_runs_in_a_browser(named: Browser) -> None:
    first, second = defects_of(named)
    named.get(first)
    named.approve(first, note=SCRIPT)
    named.get(second)
    named.decide(second, {"move": "reject", "reason": "other", "note": SCRIPT})
    named.get(first)
    drive = re.findall(r"/passes/[0-9a-f-]{36}", named.html)[0]
    said = {
        "csrf": named.csrf, "defect": first.rpartition("/")[2], "repair": "permanent",
        "traffic": "none", "permit": SCRIPT, "reinstatement_owner": SCRIPT, "note": SCRIPT,
    }  # fmt: skip
    order = named.client.post("/orders", data=said).url.path
    named.get(order)
    named.post(f"{order}/event", {"kind": "accepted", "note": SCRIPT})
    named.get(drive)
    named.post(f"{drive}/void", {"void": "true", "reason": "other", "note": SCRIPT})
    pages = (
        "/queue", f"/queue?text={SCRIPT}&kind={SCRIPT}&category={SCRIPT}", first, second, drive,
        "/orders", order, "/duty", "/evidence?usrn=20400123&on=2026-03-01",
        f"/evidence?usrn={SCRIPT}&on={SCRIPT}&months={SCRIPT}", f"/{SCRIPT}", "/sign-in",
    )  # fmt: skip
    shown = 0
    for page in pages:
        html = named.client.get(page).text
        assert dead(html), page
        assert "1337" not in html, page
        shown += SCRIPT not in html and "evil.example" in html
    assert shown >= 5  # it is there, as words
    named.client.post("/sign-out", data={"csrf": named.csrf})
    named.get("/sign-in")
    named.sign_in(SCRIPT, status=401)
    assert dead(named.html)


def test_every_page_forbids_what_is_not_its_own(named: Browser) -> None:
    for page in ("/queue", "/sign-in", "/evidence", "/nothing", "/api/v1/"):
        headers = named.client.get(page).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize(
    "page",
    [
        f"/queue?text={SQL}", f"/queue?category={SQL}", f"/queue?kind={SQL}", f"/queue?page={SQL}",
        f"/evidence?usrn={SQL}&on=2026-01-01", f"/evidence?usrn=1&on={SQL}",
        f"/orders/new?defect={SQL}", "/queue?text=%25%27%20or%201=1", "/queue?text=\\%00%0a",
    ],
)  # fmt: skip
def test_no_text_is_taken_for_sql(ada: Browser, database: Database, page: str) -> None:
    before = len(defects_of(ada))
    assert ada.client.get(page).status_code in {200, 422}
    assert len(defects_of(ada)) == before
    with database.acting_for(DEPOT) as connection:
        assert connection.execute("select count(*) from roadwear.decision").fetchone()


def test_percent_and_underscore_are_searched_for_as_themselves(ada: Browser) -> None:
    for text in ("%", "_", "%%%", "\\"):
        assert re.findall(r"/defects/[0-9a-f-]{36}", ada.client.get(
            "/queue", params={"text": text}).text) == []  # fmt: skip


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static//etc/passwd",
        "/static/%2e%2e%2f%2e%2e%2fwiring.py", "/static/..\\app.py", "/static/.%00/app.py",
        "/orders/../../etc/passwd", "/passes/..%2f..%2fetc%2fpasswd", "/fleet/drives/%2e%2e",
        "/defects/%2e%2e%2f/pictures/0", "/defects/x/pictures/../../../etc/passwd",
    ],
)  # fmt: skip
def test_no_path_leads_out(ada: Browser, path: str) -> None:
    answer = ada.client.get(path)
    assert answer.status_code in {400, 404, 422}
    assert "import" not in answer.text and "root:" not in answer.text


@pytest.mark.parametrize("number", ["-1", "99", "0x0", "1e9", "99999999999999999999"])
def test_no_number_gives_anothers_picture(ada: Browser, number: str) -> None:
    answer = ada.client.get(f"{defects_of(ada)[0]}/pictures/{number}")
    assert answer.status_code in {404, 422}


def test_a_session_that_was_there_before_signing_in_is_not_the_one_after(
    client: TestClient,
) -> None:
    victim, thief = another(client), another(client)
    thief.get("/sign-in")
    planted = cookie_of(thief)
    victim.client.cookies.update(thief.client.cookies)
    victim.get("/sign-in")
    before = victim.csrf
    victim.sign_in("ada@depot.example")
    victim.get("/queue")
    assert cookie_of(victim) != planted
    assert victim.csrf != before
    assert thief.client.get("/queue").url.path == "/sign-in"
    # What the thief knows of before is worth nothing in the session after.
    said = {"csrf": before, "text": ""}
    assert "expired" in victim.client.post("/sign-out", data=said).text


@pytest.mark.parametrize("change", ["role", "organisation", "signature", "key"])
def test_no_cookie_is_forged(client: TestClient, change: str) -> None:
    fay = another(client)
    fay.sign_in("fay@depot.example")
    payload, _, signature = cookie_of(fay).partition(".")
    session = json.loads(itsdangerous.base64_decode(payload + "=" * (-len(payload) % 4)))
    if change == "role":
        session["roles"] = ["engineer"]
    elif change == "organisation":
        session["organisation"] = str(organisation_id("other"))
    body = b64encode(json.dumps(session).encode()).decode()
    if change == "key":
        forged = itsdangerous.TimestampSigner("guessed" * 5).sign(body).decode()
    else:
        forged = f"{body}.{signature[::-1] if change == 'signature' else signature}"
    thief = another(client)
    thief.client.cookies.set("roadwear_session", forged)
    assert thief.client.get("/sign-in").status_code == 200
    page = thief.client.get("/queue")
    if forged == cookie_of(fay):
        pytest.fail("nothing was forged")
    assert page.url.path == "/sign-in"


@pytest.mark.parametrize("place", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_signing_in_leads_nowhere_else(client: TestClient, place: str) -> None:
    browser = another(client)
    browser.get("/sign-in")
    answer = browser.client.post(
        f"/sign-in?next={place}",
        data={"csrf": browser.csrf, "email": "ada@depot.example", "password": PASSWORD,
              "next": place},
        headers={"Referer": place, "Host": "evil.example"},
        follow_redirects=False,
    )  # fmt: skip
    assert answer.headers["location"] == "/queue"


def test_a_cookie_is_not_for_scripts_and_not_for_other_sites(client: TestClient) -> None:
    answer = another(client).client.get("/sign-in")
    set_cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in set_cookie and "samesite=strict" in set_cookie


def test_a_form_of_another_session_is_refused(ada: Browser, client: TestClient) -> None:
    ben = another(client)
    ben.sign_in("ben@depot.example")
    ben.get("/queue")
    path = defects_of(ada)[0]
    ada.get(path)
    answer = ada.client.post(
        f"{path}/decision", data={"csrf": ben.csrf, "seen_version": "1", "move": "site_visit"}
    )
    assert "expired" in answer.text


def test_what_is_huge_is_refused_and_nothing_is_recorded(ada: Browser) -> None:
    path = defects_of(ada)[0]
    ada.get(path)
    words = ada.decide(path, {"move": "site_visit", "note": "x" * 100_000}, status=422)
    assert "characters or fewer" in words
    assert ada.client.get("/queue", params={"text": "x" * 50_000}).status_code == 200
    assert path in defects_of(ada)


def test_passwords_are_not_guessed(client: TestClient) -> None:
    thief = another(client)
    for _ in range(10):
        thief.sign_in("ada@depot.example", password="guess", status=401)  # noqa: S106
    words = thief.sign_in("ada@depot.example", password="guess", status=429)  # noqa: S106
    assert "Wait a quarter of an hour" in words
    thief.sign_in("ADA@depot.example ", status=429)  # not with the right one either
    ben = another(client)
    ben.sign_in("ben@depot.example")  # another person at the same machine


def test_a_key_that_asks_without_end_is_slowed_down() -> None:
    throttle = Throttle()
    for _ in range(600):
        throttle.by_key("one")
    with pytest.raises(TooManyError, match="600 requests in a minute"):
        throttle.by_key("one")
    throttle.by_key("another")


def test_an_address_that_many_machines_guess_at_is_closed_to_all() -> None:
    throttle = Throttle()
    for machine in range(100):
        throttle.before_sign_in("ada@x", str(machine))
    with pytest.raises(TooManyError):
        throttle.before_sign_in("ada@x", "101")
    throttle.before_sign_in("ben@x", "101")


def test_more_than_any_form_has_is_refused_before_it_is_read(ada: Browser) -> None:
    huge = {"Content-Length": str(1 << 40)}
    for path in ("/visits/entries", "/sign-in", "/orders"):
        assert ada.client.post(path, headers=huge).status_code == 413
    endless = ada.client.post("/sign-in", content=iter([b"x"]))
    assert endless.status_code == 413
