"""Makes what can be released of trained weights: the vendor's plain class, OpenVINO, ONNX."""

import shutil
import tempfile
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from ultralytics.nn.tasks import DetectionModel

from models.ultralytics_.vendor import load_yolo
from pipeline.domain.errors import InputError

# What our class adds to the vendor's, or a training leaves behind.
_OURS = ("regions", "half_forward", "compiled_forward", "compiled_for", "criterion", "pt_path")


def write_plain_weights(checkpoint: Path, target: Path) -> None:
    """Write a checkpoint's weights so that ultralytics alone can load them.

    A training's checkpoint holds a class of ours, and what is needed to go on with it.

    Raises:
        InputError: It is no checkpoint of a detection network.
    """
    trained = network_of(checkpoint)
    state = {key: value for key, value in vars(trained).items() if key not in _OURS}
    plain = DetectionModel.__new__(DetectionModel)
    vars(plain).update(state)
    plain.args = _plain_args(trained.args)  # type: ignore[assignment]
    plain.task = "detect"  # type: ignore[assignment]
    target.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"model": plain.half(), "train_args": plain.args}, target)


def network_of(checkpoint: Path) -> Any:  # noqa: ANN401 - the vendor's
    """Return the network of a checkpoint: the average over its last steps, if there is one.

    Raises:
        InputError: It is no checkpoint of a detection network.
    """
    try:
        # Only what our own training wrote, or a card describes, comes here: loading runs code.
        content: dict[str, Any] = torch.load(checkpoint, map_location="cpu", weights_only=False)
        network = content.get("ema") or content["model"]
        vars(network)["yaml"]
    except (
        OSError,
        EOFError,
        UnpicklingError,
        RuntimeError,
        LookupError,
        AttributeError,
        TypeError,
        ValueError,
    ) as error:
        raise InputError(f"{checkpoint}: this is no checkpoint of a training") from error
    return network


def export_float(weights: Path, longest_side_px: int, folder: Path) -> tuple[Path, Path | None]:
    """Write OpenVINO in float (NAME.xml and .bin) and ONNX of torch weights, of dynamic shape.

    Returns:
        The two; None for ONNX where the onnx package is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / weights.name
        shutil.copy(weights, copy)
        options: dict[str, Any] = {"dynamic": True, "imgsz": longest_side_px, "verbose": False}
        made = Path(load_yolo(copy, "cpu").export(format="openvino", **options))
        xml = folder / f"{weights.stem}.xml"
        for suffix in (".xml", ".bin"):
            shutil.copy(made / f"{weights.stem}{suffix}", xml.with_suffix(suffix))
        try:
            import onnx  # noqa: F401, PLC0415 - the vendor would try to install it
        except ImportError:
            return xml, None
        onnx_file = Path(load_yolo(copy, "cpu").export(format="onnx", simplify=False, **options))
        kept = folder / onnx_file.name
        shutil.copy(onnx_file, kept)
    return xml, kept


def _plain_args(args: Any) -> dict[str, Any]:  # noqa: ANN401 - the vendor's
    """Return what the vendor needs to use weights; nothing of the machine they were made on."""
    values = args if isinstance(args, dict) else vars(args)
    return {key: values[key] for key in ("imgsz", "task", "mode") if key in values}
