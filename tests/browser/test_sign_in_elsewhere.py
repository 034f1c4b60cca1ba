"""Signing in at an identity provider: a real one, Canaille, in a real browser."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from canaille import create_app as create_provider
from canaille.app import models
from canaille.backends import Backend
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey
from playwright.sync_api import Browser, Page
from werkzeug.serving import make_server

from pipeline.adapters.blobs_obstore import ObstoreBlobs
from pipeline.adapters.clock_system import SystemClock
from pipeline.adapters.oidc import Attempt, SignInElsewhere, read_providers
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.intake import save_organisation
from pipeline.adapters.postgres.people import (
    add_person,
    forget_elsewhere,
    load_people,
    say_of_person,
)
from pipeline.domain.decisions import Role
from pipeline.domain.errors import InputError, OutageError, RuleError
from pipeline.domain.ids import organisation_id
from pipeline.domain.people import Provider
from pipeline.review.desk import Desk
from tests.browser.conftest import faults, fits, serving
from tests.stored import AIDS, RULES, STORE

DEPOT = organisation_id("depot")
WORDS = "correct horse battery staple"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


class RealProvider:
    """An identity provider on a free port, with a client and people."""

    def __init__(self) -> None:
        key = RSAKey.generate_key(2048, parameters={"kid": "one", "alg": "RS256", "use": "sig"})
        self.app = create_provider(
            config={
                "SECRET_KEY": "s" * 32,
                "CANAILLE": {"DATABASE": "memory"},
                "CANAILLE_OIDC": {"ACTIVE_JWKS": [key.as_dict(private=True)]},
            }
        )
        self.server = make_server("127.0.0.1", 0, self.app, threaded=True)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}/"

    @contextmanager
    def session(self) -> Iterator[Backend]:
        with self.app.app_context(), Backend.instance.session():
            yield Backend.instance

    def add(self, name: str, email: str) -> None:
        with self.session() as backend:
            backend.save(
                models.User(
                    formatted_name=name, family_name=name, user_name=name, emails=[email],
                    password=WORDS,
                )
            )  # fmt: skip

    def change(self, name: str, email: str) -> None:
        with self.session() as backend:
            user = backend.get(models.User, user_name=name)
            user.emails = [email]
            backend.save(user)

    def let(self, back_to: str) -> None:
        with self.session() as backend:
            client = models.Client(
                client_id="roadwear", client_secret="kept", client_name="Roadwear",  # noqa: S106
                client_uri="http://127.0.0.1", redirect_uris=[back_to], scope=["openid", "email"],
                grant_types=["authorization_code"], response_types=["code"],
                token_endpoint_auth_method="client_secret_basic",  # noqa: S106
            )  # fmt: skip
            backend.save(client)
            client.audience = [client]
            backend.save(client)

    def described(self, tmp_path: Path) -> Provider:
        """Return it as an administrator writes it down."""
        (tmp_path / "secret").write_text("kept\n", "utf-8")
        (tmp_path / "sign_in.toml").write_text(
            f'[council]\nname = "Anytown"\nissuer = "{self.issuer}"\nclient_id = "roadwear"\n'
            'client_secret_file = "secret"\norganisation = "depot"\n',
            "utf-8",
        )
        [found] = read_providers(tmp_path / "sign_in.toml")
        # This provider does not say whether an address is verified.
        return replace(found, trust_email=True)


@pytest.fixture
def provider() -> Iterator[RealProvider]:
    found = RealProvider()
    thread = threading.Thread(target=found.server.serve_forever)
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()


@pytest.fixture
def address(database: Database, provider: RealProvider, tmp_path: Path) -> Iterator[str]:
    with database.acting_for(DEPOT) as connection:
        save_organisation(connection, "depot")
        for name in ("ada", "ben"):
            add_person(
                connection, DEPOT, email=f"{name}@depot.example", name=name.title(),
                password=None, roles=[Role.ENGINEER],
            )  # fmt: skip
    doors = replace(
        AIDS.doors,
        elsewhere=(SignInElsewhere(provider.described(tmp_path)),),
        code_required=True,  # of passwords alone
    )
    desk = Desk(
        database, ObstoreBlobs.from_location(str(tmp_path)), SystemClock(), RULES, STORE,
        replace(AIDS, doors=doors),
    )  # fmt: skip
    with serving(desk) as found:
        provider.let(f"{found}/sign-in/back/council")
        yield found


def go(chromium: Browser, address: str, login: str, *, stays: bool = False) -> Page:
    """Sign in as somebody in a browser of their own, as far as it goes.

    Args:
        chromium: The browser.
        address: Of the desk.
        login: At the provider.
        stays: On the page that says so, which leads on by itself otherwise.
    """
    page = chromium.new_context(bypass_csp=True).new_page()
    if stays:
        page.route(f"{address}/queue", lambda route: route.fulfill(status=204))
    page.goto(f"{address}/sign-in")
    page.get_by_role("link", name="Sign in with Anytown").click()
    page.get_by_label("Login").fill(login)
    page.keyboard.press("Enter")
    page.locator("input[type=password]").fill(WORDS)
    page.keyboard.press("Enter")
    page.get_by_role("heading", level=1).wait_for()
    return page


def test_who_is_known_there_and_let_in_here_works_at_the_desk(
    chromium: Browser, address: str, provider: RealProvider, database: Database
) -> None:
    provider.add("ada", "ada@depot.example")
    page = go(chromium, address, "ada")
    page.wait_for_url("**/queue")
    page.goto(f"{address}/account")
    page.get_by_text("password and second factor are changed there").wait_for()
    page.context.close()
    page = go(chromium, address, "ada", stays=True)
    page.get_by_role("heading", name="You are signed in, Ada").wait_for()
    assert faults(page) == []
    assert fits(page)
    page.context.close()

    # Another address is still Ada; hers, given to somebody else, does not let them in.
    provider.change("ada", "ada.married@depot.example")
    go(chromium, address, "ada").wait_for_url("**/queue")
    provider.add("eve", "ada@depot.example")
    page = go(chromium, address, "eve")
    page.get_by_text("your account there is not the one of before").wait_for()
    with database.acting_for(DEPOT) as connection:
        ada = next(one for one in load_people(connection) if one.name == "Ada")
        forget_elsewhere(connection, ada)  # an administrator says that it is hers after all
    go(chromium, address, "eve").wait_for_url("**/queue")

    # Who is shut out here is out, whatever the provider says: at once, and afterwards.
    provider.add("ben", "ben@depot.example")
    page = go(chromium, address, "ben")
    page.wait_for_url("**/queue")
    with database.acting_for(DEPOT) as connection:
        ben = next(one for one in load_people(connection) if one.name == "Ben")
        say_of_person(connection, ben, what="is shut out", said_by="a test", closed=True)
    page.reload()
    page.wait_for_url("**/sign-in")
    assert faults(page) == []
    go(chromium, address, "ben").get_by_text("nobody has let you into Roadwear").wait_for()


def test_nobody_comes_in_with_what_was_begun_elsewhere(
    chromium: Browser, address: str, provider: RealProvider
) -> None:
    provider.add("ada", "ada@depot.example")
    page = chromium.new_context().new_page()
    for path in ("council?code=x&state=y", "council?error=access_denied", "nobody"):
        page.goto(f"{address}/sign-in/back/{path}")
        page.get_by_role("heading", name="That cannot be done").or_(
            page.get_by_role("heading", name="Not found")
        ).wait_for()
    # The address by which somebody else came back, sent to be signed in as them.
    seen: list[str] = []
    attacker = chromium.new_context()
    attacker.on("request", lambda request: seen.append(request.url))
    page = attacker.new_page()
    page.goto(f"{address}/sign-in")
    page.get_by_role("link", name="Sign in with Anytown").click()
    page.get_by_label("Login").fill("ada")
    page.keyboard.press("Enter")
    page.locator("input[type=password]").fill(WORDS)
    page.keyboard.press("Enter")
    page.wait_for_url("**/queue")
    [caught] = [url for url in seen if url.startswith(f"{address}/sign-in/back/council")]
    victim = chromium.new_context().new_page()
    victim.goto(caught)
    victim.get_by_text("was not begun here").wait_for()
    victim.goto(f"{address}/queue")
    victim.wait_for_url("**/sign-in")
    attacker.close()
    victim.context.close()


@pytest.mark.parametrize(
    ("changes", "email"),
    [
        ({}, "ada@depot.example"),
        ({"email_verified": "true"}, "ada@depot.example"),
        ({"email_verified": False}, ""),
        ({"email_verified": None}, ""),
        ({"email_verified": ["true"]}, ""),
        ({"aud": ["roadwear", "other"], "azp": "roadwear"}, "ada@depot.example"),
        ({"aud": ["roadwear", "other"]}, None),
        ({"aud": "other"}, None),
        ({"azp": "other"}, None),
        ({"iss": "https://elsewhere.example"}, None),
        ({"nonce": "another"}, None),
        ({"nonce": None}, None),
        ({"exp": 1_000_000_000}, None),
        ({"exp": None}, None),
        ({"sub": None}, None),
    ],
)
def test_what_a_token_must_say(changes: dict[str, object], email: str | None) -> None:
    key = RSAKey.generate_key(2048, parameters={"kid": "one", "alg": "RS256"})
    claims: dict[str, object] = {
        "iss": "https://id.example", "aud": "roadwear", "sub": "7", "nonce": "n",
        "exp": int(time.time()) + 60, "email": "Ada@depot.example", "email_verified": True,
        **changes,
    }  # fmt: skip
    claims = {name: value for name, value in claims.items() if value is not None}
    token = jwt.encode({"alg": "RS256", "kid": "one"}, claims, key)
    described = Provider(
        key="a", name="A", issuer="https://id.example", client_id="roadwear", client_secret="",
        organisation_id=DEPOT,
    )  # fmt: skip
    attempt = Attempt(state="s", nonce="n", verifier="v")
    elsewhere = SignInElsewhere(described)
    if email is None:
        with pytest.raises((JoseError, ValueError)):
            elsewhere.identity_in(token, KeySet([key]), attempt)
    else:
        assert elsewhere.identity_in(token, KeySet([key]), attempt).email == email
        stranger = RSAKey.generate_key(2048, parameters={"kid": "one", "alg": "RS256"})
        with pytest.raises(JoseError):
            elsewhere.identity_in(token, KeySet([stranger]), attempt)


def test_an_issuer_is_on_this_machine_or_safe() -> None:
    for issuer in ("http://localhost.evil.example", "http://127.0.0.1.evil.example/", "http://x"):
        with pytest.raises(ValueError, match="https"):
            Provider(
                key="a", name="A", issuer=issuer, client_id="x", client_secret="",
                organisation_id=DEPOT,
            )  # fmt: skip


def test_a_provider_that_is_not_what_it_says_is_not_believed(
    provider: RealProvider, tmp_path: Path
) -> None:
    described = provider.described(tmp_path)
    with pytest.raises(OutageError, match="calls itself"):
        SignInElsewhere(replace(described, issuer=described.issuer.rstrip("/"))).begin("http://x")
    with pytest.raises(OutageError, match="does not answer"):
        SignInElsewhere(replace(described, issuer="http://127.0.0.1:9")).begin("http://x")
    elsewhere = SignInElsewhere(described)
    _, attempt = elsewhere.begin("http://x")
    said = {"state": attempt.state, "code": "made up"}
    with pytest.raises(RuleError, match="cannot be trusted"):
        elsewhere.finish("http://x", attempt, said)
    with pytest.raises(RuleError, match="not begun here"):
        elsewhere.finish("http://x", attempt, {**said, "state": "another"})
    with pytest.raises(RuleError, match="did not sign you in"):
        elsewhere.finish("http://x", attempt, {"state": attempt.state})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[a]\n", "name is missing"),
        ("no", "cannot be read"),
        ('[a]\nname="A"\nissuer="http://a.example"\nclient_id="x"\norganisation="o"', "https"),
        ('["a/b"]\nname="A"\nissuer="https://a"\nclient_id="x"\norganisation="o"', "letters"),
        (
            '[a]\nname="A"\nissuer="https://a"\nclient_id="x"\nclient_secret_file="none"',
            "cannot be read",
        ),
    ],
)
def test_a_file_of_providers_is_refused_in_words(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "sign_in.toml"
    path.write_text(content, "utf-8")
    with pytest.raises(InputError, match=words):
        read_providers(path)
