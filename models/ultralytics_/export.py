"""Makes the OpenVINO model of a card's weights: dynamic shape, weights in half precision."""

import shutil
import tempfile
from pathlib import Path

from models.card import ModelCard
from models.ultralytics_.vendor import load_yolo


def export_openvino(card: ModelCard, to_dir: Path) -> tuple[Path, Path]:
    """Write NAME.xml and NAME.bin of a card's torch weights into a folder.

    Returns:
        The two paths.

    Raises:
        InputError: The weights are not the card's, or torch is not installed.
    """
    card.verify(".pt")
    to_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        weights = Path(scratch) / f"{card.name}.pt"
        shutil.copy(card.torch_weights, weights)
        made = Path(
            load_yolo(weights, "cpu").export(
                format="openvino", dynamic=True, quantize=16, imgsz=card.longest_side_px
            )
        )
        paths = []
        for suffix in (".xml", ".bin"):
            target = to_dir / f"{card.name}{suffix}"
            shutil.copy(made / f"{card.name}{suffix}", target)
            paths.append(target)
    return paths[0], paths[1]
