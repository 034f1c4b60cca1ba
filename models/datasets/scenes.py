"""Pictures of simulated streets for a training set: clean roads with all that looks like damage.

Covers, reinstatements, shadows and lane marks on sound roads are what a detector mistakes most
often, and what photographs of damage hardly show. Rendered with cameras of many mounts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from pipeline.domain.errors import InputError
from pipeline.simulator.drive import Pass, PassRules, simulated_rig
from pipeline.simulator.footage import street_painter
from pipeline.simulator.making import make_street
from pipeline.simulator.surface import paint_surface

_LENGTH_M = 120.0
_JPEG_QUALITY = 90
_BACK_SHARE = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneRules:
    """What is rendered.

    Attributes:
        streets: How many streets, each with its own camera.
        pictures: Of each street, evenly spaced.
        first_seed: Of the first street. The benchmarks use the seeds 0 to 299.
    """

    streets: int
    pictures: int = 4
    first_seed: int = 5000


def write_clean_scenes(
    rules: SceneRules, folder: Path, *, on_picture: Callable[[], None] = lambda: None
) -> int:
    """Render clean streets into `images/`, with empty YOLO labels in `labels/`.

    Args:
        rules: What is rendered; the same rules give the same pictures.
        folder: Where to; the pictures are called STREET_METRE.jpg.
        on_picture: Called for each picture.

    Returns:
        How many pictures were written.

    Raises:
        InputError: The folder holds pictures already.
    """
    images, labels = folder / "images", folder / "labels"
    if images.is_dir() and any(images.iterdir()):
        raise InputError(f"{images} holds pictures already; choose another folder")
    images.mkdir(parents=True, exist_ok=True)
    labels.mkdir(parents=True, exist_ok=True)
    count = 0
    for seed in range(rules.first_seed, rules.first_seed + rules.streets):
        chance = np.random.default_rng([seed, 3])
        street = make_street(
            seed, length_m=_LENGTH_M, holes=0, cracks=0, manholes=8, patches=8, shadows=8
        )
        rig = simulated_rig(
            width_px=640,
            height_px=360,
            hfov_deg=float(chance.uniform(55, 95)),
            mount_height_m=float(chance.uniform(1.2, 2.6)),
            pitch_deg=float(chance.uniform(2, 20)),
        )
        rules_of_pass = PassRules(towards_start=bool(chance.random() < _BACK_SHARE))
        driven = Pass(street, rules_of_pass, seed=seed)
        paint = street_painter(paint_surface(street, metres_per_px=0.01), rig)
        for t_s in np.linspace(0.05, 0.8, rules.pictures) * driven.duration_s:
            name = f"{seed}_{driven.at(float(t_s)).street_m:.0f}"
            picture = paint(driven, float(t_s))
            quality = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
            cv2.imwrite(str(images / f"{name}.jpg"), picture, quality)
            (labels / f"{name}.txt").write_text("", "utf-8")
            count += 1
            on_picture()
    return count
