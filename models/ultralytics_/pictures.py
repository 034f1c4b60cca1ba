"""The pictures of a training: what is unknown of them, what spoils them, what is pasted in."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from ultralytics.data.dataset import YOLODataset
from ultralytics.utils.instance import Instances

from models.colours import recolour
from models.pasting import Cutout, Paster, cut_out, stain
from models.plan import TrainingPlan
from pipeline.domain.errors import InputError
from pipeline.domain.looks import DefectKind

Pixels = NDArray[np.uint8]
_RECOLOURED_BY = 0.3, 1.0
# Middle x, middle y, width, height, as shares of the picture.
Box = tuple[float, float, float, float]


def source_of(image: str) -> str:
    """Return the source of an image, which its name begins with."""
    return Path(image).name.split("__")[0]


class RoadDataset(YOLODataset):
    """The vendor's dataset, with a region around every picture whose source is not complete."""

    def __init__(
        self,
        *args: Any,  # noqa: ANN401
        regions_of: Callable[[str], list[tuple[int, Box]]],
        plan: TrainingPlan | None,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        """Take the vendor's arguments; without a plan nothing is spoilt or pasted."""
        self._regions_of = regions_of
        self._spoil = Spoil(plan) if plan else None
        super().__init__(*args, **kwargs)
        self._paste_share = plan.paste if plan else 0.0
        self._paste_into = plan.paste_into if plan else ""
        self._stain_share = plan.stain if plan else 0.0
        self._recolour_share = plan.recolour if plan else 0.0
        wanted = self._paste_share or self._stain_share
        self._paster = self._holes() if wanted else None

    def get_labels(self) -> list[dict[str, Any]]:
        """Return the labels with their regions."""
        labels: list[dict[str, Any]] = super().get_labels()
        for label in labels:
            regions = self._regions_of(label["im_file"])
            if regions:
                kinds = np.array([[number] for number, _ in regions], label["cls"].dtype)
                boxes = np.array([box for _, box in regions], np.float32)
                label["cls"] = np.concatenate((label["cls"], kinds))
                label["bboxes"] = np.concatenate((label["bboxes"], boxes))
        return labels

    def get_image_and_label(self, index: int) -> dict[str, Any]:
        """Return a picture with its labels, now and then recoloured, with holes pasted into it."""
        label: dict[str, Any] = super().get_image_and_label(index)
        chance = np.random.default_rng(random.getrandbits(32))
        if chance.random() < self._recolour_share:
            label["img"] = self._recoloured(label["img"], chance)
        if self._paster is None or source_of(label["im_file"]) != self._paste_into:
            return label
        hole = self._hole_class()
        known = self.labels[index]
        kinds = known["cls"].reshape(-1)
        taken = known["bboxes"][(kinds >= hole) & (kinds < len(self.data["names"]))]
        damage = known["bboxes"][kinds < len(self.data["names"])]
        if chance.random() < self._stain_share:
            label["img"] = stain(label["img"], damage, self._paster.spots, chance)
        if chance.random() >= self._paste_share:
            return label
        label["img"], made = self._paster.paste(label["img"], taken, chance)
        if len(made):
            kind = np.full((len(made), 1), hole, label["cls"].dtype)
            label["cls"] = np.concatenate((label["cls"], kind))
            label["instances"] = Instances.concatenate(
                [label["instances"], Instances(made, np.zeros((0, 1000, 2), np.float32))]
            )
        return label

    def _recoloured(self, picture: Pixels, chance: np.random.Generator) -> Pixels:
        other = self.im_files[int(chance.integers(len(self.im_files)))]
        like = cv2.imread(other, cv2.IMREAD_REDUCED_COLOR_4)
        if like is None:
            raise InputError(f"{Path(other).name} can no longer be read")
        return recolour(picture, np.asarray(like, np.uint8), chance.uniform(*_RECOLOURED_BY))

    def _holes(self) -> Paster:
        """Cut the holes out of all pictures, and note where the forward views show theirs."""
        hole = self._hole_class()
        cutouts: list[Cutout] = []
        spots = []
        for label in self.labels:
            boxes = label["bboxes"][label["cls"].reshape(-1) == hole]
            if not len(boxes):
                continue
            cutouts.extend(cut_out(np.asarray(cv2.imread(label["im_file"]), np.uint8), boxes))
            if source_of(label["im_file"]) == self._paste_into:
                spots.append(boxes)
        if not spots:
            raise InputError(f"paste_into: {self._paste_into!r} shows no {DefectKind.POTHOLE}")
        return Paster(cutouts, np.concatenate(spots).astype(np.float32))

    def _hole_class(self) -> int:
        return list(self.data["names"].values()).index(DefectKind.POTHOLE.value)

    def build_transforms(self, hyp: Any) -> Any:  # noqa: ANN401 - the vendor's
        """Return the vendor's transforms, with ours before the last."""
        transforms = super().build_transforms(hyp)
        if self._spoil is not None:
            transforms.insert(len(transforms.transforms) - 1, self._spoil)
        return transforms


class Spoil:
    """Spoils pictures as vehicles' cameras do: motion, compression, dusk."""

    def __init__(self, plan: TrainingPlan) -> None:
        """Take how often."""
        self._plan = plan

    def __call__(self, labels: dict[str, Any]) -> dict[str, Any]:
        """Spoil one picture, H×W×3 uint8 BGR."""
        picture, chance = labels["img"], np.random.default_rng(random.getrandbits(32))
        if chance.random() < self._plan.dim:
            gain = chance.uniform(0.3, 0.7)
            noise = chance.standard_normal(picture.shape, np.float32)
            noise *= np.float32(chance.uniform(2, 8))
            noise += picture * np.float32(gain)
            picture = np.clip(noise, 0, 255).astype(np.uint8)
        if chance.random() < self._plan.blur:
            length = int(chance.integers(2, 8))
            kernel = np.zeros((length, length), np.float32)
            # The road smears along the direction of travel: down the picture.
            kernel[:, length // 2] = 1 / length
            picture = cv2.filter2D(picture, -1, kernel)
        if chance.random() < self._plan.compress:
            quality = [cv2.IMWRITE_JPEG_QUALITY, int(chance.integers(25, 75))]
            picture = cv2.imdecode(cv2.imencode(".jpg", picture, quality)[1], cv2.IMREAD_COLOR)
        labels["img"] = picture
        return labels
