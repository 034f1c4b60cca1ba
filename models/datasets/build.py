"""Builds a training set: checks every image and label, splits by road, writes a manifest.

What is wrong is set aside with its reason and never learnt from; nothing stops at one bad file.
"""

import csv
import hashlib
import json
import math
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.datasets.declared import DatasetPlan, LabelForm, Source, Split
from models.datasets.reading import Boxed, LabelReader, image_files, label_reader
from pipeline.domain.errors import InputError

MANIFEST = "manifest.json"
SET_ASIDE = "set-aside.csv"
_OUTSIDE_SHARE = 0.01
_SMALLEST_PX = 1.0
_HASH_SIDE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One image of a built set.

    Attributes:
        image: Its path within the set; its labels lie beside it, in YOLO's layout.
        source: Name of its source.
        road: Road or scene that it shows.
        split: What it is used for.
        boxes: How many labels it has.
        sha256: Of the image as it was received.
        labels_sha256: Of the labels as they are learnt.
        look: 64-bit difference hash of the picture, hexadecimal.
        known: Boxes (x, y, width, height in shares) in which there is no defect, while nothing is
            known beside them and the labels; None where all of the image is labelled.
    """

    image: str
    source: str
    road: str
    split: Split
    boxes: int
    sha256: str
    labels_sha256: str
    look: str
    known: tuple[tuple[float, float, float, float], ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltDataset:
    """A set as it lies in a folder.

    Attributes:
        folder: Where.
        name: Of the declaration.
        classes: In the order of the network's outputs.
        items: All images.
        unlabelled: By source, the classes that it does not label.
        confused: By source, the classes whose type it gets wrong.
        set_aside: File name and reason of what was left out.
    """

    folder: Path
    name: str
    classes: tuple[str, ...]
    items: tuple[Item, ...]
    unlabelled: dict[str, tuple[str, ...]]
    confused: dict[str, tuple[str, ...]]
    set_aside: tuple[tuple[str, str], ...]

    @property
    def sha256(self) -> str:
        """What the set is: changes with any image, label, split or declaration of classes."""
        digest = hashlib.sha256(json.dumps([self.classes, self.unlabelled, self.confused]).encode())
        for item in self.items:
            digest.update(f"{item.split} {item.sha256} {item.labels_sha256}\n".encode())
            if item.known is not None:
                digest.update(json.dumps(item.known).encode())
        return digest.hexdigest()

    def of(self, split: Split) -> list[Item]:
        """Return the images of one split."""
        return [item for item in self.items if item.split is split]


def build_dataset(
    plan: DatasetPlan,
    root: Path,
    folder: Path,
    *,
    on_image: Callable[[], None] = lambda: None,
) -> BuiltDataset:
    """Build a set from its declaration.

    Args:
        plan: The declaration.
        root: What the sources' folders are relative to.
        folder: Where to; made, and emptied of an earlier build.
        on_image: Called for each image.

    Raises:
        InputError: A source is not there, the folder holds something else, or nothing is left.
    """
    _make_room(folder)
    items: list[Item] = []
    aside: list[tuple[str, str]] = []
    for source in plan.sources:
        reader = label_reader(source, root)
        for path in image_files(source, root):
            on_image()
            try:
                item = _add(path, source, reader, plan.classes, folder)
                items.append(replace(item, known=_known_boxes(root, source, path)))
            except InputError as error:
                aside.append((f"{source.name}/{path.name}", str(error)))
    kept, doubles = without_near_duplicates(items, plan.near_duplicate_bits)
    for item, reason in doubles:
        (folder / item.image).unlink()
        aside.append((f"{item.source}/{_own_name(item)}", reason))
    if not any(item.split is Split.TRAIN for item in kept):
        raise InputError(f"dataset {plan.name}: no usable image is left to train on")
    built = BuiltDataset(
        folder=folder,
        name=plan.name,
        classes=plan.classes,
        items=tuple(sorted(kept, key=lambda item: item.image)),
        unlabelled={s.name: _missing(s, plan.classes) for s in plan.sources},
        confused={s.name: s.confused for s in plan.sources},
        set_aside=tuple(aside),
    )
    _write(built)
    return built


def read_manifest(folder: Path) -> BuiltDataset:
    """Read a built set.

    Raises:
        InputError: There is none, or it is not complete.
    """
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_text("utf-8"))
        items = tuple(
            Item(**{**entry, "split": Split(entry["split"]), "known": _boxes(entry.get("known"))})
            for entry in content["items"]
        )
        return BuiltDataset(
            folder=folder,
            name=content["name"],
            classes=tuple(content["classes"]),
            items=items,
            unlabelled={k: tuple(v) for k, v in content["unlabelled"].items()},
            confused={k: tuple(v) for k, v in content["confused"].items()},
            set_aside=tuple((name, reason) for name, reason in content["set_aside"]),
        )
    except FileNotFoundError as error:
        raise InputError(
            f"{folder} holds no built dataset; run: roadwear models dataset"
        ) from error
    except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {error!r}; build the dataset again") from error


def difference_hash(pixels: NDArray[np.uint8]) -> int:
    """Return 64 bits that say where a picture grows brighter to the right.

    Pictures of one scene, differently compressed or scaled, differ in few bits.
    """
    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, (_HASH_SIDE + 1, _HASH_SIDE), interpolation=cv2.INTER_AREA)
    bits = (small[:, 1:] > small[:, :-1]).reshape(-1)
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def without_near_duplicates(
    items: Sequence[Item], bits: int
) -> tuple[list[Item], list[tuple[Item, str]]]:
    """Take images out of `train` (and `tune`) that look like one in a split that reports.

    Also takes out a second copy of the same bytes within a split. Successive frames of one road
    within a split are left alone.

    Returns:
        What stays, and what goes with its reason.
    """
    kept: list[Item] = []
    gone: list[tuple[Item, str]] = []
    seen: dict[str, Item] = {}
    looks = np.zeros(0, np.uint64)
    order = {Split.VAL: 0, Split.TUNE: 1, Split.TRAIN: 2}
    for split in sorted(Split, key=lambda s: order[s]):
        ours = [item for item in items if item.split is split]
        fresh = []
        for item in ours:
            twin = seen.setdefault(item.sha256, item)
            if twin is not item:
                gone.append((item, f"the same file as {Path(twin.image).name} ({twin.split})"))
                continue
            other = _nearest(looks, item, bits)
            if other is not None:
                near = Path(kept[other].image).name
                gone.append((item, f"looks like {near} ({kept[other].split})"))
            else:
                fresh.append(item)
        kept += fresh
        looks = np.array([int(item.look, 16) for item in kept], np.uint64)
    return kept, gone


def _nearest(looks: NDArray[np.uint64], item: Item, bits: int) -> int | None:
    """Return the index of a look within so many bits of an item's."""
    if not len(looks):
        return None
    apart = np.bitwise_count(looks ^ np.uint64(int(item.look, 16)))
    best = int(apart.argmin())
    return best if apart[best] <= bits else None


def _add(
    path: Path, source: Source, reader: LabelReader, classes: tuple[str, ...], folder: Path
) -> Item:
    """Check one image and its labels, and copy them into the set."""
    content = path.read_bytes()
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if content else None
    if pixels is None:
        raise InputError("the image cannot be decoded")
    height, width = pixels.shape[:2]
    boxes = reader.read(path, (width, height))
    if not boxes and not source.clean:
        raise InputError("it has no label, and the source is not declared clean")
    lines = [line for box in boxes if (line := _line(box, source, classes, width, height))]
    road = source.road_of(path.name)
    split = Split.TUNE if road in source.tune_roads else source.split
    prefix = f"{source.name}__"
    name = path.name if path.name.startswith(prefix) else prefix + path.name
    image = folder / "images" / split / name
    labels = folder / "labels" / split / f"{image.stem}.txt"
    for target in (image, labels):
        target.parent.mkdir(parents=True, exist_ok=True)
    if labels.exists():
        raise InputError("another image of its source has the same name")
    image.write_bytes(content)
    text = "".join(f"{line}\n" for line in lines)
    labels.write_text(text, "utf-8")
    return Item(
        image=image.relative_to(folder).as_posix(),
        source=source.name,
        road=f"{source.name}:{road}",
        split=split,
        boxes=len(lines),
        sha256=hashlib.sha256(content).hexdigest(),
        labels_sha256=hashlib.sha256(text.encode()).hexdigest(),
        look=f"{difference_hash(np.asarray(pixels, np.uint8)):016x}",
    )


def _known_boxes(
    root: Path, source: Source, image: Path
) -> tuple[tuple[float, float, float, float], ...] | None:
    """Return the boxes without a defect; None where the whole image is labelled."""
    if not source.known:
        return None
    path = root / source.known / f"{image.stem}.txt"
    try:
        lines = path.read_text("utf-8").splitlines()
        boxes = _boxes([[float(part) for part in line.split()] for line in lines if line.strip()])
    except (OSError, ValueError) as error:
        raise InputError(f"what is known of it cannot be read ({path.name})") from error
    return boxes


def _boxes(
    rows: Sequence[Sequence[float]] | None,
) -> tuple[tuple[float, float, float, float], ...] | None:
    if rows is None:
        return None
    return tuple((x, y, w, h) for x, y, w, h in rows)


def _line(
    box: Boxed, source: Source, classes: tuple[str, ...], width: int, height: int
) -> str | None:
    """Return a box as a YOLO line; None if its name is left out.

    Raises:
        InputError: Its name is unknown, or it does not lie in the picture.
    """
    kind = _kind(box.label, source, classes)
    if kind is None:
        return None
    if not all(math.isfinite(edge) for edge in box.edges_px):
        raise InputError(f"a box has an edge that is no number: {box.edges_px}")
    left, top, right, bottom = box.edges_px
    slack_x, slack_y = _OUTSIDE_SHARE * width + 1, _OUTSIDE_SHARE * height + 1
    if left < -slack_x or top < -slack_y or right > width + slack_x or bottom > height + slack_y:
        raise InputError(f"a box lies outside the picture of {width}×{height} px: {box.edges_px}")
    left, right = max(left, 0.0), min(right, float(width))
    top, bottom = max(top, 0.0), min(bottom, float(height))
    if right - left < _SMALLEST_PX or bottom - top < _SMALLEST_PX:
        raise InputError(f"a box is less than a pixel wide or high: {box.edges_px}")
    shares = (
        (left + right) / 2 / width,
        (top + bottom) / 2 / height,
        (right - left) / width,
        (bottom - top) / height,
    )
    return " ".join([str(classes.index(kind)), *(f"{share:.6f}" for share in shares)])


def _kind(label: str, source: Source, classes: tuple[str, ...]) -> str | None:
    if label in source.names:
        return source.names[label] or None
    if source.form is LabelForm.YOLO and not source.names and label.isdigit():
        if int(label) < len(classes):
            return classes[int(label)]
    elif label in classes:
        return label
    raise InputError(f"unknown class {label!r}")


def _own_name(item: Item) -> str:
    """Return the file's name as its source has it, or nearly: a source's own prefix is left off."""
    return Path(item.image).name.removeprefix(f"{item.source}__")


def _missing(source: Source, classes: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name in classes if name not in source.labelled)


def _make_room(folder: Path) -> None:
    """Empty the folder of an earlier build; touch nothing else."""
    if folder.exists() and any(folder.iterdir()) and not (folder / MANIFEST).exists():
        raise InputError(f"{folder} is not empty and holds no built dataset; choose another folder")
    for part in ("images", "labels"):
        shutil.rmtree(folder / part, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    # An interrupted build leaves an empty manifest: the next one may clear it away.
    (folder / MANIFEST).write_text("", "utf-8")


def _write(built: BuiltDataset) -> None:
    content: dict[str, Any] = asdict(replace(built, folder=Path()))
    del content["folder"]
    content["sha256"] = built.sha256
    content["counts"] = {
        split.value: dict(Counter(item.source for item in built.of(split))) for split in Split
    }
    text = json.dumps(content, indent=1, ensure_ascii=False)
    (built.folder / MANIFEST).write_text(text, "utf-8")
    with (built.folder / SET_ASIDE).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "reason"])
        writer.writerows(built.set_aside)
