"""What is truly on the images: labels, and what is known of each image."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2

from models.datasets import BuiltDataset
from models.datasets.declared import Split
from models.evaluating.matching import Label
from pipeline.domain.errors import InputError
from pipeline.domain.looks import PixelBox


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageTruth:
    """One image and what is known of it.

    Attributes:
        image: Its file name.
        source: Where it comes from.
        road: Road or scene that it shows: what is drawn anew for an interval.
        size_px: Width and height.
        unlabelled: Kinds that its source does not label: never scored on it.
        confused: Kinds whose type its source gets wrong: judged as one.
        labels: Its labels.
    """

    image: str
    source: str
    road: str
    size_px: tuple[int, int]
    unlabelled: frozenset[str]
    confused: frozenset[str]
    labels: tuple[Label, ...]


def truth_of_dataset(dataset: BuiltDataset, split: Split) -> tuple[ImageTruth, ...]:
    """Return the truth of one split of a built set.

    Raises:
        InputError: The split is empty, or an image is gone.
    """
    truths = []
    for item in dataset.of(split):
        path = dataset.folder / item.image
        size = size_of(path)
        labels = path.parent.parent.parent / "labels" / split / f"{path.stem}.txt"
        truths.append(
            ImageTruth(
                image=path.name,
                source=item.source,
                road=item.road,
                size_px=size,
                unlabelled=frozenset(dataset.unlabelled[item.source]),
                confused=frozenset(dataset.confused[item.source]),
                labels=_labels_of(path.name, labels, size, dataset.classes),
            )
        )
    if not truths:
        raise InputError(f"dataset {dataset.name} has no {split} images")
    return tuple(truths)


def truth_of_folder(
    images: Path, labels: Path, names: Sequence[str], classes: Sequence[str]
) -> tuple[ImageTruth, ...]:
    """Return the truth of images in a folder, with YOLO labels in another.

    Everything counts as labelled; the source is the name before “__”, each image its own scene.

    Raises:
        InputError: An image cannot be read, or a line is no label.
    """
    sizes = {name: size_of(images / name) for name in names}
    of_image: dict[str, list[Label]] = {name: [] for name in names}
    for label in read_labels(labels, sizes, classes):
        of_image[label.image].append(label)
    return tuple(
        ImageTruth(
            image=name,
            source=name.split("__")[0],
            road=name,
            size_px=sizes[name],
            unlabelled=frozenset(),
            confused=frozenset(),
            labels=tuple(of_image[name]),
        )
        for name in names
    )


def size_of(path: Path) -> tuple[int, int]:
    """Return an image's width and height.

    Raises:
        InputError: It is not there, or cannot be read.
    """
    pixels = cv2.imread(str(path))
    if pixels is None:
        raise InputError(f"{path.name}: the image is not in that folder, or cannot be read")
    return pixels.shape[1], pixels.shape[0]


def read_labels(
    folder: Path, images: Mapping[str, tuple[int, int]], classes: Sequence[str]
) -> tuple[Label, ...]:
    """Read YOLO text labels.

    Args:
        folder: Holds one text file an image, of the image's stem; a missing one means no labels.
        images: File name to (width, height) in pixels.
        classes: Names by number.

    Raises:
        InputError: A line is not `class x y w h` with known class.
    """
    labels: list[Label] = []
    for image, size in images.items():
        labels += _labels_of(image, folder / f"{Path(image).stem}.txt", size, classes)
    return tuple(labels)


def _labels_of(
    image: str, path: Path, size: tuple[int, int], classes: Sequence[str]
) -> tuple[Label, ...]:
    if not path.is_file():
        return ()
    return tuple(
        _label(image, line, size, classes, f"{path.name}:{number}")
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if line.strip()
    )


def _label(
    image: str, line: str, size: tuple[int, int], classes: Sequence[str], where: str
) -> Label:
    try:
        number, *numbers = line.split()
        x, y, wide, high = (float(part) for part in numbers)
        box = PixelBox(
            left_px=(x - wide / 2) * size[0],
            top_px=(y - high / 2) * size[1],
            right_px=(x + wide / 2) * size[0],
            bottom_px=(y + high / 2) * size[1],
        )
        return Label(image=image, kind=classes[int(number)], box=box)
    except (ValueError, IndexError) as error:
        raise InputError(f"{where}: not a YOLO label line (class x y w h): {line!r}") from error
