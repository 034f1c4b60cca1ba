"""A model's card: what the weights are, what they may be trusted with, and their hashes.

Nothing is loaded whose bytes are not the card's. Imports neither torch nor ultralytics.
"""

import hashlib
import re
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from models.confidence import Beta
from pipeline.domain.errors import InputError
from pipeline.domain.looks import BystanderKind, DefectKind

MODELS_DIR = Path(__file__).parent
RELEASED = "released.toml"
# The name of whichever model is released.
DEFAULT_MODEL = ""


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """One model.

    Attributes:
        name: What it is called.
        path: The card's own file.
        folder: What the paths of its files are relative to.
        classes: Names in the order of the network's outputs.
        longest_side_px: What the longer side of a picture is scaled to.
        stride_px: Both sides of the network's input are multiples of this.
        thresholds: Operating threshold of each defect kind, in calibrated confidence.
        confidence: What turns each defect kind's score into a confidence; a kind without a curve
            keeps its score.
        bystander_threshold: From which confidence people and vehicles are painted over.
        nms_iou: Boxes of one class that overlap more than this are one.
        precision: In which the OpenVINO model computes: f32 or int8.
        files: Paths and their sha256.
        content: The whole card as it stands in the file.
    """

    name: str
    path: Path
    folder: Path
    classes: tuple[str, ...]
    longest_side_px: int
    stride_px: int
    thresholds: dict[DefectKind, float]
    confidence: dict[DefectKind, Beta]
    bystander_threshold: float
    nms_iou: float
    precision: str
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

    @cached_property
    def lowest_score(self) -> float:
        """The score below which no box is of use to anybody."""
        least = [
            self.confidence[kind].score_for(value) if kind in self.confidence else value
            for kind, value in self.thresholds.items()
        ]
        return min(*least, self.bystander_threshold)

    @property
    def torch_weights(self) -> Path:
        """The weights that ultralytics loads."""
        return self._file(".pt")

    @property
    def openvino_model(self) -> Path:
        """What OpenVINO loads: its own description, whose weights lie beside it, or ONNX."""
        return self._file(".xml", ".onnx")

    @property
    def openvino_weights(self) -> Path:
        """The file with the weights that OpenVINO executes."""
        return self._file(".bin", ".onnx")

    def verify(self, *suffixes: str) -> None:
        """Check the files with these suffixes, or all, against the card.

        Raises:
            InputError: A file is missing, or is not the one that the card describes.
        """
        for relative, expected in self.files.items():
            if suffixes and Path(relative).suffix not in suffixes:
                continue
            path = self.folder / relative
            if not path.is_file():
                raise InputError(f"model {self.name}: {relative} is missing; restore it from git")
            found = sha256_of_file(path)
            if found != expected:
                raise InputError(
                    f"model {self.name}: {relative} is not the file that its card describes "
                    f"(sha256 {found[:12]}… instead of {expected[:12]}…); it will not be loaded"
                )

    def sha256_of(self, path: Path) -> str:
        """Return the card's hash of a file."""
        return self.files[path.relative_to(self.folder).as_posix()]

    def _file(self, *suffixes: str) -> Path:
        for suffix in suffixes:
            for relative in self.files:
                if relative.endswith(suffix):
                    return self.folder / relative
        raise InputError(
            f"model {self.name} has no {' or '.join(suffixes)} file; its card is not complete"
        )


def sha256_of_file(path: Path) -> str:
    """Return a file's hash."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def model_names() -> tuple[str, ...]:
    """Return the names of all models that have a card."""
    return tuple(sorted(path.stem for path in (MODELS_DIR / "cards").glob("*.toml")))


def released_name(folder: Path = MODELS_DIR) -> str:
    """Return the model that is used unless another is asked for: that of the last release.

    Raises:
        InputError: The file of releases is missing, or cannot be read.
    """
    try:
        content = tomllib.loads((folder / RELEASED).read_text("utf-8"))
        return str(content["releases"][-1]["model"])
    except (OSError, tomllib.TOMLDecodeError, KeyError, IndexError, TypeError) as error:
        raise InputError(f"models/{RELEASED} cannot be read; restore it from git") from error


def load_card(name: str = DEFAULT_MODEL) -> ModelCard:
    """Read a model's card.

    Args:
        name: Of a model that is here, or the path of a candidate's card (…/cards/NAME.toml);
            empty for the released one.

    Raises:
        InputError: There is none, or it lacks something.
    """
    name = name or released_name()
    known = MODELS_DIR / "cards" / f"{name}.toml"
    path = known if known.is_file() else Path(name)
    if path.suffix != ".toml" or not path.is_file():
        raise InputError(f"there is no model called {name}; there are: {', '.join(model_names())}")
    try:
        content = tomllib.loads(path.read_text("utf-8"))
        return ModelCard(
            name=_named(content["name"], path),
            path=path.resolve(),
            folder=path.resolve().parent.parent,
            classes=tuple(content["classes"]),
            longest_side_px=content["input"]["longest_side_px"],
            stride_px=content["input"]["stride_px"],
            thresholds={DefectKind(k): float(v) for k, v in content["thresholds"].items()},
            confidence={
                DefectKind(kind): Beta(**{name: float(value) for name, value in curve.items()})
                for kind, curve in content.get("confidence", {}).items()
            },
            bystander_threshold=float(content["redaction"]["bystander_threshold"]),
            nms_iou=float(content["input"]["nms_iou"]),
            precision=content.get("openvino", {}).get("precision", "f32"),
            files={_inside(entry["path"]): entry["sha256"] for entry in content["files"]},
            content=content,
        )
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"the card {path.name} cannot be read: {error}") from error


def _named(name: str, path: Path) -> str:
    """Return a card's name: plain, and that of its file."""
    if not re.fullmatch(r"[\w.-]+", name) or name != path.stem:
        raise ValueError(f"a card is called after its model, and this one names {name!r}")
    return name


def _inside(relative: str) -> str:
    """Return a file's path if it stays in the model's folder."""
    path = PurePosixPath(relative)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{relative!r} lies outside the model's folder")
    return relative


def verify_card(name: str) -> ModelCard:
    """Read a card and check all of its files."""
    card = load_card(name)
    card.verify()
    return card
