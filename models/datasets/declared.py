"""What a dataset consists of, as its TOML file declares it."""

import re
import tomllib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from pipeline.domain.errors import InputError


class LabelForm(StrEnum):
    """How a source's labels are written."""

    YOLO = "yolo"
    COCO = "coco"
    VOC = "voc"


class Split(StrEnum):
    """What an image is used for: `tune` chooses between candidates, `val` only reports."""

    TRAIN = "train"
    TUNE = "tune"
    VAL = "val"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Images from one place, labelled in one way.

    Attributes:
        name: Unique within the dataset; figures are given by it.
        form: How the labels are written.
        images: Folder of the images, relative to the root.
        labels: Folder of the label files, or the JSON file (COCO), relative to the root.
        pattern: Which files of the folder belong to the source.
        split: What its images are used for.
        labelled: Which classes the source labels. What it does not label is unknown there: it is
            neither learnt as background nor scored as false.
        confused: Classes whose type the source gets wrong: of these, finding one for the other is
            no error in training.
        names: The source's own label names (COCO, VOC) or numbers (YOLO) to classes; "" leaves
            boxes of that name out.
        road: Regular expression on the file name; its groups name the road, or the scene.
        tune_roads: Roads whose images go to `tune` instead of the split.
        clean: Whether an image without any box is meant, and not a forgotten label.
        known: Folder of text files, relative to the root, one an image, each line a box
            `x y w h` in shares: in these boxes there is no defect, and beside them and the labels
            nothing is known. Lessons from decisions have it; "" where whole images are labelled.
        licence: Of images and labels.
    """

    name: str
    form: LabelForm
    images: str
    labels: str
    pattern: str
    split: Split
    labelled: tuple[str, ...]
    confused: tuple[str, ...]
    names: dict[str, str]
    road: str
    tune_roads: tuple[str, ...]
    clean: bool
    known: str
    licence: str

    def road_of(self, file_name: str) -> str:
        """Return the road, or scene, that an image shows; the file's own name if none is told."""
        found = re.search(self.road, file_name) if self.road else None
        return "/".join(found.groups()) if found else Path(file_name).stem


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetPlan:
    """A declared dataset.

    Attributes:
        name: What it is called.
        classes: Names in the order of the network's outputs.
        sources: Where it comes from.
        near_duplicate_bits: Two pictures whose 64-bit difference hashes differ in at most so many
            bits are near duplicates.
    """

    name: str
    classes: tuple[str, ...]
    sources: tuple[Source, ...]
    near_duplicate_bits: int = 4


def read_dataset_plan(path: Path) -> DatasetPlan:
    """Read a declaration.

    Raises:
        InputError: The file is missing, not TOML, or says something that cannot be.
    """
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such dataset file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise InputError(f"{path.name} cannot be read: {error}") from error
    try:
        classes = tuple(content["classes"])
        sources = tuple(_source(entry, classes) for entry in content["sources"])
        plan = DatasetPlan(
            name=content["name"],
            classes=classes,
            sources=sources,
            near_duplicate_bits=int(content.get("near_duplicate_bits", 4)),
        )
    except KeyError as error:
        raise InputError(f"{path.name}: {error.args[0]} is missing") from error
    except (TypeError, ValueError, re.error) as error:
        raise InputError(f"{path.name}: {error}") from error
    return plan


def _source(entry: dict[str, Any], classes: tuple[str, ...]) -> Source:
    unknown = set(entry) - {slot for slot in Source.__slots__ if isinstance(slot, str)}
    if unknown:
        raise ValueError(f"source {entry.get('name')}: unknown entry {', '.join(sorted(unknown))}")
    source = Source(
        name=entry["name"],
        form=LabelForm(entry["form"]),
        images=entry["images"],
        labels=entry["labels"],
        pattern=entry.get("pattern", "*"),
        split=Split(entry["split"]),
        labelled=tuple(entry.get("labelled", classes)),
        confused=tuple(entry.get("confused", ())),
        names={str(k): v for k, v in entry.get("names", {}).items()},
        road=entry.get("road", ""),
        tune_roads=tuple(entry.get("tune_roads", ())),
        clean=bool(entry.get("clean", False)),
        known=str(entry.get("known", "")),
        licence=entry["licence"],
    )
    named = {*source.labelled, *source.confused, *(v for v in source.names.values() if v)}
    if not named <= set(classes):
        raise ValueError(f"source {source.name}: no such class: {sorted(named - set(classes))}")
    re.compile(source.road)
    return source
