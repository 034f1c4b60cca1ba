"""Look again at what was kept, for a study: nothing of it counts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.domain.errors import InputError
from pipeline.domain.footage import Frame, FrameRef, Piece
from pipeline.domain.ids import RunId
from pipeline.domain.looks import Detection, Looked
from pipeline.domain.ports import Blobs, Detector, Ledger
from pipeline.domain.runs import RunMark
from pipeline.domain.studies import KeptPicture, PartOfStudy, SeenInPicture
from pipeline.line.keep import process_piece
from pipeline.line.prepare import PlacedClip, PreparedDrive
from pipeline.line.sharing import for_piece
from pipeline.line.survey import Means, run_of
from pipeline.stages.redact import RedactSettings, in_its_frame

# A box that shares so much with the one that was reported is of the same thing.
SAME_IOU = 0.3
_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)


def study_piece(
    prepared: PreparedDrive, placed: PlacedClip, piece: Piece, means: Means, *,
    ledger: Ledger, blobs: Blobs,
) -> RunId:  # fmt: skip
    """Look at a piece of footage again, as a study; twice is once.

    Returns:
        The study's run.

    Raises:
        InputError: The clip cannot be opened.
        OutageError: The store or the database does not answer.
    """
    means = replace(means, mark=RunMark.STUDY)
    process_piece(prepared, placed, piece, means, ledger=ledger, blobs=blobs)
    return run_of(for_piece(prepared, placed, piece), placed, piece, means).run_id


def look_at_pictures(
    part: PartOfStudy,
    pictures: Sequence[KeptPicture],
    detector: Detector,
    *,
    bytes_of: Callable[[str], bytes],
    settings: RedactSettings,
) -> tuple[SeenInPicture, ...]:
    """Look at pictures that were kept of a run, each as large as the camera saw it.

    Args:
        part: The run.
        pictures: Of it.
        detector: The study's.
        bytes_of: Of a picture, by its key.
        settings: With which the pictures were cut out.

    Returns:
        Of each picture that could be looked at, what was seen.

    Raises:
        OutageError: The store does not answer.
    """
    found = []
    frames = _frames(part, pictures, bytes_of, settings)
    for ref, look in detector.look(frames):
        if isinstance(look, Looked):
            found.append(_seen(pictures[ref.pts], look.defects))
    return tuple(found)


def _frames(
    part: PartOfStudy,
    pictures: Sequence[KeptPicture],
    bytes_of: Callable[[str], bytes],
    settings: RedactSettings,
) -> Iterator[Frame]:
    """Yield a frame of each picture that is still there; its time is its place among them."""
    for number, picture in enumerate(pictures):
        box = picture.reported.box if picture.reported else None
        try:
            pixels = _decoded(bytes_of(picture.blob_key))
            frame = in_its_frame(pixels, box, part.rig, settings)
        except InputError:
            continue
        ref = FrameRef(clip_sha256=part.piece.clip_sha256, pts=number)
        yield Frame(ref=ref, taken_at=_NO_TIME, pixels=frame)


def _decoded(content: bytes) -> NDArray[np.uint8]:
    """Return a picture's pixels.

    Raises:
        InputError: It is none.
    """
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if content else None
    if pixels is None:
        raise InputError("a kept picture cannot be decoded")
    return np.asarray(pixels, np.uint8)


def _seen(picture: KeptPicture, defects: Sequence[Detection]) -> SeenInPicture:
    """Tell what was reported from what else was seen."""
    reported = picture.reported
    same = [
        one
        for one in defects
        if reported is not None
        and one.kind.family == reported.kind.family
        and one.box.iou(reported.box) >= SAME_IOU
    ]
    return SeenInPicture(
        picture=picture,
        again=max((one.confidence for one in same), default=None),
        other=tuple(one for one in defects if one not in same),
    )
