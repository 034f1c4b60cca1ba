"""A model's card: what the weights are, what they may be trusted with, and their hashes.

Nothing is loaded whose bytes are not the card's. Imports neither torch nor ultralytics.
"""

import hashlib
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.domain.errors import InputError
from pipeline.domain.looks import BystanderKind, DefectKind

MODELS_DIR = Path(__file__).parent
DEFAULT_MODEL = "road-v1"


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """One model.

    Attributes:
        name: What it is called.
        classes: Names in the order of the network's outputs.
        longest_side_px: What the longer side of a picture is scaled to.
        stride_px: Both sides of the network's input are multiples of this.
        thresholds: Operating threshold of each defect kind.
        bystander_threshold: From which confidence people and vehicles are painted over.
        nms_iou: Boxes of one class that overlap more than this are one.
        files: Paths relative to models/ and their sha256.
        content: The whole card as it stands in the file.
    """

    name: str
    classes: tuple[str, ...]
    longest_side_px: int
    stride_px: int
    thresholds: dict[DefectKind, float]
    bystander_threshold: float
    nms_iou: float
    files: dict[str, str]
    content: dict[str, Any]

    @cached_property
    def defect_kinds(self) -> dict[int, DefectKind]:
        """Which of the network's classes are defects."""
        known = {kind.value: kind for kind in DefectKind}
        return {i: known[name] for i, name in enumerate(self.classes) if name in known}

    @cached_property
    def bystander_kinds(self) -> dict[int, BystanderKind]:
        """Which of the network's classes must be painted over."""
        known = {kind.value: kind for kind in BystanderKind}
        return {i: known[name] for i, name in enumerate(self.classes) if name in known}

    @property
    def torch_weights(self) -> Path:
        """The weights that ultralytics loads."""
        return self._file(".pt")

    @property
    def openvino_model(self) -> Path:
        """The description of the OpenVINO model; its weights lie beside it."""
        return self._file(".xml")

    def verify(self, *suffixes: str) -> None:
        """Check the files with these suffixes, or all, against the card.

        Raises:
            InputError: A file is missing, or is not the one that the card describes.
        """
        for relative, expected in self.files.items():
            if suffixes and Path(relative).suffix not in suffixes:
                continue
            path = MODELS_DIR / relative
            if not path.is_file():
                raise InputError(f"model {self.name}: {relative} is missing; restore it from git")
            found = hashlib.sha256(path.read_bytes()).hexdigest()
            if found != expected:
                raise InputError(
                    f"model {self.name}: {relative} is not the file that its card describes "
                    f"(sha256 {found[:12]}… instead of {expected[:12]}…); it will not be loaded"
                )

    def sha256_of(self, path: Path) -> str:
        """Return the card's hash of a file."""
        return self.files[path.relative_to(MODELS_DIR).as_posix()]

    def _file(self, suffix: str) -> Path:
        for relative in self.files:
            if relative.endswith(suffix):
                return MODELS_DIR / relative
        raise InputError(
            f"model {self.name} has no {suffix} file; `roadwear models export {self.name}` makes "
            "the OpenVINO one"
        )


def model_names() -> tuple[str, ...]:
    """Return the names of all models that have a card."""
    return tuple(sorted(path.stem for path in (MODELS_DIR / "cards").glob("*.toml")))


def load_card(name: str = DEFAULT_MODEL) -> ModelCard:
    """Read a model's card.

    Raises:
        InputError: There is none, or it lacks something.
    """
    path = MODELS_DIR / "cards" / f"{name}.toml"
    if not path.is_file():
        raise InputError(f"there is no model called {name}; there are: {', '.join(model_names())}")
    try:
        content = tomllib.loads(path.read_text("utf-8"))
        return ModelCard(
            name=content["name"],
            classes=tuple(content["classes"]),
            longest_side_px=content["input"]["longest_side_px"],
            stride_px=content["input"]["stride_px"],
            thresholds={DefectKind(k): float(v) for k, v in content["thresholds"].items()},
            bystander_threshold=float(content["redaction"]["bystander_threshold"]),
            nms_iou=float(content["input"]["nms_iou"]),
            files={entry["path"]: entry["sha256"] for entry in content["files"]},
            content=content,
        )
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"the card {path.name} cannot be read: {error}") from error


def verify_card(name: str) -> ModelCard:
    """Read a card and check all of its files."""
    card = load_card(name)
    card.verify()
    return card
