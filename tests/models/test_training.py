"""Training: what nobody labelled costs nothing, a kill costs one epoch, a plan cannot change."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from ultralytics.cfg import get_cfg
from ultralytics.utils import IterableSimpleNamespace

from models import load_card
from models.datasets import BuiltDataset, build_dataset, read_dataset_plan
from models.plan import TrainingPlan, read_plan
from models.ultralytics_.export import network_of
from models.ultralytics_.known import KnownOnlyLoss, RegionKind
from models.ultralytics_.regions import regions_of
from models.ultralytics_.training import Machine, RoadModel, Step, train
from models.ultralytics_.validating import SCORE
from models.ultralytics_.widening import widen
from pipeline.domain.errors import InputError

CLASSES = ("crack", "fissure", "pothole")
SIDE = 64
ROADWEAR = str(Path(sys.executable).parent / "roadwear")


@pytest.fixture(scope="module")
def model() -> RoadModel:
    torch.manual_seed(0)
    made = RoadModel(  # type: ignore[no-untyped-call]
        "yolo11n.yaml", nc=len(CLASSES), ch=3, verbose=False
    )
    made.args = IterableSimpleNamespace(box=7.5, cls=0.5, dfl=1.5)  # type: ignore[assignment]
    made.eval()
    return made


def class_pull(model: RoadModel, rows: list[list[float]], *kinds: RegionKind) -> torch.Tensor:
    """Return, for each class, how strongly the loss pulls its scores down or up at any anchor."""
    torch.manual_seed(1)
    picture = torch.rand(1, 3, SIDE, SIDE)
    model.train()
    preds = model(picture)
    model.eval()
    scores = preds["scores"].detach().requires_grad_()
    table = torch.tensor(rows).reshape(-1, 5)
    batch = {
        "img": picture,
        "cls": table[:, :1],
        "bboxes": table[:, 1:],
        "batch_idx": torch.zeros(len(table)),
    }
    loss, _ = KnownOnlyLoss(model, regions=kinds)({**preds, "scores": scores}, batch)
    loss.sum().backward()  # type: ignore[no-untyped-call]
    assert scores.grad is not None
    pull: torch.Tensor = scores.grad[0].abs().sum(dim=1)
    return pull


def test_a_class_that_a_source_does_not_label_is_not_learnt_as_background(model: RoadModel) -> None:
    hole = [2.0, 0.5, 0.5, 0.4, 0.4]
    everywhere = [3.0, 0.5, 0.5, 1.0, 1.0]
    kind = RegionKind(unlabelled=(0, 1), confused=())

    known = class_pull(model, [hole], kind)
    partial = class_pull(model, [hole, everywhere], kind)

    assert (known > 0).all()
    assert partial[0] == partial[1] == 0
    assert partial[2] == pytest.approx(float(known[2]))


def test_a_network_with_two_heads_learns_by_the_same_rule() -> None:
    torch.manual_seed(0)
    made: Any = RoadModel(  # type: ignore[no-untyped-call]
        "yolo26n.yaml", nc=len(CLASSES), ch=3, verbose=False
    )
    made.args = get_cfg()
    made.regions = (RegionKind(unlabelled=(0, 1), confused=()),)
    made.train()
    batch = {
        "img": torch.rand(1, 3, SIDE, SIDE),
        "cls": torch.tensor([[2.0], [3.0]]),
        "bboxes": torch.tensor([[0.5, 0.5, 0.4, 0.4], [0.5, 0.5, 1.0, 1.0]]),
        "batch_idx": torch.zeros(2),
    }

    loss, _ = made(batch)
    loss.sum().backward()

    for head in ("cv3", "one2one_cv3"):
        last = [branch[-1].bias.grad for branch in getattr(made.model[-1], head)]
        pull = torch.stack(last).abs().sum(dim=0)
        assert pull[0] == pull[1] == 0
        assert pull[2] > 0


def test_a_region_holds_only_where_it_lies(model: RoadModel) -> None:
    left_half = [3.0, 0.25, 0.5, 0.5, 1.0]
    kind = RegionKind(unlabelled=(0,), confused=())

    whole = class_pull(model, [], kind)
    half = class_pull(model, [left_half], kind)

    assert 0.3 * whole[0] < half[0] < 0.7 * whole[0]
    assert half[1] == pytest.approx(float(whole[1]))


def test_of_confused_types_the_other_one_is_no_error_where_one_is_labelled(
    model: RoadModel,
) -> None:
    crack = [0.0, 0.5, 0.5, 0.9, 0.9]
    everywhere = [3.0, 0.5, 0.5, 1.0, 1.0]
    kind = RegionKind(unlabelled=(), confused=(0, 1))

    sure = class_pull(model, [crack], kind)
    unsure = class_pull(model, [crack, everywhere], kind)

    assert unsure[0] == pytest.approx(float(sure[0]))
    assert 0 < unsure[1] < sure[1]
    assert unsure[2] == pytest.approx(float(sure[2]))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> BuiltDataset:
    root = tmp_path_factory.mktemp("tiny")
    for number in range(12):
        road = "tune" if number % 3 == 0 else "town"
        random = np.random.default_rng(number)
        coarse = random.integers(60, 200, (6, 6, 3), dtype=np.uint8)
        pixels = cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        cv2.ellipse(pixels, (32, 40), (14, 8), 0, 0, 360, (20, 20, 20), -1)
        (root / "images").mkdir(exist_ok=True)
        (root / "labels").mkdir(exist_ok=True)
        cv2.imwrite(str(root / "images" / f"{road}_{number}.png"), pixels)
        (root / "labels" / f"{road}_{number}.txt").write_text("2 0.5 0.625 0.45 0.27\n")
    (root / "set.toml").write_text(
        f'name = "tiny"\nclasses = {json.dumps(CLASSES)}\nnear_duplicate_bits = 0\n[[sources]]\n'
        'name = "tiny"\nform = "yolo"\nimages = "images"\nlabels = "labels"\nsplit = "train"\n'
        'labelled = ["pothole"]\nroad = "^([a-z]+)_"\ntune_roads = ["tune"]\nlicence = "none"\n'
    )
    return build_dataset(read_dataset_plan(root / "set.toml"), root, root / "built")


def write_plan(folder: Path, *, epochs: int) -> Path:
    path = folder / "plan.toml"
    path.write_text(
        f'name = "tiny"\ninput_px = {SIDE}\nepochs = {epochs}\nbatch = 4\nclose_mosaic = 1\n'
        'architecture = "yolo11n"\n'
    )
    return path


def test_a_killed_training_goes_on_and_repeats_no_epoch(tiny: BuiltDataset, tmp_path: Path) -> None:
    plan = write_plan(tmp_path, epochs=4)
    run = tmp_path / "run"
    command = [
        ROADWEAR, "models", "train", str(plan), "--dataset", str(tiny.folder), "--out", str(run),
        "--workers", "0",
    ]  # fmt: skip
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    _wait_for(run / "weights" / "last.pt")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    done = epochs_of(run)
    assert 1 <= len(done) < 4
    # Killed after the curves' row and before the checkpoint: that epoch is trained again.
    with (run / "results.csv").open("a") as file:
        file.write(f"{len(done) + 1}" + ",0" * 15 + "\n")

    best = train(read_plan(plan), tiny, run, machine=Machine(workers=0))

    assert epochs_of(run) == [1, 2, 3, 4]
    assert not list((run / "weights").glob("*.part"))
    kept = torch.load(best, weights_only=False)["train_metrics"]
    assert kept["fitness"] == pytest.approx(max(scores_of(run)), abs=1e-5)
    assert json.loads((run / "plan.json").read_text())["dataset_sha256"] == tiny.sha256
    assert train(read_plan(plan), tiny, run, machine=Machine(workers=0)) == best
    with pytest.raises(InputError, match="another plan"):
        train(read_plan(write_plan(tmp_path, epochs=9)), tiny, run, machine=Machine(workers=0))


def test_the_tune_images_are_looked_at_as_often_as_the_plan_says(
    tiny: BuiltDataset, tmp_path: Path
) -> None:
    plan = replace(
        read_plan(write_plan(tmp_path, epochs=5)), tune_every=3, recolour=1.0, warmup_epochs=1
    )
    looks: list[float] = []
    run = tmp_path / "run"

    def on_step(step: Step) -> None:
        if step.tuned and step.epoch < step.epochs:
            looks.append(step.tuned["val/box_loss"])

    train(plan, tiny, run, machine=Machine(workers=0), on_step=on_step)

    assert epochs_of(run) == [1, 2, 3, 4, 5]
    assert looks[0] == looks[1] != looks[2] == looks[3] != looks[4]


def scores_of(run: Path) -> list[float]:
    header, *rows = (run / "results.csv").read_text("utf-8").splitlines()
    column = header.split(",").index(SCORE)
    return [float(row.split(",")[column]) for row in rows]


def epochs_of(run: Path) -> list[int]:
    lines = (run / "results.csv").read_text("utf-8").splitlines()[1:]
    return [int(line.split(",")[0]) for line in lines]


def _wait_for(path: Path) -> None:
    for _ in range(1200):
        if path.is_file():
            return
        time.sleep(0.05)
    pytest.fail(f"{path.name} was not written within a minute")


def test_only_incomplete_sources_have_regions(tiny: BuiltDataset) -> None:
    regions = regions_of(tiny)

    assert regions.kinds == (RegionKind(unlabelled=(0, 1), confused=()),)
    assert regions.of_image("tiny__town_1.png") == [(0, (0.5, 0.5, 1.0, 1.0))]
    assert regions.of_image("other__town_1.png") == []


def test_of_a_lesson_only_the_boxes_that_were_decided_on_are_learnt(
    model: RoadModel, tiny: BuiltDataset
) -> None:
    box = (0.25, 0.25, 0.3, 0.3)
    first = replace(tiny.items[0], known=(box,))
    regions = regions_of(replace(tiny, items=(first, *tiny.items[1:])))
    of_first = regions.of_image(first.image)
    rows = [[len(CLASSES) + kind, *shares] for kind, shares in of_first]

    inside = class_pull(model, rows, *regions.kinds)
    nothing = class_pull(model, rows[:1], *regions.kinds)
    everything = class_pull(model, [], *regions.kinds)

    assert [shares for _, shares in of_first] == [(0.5, 0.5, 1.0, 1.0), box]
    assert (nothing == 0).all()
    assert (inside > 0).all()
    assert (inside < 0.3 * everything).all()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name = 1", "name"),
        ('name = "a"\nepochs = 0', "epochs must be more than 0"),
        ('name = "a"\nmosaic = 2.0', "mosaic must lie between"),
        ('name = "a"\ninput_px = 500', "multiple of 32"),
        ('name = "a"\nepochs = "ten"', "epochs must be like 20"),
        ('name = "a"\nluck = 1', "unknown entry luck"),
        ('name = "a"\nrepeat = 3', "repeat must be a table"),
        ('name = "a"\n[repeat]\na = "often"', "repeat must be a table"),
        ('name = "a"\ntaught = 0.5', "teachers and taught belong together"),
        ('name = "a"\ntaught = 0.5\n[teachers]\nb = -1', "more than 0"),
        ("name =", "cannot be read"),
        ("epochs = 3", "name"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_in_a_sentence(
    tmp_path: Path, text: str, words: str
) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(text)

    with pytest.raises(InputError, match=words):
        read_plan(path)


def test_a_start_that_is_nowhere_names_what_there_is(tiny: BuiltDataset, tmp_path: Path) -> None:
    plan = TrainingPlan(name="a", repeat={}, start="nowhere.pt", input_px=SIDE)

    with pytest.raises(InputError, match=r"there are: .*road-v1"):
        train(plan, tiny, tmp_path / "run", machine=Machine(workers=0))


def test_other_weights_under_the_same_name_are_another_plan(
    tiny: BuiltDataset, tmp_path: Path
) -> None:
    start = tmp_path / "start.pt"
    start.write_bytes(b"other weights")
    plan = TrainingPlan(name="a", repeat={}, start=str(start), input_px=SIDE)
    begun = asdict(plan) | {"dataset": tiny.name, "dataset_sha256": tiny.sha256}
    run = tmp_path / "run"
    run.mkdir()
    (run / "plan.json").write_text(json.dumps(begun | {"start_sha256": "0" * 64}))

    with pytest.raises(InputError, match=r"another plan \(start_sha256 differ\)"):
        train(plan, tiny, run, machine=Machine(workers=0))


def test_a_wider_network_begins_by_computing_what_the_narrower_one_does() -> None:
    narrow = network_of(load_card("road-v1").torch_weights).float().eval()
    wide: Any = RoadModel(  # type: ignore[no-untyped-call]
        "yolo11s.yaml", nc=6, ch=3, verbose=False
    )
    wide.eval()
    widen(narrow.state_dict(), wide, noise=0.0)
    picture = torch.rand(1, 3, 96, 128, generator=torch.Generator().manual_seed(1))

    with torch.no_grad():
        before, after = narrow(picture)[0], wide(picture)[0]

    assert sum(p.numel() for p in wide.parameters()) > 3 * sum(
        p.numel() for p in narrow.parameters()
    )
    assert torch.allclose(before[:, 4:], after[:, 4:], atol=1e-5)
    assert torch.allclose(before[:, :4], after[:, :4], atol=1e-2)
    with pytest.raises(InputError, match="grown, not shrunk"):
        widen(wide.state_dict(), narrow)
