"""Chooses and builds a detector; imports a runtime only when it is asked for."""

from enum import StrEnum

from models.card import DEFAULT_MODEL, load_card
from pipeline.domain.ports import Detector


class Runtime(StrEnum):
    """What executes the network."""

    OPENVINO = "openvino"
    ULTRALYTICS = "ultralytics"


def load_detector(
    name: str = DEFAULT_MODEL,
    *,
    runtime: Runtime = Runtime.OPENVINO,
    device: str = "cpu",
    floor: float | None = None,
) -> Detector:
    """Return a detector of a model whose files agree with its card.

    Args:
        name: The model's name.
        runtime: OpenVINO needs no torch; ultralytics runs on CPU and CUDA.
        device: For ultralytics: "cpu", "cuda:0", … OpenVINO: "cpu", "gpu", "npu".
        floor: The least confidence of a box that is given at all; None for the card's operating
            thresholds.

    Raises:
        InputError: There is no such model, its files are not the card's, or the runtime is
            not installed.
    """
    card = load_card(name)
    if runtime is Runtime.ULTRALYTICS:
        from models.ultralytics_.detector import UltralyticsDetector  # noqa: PLC0415 - torch

        return UltralyticsDetector(card, device=device, floor=floor)
    from models.detector_openvino import OpenVinoDetector  # noqa: PLC0415 - a runtime on demand

    return OpenVinoDetector(card, device=device, floor=floor)
