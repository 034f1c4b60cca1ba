"""Training sets: what is wrong is set aside with its reason, and roads never cross a split."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.datasets import BuiltDataset, build_dataset, read_dataset_plan, read_manifest
from models.datasets.build import difference_hash
from models.datasets.declared import Split
from pipeline.domain.errors import InputError

CLASSES = ["crack", "pothole", "vehicle"]


def picture(seed: int, *, width: int = 96, height: int = 64) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 255, (8, 12, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def write_image(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture(seed))


def write_yolo(root: Path, name: str, seed: int, label: str | None) -> None:
    write_image(root / "images" / f"{name}.jpg", seed)
    if label is not None:
        (root / "labels").mkdir(exist_ok=True)
        (root / "labels" / f"{name}.txt").write_text(label, "utf-8")


def in_toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {json.dumps(v)}" for k, v in value.items()) + "}"
    return json.dumps(value)


def declare(root: Path, **entries: object) -> Path:
    defaults: dict[str, object] = {
        "name": "town", "form": "yolo", "images": "images", "labels": "labels", "split": "train",
        "licence": "none",
    }  # fmt: skip
    lines = [f"{key} = {in_toml(value)}" for key, value in (defaults | entries).items()]
    path = root / "set.toml"
    heading = f'name = "set"\nclasses = {json.dumps(CLASSES)}\n[[sources]]\n'
    path.write_text(heading + "\n".join(lines), "utf-8")
    return path


def build(root: Path, **entries: object) -> BuiltDataset:
    return build_dataset(read_dataset_plan(declare(root, **entries)), root, root / "built")


def labels_of(built: BuiltDataset, name: str) -> str:
    (found,) = built.folder.glob(f"labels/*/{name}.txt")
    return found.read_text("utf-8")


def test_what_is_wrong_is_set_aside_with_its_reason_and_the_rest_is_built(tmp_path: Path) -> None:
    write_yolo(tmp_path, "good", 1, "1 0.5 0.5 0.2 0.2\n")
    write_yolo(tmp_path, "outside", 2, "1 0.9 0.5 0.6 0.2\n")
    write_yolo(tmp_path, "unknown", 3, "7 0.5 0.5 0.2 0.2\n")
    write_yolo(tmp_path, "empty", 4, "")
    write_yolo(tmp_path, "unlabelled", 5, None)
    write_yolo(tmp_path, "words", 6, "pothole here\n")
    write_yolo(tmp_path, "endless", 7, "1 0.5 0.5 nan 0.2\n")
    write_yolo(tmp_path, "flat", 8, "1 0.5 0.5 0.2 0.0\n")
    write_yolo(tmp_path, "corrupt", 9, "1 0.5 0.5 0.2 0.2\n")
    (tmp_path / "images" / "corrupt.jpg").write_bytes(b"\xff\xd8 no picture")
    write_yolo(tmp_path, "nothing", 10, "1 0.5 0.5 0.2 0.2\n")
    (tmp_path / "images" / "nothing.jpg").write_bytes(b"")

    built = build(tmp_path)

    assert [Path(item.image).name for item in built.items] == ["town__good.jpg"]
    reasons = dict(built.set_aside)
    for name, words in {
        "outside": "outside the picture", "unknown": "unknown class '7'",
        "empty": "not declared clean", "unlabelled": "no label file", "words": "line 1 is not",
        "endless": "no number", "flat": "less than a pixel", "corrupt": "cannot be decoded",
        "nothing": "cannot be decoded",
    }.items():  # fmt: skip
        assert words in reasons[f"town/{name}.jpg"]
    assert "town/corrupt.jpg" in (built.folder / "set-aside.csv").read_text("utf-8")


def test_a_clean_source_may_show_nothing_and_unlabelled_classes_are_kept_in_mind(
    tmp_path: Path,
) -> None:
    write_yolo(tmp_path, "clean", 1, "\n")

    built = build(tmp_path, clean=True, labelled=["pothole"], confused=["crack"])

    assert labels_of(built, "town__clean") == ""
    assert built.unlabelled == {"town": ("crack", "vehicle")}
    assert read_manifest(built.folder) == built


def test_roads_go_whole_to_the_split_that_chooses(tmp_path: Path) -> None:
    for seed, name in enumerate(["A1_0010", "A1_0020", "B2_0010", "B2_0020"]):
        write_yolo(tmp_path, name, seed, "0 0.5 0.5 0.2 0.2\n")

    built = build(tmp_path, road=r"^([A-Z]\d)_", tune_roads=["B2"])

    assert {i.road for i in built.of(Split.TUNE)} == {"town:B2"}
    assert {i.road for i in built.of(Split.TRAIN)} == {"town:A1"}


def test_voc_as_rdd2022_is_published_is_read(tmp_path: Path) -> None:
    write_image(tmp_path / "images" / "Japan_1.jpg", 1)
    boxes = "".join(
        f"<object><name>{name}</name><bndbox><xmin>{x}</xmin><ymin>10</ymin><xmax>{x + 24}</xmax>"
        "<ymax>42</ymax></bndbox></object>"
        for name, x in (("D00", 0), ("D40", 48), ("D44", 10))
    )
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "Japan_1.xml").write_text(
        f"<annotation><size><width>96</width><height>64</height></size>{boxes}</annotation>"
    )

    built = build(tmp_path, form="voc", names={"D00": "crack", "D40": "pothole", "D44": ""})

    lines = [line.split() for line in labels_of(built, "town__Japan_1").splitlines()]
    assert [line[0] for line in lines] == ["0", "1"]
    assert [float(part) for part in lines[1][1:]] == pytest.approx([0.625, 0.40625, 0.25, 0.5])


def test_an_xml_bomb_is_set_aside(tmp_path: Path) -> None:
    write_yolo(tmp_path, "good", 1, None)
    write_image(tmp_path / "images" / "bomb.jpg", 2)
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "good.xml").write_text(
        "<annotation><object><name>crack</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax>"
        "<ymax>9</ymax></bndbox></object></annotation>"
    )
    bomb = '<!DOCTYPE a [<!ENTITY b "x"><!ENTITY c "&b;&b;">]><annotation>&c;</annotation>'
    (tmp_path / "labels" / "bomb.xml").write_text(bomb)

    built = build(tmp_path, form="voc")

    assert [name for name, _ in built.set_aside] == ["town/bomb.jpg"]


def test_coco_is_read(tmp_path: Path) -> None:
    for seed, name in enumerate(["a", "b", "stranger"]):
        write_image(tmp_path / "images" / f"{name}.jpg", seed)
    content = {
        "categories": [{"id": 3, "name": "hole"}],
        "images": [{"id": 1, "file_name": "x/a.jpg"}, {"id": 2, "file_name": "x/b.jpg"}],
        "annotations": [{"image_id": 1, "category_id": 3, "bbox": [24, 16, 48, 32]}],
    }
    (tmp_path / "labels.json").write_text(json.dumps(content))

    built = build(
        tmp_path, form="coco", labels="labels.json", names={"hole": "pothole"}, clean=True
    )

    assert labels_of(built, "town__a") == "1 0.500000 0.500000 0.500000 0.500000\n"
    assert labels_of(built, "town__b") == ""
    assert dict(built.set_aside) == {"town/stranger.jpg": "the COCO file does not name it"}


def test_a_picture_that_looks_like_one_of_val_is_not_trained_on(tmp_path: Path) -> None:
    write_yolo(tmp_path, "kept", 1, "0 0.5 0.5 0.2 0.2\n")
    write_yolo(tmp_path, "shown", 2, "0 0.5 0.5 0.2 0.2\n")
    shrunk = cv2.resize(picture(2), (48, 32))
    (tmp_path / "held").mkdir()
    cv2.imwrite(str(tmp_path / "held" / "held.jpg"), shrunk, [cv2.IMWRITE_JPEG_QUALITY, 40])
    (tmp_path / "labels" / "held.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    path = declare(tmp_path)
    second = path.read_text("utf-8").split("[[sources]]")[1]
    second = second.replace('"town"', '"held"').replace('"images"', '"held"')
    path.write_text(path.read_text("utf-8") + "\n[[sources]]" + second.replace('"train"', '"val"'))

    built = build_dataset(read_dataset_plan(path), tmp_path, tmp_path / "built")

    assert {Path(i.image).name for i in built.items} == {"town__kept.jpg", "held__held.jpg"}
    assert dict(built.set_aside) == {"town/shown.jpg": "looks like held__held.jpg (val)"}
    assert not list(built.folder.glob("images/train/town__shown.jpg"))


def test_pictures_of_different_places_do_not_look_alike() -> None:
    looks = [difference_hash(picture(seed)) for seed in range(30)]

    apart = [(a ^ b).bit_count() for i, a in enumerate(looks) for b in looks[:i]]
    assert min(apart) > 8


def test_a_second_build_replaces_the_first_and_nothing_else_is_overwritten(tmp_path: Path) -> None:
    write_yolo(tmp_path, "a", 1, "0 0.5 0.5 0.2 0.2\n")
    write_yolo(tmp_path, "b", 2, "0 0.5 0.5 0.2 0.2\n")
    first = build(tmp_path)
    (tmp_path / "images" / "b.jpg").unlink()
    second = build(tmp_path)

    assert len(first.items) == 2
    assert len(second.items) == 1
    assert first.sha256 != second.sha256
    assert len(list((tmp_path / "built" / "images").rglob("*.jpg"))) == 1
    with pytest.raises(InputError, match="is not empty"):
        build_dataset(read_dataset_plan(declare(tmp_path)), tmp_path, tmp_path / "images")


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"form": "csv"}, "csv"),
        ({"split": "all"}, "all"),
        ({"labelled": ["dragon"]}, "no such class"),
        ({"colour": "red"}, "unknown entry colour"),
        ({"images": "nowhere"}, "no folder"),
        ({"labels": "nowhere"}, "no labels"),
        ({"pattern": "*.gif"}, "fits"),
        ({"road": "("}, "set.toml"),
    ],
)
def test_a_declaration_that_cannot_be_is_refused_in_a_sentence(
    tmp_path: Path, entries: dict[str, object], words: str
) -> None:
    write_yolo(tmp_path, "a", 1, "0 0.5 0.5 0.2 0.2\n")

    with pytest.raises(InputError, match=words):
        build(tmp_path, **entries)


def test_no_manifest_says_which_command_makes_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="roadwear models dataset"):
        read_manifest(tmp_path)
