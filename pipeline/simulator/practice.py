"""Pictures with known truth to practise on: what lies in the frame, and how large it is."""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.domain.camera import CameraRig
from pipeline.domain.errors import InputError
from pipeline.simulator.drive import Pass, PassRules, lens_at, simulated_rig
from pipeline.simulator.footage import street_painter
from pipeline.simulator.making import make_street
from pipeline.simulator.optics import project_hole
from pipeline.simulator.street import Feature, Hole, Manhole, Patch, Shadow
from pipeline.simulator.surface import paint_surface

_LENGTH_M = 160.0
_BEFORE_M = 7.5
_QUALITY = 72
_ALONE_M = 2.5
_LEAST_PX = 24
_CLOSE_PX = (480, 320)
_YELLOW = (0, 221, 255)
_KINDS: tuple[tuple[str, type[Feature]], ...] = (
    ("pothole", Hole), ("cover", Manhole), ("patch", Patch), ("shadow", Shadow),
)  # fmt: skip

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One thing to judge.

    Attributes:
        kind: What it is: pothole, cover, patch or shadow.
        width_mm: Across the direction of travel.
        length_mm: Along it.
        depth_mm: Of a pothole; None of all else.
    """

    kind: str
    width_mm: int
    length_mm: int
    depth_mm: int | None


def write_practice(
    folder: Path, *, seed: int, of_each: int, on_case: Callable[[], None] = lambda: None
) -> int:
    """Write cases into a folder: N-wide.jpg, N-close.jpg, and cases.json with the truth.

    Args:
        folder: Where to; it must not hold a practice set yet.
        seed: Of the streets: the same seed, the same pictures.
        of_each: Covers, patches and shadows; of potholes there are as many as of them together.
        on_case: Called for each case.

    Returns:
        How many cases were written.

    Raises:
        InputError: The folder holds a set already.
    """
    if (folder / "cases.json").exists():
        raise InputError(f"{folder} holds a practice set already; choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {kind: of_each for kind, _ in _KINDS} | {"pothole": 3 * of_each}
    found: list[tuple[Case, Picture, Picture]] = []
    street = seed
    while any(wanted.values()):
        for case, wide, close in _cases(street):
            if wanted[case.kind]:
                wanted[case.kind] -= 1
                found.append((case, wide, close))
                on_case()
        street += 1
    order = np.random.default_rng(seed).permutation(len(found))
    cases = []
    for number, which in enumerate(order.tolist()):
        case, wide, close = found[which]
        for name, picture in (("wide", wide), ("close", close)):
            quality = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
            cv2.imwrite(str(folder / f"{number}-{name}.jpg"), picture, quality)
        cases.append(
            {
                "kind": case.kind,
                "width_mm": case.width_mm,
                "length_mm": case.length_mm,
                "depth_mm": case.depth_mm,
            }
        )
    (folder / "cases.json").write_text(json.dumps(cases, indent=1) + "\n", "utf-8")
    return len(cases)


def _cases(seed: int) -> Iterator[tuple[Case, Picture, Picture]]:
    """Yield what lies on one street, as a camera saw it shortly before it drove over it."""
    street = make_street(seed, length_m=_LENGTH_M, holes=6, manholes=4, patches=4, shadows=4)
    rig = simulated_rig(width_px=960, height_px=540)
    driven = Pass(street, PassRules(), seed=seed)
    paint = street_painter(paint_surface(street, metres_per_px=0.01), rig)
    times = np.arange(0.0, driven.duration_s, 0.1)
    along = np.array([driven.at(float(t_s)).street_m for t_s in times])
    # What is sound is judged by itself: a shadow with a hole in it is both.
    sound = [
        one
        for one in (*street.manholes, *street.patches, *street.shadows)
        if all(one.gap_to_m(hole) > _ALONE_M for hole in street.holes)
    ]
    for feature in (*street.holes, *sound):
        t_s = float(times[int(np.abs(along - (feature.s_m - _BEFORE_M)).argmin())])
        box = _box(feature, driven, rig, t_s)
        if box is None:
            continue
        picture = paint(driven, t_s)
        left, top, right, bottom = box
        wide = picture.copy()
        cv2.rectangle(wide, (left - 4, top - 4), (right + 4, bottom + 4), _YELLOW, 2)
        yield _truth(feature), wide, _close(picture, box)


def _box(
    feature: Feature, driven: Pass, rig: CameraRig, t_s: float
) -> tuple[int, int, int, int] | None:
    """Return where a feature is in the picture, whole; None where it is not, or too small."""
    moment = driven.at(t_s)
    rim = Hole(
        s_m=feature.s_m, d_m=feature.d_m, width_m=feature.width_m, length_m=feature.length_m,
        depth_m=0.01, shape_seed=0,
    )  # fmt: skip
    edges = project_hole(rim, driven.street, lens_at(rig, moment), moment.pose)
    if edges is None:
        return None
    left, top, right, bottom = edges
    whole = left > 0 and top > 0 and right < rig.width_px and bottom < rig.height_px
    if not whole or right - left < _LEAST_PX or bottom - top < _LEAST_PX / 2:
        return None
    return math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom)


def _close(picture: Picture, box: tuple[int, int, int, int]) -> Picture:
    """Return what is round a box, enlarged."""
    left, top, right, bottom = box
    wide, high = _CLOSE_PX
    half_w = max((right - left) * 0.9, (bottom - top) * 0.9 * wide / high)
    half_h = half_w * high / wide
    middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
    rows = slice(max(int(middle_y - half_h), 0), int(middle_y + half_h))
    columns = slice(max(int(middle_x - half_w), 0), int(middle_x + half_w))
    cut = picture[rows, columns]
    scale = wide / cut.shape[1]
    return np.asarray(
        cv2.resize(cut, (wide, round(cut.shape[0] * scale)), interpolation=cv2.INTER_CUBIC),
        np.uint8,
    )


def _truth(feature: Feature) -> Case:
    kind = next(kind for kind, of in _KINDS if isinstance(feature, of))
    return Case(
        kind=kind,
        width_mm=round(feature.width_m * 1000),
        length_mm=round(feature.length_m * 1000),
        depth_mm=round(feature.depth_m * 1000) if isinstance(feature, Hole) else None,
    )
