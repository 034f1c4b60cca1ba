"""Who may sign in, with what, and who says so."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from fastapi.testclient import TestClient
from psycopg.errors import InsufficientPrivilege

from pipeline.adapters.clock_system import SystemClock
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.intake import save_organisation
from pipeline.adapters.postgres.log import log_lines, rows_unlike_log
from pipeline.adapters.postgres.people import add_person, load_everybody, say_of_person
from pipeline.adapters.second_factor import Sealer, step_of
from pipeline.domain.decisions import Role
from pipeline.domain.errors import RuleError
from pipeline.domain.ids import organisation_id
from pipeline.review import create_app
from pipeline.review.desk import Desk
from tests.review.browsing import PASSWORD, Browser, another
from tests.stored import AIDS, RULES, STORE

DEPOT = organisation_id("depot")
NEW = "a much longer password"


@pytest.fixture
def admin(client: TestClient) -> Browser:
    browser = another(client)
    browser.sign_in("adm@depot.example")
    browser.get("/people")
    return browser


def person_of(database: Database, name: str) -> str:
    with database.acting_for(DEPOT) as connection:
        return next(str(p.person_id) for p in load_everybody(connection) if p.name == name)


def shown_password(words: str) -> str:
    found = re.search(r"\b(?:[a-z2-9]{4}-){3}[a-z2-9]{4}\b", words)
    assert found
    return found[0]


def set_up_code(browser: Browser) -> tuple[str, datetime]:
    """Set up a second factor as a phone would; return its secret, and of when the code was."""
    browser.get("/account")
    secret = re.search(r"<code[^>]*>([A-Z2-7]{32})</code>", browser.html)
    sealed = re.search(r'name="sealed" value="([^"]+)"', browser.html)
    assert secret
    assert sealed
    now = datetime.now(UTC)
    said = {"sealed": sealed[1], "code": pyotp.TOTP(secret[1]).at(now)}
    assert "Nothing was changed" in browser.post(
        "/account/code", {**said, "password": "wrong"}, status=422
    )
    assert "a code from a phone" in browser.post("/account/code", {**said, "password": PASSWORD})
    return secret[1], now


def test_somebody_new_chooses_a_password_before_anything_else(
    client: TestClient, admin: Browser, database: Database
) -> None:
    said = {"email": "Nia@Depot.example", "name": "Nia", "role": "engineer", "how": "local"}
    password = shown_password(admin.post("/people", said))
    nia = another(client)
    assert "Choose one that only you know" in nia.sign_in("nia@depot.example", password=password)
    for path in ("/queue", "/orders", "/visits"):
        assert nia.client.get(path).url.path == "/account"
    for new in ("short", password, "x" * 201):
        words = nia.post("/account/password", {"password": password, "new": new}, status=422)
        assert "password" in words
    assert "Nothing was changed" in nia.post(
        "/account/password", {"password": "wrong", "new": NEW}, status=422
    )
    nia.get("/account")
    assert "Until then nothing else opens" in nia.html
    assert "Until then nothing else opens" not in nia.post(
        "/account/password", {"password": password, "new": NEW}
    )
    assert "Queue" in nia.get("/queue")
    assert "No account has" in another(client).sign_in(
        "nia@depot.example", password=password, status=401
    )
    with database.acting_for(DEPOT) as connection:
        lines = [line.line for line in log_lines(connection, DEPOT)]
        assert rows_unlike_log(connection, DEPOT) == ()
    told = [line for line in lines if "person_word" in line]
    assert ["was added" in told[0], "chose a password" in told[1]] == [True, True]
    assert not any(password in line or NEW in line or "argon2" in line for line in lines)


def test_roles_change_and_people_are_shut_out_at_once(
    admin: Browser, ada: Browser, database: Database
) -> None:
    path = f"/people/{person_of(database, 'Ada')}"
    admin.post(path, {"change": "roles", "role": "viewer"})
    defect = re.search(r"/defects/[0-9a-f-]{36}", ada.client.get("/queue").text)
    assert defect
    assert "claim" not in ada.get(defect[0])
    answer = ada.client.post(f"{defect[0]}/claim", data={"csrf": ada.csrf, "seen_version": "1"})
    assert "Only a person with the role" in answer.text
    admin.get("/people")
    assert "shut out" in admin.post(path, {"change": "close"})
    assert ada.client.get("/queue").url.path == "/sign-in"
    ada.sign_in("ada@depot.example", status=401)
    admin.post(path, {"change": "open"})
    ada.sign_in("ada@depot.example")
    admin.get("/people")
    password = shown_password(admin.post(path, {"change": "password"}))
    assert ada.client.get("/queue").url.path == "/sign-in"
    ada.sign_in("ada@depot.example", password=password)


def test_nobody_shuts_themselves_out_or_makes_up_roles(admin: Browser, database: Database) -> None:
    own = f"/people/{person_of(database, 'Adm')}"
    assert "another administrator" in admin.post(own, {"change": "close"}, status=422)
    admin.get("/people")
    other = f"/people/{person_of(database, 'Ada')}"
    for said in ({"change": "roles"}, {"change": "roles", "role": "king"}, {"change": "x"}, {}):
        admin.get("/people")
        admin.post(other, dict(said), status=422)
    admin.get("/people")
    for said in (
        {"email": "ada@depot.example", "name": "Ada", "role": "viewer"},
        {"email": "no address", "name": "X", "role": "viewer"},
        {"email": "x@depot.example", "name": " ", "role": "viewer"},
        {"email": "x@depot.example", "name": "X"},
    ):
        admin.post("/people", dict(said), status=422)
        admin.get("/people")


def test_a_second_factor_is_asked_for_and_a_code_is_good_once(
    client: TestClient, ada: Browser, admin: Browser, database: Database
) -> None:
    before = another(client)
    before.sign_in("ada@depot.example")
    secret, at = set_up_code(ada)
    assert before.client.get("/queue").url.path == "/sign-in"
    assert "Queue" in ada.get("/queue")
    with database.acting_for(DEPOT) as connection:
        row = connection.execute("select value from roadwear.credential").fetchone()
    assert row is not None
    assert secret not in row["value"]

    again = another(client)
    assert "Code from your phone" in again.sign_in("ada@depot.example")
    assert again.client.get("/queue").url.path == "/sign-in"
    again.client.get("/sign-in/code")
    again.sign_in("ada@depot.example")
    code = pyotp.TOTP(secret).at(at)
    # The one by which it was set up is used: the next is good, once.
    assert "used already" in again.post("/sign-in/code", {"code": code}, status=401)
    later = pyotp.TOTP(secret).at(at + timedelta(seconds=30))
    for wrong in ("", "000000", "abc", "1" * 500):
        again.post("/sign-in/code", {"code": wrong}, status=401)
    assert "Queue" in again.post("/sign-in/code", {"code": f"{later[:3]} {later[3:]}"})
    replay = another(client)
    replay.sign_in("ada@depot.example")
    replay.post("/sign-in/code", {"code": later}, status=401)

    again.get("/account")
    assert "Nothing was changed" in again.post(
        "/account/code/off", {"password": "wrong"}, status=422
    )
    admin.post(f"/people/{person_of(database, 'Ada')}", {"change": "code"})
    assert "Queue" in another(client).sign_in("ada@depot.example")


def test_who_is_shut_out_meanwhile_does_not_let_themselves_in(
    ada: Browser, database: Database
) -> None:
    with database.acting_for(DEPOT) as connection:
        before = next(one for one in load_everybody(connection) if one.name == "Ada")
        say_of_person(
            connection,
            before,
            what="is demoted",
            said_by="a test",
            roles=[Role.VIEWER],
            closed=True,
        )
        # A request that had looked before goes on, and says what it has to say.
        say_of_person(connection, before, what="chose a password", said_by="Ada")
        now = next(one for one in load_everybody(connection) if one.name == "Ada")
    assert (now.closed, now.roles) == (True, frozenset({Role.VIEWER}))
    assert ada.client.get("/queue").url.path == "/sign-in"
    with database.acting_for(DEPOT) as connection:
        say_of_person(connection, now, what="may again", said_by="a test", closed=False)
    # What was opened before stays shut.
    assert ada.client.get("/queue").url.path == "/sign-in"


def test_sessions_are_ended_everywhere_else(client: TestClient, ada: Browser) -> None:
    other = another(client)
    other.sign_in("ada@depot.example")
    ada.get("/account")
    ada.post("/account/sessions", {})
    assert "Queue" in ada.get("/queue")
    assert other.client.get("/queue").url.path == "/sign-in"


def test_an_old_password_step_ends_with_the_password(client: TestClient, ada: Browser) -> None:
    secret, at = set_up_code(ada)
    thief = another(client)
    thief.sign_in("ada@depot.example")
    ada.get("/account")
    ada.post("/account/password", {"password": PASSWORD, "new": NEW})
    code = pyotp.TOTP(secret).at(at + timedelta(seconds=30))
    assert "Sign in again" in thief.post("/sign-in/code", {"code": code}, status=422)


def test_nobody_writes_of_people_elsewhere_or_while_signing_in(database: Database) -> None:
    word = (
        "insert into roadwear.person_word (word_id, authority_id, person_id, what, person, roles, "
        "closed, said_by) select gen_random_uuid(), %s, person_id, 'x', '{}', '{admin}', false, "
        "'x' from roadwear.person"
    )
    with database.acting_for(DEPOT) as connection:
        save_organisation(connection, "depot")
        save_organisation(connection, "other")
        add_person(
            connection, DEPOT, email="a@depot.example", name="A", password=None, roles=[Role.ADMIN]
        )
    with pytest.raises(InsufficientPrivilege), database.acting_for(DEPOT) as connection:
        connection.execute(word, (organisation_id("other"),))
    with pytest.raises(InsufficientPrivilege), database.signing_in("a@depot.example") as connection:
        connection.execute(word, (DEPOT,))


def test_buttons_have_no_markup_in_their_words(admin: Browser) -> None:
    assert "&lt;" not in admin.html
    assert '>Shut out<span class="govuk-visually-hidden">: Ada</span>' in re.sub(
        r"\s*\n\s*", "", admin.html
    )


def test_codes_cannot_be_guessed_in_numbers(client: TestClient, ada: Browser) -> None:
    set_up_code(ada)
    thief = another(client)
    thief.sign_in("ada@depot.example")
    statuses = [
        thief.client.post("/sign-in/code", data={"csrf": thief.csrf, "code": f"{n:06}"}).status_code
        for n in range(12)
    ]
    assert statuses[0] == 401
    assert statuses[-1] == 429


def test_a_code_of_another_page_or_person_sets_nothing_up(client: TestClient, ada: Browser) -> None:
    ben = another(client)
    ben.sign_in("ben@depot.example")
    ben.get("/account")
    sealed = re.search(r'name="sealed" value="([^"]+)"', ben.html)
    secret = re.search(r"<code[^>]*>([A-Z2-7]{32})</code>", ben.html)
    assert sealed
    assert secret
    code = pyotp.TOTP(secret[1]).now()
    for said in ({"sealed": sealed[1], "code": code}, {"sealed": "x", "code": code}, {}):
        ada.get("/account")
        ada.post("/account/code", {**said, "password": PASSWORD}, status=422)
    assert "None" in ada.get("/account")


def test_where_a_second_factor_is_required_nothing_opens_without(
    client: TestClient, database: Database
) -> None:
    desk = Desk(
        database, None, SystemClock(), RULES, STORE,  # type: ignore[arg-type]
        replace(AIDS, doors=replace(AIDS.doors, code_required=True)),
    )  # fmt: skip
    del client
    with TestClient(create_app(desk, secret_key="test" * 8)) as strict:
        ada = another(strict)
        assert "a second factor is required" in ada.sign_in("ada@depot.example")
        assert ada.client.get("/queue").url.path == "/account"
        set_up_code(ada)
        assert "Queue" in ada.get("/queue")


def test_a_code_is_good_for_its_half_minute_and_those_beside_it() -> None:
    secret = pyotp.random_base32()
    now = datetime(2026, 11, 23, 12, 0, 10, tzinfo=UTC)
    for seconds, good in ((-70, False), (-30, True), (0, True), (30, True), (60, False)):
        code = pyotp.TOTP(secret).at(now + timedelta(seconds=seconds))
        assert (step_of(secret, code, now) is not None) is good


def test_what_was_sealed_under_another_key_stays_shut() -> None:
    sealed = Sealer("one").seal("secret")
    assert Sealer("one").open(sealed) == "secret"
    with pytest.raises(RuleError, match="server's key has changed"):
        Sealer("other").open(sealed)
