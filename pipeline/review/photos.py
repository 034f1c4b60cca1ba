"""Photographs that people take on site: made smaller, without metadata, without bystanders."""

import hashlib
import io
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from pipeline.domain.errors import RuleError
from pipeline.domain.footage import Frame, FrameRef
from pipeline.domain.ids import ClipSha256
from pipeline.domain.looks import Looked
from pipeline.domain.ports import Detector
from pipeline.stages.redact import RedactSettings, encode_jpeg, paint_over

LARGEST_BYTES = 25 * 1024 * 1024
_MOST_PIXELS = 60_000_000
_SIDE_PX = 2000
_QUALITY = 85
_KINDS = ("JPEG", "PNG", "WEBP")
_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)


def clean_photo(content: bytes, detector: Callable[[], Detector]) -> bytes:
    """Return a JPEG of at most 2000 pixels a side, people and vehicles painted over.

    Args:
        content: As the phone sent it.
        detector: Gives the detector, which finds them.

    Raises:
        RuleError: It is no picture that is taken here, or cannot be judged.
    """
    if len(content) > LARGEST_BYTES:
        raise RuleError("The photograph has more than 25 MB. Send a smaller one.")
    # Other libraries of this process may have allowed what was cut short.
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        with Image.open(io.BytesIO(content), formats=_KINDS) as picture:
            if picture.width * picture.height > _MOST_PIXELS:
                raise RuleError("The photograph has more than 60 million pixels.")
            picture.draft("RGB", (_SIDE_PX, _SIDE_PX))
            upright = ImageOps.exif_transpose(picture).convert("RGB")
            upright.thumbnail((_SIDE_PX, _SIDE_PX))
            pixels = np.ascontiguousarray(np.asarray(upright)[:, :, ::-1])
    # Where ultralytics is loaded, opening a picture that is none asks for a library for HEIF.
    except (
        UnidentifiedImageError, OSError, ValueError, ImportError, Image.DecompressionBombError,
    ) as error:  # fmt: skip
        raise RuleError("The photograph is no JPEG, PNG or WebP that can be read.") from error
    frame = Frame(
        ref=FrameRef(clip_sha256=ClipSha256(hashlib.sha256(content).hexdigest()), pts=0),
        taken_at=_NO_TIME,
        pixels=pixels,
    )
    [(_, look)] = detector().look([frame])
    if not isinstance(look, Looked):
        raise RuleError(f"The photograph cannot be checked for bystanders: {look.detail}.")
    return encode_jpeg(paint_over(pixels, look.bystanders, RedactSettings()), _QUALITY)
