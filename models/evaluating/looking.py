"""Runs a detector over image files."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.evaluating.matching import Found
from pipeline.domain.errors import InputError
from pipeline.domain.footage import Frame, FrameRef
from pipeline.domain.ids import ClipSha256
from pipeline.domain.looks import Bystander, Detection, NotLooked
from pipeline.domain.ports import Detector

# Average precision counts boxes of little confidence too.
FLOOR = 0.01
_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)
_NO_CLIP = ClipSha256("0" * 64)


def look_at_images(
    detector: Detector, paths: Sequence[Path], *, on_image: Callable[[], None] = lambda: None
) -> list[Found]:
    """Return every box that a detector finds on image files.

    Args:
        detector: Its floor decides which boxes are given.
        paths: The images; a box's `image` is the file's name.
        on_image: Called for each image.

    Raises:
        InputError: An image cannot be read, or the network failed on it.
    """
    found: list[Found] = []
    for ref, look in detector.look(_frames(paths)):
        name = paths[ref.pts].name
        if isinstance(look, NotLooked):
            raise InputError(f"{name}: {look.detail}")
        boxes: list[Detection | Bystander] = [*look.defects, *look.bystanders]
        found += [
            Found(image=name, kind=one.kind.value, box=one.box, confidence=one.confidence)
            for one in boxes
        ]
        on_image()
    return found


def frame_of(pixels: NDArray[np.uint8], number: int) -> Frame:
    """Return a frame that belongs to no footage."""
    ref = FrameRef(clip_sha256=_NO_CLIP, pts=number)
    return Frame(ref=ref, taken_at=_NO_TIME, pixels=pixels)


def _frames(paths: Sequence[Path]) -> Iterator[Frame]:
    for number, path in enumerate(paths):
        pixels = cv2.imread(str(path))
        if pixels is None:
            raise InputError(f"{path.name}: the image cannot be read")
        yield frame_of(np.asarray(pixels, np.uint8), number)
