"""The detector on torch: CPU, CUDA, and engines that ultralytics has exported."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from models.boxes import (
    Letterbox,
    RawBoxes,
    identity_of,
    looked_from_boxes,
    lowest_score,
)
from models.card import ModelCard
from models.ultralytics_.vendor import load_yolo, runtime_words
from pipeline.domain.footage import Frame
from pipeline.domain.looks import Look, LookAt, NotLooked, NotLookedReason
from pipeline.domain.runs import DetectorIdentity

_MOST_BOXES = 300


class UltralyticsDetector:
    """Looks at frames with ultralytics' own `predict`."""

    def __init__(self, card: ModelCard, *, device: str = "cpu", floor: float | None = None) -> None:
        """Check the weights against the card, then load them.

        Raises:
            InputError: The file is missing or not the card's, the device is not there, or torch
                and ultralytics are not installed.
        """
        card.verify(".pt")
        self._card = card
        self._device = device
        self._floor = floor
        self._yolo: Any = load_yolo(card.torch_weights, device)
        self._identity = identity_of(
            card,
            weights_sha256=card.sha256_of(card.torch_weights),
            runtime=f"{runtime_words()} {device}",
            precision="f32",
        )

    @property
    def identity(self) -> DetectorIdentity:
        """What makes this detector's findings repeatable."""
        return self._identity

    def look(self, frames: Iterable[Frame]) -> Iterator[LookAt]:
        """Yield one look a frame, in order, none read ahead."""
        for frame in frames:
            yield frame.ref, self._look(frame)

    def _look(self, frame: Frame) -> Look:
        letterbox = Letterbox.fit(frame.pixels.shape[0], frame.pixels.shape[1], self._card)
        picture = np.empty((*letterbox.input_px, 3), np.uint8)
        letterbox.apply(frame.pixels, into=picture)
        try:
            result = self._yolo.predict(
                picture,
                imgsz=letterbox.input_px,
                conf=lowest_score(self._card, self._floor),
                iou=self._card.nms_iou,
                max_det=_MOST_BOXES,
                device=self._device,
                rect=True,
                verbose=False,
            )[0].boxes.cpu()
        except RuntimeError as error:
            return NotLooked(
                reason=NotLookedReason.DETECTOR_FAILED, detail=str(error).splitlines()[0]
            )
        raw = RawBoxes(
            boxes=letterbox.back(np.asarray(result.xyxy, np.float32)),
            classes=np.asarray(result.cls, np.int64),
            confidences=np.asarray(result.conf, np.float32),
        )
        return looked_from_boxes(raw, self._card, floor=self._floor)
