"""Eight-bit OpenVINO models by NNCF, calibrated on pictures that were learnt from."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openvino
from numpy.typing import NDArray

from models.boxes import Letterbox
from models.card import ModelCard
from pipeline.domain.errors import InputError

CALIBRATION_PICTURES = 300
_QUANTISABLE = {
    "Add", "Concat", "Convolution", "Divide", "GroupConvolution", "MatMul", "MaxPool", "Multiply",
    "Sigmoid", "Softmax", "Subtract", "Swish",
}  # fmt: skip
_BLOCK = re.compile(r"model\.(\d+)[./]")


def quantise(
    model: Path, pictures: Sequence[Path], card: ModelCard, *, float_blocks: int
) -> openvino.Model:
    """Return an OpenVINO model in 8 bits.

    What follows the last convolutions, pixels and scores, stays in float; so do the first ones on
    demand: they see fine cracks, and a step of 8 bits is coarse for them.

    Args:
        model: The model in float, `.xml`.
        pictures: Pictures of the train split; 300 of them, evenly spread, are looked at.
        card: Says how pictures are given to the network.
        float_blocks: How many of the network's first blocks stay in float.

    Raises:
        InputError: NNCF is not installed.
    """
    # Without this NNCF reports each use to its maker.
    os.environ.setdefault("NNCF_CI", "1")
    try:
        import nncf  # noqa: PLC0415 - only for who exports
    except ImportError as error:
        raise InputError(
            'making 8-bit models needs NNCF; run: pip install "roadwear[export]"'
        ) from error
    read = openvino.Core().read_model(model)
    count = min(len(pictures), CALIBRATION_PICTURES)
    chosen = [pictures[int(i)] for i in np.linspace(0, len(pictures) - 1, count)]
    quantised: openvino.Model = nncf.quantize(
        read,
        nncf.Dataset(chosen, lambda path: _input(path, card)),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(chosen),
        ignored_scope=nncf.IgnoredScope(names=_kept_in_float(read, float_blocks), validate=False),
    )
    return quantised


def _kept_in_float(model: openvino.Model, float_blocks: int) -> list[str]:
    """Return the names of what stays: the first blocks, and what follows the last convolutions."""
    numbered = [(int(m[1]), op) for op in model.get_ops() if (m := _BLOCK.search(_name(op)))]
    last = max(number for number, _ in numbered)
    return [
        _name(op)
        for number, op in numbered
        if op.get_type_name() in _QUANTISABLE
        and (number < float_blocks or (number == last and _is_after_convolutions(op)))
    ]


def _is_after_convolutions(op: Any) -> bool:  # noqa: ANN401 - a node of the vendor's
    return "dfl" in _name(op) or "Convolution" not in op.get_type_name()


def _name(op: Any) -> str:  # noqa: ANN401 - a node of the vendor's
    return str(op.get_friendly_name())


def _input(path: Path, card: ModelCard) -> NDArray[np.float32]:
    """Return a picture as the network takes it: 1×3×H×W, RGB, 0…1."""
    pixels = np.asarray(cv2.imread(str(path)), np.uint8)
    letterbox = Letterbox.fit(pixels.shape[0], pixels.shape[1], card)
    room = np.empty((*letterbox.input_px, 3), np.uint8)
    letterbox.apply(pixels, into=room)
    planes = room[None, ..., ::-1].transpose(0, 3, 1, 2).astype(np.float32)
    return np.ascontiguousarray(planes / np.float32(255), np.float32)
