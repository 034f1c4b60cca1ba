"""Site visits: what is told is kept once, by whom, and what follows from it."""

import io
import re
from itertools import pairwise
from uuid import uuid4

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from pipeline.domain.places import GridRef
from pipeline.stages.route import route
from tests.review.browsing import Browser, another, defects_of

JSON = {"Accept": "application/json"}


def picture(size: tuple[int, int] = (640, 480), kind: str = "JPEG") -> bytes:
    grain = np.random.default_rng(1).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x013B] = "Ada's own phone"
    out = io.BytesIO()
    Image.fromarray(grain).save(out, kind, exif=exif)
    return out.getvalue()


@pytest.fixture
def asked(ada: Browser) -> str:
    """Ask for a site inspection of the first, and return its page."""
    path = defects_of(ada)[0]
    ada.get(path)
    ada.decide(path, {"move": "site_visit"})
    return path


def fields(browser: Browser, path: str, **more: str) -> dict[str, str]:
    session = browser.client.get("/visits/session").json()
    return {
        "csrf": session["csrf"], "person": session["person"], "entry_id": str(uuid4()),
        "defect_id": path.rpartition("/")[2], "happened_at": "2026-11-20T09:30:00Z", **more,
    }  # fmt: skip


def test_what_is_measured_is_kept_with_its_photograph_and_waits_for_a_decision(
    ada: Browser, asked: str
) -> None:
    assert "1 to look at" in ada.get("/visits")
    said = fields(ada, asked, outcome="measured", depth_mm="55", how="ruler", note="by the gully")
    photo = {"photo": ("x.jpg", picture(), "image/jpeg")}
    first = ada.client.post("/visits/entries", data=said, files=photo, headers=JSON)
    assert first.json() == {"followed": "Kept, with its depth; it waits for a decision."}
    for _ in range(3):
        assert ada.client.post("/visits/entries", data=said, headers=JSON).json() == first.json()
    assert "Nobody has asked for a site inspection" in ada.get("/visits")
    words = ada.get(asked)
    assert words.count("Ada was there on 20 November 2026, 09:30:00 (GMT)") == 1
    assert "55 mm deep (ruler below a straight edge). Note: by the gully" in words
    assert asked in defects_of(ada)
    ada.get(asked)
    address = re.search(r"/visits/photos/[0-9a-f-]+", ada.html)
    assert address
    kept = ada.client.get(address[0]).content
    assert b"Ada's own phone" not in kept
    assert Image.open(io.BytesIO(kept)).size == (640, 480)


def test_what_comes_late_is_kept_and_changes_nothing(ada: Browser, asked: str) -> None:
    said = fields(ada, asked, outcome="not_found")
    assert ada.client.post("/visits/entries", data=said, headers=JSON).status_code == 200
    ada.get(asked)
    ada.decide(asked, {"move": "not_ours"})
    late = fields(ada, asked, outcome="measured", depth_mm="40", how="eye")
    answer = ada.client.post("/visits/entries", data=late, headers=JSON).json()
    assert "nothing else followed" in answer["followed"]
    words = ada.get(asked)
    assert words.count("Ada was there on") == 2 and "Depth Unknown" in words
    assert "Status Not our road" in words


def test_without_script_the_form_does_the_same(ada: Browser, asked: str) -> None:
    ada.get("/visits")
    found = dict(re.findall(r'name="(\w+)" value="([^"]*)"', ada.html))
    said = {**found, "outcome": "made_safe", "note": "coned"}
    said.pop("outcome_x", None)
    assert ada.client.post("/visits/entries", data=said).url.path == "/visits"
    assert ada.client.post("/visits/entries", data=said).url.path == "/visits"
    assert ada.get(asked).count("It was made safe. Note: coned") == 1


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"outcome": ""}, "Choose what came of it"),
        ({"outcome": "measured"}, "whole millimetres"),
        ({"outcome": "measured", "depth_mm": "55"}, "how it was measured"),
        ({"outcome": "measured", "depth_mm": "5000", "how": "ruler"}, "0 to 1000 mm"),
        ({"outcome": "not_found", "note": "x" * 501}, "500 characters"),
        ({"outcome": "not_found", "person": str(uuid4())}, "Somebody else wrote this"),
        ({"outcome": "not_found", "defect_id": str(uuid4())}, "no such defect"),
        ({"outcome": "not_found", "csrf": "x"}, "expired"),
    ],
)
def test_what_is_not_understood_is_refused_for_good(
    ada: Browser, asked: str, change: dict[str, str], refused: str
) -> None:
    said = {**fields(ada, asked), **change}
    answer = ada.client.post("/visits/entries", data=said, headers=JSON)
    assert answer.status_code in {404, 422}
    assert refused in answer.text
    assert "Ada was there" not in ada.get(asked)


@pytest.mark.parametrize("content", [b"no picture", picture()[:900], b"GIF89a", b"\xff\xd8\xff"])
def test_a_photograph_that_cannot_be_read_is_refused_and_nothing_is_kept(
    ada: Browser, asked: str, content: bytes
) -> None:
    said = fields(ada, asked, outcome="not_found")
    photo = {"photo": ("x.jpg", content, "image/jpeg")}
    answer = ada.client.post("/visits/entries", data=said, files=photo, headers=JSON)
    assert answer.status_code == 422
    assert "no JPEG, PNG or WebP that can be read" in answer.json()["refused"]
    assert "Ada was there" not in ada.get(asked)


def test_another_persons_phone_is_not_sent_for_them(
    ada: Browser, asked: str, client: TestClient
) -> None:
    ben = another(client)
    ben.sign_in("ben@depot.example")
    said = fields(ada, asked, outcome="not_found")
    said["csrf"] = fields(ben, asked)["csrf"]
    answer = ben.client.post("/visits/entries", data=said, headers=JSON)
    assert "Let them sign in" in answer.json()["refused"]


def test_the_way_does_not_cross_itself_and_goes_everywhere_once() -> None:
    rng = np.random.default_rng(3)
    places = [
        GridRef(easting_m=float(e), northing_m=float(n)) for e, n in rng.random((40, 2)) * 9000
    ]

    def length(order: tuple[int, ...]) -> float:
        return sum(places[a].distance_m(places[b]) for a, b in pairwise(order))

    order = route(places)
    assert sorted(order) == list(range(40))
    assert order[0] == 0
    assert length(order) < 0.4 * length(tuple(range(40)))
    for first in range(1, 38):
        for last in range(first + 1, 39):
            turned = order[:first] + order[first : last + 1][::-1] + order[last + 1 :]
            assert length(turned) > length(order) - 1e-3
    assert route([]) == ()


def test_a_script_that_is_signed_out_is_told_so_and_given_no_session(client: TestClient) -> None:
    answer = client.get("/visits/session", headers=JSON)
    assert (answer.status_code, answer.json()) == (401, {"signed_out": True})
    assert "set-cookie" not in answer.headers
