"""The pages: what they say, who may see them, and what two engineers at once are told."""

import json
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from pipeline.adapters.blobs_obstore import ObstoreBlobs
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.log import log_lines, rows_unlike_log
from pipeline.adapters.postgres.people import Qualification, qualify
from pipeline.domain.chain import fault_in
from pipeline.domain.ids import organisation_id
from pipeline.review.deciding import wake_all
from pipeline.review.desk import Desk
from tests.review.browsing import (
    WRONG,
    Browser,
    another,
    choices,
    defects_of,
    first_defect,
    inspect,
    say,
)
from tests.stored import AIDS, RULES, STORE


def test_the_queue_calls_nothing_a_defect_before_a_person_has(ada: Browser) -> None:
    words = ada.get("/queue")

    assert "2 possible defects wait for an engineer" in words
    assert "Possible pothole" in words


def test_a_possible_defect_says_what_is_known_and_what_is_not(ada: Browser) -> None:
    words = ada.get(first_defect(ada))

    assert "Depth Unknown: one camera cannot measure it" in words
    assert "95 in 100 times between" in words
    assert "within 24 hours from a competent person's decision" in words.replace("&#39;", "'")
    assert "Decide by the end of " in words
    assert "Repair ordered not yet" in words
    assert "Close view of the road surface" in words


def test_pictures_come_with_the_page_and_only_there(ada: Browser, client: TestClient) -> None:
    path = first_defect(ada)

    picture = ada.client.get(f"{path}/pictures/0")

    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/jpeg")
    assert ada.client.get(f"{path}/pictures/99").status_code == 404
    assert another(client).client.get(f"{path}/pictures/0").url.path == "/sign-in"


def test_an_engineer_approves_and_the_record_says_who_and_what_was_seen(ada: Browser) -> None:
    path = first_defect(ada)
    ada.get(path)

    words = ada.approve(path)

    assert "Ada approved this on" in words
    assert "having seen version 1" in words
    assert '<h1 class="govuk-heading-l">Pothole</h1>' in ada.html
    assert "1 possible defects" in ada.get("/queue")


def test_a_decision_stands_in_the_log_as_it_was_made(ada: Browser, database: Database) -> None:
    path = first_defect(ada)
    ada.get(path)
    ada.approve(path, note="deep, at the kerb")
    depot = organisation_id("depot")
    with database.acting_for(depot) as connection:
        lines = list(log_lines(connection, depot))
        assert fault_in(lines) is None
        assert rows_unlike_log(connection, depot) == ()
    read = [json.loads(line.line) for line in lines]
    (said,) = [line for line in read if line["kind"] == "decision"]
    assert said["row"]["note"] == "deep, at the kerb"
    assert said["row"]["shown"]["pictures"]


def test_the_second_engineer_is_told_who_has_it_open(ada: Browser, client: TestClient) -> None:
    ben = another(client)
    ben.sign_in("ben@depot.example")
    path = first_defect(ada)
    ada.get(path)
    screen = ada.html

    assert "Ada has had this open since" in ben.get(path)
    assert "Record my decision" not in ben.html
    version = {"seen_version": "1"}
    words = ben.post(f"{path}/decision", {**version, "move": "not_ours"}, status=409)
    assert "Ada has this open since" in words

    ben.get(path)
    assert "Record my decision" in ben.post(f"{path}/claim", {})
    ben.approve(path)
    ada.html = screen
    words = ada.decide(path, {"move": "reject", "reason": "not_a_defect"}, status=409)
    assert "you saw version 1, it is now version 2" in words
    assert "Ada" not in ben.get(path).split("Decisions")[1]


def test_an_engineer_watches_and_takes_it_back(ada: Browser) -> None:
    path = first_defect(ada)
    ada.get(path)
    until = (datetime.now(UTC) + timedelta(days=28)).date()
    assert "tomorrow" in ada.decide(path, {"move": "watch", "until": "2020-01-01"}, status=422)
    ada.get(path)
    words = ada.decide(path, {"move": "watch", "until": until.isoformat()})
    assert "to be watched on" in words and f"until {until:%d %B %Y}" in words
    assert "1 possible defects" in ada.get("/queue")
    ada.get(path)
    taken = re.search(r'name="takes_back" value="([^"]+)"', ada.html)
    assert taken
    words = ada.decide(path, {"move": "undo", "takes_back": taken[1]})
    assert "This was taken back" in words
    assert "2 possible defects" in ada.get("/queue")
    ada.get(path)
    ada.decide(path, {"move": "undo", "takes_back": taken[1]}, status=422)


def test_what_was_watched_is_in_the_queue_again_on_its_day(
    ada: Browser, database: Database, tmp_path: Path
) -> None:
    path = first_defect(ada)
    ada.get(path)
    until = datetime.now(UTC).date() + timedelta(days=2)
    ada.decide(path, {"move": "watch", "until": until.isoformat()})

    class Later:
        days = 1

        def now(self) -> datetime:
            return datetime.now(UTC) + timedelta(days=self.days)

    later = Later()
    desk = Desk(database, ObstoreBlobs.from_location(str(tmp_path)), later, RULES, STORE, AIDS)
    assert wake_all(desk) == 0
    assert "1 possible defects" in ada.get("/queue")
    later.days = 2
    assert wake_all(desk) == 1
    assert wake_all(desk) == 0
    assert "2 possible defects" in ada.get("/queue")


def test_another_kind_is_ranked_anew_and_goes_back_with_the_word(ada: Browser) -> None:
    path = first_defect(ada)
    ada.get(path)
    words = ada.decide(path, {"move": "reclassify", "kind": "transverse_crack"})
    assert "said that this is of another kind" in words
    assert "transverse crack, shown as pothole" in words
    assert "Possible transverse crack" in ada.get("/queue?kind=transverse_crack")
    ada.get(path)
    taken = re.search(r'name="takes_back" value="([^"]+)"', ada.html)
    assert taken
    ada.decide(path, {"move": "undo", "takes_back": taken[1]})
    assert "2 of them are shown" in ada.get("/queue?kind=pothole")


def test_a_risk_judged_otherwise_is_kept_beside_what_was_proposed(ada: Browser) -> None:
    path = first_defect(ada)
    ada.get(path)
    mine = {"move": "approve", "impact": "5", "likelihood": "5"}
    assert "Choose why your impact" in ada.decide(path, mine, status=422)
    ada.get(path)
    words = ada.decide(path, {**mine, "because": "users"})
    assert "as CAT1 (impact 5, likelihood 5); proposed was" in words
    assert "Who uses this place" in words


def test_a_site_inspection_ends_with_a_depth(ada: Browser) -> None:
    path = first_defect(ada)
    ada.get(path)
    assert "asked for a site inspection" in ada.decide(path, {"move": "site_visit"})
    assert "1 possible defects" in ada.get("/queue")
    ada.get(path)
    for depth, how in (("deep", "ruler"), ("50", ""), ("5000", "ruler"), ("²", "eye")):
        ada.get(path)
        say(ada, f"{path}/depth", {"depth_mm": depth, "how": how}, 422)
    ada.get(path)
    words = say(ada, f"{path}/depth", {"depth_mm": "55", "how": "ruler"})
    assert "Depth 55 mm (ruler below a straight edge)" in words
    assert "2 possible defects" in ada.get("/queue")


def test_where_a_response_within_a_day_is_proposed_nothing_is_chosen(ada: Browser) -> None:
    path = first_defect(ada)
    assert "Nothing is chosen for you" in ada.get(path)
    assert 'data-key="a"' not in ada.html
    assert " selected" in ada.html
    assert re.findall(r'value="(\d)" selected', ada.html) == []
    other = defects_of(ada)[1]
    assert "Nothing is chosen for you" not in ada.get(other)
    assert 'data-key="a"' in ada.html
    assert len(re.findall(r'value="(\d)" selected', ada.html)) == 2


def test_what_entitles_a_person_is_kept_with_the_decision(ada: Browser, database: Database) -> None:
    depot = organisation_id("depot")
    path = first_defect(ada)
    assert "No training or authority of yours is on record" in ada.get(path)
    with database.acting_for(depot) as connection:
        row = connection.execute(
            "select person_id from roadwear.person where email = 'ada@depot.example'"
        ).fetchone()
        assert row is not None
        for what, first, last in (
            ("Highway inspector", date(2024, 1, 1), None),
            ("Lapsed", date(2020, 1, 1), date(2021, 1, 1)),
        ):
            entry = Qualification(what=what, valid_from=first, valid_until=last, said_by="ops")
            qualify(connection, depot, row["person_id"], entry)
    assert "Highway inspector (from 01 January 2024)" in ada.get(path)
    assert "Lapsed" not in ada.html
    ada.approve(path)
    with database.acting_for(depot) as connection:
        (line,) = [
            json.loads(one.line)
            for one in log_lines(connection, depot)
            if '"kind" : "decision"' in one.line
        ]
    assert line["row"]["shown"]["entitled"] == ["Highway inspector (from 01 January 2024)"]
    assert line["row"]["shown"]["proposed"]["category"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "Choose whether you approve or reject"),
        ({"move": "reject"}, "Choose why you reject it"),
        ({"move": "reject", "reason": "other"}, "Say in the note"),
        ({"move": "approve", "note": "x" * 2001}, "2000 characters or fewer"),
        ({"move": "approve"}, "Choose the impact"),
        ({"move": "approve", "impact": "3", "likelihood": "x"}, "Choose the likelihood"),
        ({"move": "approve", "impact": "3", "likelihood": "3", "because": "other"}, "in the note"),
        ({"move": "watch"}, "until which day"),
        ({"move": "reclassify", "kind": "kite"}, "Choose what it is"),
        ({"move": "undo", "takes_back": "me"}, "no such decision"),
        ({"move": "not_ours", "note": "a\0b"}, "cannot be kept"),
        ({"move": "not_ours", "seen_version": "kite"}, "not understood"),
        ({"move": "order"}, "Choose whether"),
    ],
)
def test_a_form_that_says_too_little_is_answered_in_words(
    ada: Browser, fields: dict[str, str], words: str
) -> None:
    path = first_defect(ada)
    ada.get(path)

    assert words in ada.decide(path, fields, status=422)


def test_a_rejection_keeps_its_reason(ada: Browser) -> None:
    path = first_defect(ada)
    ada.get(path)

    words = ada.decide(path, {"move": "reject", "reason": "manhole_or_cover", "note": "iron"})

    assert "Ada rejected this" in words
    assert "It is a manhole or other cover" in words


@pytest.mark.parametrize("who", ["fay", "ops"])
def test_only_engineers_decide(client: TestClient, who: str) -> None:
    browser = another(client)
    browser.sign_in(f"{who}@depot.example")
    path = first_defect(browser)
    assert "Your decision" not in browser.get(path)
    assert "First shown to an engineer not yet" in browser.get(path)

    said = {"seen_version": "1", "move": "not_ours"}
    assert "Only a person with the role" in browser.post(f"{path}/decision", said, status=422)
    browser.get(path)
    assert "Only a person with the role" in browser.post(f"{path}/claim", {}, status=422)
    browser.get(path)
    depth = {"seen_version": "1", "depth_mm": "5", "how": "eye"}
    assert "Only a person with the role" in browser.post(f"{path}/depth", depth, status=422)


def test_another_organisation_sees_nothing_of_it(ada: Browser, client: TestClient) -> None:
    path = first_defect(ada)
    eve = another(client)
    eve.sign_in("eve@other.example")

    eve.get(path, status=404)
    assert path not in eve.client.get("/queue").text
    assert eve.client.get(f"{path}/pictures/0").status_code == 404


ROUTES = [
    ("GET", "/queue"),
    ("GET", f"/defects/{uuid4()}"),
    ("GET", f"/defects/{uuid4()}/pictures/0"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_whoever_is_not_signed_in_is_sent_to_sign_in(
    client: TestClient, method: str, path: str
) -> None:
    answer = client.request(method, path, follow_redirects=False)

    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")


def take_back(browser: Browser) -> str:
    word = re.search(r"/words/[0-9a-f-]{36}/take-back", browser.html)
    defect = re.search(r'name="defect" value="([0-9a-f-]{36})"', browser.html)
    assert word
    assert defect
    answer = browser.client.post(word[0], data={"csrf": browser.csrf, "defect": defect[1]})
    assert answer.status_code == 200
    browser.html = answer.text
    return inspect(answer.text)


def test_two_possible_defects_are_joined_and_parted_again(ada: Browser) -> None:
    first, second = defects_of(ada)
    ada.get(first)
    [other] = choices(ada, "other")
    assert second.endswith(other.partition(":")[0])

    words = say(ada, f"{first}/join", {"other": other, "note": "one trench"})

    assert "Seen 4 pictures on 1 drive" in words
    assert "Ada joined possible defects into one on" in words
    assert "Note: one trench" in words
    [left] = defects_of(ada)
    gone = first if left == second else second
    assert "Its pictures now belong to another possible defect" in ada.get(gone)
    assert choices(ada, "other") == []
    twice = {"csrf": ada.csrf, "seen_version": "1", "other": other}
    assert ada.client.post(f"{first}/join", data=twice).status_code == 409

    ada.get(left)
    words = take_back(ada)

    assert "Seen 2 pictures on 1 drive" in words
    assert "This was taken back" in words
    assert sorted(defects_of(ada)) == sorted([first, second])


def test_a_possible_defect_is_split_and_made_whole_again(ada: Browser) -> None:
    first, second = defects_of(ada)
    ada.get(first)
    sightings = choices(ada, "sighting")
    assert len(sightings) == 2

    words = say(ada, f"{first}/split", {"sighting": sightings[:1]})

    assert "Seen 1 picture on 1 drive" in words
    assert "Ada split this into two possible defects on" in words
    assert first in defects_of(ada)
    stale = {"csrf": ada.csrf, "seen_version": "1", "move": "not_ours"}
    assert ada.client.post(f"{first}/decision", data=stale).status_code == 409
    words = ada.get(first)
    assert len(choices(ada, "other")) == 2

    assert "Seen 2 pictures on 1 drive" in take_back(ada)
    assert sorted(defects_of(ada)) == sorted([first, second])


def test_what_cannot_be_joined_or_split_is_refused_in_words(
    ada: Browser, client: TestClient
) -> None:
    first, second = defects_of(ada)
    ada.get(first)
    [other], sightings = choices(ada, "other"), choices(ada, "sighting")

    assert "Choose another" in say(ada, f"{first}/join", {}, status=422)
    ada.get(first)
    assert "Choose some" in say(ada, f"{first}/split", {"sighting": sightings}, status=422)
    ada.get(first)
    stale = {"csrf": ada.csrf, "seen_version": "99", "other": other}
    assert ada.client.post(f"{first}/join", data=stale).status_code == 409
    nobody = {"csrf": ada.csrf, "seen_version": "1", "other": f"{uuid4()}:1"}
    assert ada.client.post(f"{first}/join", data=nobody).status_code == 404
    fay = another(client)
    fay.sign_in("fay@depot.example")
    fay.get(first)
    assert "Only a person" in say(fay, f"{first}/join", {"other": other}, status=422)
    eve = another(client)
    eve.sign_in("eve@other.example")
    theirs = {"csrf": eve.csrf, "seen_version": "1", "other": other}
    assert eve.client.post(f"{first}/join", data=theirs).status_code == 404

    ada.get(second)
    ada.approve(second)
    words = ada.get(first)
    assert "the same as another" not in words
    before = {"csrf": ada.csrf, "seen_version": "1", "other": other}
    assert ada.client.post(f"{first}/join", data=before).status_code == 409
    approved = {**before, "other": other.replace(":1", ":2")}
    answer = ada.client.post(f"{first}/join", data=approved)
    assert answer.status_code == 422
    assert "stays as it was decided on" in inspect(answer.text)
    assert sorted(defects_of(ada)) == [first]


def test_wrong_password_and_unknown_address_are_told_alike(client: TestClient) -> None:
    wrong = another(client).sign_in("ada@depot.example", password=WRONG, status=401)
    unknown = another(client).sign_in("nobody@depot.example", password=WRONG, status=401)

    assert "No account has this address and password" in wrong
    assert "No account has this address and password" in unknown


def test_a_form_from_elsewhere_is_refused(ada: Browser) -> None:
    path = first_defect(ada)

    answer = ada.client.post(
        f"{path}/decision", data={"csrf": "forged", "seen_version": "1", "move": "approve"}
    )

    assert answer.status_code == 422
    assert "expired" in inspect(answer.text)


def test_signing_out_ends_it(ada: Browser) -> None:
    ada.get("/queue")
    ada.post("/sign-out", {})

    assert ada.client.get("/queue").url.path == "/sign-in"


def test_pages_forbid_what_they_do_not_need(client: TestClient) -> None:
    answer = client.get("/sign-in")

    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "samesite=strict" in answer.headers["set-cookie"].lower()
