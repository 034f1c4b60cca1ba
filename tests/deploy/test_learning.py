"""From an engineer's decisions to a training source, on a real database."""

import json
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import cv2
import pytest

from models.datasets import build_dataset, read_dataset_plan, read_manifest
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.decisions import save_decision
from pipeline.adapters.postgres.learning import load_judged, load_unreviewed
from pipeline.adapters.postgres.people import add_person, load_person
from pipeline.adapters.postgres.queue_entries import load_queue
from pipeline.domain.decisions import Decision, Judgement, Move, RejectReason, Role
from pipeline.domain.ids import DecisionId, OrganisationId, organisation_id
from pipeline.stages.decide import apply_decision
from tests.deploy.test_commands import roadwear

DEPOT = organisation_id("depot")
OTHER = organisation_id("other")
SOURCE = """
name = "lessons"
classes = ["longitudinal_crack", "transverse_crack", "alligator_crack", "pothole"]
[[sources]]
name = "lessons"
form = "yolo"
images = "images"
labels = "labels"
known = "known"
split = "train"
clean = true
licence = "the council's own"
"""


@pytest.fixture
def settings(database_urls: tuple[str, str], tmp_path: Path) -> dict[str, str]:
    return {"ROADWEAR_DATABASE_URL": database_urls[1], "ROADWEAR_HOME": str(tmp_path / "home")}


def decide_all(database: Database, organisation: OrganisationId) -> list[bool]:
    """Approve the first possible defect and reject the others; return what each was said to be."""
    said: list[bool] = []
    with database.acting_for(organisation) as connection:
        person_id = add_person(
            connection, organisation, email=f"{uuid4()}@example.org", name="A. Engineer",
            password="a long enough password", roles=[Role.ENGINEER],  # noqa: S106
        )  # fmt: skip
        assert person_id
        person = load_person(connection, person_id)
        assert person
        for entry, defect in load_queue(connection, organisation):
            right = not said
            decision = Decision(
                decision_id=DecisionId(uuid4()),
                defect_id=defect.defect_id,
                person_id=person.person_id,
                move=Move.APPROVE if right else Move.REJECT,
                seen_version=defect.version,
                policy_sha256=entry.policy_sha256,
                reason=None if right else RejectReason.PATCH_OR_REPAIR,
                note="",
                decided_at=datetime.now(UTC),
                judged=Judgement(
                    impact=entry.impact, likelihood=entry.likelihood, category=entry.category
                )
                if right
                else None,
            )
            after = apply_decision(defect, decision, roles=person.roles)
            save_decision(connection, organisation, decision, (defect, after), {})
            said.append(right)
    return said


def test_what_engineers_decided_becomes_a_source_that_a_training_takes(
    database: Database, settings: dict[str, str], street_footage: Path, tmp_path: Path
) -> None:
    done = roadwear(
        "ingest", street_footage / "clip.mp4", "--owner", "depot", "--authority", "depot",
        "--vehicle", "1142", "--track", street_footage / "track.gpx",
        "--rig", street_footage / "rig.toml", **settings,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with database.acting_for(DEPOT) as connection:
        waiting = load_unreviewed(connection, DEPOT)
    assert waiting
    assert all(one.passes_seen == one.passes_looked == 1 for one in waiting)
    useful = roadwear("learn", "useful", "--authority", "depot", **settings)
    assert str(waiting[0].defect_id) in useful.stdout

    empty = roadwear("learn", "lessons", tmp_path / "none", "--authority", "depot", **settings)
    assert empty.returncode == 3
    assert "no decision of depot can be learnt from yet" in empty.stderr

    said = decide_all(database, DEPOT)
    out = tmp_path / "lessons"
    made = roadwear("learn", "lessons", out, "--authority", "depot", **settings)
    report = roadwear("learn", "report", "--authority", "depot", "--json", **settings)

    assert made.returncode == 0, made.stderr
    (out / "lessons.toml").write_text(SOURCE)
    build_dataset(read_dataset_plan(out / "lessons.toml"), out, tmp_path / "built")
    items = read_manifest(tmp_path / "built").items
    assert items
    assert not read_manifest(tmp_path / "built").set_aside
    # Approved ones are labels; of rejected ones it is known that nothing is there.
    assert sum(item.boxes for item in items) >= 1
    assert sum(len(item.known or ()) for item in items) >= len(said) - 1
    for item in items:
        picture = cv2.imread(str(tmp_path / "built" / item.image))
        assert picture is not None
        assert picture.shape[1] <= 1024
    [model] = json.loads(report.stdout)["model"]
    assert (model["judged"], model["right"]) == (len(said), 1)
    [vehicle] = json.loads(report.stdout)["vehicle"]
    assert vehicle["group"] == "1142"
    with database.acting_for(OTHER) as connection:
        assert load_judged(connection, DEPOT) == ()
    again = roadwear("learn", "lessons", out, "--authority", "depot", **settings)
    assert again.returncode == 3
    assert "is not empty" in again.stderr
