"""From a training's checkpoint to what can be released: plain, in float, in 8 bits, as ONNX."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import pytest
import torch
from ultralytics import YOLO  # type: ignore[attr-defined]

from models import load_card
from models.card import sha256_of_file
from models.datasets import BuiltDataset, build_dataset, read_dataset_plan
from models.evaluating.looking import look_at_images
from models.exporting import detector_of, first_card, make_forms, write_card
from models.ultralytics_.export import export_float, write_plain_weights
from models.ultralytics_.training import RoadModel
from pipeline.domain.errors import InputError

# What the vendors' exporters warn of is theirs.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a checkpoint as a training leaves it: road-v1's network in a class of ours."""
    trained: Any = YOLO(str(load_card("road-v1").torch_weights)).model
    trained.pt_path = "/somewhere/on/a/machine.pt"
    trained.__class__ = RoadModel
    path = tmp_path_factory.mktemp("run") / "best.pt"
    torch.save({"model": None, "ema": trained.half(), "epoch": 3}, path)
    return path


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> BuiltDataset:
    from pipeline.simulator.drive import Pass, PassRules, simulated_rig  # noqa: PLC0415
    from pipeline.simulator.footage import street_painter  # noqa: PLC0415
    from pipeline.simulator.making import make_street  # noqa: PLC0415
    from pipeline.simulator.surface import paint_surface  # noqa: PLC0415

    root = tmp_path_factory.mktemp("pictures")
    for part in ("images", "labels"):
        (root / part).mkdir()
    street = make_street(104, length_m=60, holes=6, manholes=1, patches=1, shadows=1, cracks=1)
    paint = street_painter(paint_surface(street), simulated_rig(width_px=640, height_px=360))
    driven = Pass(street, PassRules(), seed=1)
    for number in range(8):
        picture = paint(driven, 0.3 + 0.6 * number)
        cv2.imwrite(str(root / "images" / f"{number}.jpg"), picture)
        (root / "labels" / f"{number}.txt").write_text("")
    classes = ", ".join(f'"{name}"' for name in load_card("road-v1").classes)
    (root / "set.toml").write_text(
        f'name = "p"\nclasses = [{classes}]\nnear_duplicate_bits = 0\n[[sources]]\nname = "p"\n'
        'form = "yolo"\nimages = "images"\nlabels = "labels"\nsplit = "train"\nclean = true\n'
        'licence = "none"\n'
    )
    return build_dataset(read_dataset_plan(root / "set.toml"), root, root / "built")


def test_plain_weights_need_nothing_of_ours(checkpoint: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain.pt"

    write_plain_weights(checkpoint, plain)

    assert b"models.ultralytics_" not in plain.read_bytes()
    assert str(checkpoint.parent).encode() not in plain.read_bytes()
    assert b"/somewhere" not in plain.read_bytes()
    elsewhere = subprocess.run(
        [
            sys.executable,
            "-c",
            f"from ultralytics import YOLO; print(YOLO({str(plain)!r}).names[3])",
        ],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert elsewhere.stdout.strip().endswith("pothole"), elsewhere.stderr


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    for content in (b"", b"not a network"):
        (tmp_path / "bad.pt").write_bytes(content)
        with pytest.raises(InputError, match="no checkpoint"):
            write_plain_weights(tmp_path / "bad.pt", tmp_path / "out.pt")


def test_every_form_of_a_network_sees_the_same_holes(
    checkpoint: Path, pictures: BuiltDataset, tmp_path: Path
) -> None:
    weights = tmp_path / "weights" / "road-x.pt"
    write_plain_weights(checkpoint, weights)
    xml, onnx = export_float(weights, 640, weights.parent)
    files = [weights, xml, xml.with_suffix(".bin")]
    plan = {"architecture": "yolo11n", "input_px": 640}
    card = write_card(
        tmp_path / "cards" / "road-x.toml",
        first_card("road-x", plan, pictures, files, tmp_path),
    )
    card.verify()

    forms = make_forms(card, pictures, onnx, float_blocks=(0, 3))

    assert [form.name for form in forms] == [
        "torch", "f32", "f16", "int8", "int8-3", "onnx",
    ]  # fmt: skip
    paths = [pictures.folder / item.image for item in pictures.items]
    seen = {
        form.name: [f for f in look_at_images(detector_of(form, card), paths) if f.confidence > 0.3]
        for form in forms
    }
    assert seen["torch"]
    for name, boxes in seen.items():
        assert len(boxes) == pytest.approx(len(seen["torch"]), abs=1), name
        agree = sum(
            any(a.image == b.image and a.kind == b.kind and a.box.iou(b.box) > 0.6 for b in boxes)
            for a in seen["torch"]
        )
        assert agree >= 0.8 * len(seen["torch"]), name
    eight, full = (next(f for f in forms if f.name == name) for name in ("int8", "f32"))
    sizes = [form.path.with_suffix(".bin").stat().st_size for form in (eight, full)]
    assert sizes[0] < 0.4 * sizes[1]
    assert sha256_of_file(eight.path) != sha256_of_file(full.path)
