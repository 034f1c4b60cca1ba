"""A browser without a screen, and what every page must be."""

import re
from collections.abc import Mapping
from html.parser import HTMLParser

from fastapi.testclient import TestClient

PASSWORD = "a long enough password"  # noqa: S105 - a test's own
WRONG = "no"
SCRIPTS = {"/static/keys.js", "/static/map.js", "/static/visits.js"}


class Inspector(HTMLParser):
    """What every page must be, whatever it is about."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.headings: list[int] = []
        self.forms: list[dict[str, str | None]] = []
        self.problems: list[str] = []
        self.labelled: set[str] = set()
        self.fields: list[str] = []
        self.title = ""
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if values.get("id"):
            self.ids.append(values["id"] or "")
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "form":
            self.forms.append(values)
        if tag == "label":
            self.labelled.add(values.get("for") or "")
        if tag in {"input", "select", "textarea"} and values.get("type") != "hidden":
            self.fields.append(values.get("id") or "")
        if tag == "script" and values.get("src") not in SCRIPTS:
            self.problems.append("a script")
        if tag == "img" and not values.get("alt"):
            self.problems.append("a picture without words")
        self._in_title = tag == "title"

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data
            self._in_title = False


def inspect(html: str) -> str:
    """Check what every page must be, and return its visible words."""
    page = Inspector()
    page.feed(html)
    assert page.problems == []
    assert page.headings.count(1) == 1
    assert all(b - a <= 1 for a, b in zip(page.headings, page.headings[1:], strict=False))
    assert len(page.ids) == len(set(page.ids))
    posted = [form for form in page.forms if form.get("role") != "search"]
    assert all(form.get("action") and form.get("method") == "post" for form in posted)
    assert set(page.fields) <= page.labelled
    assert html.count('name="csrf"') == len(posted)
    assert page.title.endswith("– Roadwear")
    words = re.sub(r"<[^>]+>", " ", html)
    return re.sub(r"\s+", " ", words)


class Browser:
    """The only way in which a test fetches a page."""

    def __init__(self, client: TestClient) -> None:
        self.client = client

    def get(self, path: str, *, status: int = 200) -> str:
        answer = self.client.get(path)
        assert answer.status_code == status, answer.text[:500]
        self.html = answer.text
        return inspect(answer.text)

    def post(self, path: str, fields: Mapping[str, str | list[str]], *, status: int = 200) -> str:
        answer = self.client.post(path, data={"csrf": self.csrf, **fields})
        assert answer.status_code == status, answer.text[:500]
        self.html = answer.text
        return inspect(answer.text)

    def sign_in(self, email: str, *, password: str = PASSWORD, status: int = 200) -> str:
        self.get("/sign-in")
        return self.post("/sign-in", {"email": email, "password": password}, status=status)

    @property
    def csrf(self) -> str:
        found = re.search(r'name="csrf" value="([^"]+)"', self.html)
        assert found
        return found[1]

    def approve(self, path: str, **fields: str) -> str:
        """Approve as it is proposed."""
        proposed = re.findall(r'value="(\d)"[^>]*>\d \(proposed\)', self.html)
        risk = {"impact": proposed[0], "likelihood": proposed[1]}
        return self.decide(path, {"move": "approve", **risk, **fields})

    def decide(self, path: str, fields: dict[str, str], *, status: int = 200) -> str:
        version = re.search(r'name="seen_version" value="(\d+)"', self.html)
        assert version
        return self.post(f"{path}/decision", {"seen_version": version[1], **fields}, status=status)


def another(client: TestClient) -> Browser:
    return Browser(TestClient(client.app))


def first_defect(browser: Browser) -> str:
    browser.get("/queue")
    found = re.search(r"/defects/[0-9a-f-]{36}", browser.html)
    assert found
    return found[0]


def defects_of(browser: Browser) -> list[str]:
    browser.get("/queue")
    return list(dict.fromkeys(re.findall(r"/defects/[0-9a-f-]{36}", browser.html)))


def choices(browser: Browser, name: str) -> list[str]:
    value = r"([0-9a-f-]{36}(?::\d+)?)"
    return re.findall(rf'name="{name}" type="\w+" value="{value}"', browser.html)


def say(browser: Browser, path: str, fields: dict[str, str | list[str]], status: int = 200) -> str:
    version = re.search(r'name="seen_version" value="(\d+)"', browser.html)
    assert version
    answer = browser.client.post(
        path, data={"csrf": browser.csrf, "seen_version": version[1], **fields}
    )
    assert answer.status_code == status
    browser.html = answer.text
    return inspect(answer.text)
