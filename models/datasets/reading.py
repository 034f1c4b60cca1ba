"""Reads labels as they are published: YOLO text, COCO JSON, Pascal VOC XML (RDD2022)."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import parse as parse_xml

from models.datasets.declared import LabelForm, Source
from pipeline.domain.errors import InputError

Box = tuple[float, float, float, float]
Size = tuple[int, int]

IMAGE_ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Boxed:
    """One labelled box.

    Attributes:
        label: The source's own name, or number, of what is in it.
        edges_px: Left, top, right, bottom in pixels of the image.
    """

    label: str
    edges_px: Box


def image_files(source: Source, root: Path) -> list[Path]:
    """Return a source's images, in order of their names.

    Raises:
        InputError: There is no such folder, or none of its files fits the pattern.
    """
    folder = root / source.images
    if not folder.is_dir():
        raise InputError(f"source {source.name}: there is no folder {folder}")
    files = sorted(
        path for path in folder.glob(source.pattern) if path.suffix.lower() in IMAGE_ENDINGS
    )
    if not files:
        raise InputError(f"source {source.name}: no image in {folder} fits {source.pattern!r}")
    return files


def label_reader(source: Source, root: Path) -> "LabelReader":
    """Return what reads a source's labels, image by image.

    Raises:
        InputError: The labels are not there, or one file for all cannot be read.
    """
    where = root / source.labels
    if not where.exists():
        raise InputError(f"source {source.name}: there are no labels at {where}")
    if source.form is LabelForm.COCO:
        return _CocoReader(where)
    return _FileReader(where, source.form)


class LabelReader:
    """Reads the labels of one image."""

    def read(self, image: Path, size: Size) -> Sequence[Boxed]:
        """Return the boxes of an image of (width, height) pixels.

        Raises:
            InputError: The labels are missing, or not what they should be.
        """
        raise NotImplementedError


class _FileReader(LabelReader):
    """One label file an image, of the image's stem."""

    def __init__(self, folder: Path, form: LabelForm) -> None:
        self._folder = folder
        self._form = form

    def read(self, image: Path, size: Size) -> Sequence[Boxed]:
        ending = ".txt" if self._form is LabelForm.YOLO else ".xml"
        path = self._folder / f"{image.stem}{ending}"
        if not path.is_file():
            raise InputError("there is no label file")
        read = _yolo_boxes if self._form is LabelForm.YOLO else _voc_boxes
        return list(read(path, size))


class _CocoReader(LabelReader):
    """One JSON file for all images."""

    def __init__(self, path: Path) -> None:
        try:
            content = json.loads(path.read_text("utf-8"))
            kinds = {c["id"]: str(c["name"]) for c in content["categories"]}
            names = {i["id"]: Path(i["file_name"]).name for i in content["images"]}
            boxes: defaultdict[str, list[Boxed]] = defaultdict(list)
            for one in content["annotations"]:
                left, top, wide, high = (float(v) for v in one["bbox"])
                boxes[names[one["image_id"]]].append(
                    Boxed(
                        label=kinds[one["category_id"]],
                        edges_px=(left, top, left + wide, top + high),
                    )
                )
        except (OSError, json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path.name} is not a COCO file: {error!r}") from error
        self._known = frozenset(names.values())
        self._boxes: Mapping[str, list[Boxed]] = boxes

    def read(self, image: Path, size: Size) -> Sequence[Boxed]:  # noqa: ARG002 - the joint's shape
        if image.name not in self._known:
            raise InputError("the COCO file does not name it")
        return self._boxes.get(image.name, [])


def _yolo_boxes(path: Path, size: Size) -> Iterator[Boxed]:
    """Yield boxes of `class x y width height` lines, in shares of the picture."""
    for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1):
        if not line.strip():
            continue
        try:
            label, *numbers = line.split()
            x, y, wide, high = (float(part) for part in numbers)
        except ValueError as error:
            raise InputError(f"line {number} is not `class x y width height`: {line!r}") from error
        yield Boxed(
            label=label,
            edges_px=(
                (x - wide / 2) * size[0],
                (y - high / 2) * size[1],
                (x + wide / 2) * size[0],
                (y + high / 2) * size[1],
            ),
        )


def _voc_boxes(path: Path, size: Size) -> Iterator[Boxed]:
    """Yield a VOC file's boxes; what it says of the picture's size must be true."""
    try:
        tree: Any = parse_xml(path)
        annotation: Element = tree.getroot()
        stated = tuple(int(float(annotation.findtext(f"size/{s}", "0"))) for s in _SIDES)
        if any(stated) and stated != size:
            raise InputError(f"the label file is of a picture of {stated} px, this one has {size}")
        for thing in annotation.iter("object"):
            left, top, right, bottom = (float(thing.findtext(f"bndbox/{e}", "")) for e in _EDGES)
            yield Boxed(label=thing.findtext("name", ""), edges_px=(left, top, right, bottom))
    except (ParseError, DefusedXmlException, ValueError, OSError) as error:
        raise InputError(f"the label file is not VOC XML: {error}") from error


_SIDES = ("width", "height")
_EDGES = ("xmin", "ymin", "xmax", "ymax")
