"""The pages beside the queue: policy with a dry run, coverage, the log, help and practice."""

import json
import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from pipeline.adapters.clock_system import SystemClock
from pipeline.adapters.policy_toml import default_policy, read_policy
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.ledger import PostgresLedger
from pipeline.domain.chain import LogLine
from pipeline.domain.ids import organisation_id
from pipeline.domain.roads import Hierarchy, RoadSection
from pipeline.review.audit import line_view
from pipeline.review.help import ANSWERS, cases, score_of
from pipeline.simulator.practice import write_practice
from pipeline.stages.agree import agreement_of
from tests.builders import a_road_line
from tests.review.browsing import Browser, another, defects_of

DEPOT = organisation_id("depot")
LETTERS = {kind: letter for letter, (kind, _) in ANSWERS.items()}


def rows_of(database: Database) -> list[dict[str, object]]:
    with database.acting_for(DEPOT) as connection:
        return connection.execute(
            "select * from roadwear.queue_entry order by defect_id"
        ).fetchall()


def test_another_policy_is_tried_and_nothing_changes(ada: Browser, database: Database) -> None:
    assert "example, not adopted" in ada.get("/policy")
    before = rows_of(database)
    same = ada.post("/policy/try", {"preset": "generic-5x5"})
    assert "0 would have another category" in same
    words = ada.post("/policy/try", {"preset": "devon"})
    moved = re.search(r"(\d+) possible defects wait\. (\d+) would have another category", words)
    assert moved
    assert int(moved[1]) == len(defects_of(ada)) == int(moved[2])
    assert rows_of(database) == before


def test_a_policy_of_ones_own_is_tried_from_a_file(ada: Browser) -> None:
    _, content = default_policy()
    ada.get("/policy")
    own = content.replace(b'category = "CAT2', b'category = "OWN2')
    answer = ada.client.post(
        "/policy/try",
        data={"csrf": ada.csrf, "preset": ""},
        files={"file": ("own.toml", own, "application/toml")},
    )
    assert answer.status_code == 200
    assert re.search(r">CAT2(\w)</td><td[^>]*>OWN2\1</td>", answer.text)
    for name, wrong in (
        ("x.toml", b"no"), ("x.toml", b"\xff\xfe"), ("x.toml", b"a" * 300_000), ("", b""),
        ("x.toml", content.replace(b"max_score = 25", b"max_score = 24")),
        ("x.toml", content.replace(b"matrix_size = 5", b"matrix_size = 100000")),
        ("x.toml", content.replace(b"valid_from = 2026-01-01", b'valid_from = "x"')),
        ("x.toml", content.replace(b'category = "CAT1"', b'category = ["CAT1"]')),
        ("x.toml", b"a = " + b"[" * 20_000),
        ("x.toml", content.replace(b"[likelihood]", b"[likelihood]\nno_such = 1")),
    ):  # fmt: skip
        refused = ada.client.post(
            "/policy/try",
            data={"csrf": ada.csrf, "preset": ""},
            files={"file": (name or "x", wrong, "text/plain")},
        )
        assert refused.status_code == 422, wrong[:20]
        assert "That cannot be done" in refused.text


def test_the_queue_rule_of_another_policy_is_said_not_to_be_tried(ada: Browser) -> None:
    policy, content = read_policy(Path("generic-5x5"))
    ada.get("/policy")
    own = content.replace(
        f"min_sightings = {policy.queue.min_sightings}".encode(), b"min_sightings = 9"
    )
    assert own != content
    answer = ada.client.post(
        "/policy/try", data={"csrf": ada.csrf}, files={"file": ("own.toml", own, "text/plain")}
    )
    assert "is not tried here" in answer.text


def test_coverage_of_roads_and_the_last_passes(ada: Browser, database: Database) -> None:
    assert "No road network is loaded" in ada.get("/coverage")
    assert ada.client.get("/coverage.csv").status_code == 404
    street = RoadSection(
        section_id="S", line=a_road_line((-20, 0), (200, 0)), usrn=20400123, name="=Long Street",
        hierarchy=Hierarchy.LOCAL_ACCESS,
    )  # fmt: skip
    PostgresLedger(database, SystemClock()).save_roads(
        "depot", name="roads", content_sha256="0", sections=[street]
    )
    words = ada.get("/coverage")
    assert "Long Street" in words
    assert "no camera came past" in words
    assert len(re.findall(r"/passes/[0-9a-f-]{36}", ada.html)) >= 1
    assert "No street of the network" in ada.get("/coverage?street=nowhere")
    assert "Sections of “long”" in ada.get("/coverage?street=long")
    file = ada.client.get("/coverage.csv")
    assert file.headers["content-type"].startswith("text/csv")
    assert "'=Long Street" in file.text
    passed = re.findall(r"/passes/[0-9a-f-]{36}", ada.html)[0]
    ada.get(passed)
    ada.post(f"{passed}/void", {"void": "true", "reason": "a_test"})
    assert "No: voided" in ada.get("/coverage")


def test_the_log_is_read_searched_and_verified(
    ada: Browser, database_urls: tuple[str, str]
) -> None:
    path = defects_of(ada)[0]
    ada.get(path)
    ada.decide(path, {"move": "site_visit", "note": "<b>by the gully</b>"})
    words = ada.get("/audit")
    assert "decision" in words
    assert "&lt;b&gt;by the gully" in ada.html
    assert "Ada" in words
    assert "hold together" in ada.get("/audit?verify=true")
    assert "by the gully" in ada.get("/audit?kind=decision&about=gully")
    assert "No line is like that" in ada.get("/audit?kind=works_order")
    for odd in ("before=x", "before=" + "9" * 30, "kind=pg_class", "about=%27%3B--", "before=0"):
        ada.get(f"/audit?{odd}")
    import psycopg  # noqa: PLC0415 - only the owner of the tables can tamper

    with psycopg.connect(database_urls[0]) as connection:
        connection.execute("alter table roadwear.decision disable trigger all")
        connection.execute("update roadwear.decision set note = 'nothing'")
        connection.execute("alter table roadwear.decision enable trigger all")
    assert "is not as it was logged" in ada.get("/audit?verify=true")


def test_the_log_goes_on_beyond_a_page(ada: Browser, database: Database) -> None:
    with database.acting_for(DEPOT) as connection:
        for number in range(60):
            connection.execute(
                "insert into roadwear.private_area (area_id, owner_id, name, lon_deg, lat_deg, "
                "radius_m, said_by) values (gen_random_uuid(), %s, %s, 0, 51, 10, 'a test')",
                (DEPOT, f"area {number}"),
            )
    ada.get("/audit")
    earlier = re.search(r'href="(/audit\?[^"]*before=\d+)"', ada.html)
    assert earlier
    assert "area 3" in ada.get(earlier[1].replace("&amp;", "&"))


def test_a_line_names_who_said_it() -> None:
    line = LogLine(
        ordinal=1, sha256="0" * 64,
        line=json.dumps(
            {"kind": "works_order", "logged_at": "2026-11-23T12:00:00+00:00",
             "row": {"person_id": "7", "note": "", "roles": ["a"]}}
        ),
    )  # fmt: skip
    found = line_view(line, {"7": "Ada"})
    assert (found.who, found.kind, found.fields) == (
        "Ada", "works order", (("person id", "7"), ("roles", '["a"]')),
    )  # fmt: skip


def test_practice_tells_the_truth_and_counts(ada: Browser) -> None:
    assert "Practise on" in ada.get("/help")
    truths = [LETTERS[str(case["kind"])] for case in cases()]
    ada.get("/help/practice")
    for number, right in enumerate(truths):
        for view in ("wide", "close"):
            picture = ada.client.get(f"/help/practice/{number}/{view}.jpg")
            assert picture.headers["content-type"] == "image/jpeg"
        said = right if number else ("s" if right != "s" else "p")
        words = ada.post("/help/practice", {"number": str(number), "answer": said})
        # The same form again, as a browser sends it that is impatient.
        again = ada.post("/help/practice", {"number": str(number), "answer": said})
        assert words == again
        if number + 1 < len(truths):
            assert ("Right." in words) is (said == right)
            assert f"Practice: {number + 2} of {len(truths)}" in words
    assert f"{len(truths) - 1} of {len(truths)} right" in words
    assert "Practice: 1 of" in ada.post("/help/practice", {"again": "yes"})
    assert "Choose what it is" in ada.post("/help/practice", {"number": "0"}, status=422)
    for odd in ("-1/wide", "999/wide", "0/../cases", "0/other"):
        assert ada.client.get(f"/help/practice/{odd}.jpg").status_code in {404, 422}


def test_a_score_counts_what_was_missed_and_what_was_invented() -> None:
    kinds = [str(case["kind"]) for case in cases()]
    all_holes = score_of("p" * len(kinds))
    assert (all_holes.missed, all_holes.invented) == (0, len(kinds) - kinds.count("pothole"))
    assert all_holes.kappa == pytest.approx(0)
    none = score_of("c" * len(kinds))
    assert (none.missed, none.invented) == (kinds.count("pothole"), 0)
    assert score_of("").kappa is None


def test_kappa_of_cohens_own_kind() -> None:
    pairs = [("a", "a")] * 20 + [("a", "b")] * 5 + [("b", "a")] * 10 + [("b", "b")] * 15
    assert agreement_of(pairs).kappa == pytest.approx(0.4)
    assert agreement_of([("a", "a")] * 3).kappa is None


def test_a_practice_set_is_drawn_again_the_same(tmp_path: Path) -> None:
    count = write_practice(tmp_path / "one", seed=9100, of_each=1)
    assert count == 6
    told = json.loads((tmp_path / "one" / "cases.json").read_text())
    assert sorted(one["kind"] for one in told) == sorted(
        ["pothole"] * 3 + ["cover", "patch", "shadow"]
    )
    assert all((one["depth_mm"] is None) is (one["kind"] != "pothole") for one in told)
    with pytest.raises(Exception, match="already"):
        write_practice(tmp_path / "one", seed=1, of_each=1)


def test_statements_open_for_anybody(client: TestClient) -> None:
    for path in ("/accessibility", "/privacy"):
        assert len(another(client).get(path)) > 500


def test_what_became_of_others_is_listed_by_state(ada: Browser, client: TestClient) -> None:
    first, second = defects_of(ada)[:2]
    ada.get(first)
    ada.decide(first, {"move": "reject", "reason": "manhole_or_cover"})
    ada.get(second)
    ada.decide(second, {"move": "site_visit"})
    words = ada.get("/defects?state=rejected")
    assert "Rejected: 1 to 1 of 1" in words
    assert "Possible pothole" in words
    assert first in ada.html
    assert second not in ada.html
    assert second in (ada.get("/defects?state=site_visit") and ada.html)
    assert "None is in this state" in ada.get("/defects")
    for odd in ("state=king", "state=rejected&page=x", "state=rejected&page=-1"):
        ada.get(f"/defects?{odd}")
    assert "on this page" in ada.get("/defects?state=rejected&page=2")
    eve = another(client)
    eve.sign_in("eve@other.example")
    assert "None is in this state" in eve.get("/defects?state=rejected")
