"""Loads ultralytics and puts right what its import changes for the whole process."""

from pathlib import Path
from typing import Any

import cv2

from pipeline.domain.errors import InputError


def load_yolo(weights: Path, device: str) -> Any:  # noqa: ANN401 - the vendor's border
    """Return the vendor's model, ready on a device.

    Raises:
        InputError: torch or ultralytics is not installed, or the device is not there.
    """
    threads = cv2.getNumThreads()
    try:
        import torch  # noqa: PLC0415 - gigabytes, only where asked for
        from ultralytics import YOLO, settings  # type: ignore[attr-defined] # noqa: PLC0415
    except ImportError as error:
        raise InputError(
            "this needs torch and ultralytics, which are not installed; "
            'run: pip install "roadwear[train]", or use the OpenVINO runtime'
        ) from error
    finally:
        cv2.setNumThreads(threads)
    settings.update({"sync": False})  # type: ignore[no-untyped-call]
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise InputError("torch finds no CUDA device here; use the device cpu")
    return YOLO(str(weights), task="detect")


def runtime_words() -> str:
    """Return the vendor's name and version."""
    import ultralytics  # noqa: PLC0415

    return f"ultralytics {ultralytics.__version__}"
