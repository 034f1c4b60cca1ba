"""The detector for CPUs and the edge: OpenVINO, asynchronous, no torch.

One model of dynamic shape is committed; it is reshaped at load to the shape of the footage
(640×384 for 16:9), since a fixed shape runs faster and wastes nothing on padding.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import openvino
from numpy.typing import NDArray

from models.boxes import (
    Letterbox,
    boxes_from_output,
    identity_of,
    looked_from_boxes,
    lowest_score,
)
from models.card import ModelCard
from pipeline.domain.errors import InputError
from pipeline.domain.footage import Frame
from pipeline.domain.looks import Look, LookAt, NotLooked, NotLookedReason
from pipeline.domain.runs import DetectorIdentity

_IN_FLIGHT = 3


@dataclass(frozen=True, slots=True, eq=False)
class _Flight:
    """A frame on its way through the network; without a request, why it never set out."""

    frame: Frame
    letterbox: Letterbox
    request: openvino.InferRequest | None
    failure: RuntimeError | None = None


class OpenVinoDetector:
    """Looks at frames with OpenVINO."""

    def __init__(self, card: ModelCard, *, device: str = "cpu", floor: float | None = None) -> None:
        """Check the model against its card and read it; compiling waits for the first frame.

        Raises:
            InputError: The files are missing or not the card's, or there is no such device.
        """
        card.verify(".xml", ".bin", ".onnx")
        self._card = card
        self._floor = floor
        self._core = openvino.Core()
        self._device = device.upper()
        if not any(known.startswith(self._device) for known in self._core.available_devices):
            raise InputError(
                f"OpenVINO finds no device {device!r} here; it finds: "
                f"{', '.join(self._core.available_devices).lower()}"
            )
        self._requests: dict[tuple[int, int], deque[openvino.InferRequest]] = {}
        version = openvino.get_version().split("-")[0]
        self._identity = identity_of(
            card,
            weights_sha256=card.sha256_of(card.openvino_weights),
            runtime=f"openvino {version} {device.lower()}",
            precision=card.precision,
        )

    @property
    def identity(self) -> DetectorIdentity:
        """What makes this detector's findings repeatable."""
        return self._identity

    def look(self, frames: Iterable[Frame]) -> Iterator[LookAt]:
        """Yield one look a frame, in order; a few frames are read ahead."""
        flying: deque[_Flight] = deque()
        try:
            for frame in frames:
                flying.append(self._start(frame))
                if len(flying) == _IN_FLIGHT:
                    yield self._finish(flying.popleft())
            while flying:
                yield self._finish(flying.popleft())
        finally:
            for left in flying:  # whoever asked has stopped asking: leave the requests idle
                if left.request is not None:
                    left.request.wait()

    def _start(self, frame: Frame) -> _Flight:
        height, width = frame.pixels.shape[:2]
        letterbox = Letterbox.fit(height, width, self._card)
        try:
            idle = self._idle_requests(letterbox)
            request = idle.popleft()
            idle.append(request)
            letterbox.apply(frame.pixels, into=request.get_input_tensor(0).data[0])
            request.start_async()
        except RuntimeError as error:
            return _Flight(frame, letterbox, None, error)
        return _Flight(frame, letterbox, request)

    def _finish(self, flight: _Flight) -> LookAt:
        if flight.request is None:
            return flight.frame.ref, _failed(flight.failure)
        try:
            flight.request.wait()
            output = np.array(flight.request.get_output_tensor(0).data[0], np.float32)
        except RuntimeError as error:
            return flight.frame.ref, _failed(error)
        return flight.frame.ref, self._judge(output, flight.letterbox)

    def _judge(self, raw: NDArray[np.float32], letterbox: Letterbox) -> Look:
        if not np.isfinite(raw).all():
            return NotLooked(
                reason=NotLookedReason.DETECTOR_FAILED, detail="the network's output is not finite"
            )
        boxes = boxes_from_output(
            raw,
            letterbox,
            floor=lowest_score(self._card, self._floor),
            nms_iou=self._card.nms_iou,
        )
        return looked_from_boxes(boxes, self._card, floor=self._floor)

    def _idle_requests(self, letterbox: Letterbox) -> deque[openvino.InferRequest]:
        """Return the requests of this shape, the longest unused first.

        They are made once: making one takes as long as using it. There are as many as are ever
        in flight, so the first is idle.
        """
        shape = letterbox.input_px
        if shape not in self._requests:
            model = self._compile(letterbox)
            self._requests[shape] = deque(model.create_infer_request() for _ in range(_IN_FLIGHT))
        return self._requests[shape]

    def _compile(self, letterbox: Letterbox) -> openvino.CompiledModel:
        """Compile the model for this shape, with colours and scale turned round inside it."""
        model = self._core.read_model(self._card.openvino_model)
        model.reshape([1, 3, *letterbox.input_px])
        steps = openvino.preprocess.PrePostProcessor(model)
        steps.input().tensor().set_element_type(openvino.Type.u8).set_layout(
            openvino.Layout("NHWC")
        ).set_color_format(openvino.preprocess.ColorFormat.BGR)
        steps.input().preprocess().convert_element_type(openvino.Type.f32).convert_color(
            openvino.preprocess.ColorFormat.RGB
        ).scale(255.0)
        steps.input().model().set_layout(openvino.Layout("NCHW"))
        return self._core.compile_model(
            steps.build(),
            self._device,
            {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": "f32"},
        )


def _failed(error: RuntimeError | None) -> NotLooked:
    words = str(error).splitlines() or ["the network gave no reason"]
    return NotLooked(reason=NotLookedReason.DETECTOR_FAILED, detail=words[0])
