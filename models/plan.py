"""A training plan: everything that decides what a training gives, in one frozen file."""

import tomllib
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from pipeline.domain.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """What is trained, on what, and how. Lengths in pixels of the network's input.

    Attributes:
        name: What the weights will be called.
        seed: Of everything random.
        architecture: The vendor's name of the network, such as yolo11n.
        start: Weights to start from: a file, or the name of a model that has a card; "" for none.
        grow: Whether `start` is a narrower network of the same family, which is widened.
        input_px: The square that training pictures are brought to.
        epochs: Passes over the training images.
        batch: Images in one step.
        learning_rate: At the beginning, of AdamW; it falls along a cosine …
        last_rate_share: … to this share of it.
        weight_decay: As AdamW takes it.
        warmup_epochs: In which the rate rises from nothing.
        average_steps: What is kept is an average of the weights over about so many last steps:
            those of one step alone are too noisy to be measured.
        half: Forward pass in bfloat16 where the processor has it; the loss is always float32.
        repeat: By source, how often each of its images is shown in an epoch; otherwise once.
        mosaic: How often four pictures are joined into one.
        close_mosaic: In how many last epochs that is left off.
        scale: Pictures are scaled by up to this share, up or down.
        degrees: Turned by up to so much.
        translate: Shifted by up to this share.
        fliplr: How often mirrored: roads of left-hand and right-hand traffic are learnt alike.
        hue: Jitter of the colour, as shares.
        saturation: Likewise.
        brightness: Likewise.
        blur: How often a picture is smeared as by motion.
        compress: How often it is compressed as footage is.
        dim: How often it is dark and noisy, as at dusk.
        paste: How often holes are pasted into a picture of …
        paste_into: … this source, as large as that camera sees holes there.
        stain: How often dark flat patches, which are no damage, are painted into such a picture.
        recolour: How often a picture takes on the colours of another picture of the training.
        teachers: Trained networks that say what is to be learnt, beside the labels: a file or the
            name of a model, and how much it counts among them.
        taught: What share of the loss is theirs; the rest is the labels'.
        tune_every: Epochs from one look at the tune images to the next; none is left out at the
            beginning and the end.
    """

    name: str
    seed: int = 0
    architecture: str = "yolo11n"
    start: str = ""
    grow: bool = False
    input_px: int = 640
    epochs: int = 20
    batch: int = 16
    learning_rate: float = 0.001
    last_rate_share: float = 0.02
    weight_decay: float = 0.0005
    warmup_epochs: float = 0.5
    average_steps: int = 300
    half: bool = True
    repeat: dict[str, int]
    mosaic: float = 0.8
    close_mosaic: int = 3
    scale: float = 0.4
    degrees: float = 2.0
    translate: float = 0.1
    fliplr: float = 0.5
    hue: float = 0.015
    saturation: float = 0.5
    brightness: float = 0.5
    blur: float = 0.1
    compress: float = 0.2
    dim: float = 0.1
    paste: float = 0.0
    paste_into: str = ""
    stain: float = 0.0
    recolour: float = 0.0
    teachers: dict[str, float] = field(default_factory=dict)
    taught: float = 0.0
    tune_every: int = 1

    def __post_init__(self) -> None:
        """Refuse a plan that cannot be carried out."""
        for name in _POSITIVE:
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be more than 0")
        for name in _SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie between 0 and 1")
        if self.input_px % _STRIDE_PX:
            raise ValueError(f"input_px must be a multiple of {_STRIDE_PX}")
        if any(times < 0 for times in self.repeat.values()):
            raise ValueError("repeat must not be negative")
        self._refuse_odd_teachers()

    def _refuse_odd_teachers(self) -> None:
        if any(not share > 0 for share in self.teachers.values()):
            raise ValueError("what a teacher counts must be more than 0")
        if bool(self.teachers) != bool(self.taught):
            raise ValueError("teachers and taught belong together: who, and how much")


_STRIDE_PX = 32
_POSITIVE = (
    "input_px", "epochs", "batch", "learning_rate", "last_rate_share", "average_steps",
    "tune_every",
)  # fmt: skip
_TABLES: dict[str, tuple[type, ...]] = {"repeat": (int,), "teachers": (int, float)}
_SHARES = (
    "last_rate_share", "mosaic", "scale", "translate", "fliplr", "hue", "saturation",
    "brightness", "blur", "compress", "dim", "paste", "stain", "recolour", "taught",
)  # fmt: skip


def read_plan(path: Path) -> TrainingPlan:
    """Read a plan.

    Raises:
        InputError: The file is missing, not TOML, names something unknown, or cannot be.
    """
    try:
        content: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such plan") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise InputError(f"{path.name} cannot be read: {error}") from error
    known = {field.name: field for field in fields(TrainingPlan)}
    unknown = sorted(set(content) - set(known))
    if unknown:
        raise InputError(f"{path.name}: unknown entry {', '.join(unknown)}")
    content.setdefault("repeat", {})
    for name, value in content.items():
        _refuse_unlike(path, known[name], value)
    if not isinstance(content.get("name"), str):
        raise InputError(f"{path.name}: name is missing, or no text")
    try:
        return TrainingPlan(**content)
    except (TypeError, ValueError) as error:
        raise InputError(f"{path.name}: {error}") from error


def _refuse_unlike(path: Path, entry: "Field[Any]", value: object) -> None:
    if entry.name in _TABLES and not _is_table(value, _TABLES[entry.name]):
        raise InputError(f"{path.name}: {entry.name} must be a table of names and numbers")
    expected = entry.default
    if expected is not MISSING and not _fits(value, expected):
        raise InputError(f"{path.name}: {entry.name} must be like {expected!r}, not {value!r}")


def _is_table(value: object, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, dict) and all(type(one) in kinds for one in value.values())


def _fits(value: object, expected: object) -> bool:
    if isinstance(expected, bool) or isinstance(value, bool):
        return type(value) is type(expected)
    if isinstance(expected, float):
        return isinstance(value, int | float)
    return type(value) is type(expected)
