"""A network learns from others: what they say together is what it is pulled to."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from models import load_card
from models.datasets import BuiltDataset
from models.plan import TrainingPlan, read_plan
from models.ultralytics_.export import network_of
from models.ultralytics_.teaching import Teachers, taught_losses
from models.ultralytics_.training import Machine, RoadModel, Step, train
from pipeline.domain.errors import InputError
from tests.models.test_training import SIDE, epochs_of, tiny, write_plan

__all__ = ["tiny"]
CPU = torch.device("cpu")
CLASSES = ("pothole", "vehicle", "crack")


def checkpoint(folder: Path, names: tuple[str, ...], seed: int, family: str = "yolo11n") -> Path:
    """Write an untrained network whose classes have these names."""
    torch.manual_seed(seed)
    network: Any = RoadModel(f"{family}.yaml", nc=len(names), ch=3, verbose=False)  # type: ignore[no-untyped-call]
    network.names = dict(enumerate(names))
    path = folder / f"{family}-{seed}.pt"
    torch.save({"model": network}, path)
    return path


def pictures(count: int = 2) -> torch.Tensor:
    return torch.rand(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(5))


def said(path: Path) -> dict[str, torch.Tensor]:
    with torch.no_grad():
        raw: dict[str, torch.Tensor] = network_of(path).float().eval()(pictures())[1]
    return raw


def test_teachers_say_the_mean_of_what_those_know_who_know_the_class(tmp_path: Path) -> None:
    road = checkpoint(tmp_path, ("pothole", "vehicle"), 1)
    coco = checkpoint(tmp_path, ("bus", "kite", "car"), 2)
    teachers = Teachers({road: 1.0, coco: 3.0}, CLASSES, CPU, share=0.5)

    taught = teachers.look(pictures())

    ours, theirs = (said(path)["scores"].sigmoid() for path in (road, coco))
    vehicle = (ours[:, 1] + 3 * torch.maximum(theirs[:, 0], theirs[:, 2])) / 4
    assert taught.known.tolist() == [True, True, False]
    assert torch.allclose(taught.scores[:, 0], ours[:, 0], atol=1e-5)
    assert torch.allclose(taught.scores[:, 1], vehicle, atol=1e-5)
    assert torch.allclose(taught.edges.sum(dim=2), torch.ones(()), atol=1e-5)


def test_a_perfect_pupil_has_nothing_to_learn_and_another_is_pulled_to_the_teacher(
    tmp_path: Path,
) -> None:
    teacher = checkpoint(tmp_path, ("pothole", "vehicle"), 1)
    taught = Teachers({teacher: 1.0}, ("pothole", "vehicle"), CPU, share=0.5).look(pictures())
    same = said(teacher)
    # What sees something is what edges are learnt from.
    taught = replace(taught, scores=taught.scores.clamp(min=0.2))
    same = {**same, "scores": taught.scores.logit()}
    other = {name: same[name].clone().requires_grad_() for name in ("scores", "boxes")}
    with torch.no_grad():
        other["scores"][:, 0] -= 1
        other["boxes"][:, 3] += 2

    assert torch.allclose(taught_losses(same, taught), torch.zeros(2), atol=1e-5)
    apart = taught_losses(other, taught)
    apart.sum().backward()  # type: ignore[no-untyped-call]
    scores, boxes = other["scores"].grad, other["boxes"].grad

    assert (apart > 0.01).all()
    assert scores is not None
    assert boxes is not None
    assert (scores[:, 0] < 0).all()
    assert torch.allclose(scores[:, 1], torch.zeros(()), atol=1e-6)
    assert (boxes[:, 3] > 0).all()


def test_who_cannot_teach_is_refused(tmp_path: Path, tiny: BuiltDataset) -> None:
    stranger = checkpoint(tmp_path, ("kite",), 1)
    two_heads = checkpoint(tmp_path, ("pothole",), 1, "yolo26n")
    road = str(load_card("road-v1").torch_weights)
    pupil = TrainingPlan(
        name="a", repeat={}, architecture="yolo26n", input_px=SIDE, teachers={road: 1.0}, taught=0.5
    )

    with pytest.raises(InputError, match="knows none of pothole"):
        Teachers({stranger: 1.0}, CLASSES, CPU, share=0.5)
    with pytest.raises(InputError, match="as distributions"):
        Teachers({two_heads: 1.0}, CLASSES, CPU, share=0.5)
    with pytest.raises(InputError, match="use a YOLO11 network"):
        train(pupil, tiny, tmp_path / "run", machine=Machine(workers=0))


def test_a_taught_training_comes_nearer_to_its_teacher_and_names_it(
    tiny: BuiltDataset,
    tmp_path: Path,
) -> None:
    plan = replace(
        read_plan(write_plan(tmp_path, epochs=6)),
        teachers={"road-v1": 1.0}, taught=0.9, learning_rate=0.01, warmup_epochs=0.1, mosaic=0.0,
        tune_every=9,
    )  # fmt: skip
    run = tmp_path / "run"
    apart: dict[int, float] = {}

    def on_step(step: Step) -> None:
        if step.losses:
            apart[step.epoch] = step.losses["taught_cls"]

    train(plan, tiny, run, machine=Machine(workers=0), on_step=on_step)

    assert epochs_of(run) == [1, 2, 3, 4, 5, 6]
    # How much nearer differs from processor to processor; 0.72 was seen on one.
    assert apart[5] < 0.8 * apart[0]
    resolved = json.loads((run / "plan.json").read_text())
    assert resolved["teachers_sha256"] == [
        load_card("road-v1").sha256_of(load_card("road-v1").torch_weights)
    ]
    other = tmp_path / "other.pt"
    other.write_bytes(b"x")
    with pytest.raises(InputError, match=r"teachers, teachers_sha256 differ"):
        train(replace(plan, teachers={str(other): 1.0}), tiny, run, machine=Machine(workers=0))
