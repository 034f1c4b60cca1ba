"""No candidate becomes the default unless it passed the gate as it is, and a person signed."""

import copy
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from models import load_card
from models.card import MODELS_DIR, ModelCard, released_name, sha256_of_file
from models.evaluating.calibration import Reliability
from models.evaluating.figures import ALL, Difference, KindFigures
from models.evaluating.measure import Measured, RedactionFigures
from models.exporting import write_card
from models.gate import (
    Check,
    Verdict,
    check_alarms,
    check_calibration,
    check_classes,
    check_redaction,
    check_runtimes,
    write_verdict,
)
from models.releasing import release, releases, roll_back
from pipeline.domain.errors import InputError

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Return a copy of the models, of which the first is released."""
    folder = tmp_path / "models"
    for part in ("cards", "weights"):
        shutil.copytree(MODELS_DIR / part, folder / part)
    (folder / "released.toml").write_text(
        '[[releases]]\nmodel = "road-v1"\nat = 2026-11-22T00:00:00Z\nby = "A"\nwhy = "first"\n'
    )
    return folder


@pytest.fixture
def candidate(tmp_path: Path) -> ModelCard:
    """Return a candidate: the released weights under another name."""
    return a_candidate(tmp_path, "road-new")


def a_candidate(tmp_path: Path, name: str) -> ModelCard:
    content = copy.deepcopy(load_card("road-v1").content)
    content["data"]["dataset_sha256"] = "0" * 64
    folder = tmp_path / name
    for entry in content["files"]:
        (folder / "weights").mkdir(parents=True, exist_ok=True)
        target = entry["path"].replace("road-v1", name)
        shutil.copy(MODELS_DIR / entry["path"], folder / target)
        entry["path"] = target
    return write_card(folder / "cards" / f"{name}.toml", content | {"name": name})


def checked(card: ModelCard, *, passed: bool = True, **values: object) -> Path:
    known: dict[str, Any] = {
        "card_sha256": sha256_of_file(card.path),
        "against": "road-v1",
        "streets": 5,
        "dataset_sha256": "0" * 64,
        "at": "2026-11-22T11:00:00+00:00",
        "checks": (Check(name="c", passed=passed, words="potholes are worse"),),
        "figures": {"all": {"pothole": 0.7}},
    }
    write_verdict(card, Verdict(**(known | values)))
    return card.path


def test_a_candidate_that_passed_is_released_and_can_be_taken_back(
    here: Path, candidate: ModelCard
) -> None:
    before = released_name(here)

    released = release(
        checked(candidate, passed=True), by="A. Engineer", why="finds more", at=NOW, folder=here
    )

    assert released_name(here) == released.name == "road-new"
    released.verify()
    assert released.content["figures"] == {"all": {"pothole": 0.7}}
    assert released.content["gate"]["against"] == "road-v1"
    assert roll_back(by="B. Engineer", why="misses drains", at=NOW, folder=here) == before
    assert [(r.model, r.by) for r in releases(here)][-2:] == [
        ("road-new", "A. Engineer"),
        (before, "B. Engineer"),
    ]
    with pytest.raises(InputError, match="there is a model called road-new already"):
        release(candidate.folder / "cards" / "road-new.toml", by="A", why="x", at=NOW, folder=here)


def test_each_step_back_goes_further_back_and_never_to_what_was_withdrawn(
    here: Path, tmp_path: Path
) -> None:
    first = released_name(here)
    for number, name in enumerate(("road-b", "road-c")):
        path = checked(a_candidate(tmp_path, name), against=("road-v1", "road-b")[number])
        release(path, by="A", why="better", at=NOW, folder=here)

    back = [roll_back(by="B", why="worse", at=NOW, folder=here) for _ in range(2)]

    assert back == ["road-b", first]
    with pytest.raises(InputError, match="no model before"):
        roll_back(by="B", why="worse", at=NOW, folder=here)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"against": "road-new"}, "road-v1 is the default now"),
        ({"dataset_sha256": "1" * 64}, "another dataset"),
        ({"streets": 1}, "fewer than 5 streets"),
    ],
)
def test_a_verdict_that_was_not_fair_releases_nothing(
    here: Path, candidate: ModelCard, values: dict[str, object], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        release(checked(candidate, passed=True, **values), by="A", why="x", at=NOW, folder=here)
    assert released_name(here) == "road-v1"


def test_a_release_that_was_killed_half_way_can_be_repeated_but_overwrites_nothing(
    here: Path, candidate: ModelCard, tmp_path: Path
) -> None:
    path = checked(candidate)
    shutil.copy(candidate.torch_weights, here / "weights")
    shutil.copy(path, here / "cards")

    assert release(path, by="A", why="x", at=NOW, folder=here).name == "road-new"

    other = checked(a_candidate(tmp_path / "other", "road-d"), against="road-new")
    (here / "weights" / "road-d.bin").write_bytes(b"somebody else's")
    with pytest.raises(InputError, match="never overwritten"):
        release(other, by="A", why="x", at=NOW, folder=here)
    assert (here / "weights" / "road-d.bin").read_bytes() == b"somebody else's"


@pytest.mark.parametrize(
    "change",
    [
        {"name": "road-v1"},
        {"name": "../road-new"},
        {"files": [{"path": "../../secret", "sha256": "0" * 64}]},
        {"files": [{"path": "/etc/passwd", "sha256": "0" * 64}]},
    ],
)
def test_a_card_that_points_elsewhere_is_not_read(
    candidate: ModelCard, change: dict[str, object]
) -> None:
    content = tomli_w.dumps(candidate.content | change)
    candidate.path.write_text(content, "utf-8")

    with pytest.raises(InputError, match="cannot be read"):
        load_card(str(candidate.path))


@pytest.mark.parametrize(("by", "why"), [("", "better"), ("A. Engineer", " ")])
def test_nobody_releases_without_a_name_and_a_reason(
    here: Path, candidate: ModelCard, by: str, why: str
) -> None:
    with pytest.raises(InputError, match="a person decides"):
        release(checked(candidate, passed=True), by=by, why=why, at=NOW, folder=here)
    assert len(releases(here)) == 1


def test_what_did_not_pass_or_has_changed_since_is_not_released(
    here: Path, candidate: ModelCard
) -> None:
    path = candidate.folder / "cards" / "road-new.toml"
    with pytest.raises(InputError, match="was not checked"):
        release(path, by="A", why="x", at=NOW, folder=here)
    checked(candidate, passed=False)
    with pytest.raises(InputError, match="potholes are worse"):
        release(path, by="A", why="x", at=NOW, folder=here)
    checked(candidate, passed=True)
    path.write_text(path.read_text() + "\n# touched\n")
    with pytest.raises(InputError, match="has changed since"):
        release(path, by="A", why="x", at=NOW, folder=here)
    assert released_name(here) == "road-v1"
    assert not (here / "cards" / "road-new.toml").exists()


def test_the_first_model_has_nothing_to_go_back_to(here: Path) -> None:
    with pytest.raises(InputError, match="no model before road-v1"):
        roll_back(by="A", why="x", at=NOW, folder=here)


def measured(*labels: tuple[str, str, int]) -> Measured:
    figures = tuple(
        KindFigures(
            source=source, kind=kind, labels=count, roads=1, ap50=0.5, ap50_interval=None,
            ap50_95=0.3, threshold=0.3, precision=0.5, recall=0.5, f1=0.5, best_f1=0.5,
            best_threshold=0.3,
        )
        for source, kind, count in labels
    )  # fmt: skip
    return Measured(
        name="m",
        thresholds={},
        figures=figures,
        reliability={},
        clean={},
        by_size={},
        by_row={},
        redaction={},
    )


@pytest.mark.parametrize(
    ("kind", "labels", "interval", "passed"),
    [
        ("pothole", 200, (-0.2, -0.01), False),
        ("pothole", 200, (-0.2, 0.01), True),
        ("pothole", 5, (-0.2, -0.01), True),
        ("person", 200, (-0.2, -0.01), True),
        ("pothole", 200, (float("nan"), float("nan")), False),
    ],
)
def test_a_kind_that_is_worse_beyond_doubt_fails(
    kind: str,
    labels: int,
    interval: tuple[float, float],
    passed: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    apart = Difference(source="all", kind=kind, value=-0.1, interval=interval)

    assert check_classes([apart], measured(("all", kind, labels))).passed is passed


@pytest.mark.parametrize(
    ("overall", "pothole", "boxes", "passed"),
    [
        (0.04, 0.09, 600, True),
        (0.06, 0.09, 600, False),
        (0.04, 0.11, 600, False),
        (0.04, 0.11, 400, True),
    ],
)
def test_confidence_that_is_not_true_fails(
    overall: float,
    pothole: float,
    boxes: int,
    passed: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    def off_by(error: float, count: int) -> Reliability:
        return Reliability(error=error, boxes=count, claimed=(), right=())

    figures = {ALL: off_by(overall, 2000), "pothole": off_by(pothole, boxes)}

    assert check_calibration(replace(measured(), reliability=figures)).passed is passed


def test_a_network_that_hides_fewer_people_fails() -> None:
    def hiding(people: int) -> Measured:
        figures = RedactionFigures(labels=50, hidden=people)
        return replace(measured(), redaction={"person": figures})

    assert check_redaction(hiding(45), hiding(46)).passed
    assert not check_redaction(hiding(44), hiding(46)).passed
    assert check_redaction(measured(), measured()).words == "nobody to hide"


def test_more_false_alarms_or_runtimes_that_disagree_fail() -> None:
    assert check_alarms("clean", 3.0, 3.0, "a km").passed
    assert not check_alarms("clean", 3.1, 3.0, "a km").passed
    assert check_runtimes({"pothole": 0.5}, {"pothole": 0.49}).passed
    assert not check_runtimes({"pothole": 0.5}, {"pothole": 0.45}).passed
