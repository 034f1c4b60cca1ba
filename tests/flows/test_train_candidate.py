"""A detector is trained by a flow, once, and a candidate is judged; none is released."""

import json
import multiprocessing
import shutil
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.exceptions import ParameterTypeError
from prefect.logging import disable_run_logger

from flows.telling import ToldError
from flows.train_candidate import Learning, gate, train_candidate, train_task
from models import load_card
from models.card import released_name
from models.datasets import build_dataset, read_dataset_plan, read_manifest
from models.exporting import write_card
from models.gate import read_verdict
from models.judging import judge
from models.releasing import release
from models.ultralytics_.starting import alone_in
from pipeline.domain.errors import InputError

SIDE, PICTURES = 64, 12
# What the vendors' programs warn of is theirs.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def learning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Learning:
    """Have a plan of two epochs, and a built set of small pictures with every kind in them."""
    monkeypatch.setenv("ROADWEAR_HOME", str(tmp_path))
    here = Learning.here()
    here.plan("tiny").parent.mkdir(parents=True)
    here.plan("tiny").write_text(
        f'name = "tiny"\ninput_px = {SIDE}\nepochs = 2\nbatch = 8\nclose_mosaic = 1\n'
        'architecture = "yolo11n"\n'
    )
    root = tmp_path / "sources"
    for split in ("train", "val"):
        _pictures(root / split)
    classes = json.dumps(load_card("").classes)
    sources = "".join(
        f'[[sources]]\nname = "{split}"\nform = "yolo"\nimages = "{split}/images"\n'
        f'labels = "{split}/labels"\nsplit = "{split}"\nroad = "^([a-z]+)_"\n'
        f'tune_roads = ["tune"]\nlicence = "none"\n'
        for split in ("train", "val")
    )
    (root / "set.toml").write_text(
        f'name = "tiny"\nclasses = {classes}\nnear_duplicate_bits = 0\n{sources}'
    )
    build_dataset(read_dataset_plan(root / "set.toml"), root, here.dataset("set"))
    return here


def _pictures(folder: Path) -> None:
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    first = len(folder.name) * 100
    for number in range(PICTURES):
        coarse = np.random.default_rng(first + number).integers(60, 200, (6, 6, 3), dtype=np.uint8)
        pixels = cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        cv2.ellipse(pixels, (32, 40), (14, 8), 0, 0, 360, (20, 20, 20), -1)
        road = "tune" if folder.name == "train" and number < 4 else "town"
        cv2.imwrite(str(folder / "images" / f"{road}_{number}.png"), pixels)
        label = f"{number % 4} 0.5 0.625 0.45 0.27\n"
        (folder / "labels" / f"{road}_{number}.txt").write_text(label)


def test_a_training_that_taught_nothing_makes_no_candidate_and_is_not_done_twice(
    learning: Learning, capsys: pytest.CaptureFixture[str]
) -> None:
    with disable_run_logger(), pytest.raises(ToldError):
        train_candidate("tiny", "set")
    assert "boxes are too few to fit confidence on" in capsys.readouterr().out
    assert not learning.candidate("tiny").exists()
    curves = learning.run("tiny") / "results.csv"
    assert len(curves.read_text("utf-8").splitlines()) == 1 + 2

    before = curves.stat().st_mtime_ns
    with disable_run_logger():
        assert train_task("tiny", "set", "cpu") == 2
    assert curves.stat().st_mtime_ns == before


def test_a_candidate_is_judged_and_nobody_releases_it(
    learning: Learning, client: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    card, before = a_candidate(learning), released_name()
    # Five streets would take a minute and a half; who asks by Prefect's form cannot ask for fewer.
    monkeypatch.setattr(
        "flows.train_candidate.judge", lambda *what, **how: judge(*what, **{**how, "streets": 1})
    )

    with disable_run_logger():
        found = gate("tiny", "set")

    verdict = read_verdict(load_card(str(card)))
    # Six kinds in pictures of noise are more than a network with another's confidence can pass.
    assert (found["verdict"], verdict.passed) == ("not passed", False)
    assert int(found["failed"]) == sum(not check.passed for check in verdict.checks) > 0
    assert (verdict.against, released_name()) == (before, before)
    with pytest.raises(InputError, match="did not pass the gate"):
        release(card, by="Ada", why="a try", at=datetime.now(UTC))
    there = client.request("POST", "/artifacts/filter", json={}).json()
    [shown] = [one["data"] for one in there if one["key"] == "gate-tiny"]
    rows = json.loads(shown) if isinstance(shown, str) else shown
    assert [row["verdict"] for row in rows] == [
        "passed" if check.passed else "FAILED" for check in verdict.checks
    ]
    assert max(one["data"] for one in there if one["type"] == "progress") == 100.0


def a_candidate(learning: Learning) -> Path:
    """Write the released network as a candidate of the small set, without its thresholds' worth."""
    released = load_card("")
    content = dict(released.content)
    content |= {
        "name": "tiny",
        "data": {"dataset_sha256": read_manifest(learning.dataset("set")).sha256},
    }
    content.pop("confidence", None)
    for relative in released.files:
        target = learning.candidate("tiny") / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(released.folder / relative, target)
    return write_card(learning.card("tiny"), content).path


def test_two_trainings_are_never_at_work_in_one_folder(learning: Learning) -> None:
    # Locks of one process do not exclude each other: the second is asked for by another.
    other = multiprocessing.get_context("spawn")
    with alone_in(learning.run("tiny")), other.Pool(1) as pool:
        said = pool.apply(_is_alone, (str(learning.run("tiny")),))
    assert "another training is at work" in said
    with alone_in(learning.run("tiny")):
        pass


def _is_alone(folder: str) -> str:
    try:
        with alone_in(Path(folder)):
            return ""
    except InputError as error:
        return str(error)


@pytest.mark.parametrize("name", ["../x", "a/b", "", "A plan"])
def test_what_is_no_name_is_refused_before_anything_is_read(name: str) -> None:
    with pytest.raises(ParameterTypeError):
        gate(name, "set")


def test_what_is_not_there_is_no_training(
    learning: Learning, capsys: pytest.CaptureFixture[str]
) -> None:
    with disable_run_logger(), pytest.raises(ToldError) as told:
        train_candidate("absent", "set")
    assert "absent.toml" in told.value.sentence + capsys.readouterr().out
    assert "absent" not in str(told.value)
    assert not learning.run("absent").exists()
