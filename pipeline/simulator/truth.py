"""A detector that knows the truth, with stated noise; and how defects score against it."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.camera import CameraRig
from pipeline.domain.defects import Defect
from pipeline.domain.footage import Frame
from pipeline.domain.looks import DefectKind, Detection, LookAt, Looked, PixelBox
from pipeline.domain.runs import DetectorIdentity
from pipeline.simulator.drive import Moment, Pass, lens_at
from pipeline.simulator.footage import FPS, TICKS_A_FRAME
from pipeline.simulator.optics import Lens, project_hole
from pipeline.simulator.street import Hole, Street

_AHEAD_M = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthNoise:
    """How the truth detector errs.

    Attributes:
        edge_px: Standard deviation of each edge at the detector's scale …
        edge_share: … and in proportion to the box, added in quadrature.
        missed_share: How often a hole in view is not reported in a frame.
        false_a_frame: How often a frame has a box around nothing.
    """

    edge_px: float = 1.5
    edge_share: float = 0.05
    missed_share: float = 0.1
    false_a_frame: float = 0.01


class TruthDetector:
    """Looks by knowing: boxes of the holes' rims, with noise, repeatable frame by frame."""

    def __init__(self, passes: dict[str, Pass], rig: CameraRig, noise: TruthNoise) -> None:
        """Know passes by the sha256 of their clips."""
        self._passes = passes
        self._rig = rig
        self._noise = noise

    @property
    def identity(self) -> DetectorIdentity:
        """A detector of its own kind: it has no weights."""
        return DetectorIdentity(
            model_id="truth",
            weights_sha256="0" * 64,
            runtime=f"truth {self._noise}",
            precision="exact",
            longest_side_px=640,
            thresholds=((DefectKind.POTHOLE, 0.25),),
            bystander_threshold=0.1,
        )

    def look(self, frames: Iterable[Frame]) -> Iterator[LookAt]:
        """Yield what is truly in view, with noise."""
        for frame in frames:
            driven = self._passes[frame.ref.clip_sha256]
            t_s = frame.ref.pts / (FPS * TICKS_A_FRAME)
            rng = np.random.default_rng([driven.seed, driven.street.seed, frame.ref.pts])
            found = [*self._holes(driven, driven.at(t_s), rng), *self._ghosts(rng)]
            yield frame.ref, Looked(defects=tuple(found), bystanders=())

    def _holes(self, driven: Pass, moment: Moment, rng: np.random.Generator) -> Iterator[Detection]:
        lens = lens_at(self._rig, moment)
        for hole in driven.street.holes:
            if abs(hole.s_m - moment.street_m) > _AHEAD_M:
                continue
            edges = project_hole(hole, driven.street, lens, moment.pose)
            noise = rng.normal(0, 1, 4)
            if edges is None or rng.random() < self._noise.missed_share:
                continue
            box = self._noisy(edges, noise)
            if box is not None:
                yield Detection(
                    kind=DefectKind.POTHOLE, box=box, confidence=float(rng.uniform(0.4, 0.95))
                )

    def _noisy(self, edges: Sequence[float], noise: NDArray[np.float64]) -> PixelBox | None:
        left, top, right, bottom = edges
        scale = max(self._rig.width_px, self._rig.height_px) / 640
        wide, high = (
            math.hypot(self._noise.edge_px * scale, self._noise.edge_share * side)
            for side in (right - left, bottom - top)
        )
        left, right = left + noise[0] * wide, right + noise[2] * wide
        top, bottom = top + noise[1] * high, bottom + noise[3] * high
        left, right = max(left, 0.0), min(right, float(self._rig.width_px))
        top, bottom = max(top, 0.0), min(bottom, float(self._rig.height_px))
        if right - left < 1 or bottom - top < 1:
            return None
        return PixelBox(left_px=left, top_px=top, right_px=right, bottom_px=bottom)

    def _ghosts(self, rng: np.random.Generator) -> Iterator[Detection]:
        if rng.random() >= self._noise.false_a_frame:
            return
        left, top = rng.uniform(200, 900), rng.uniform(420, 600)
        box = PixelBox(left_px=left, top_px=top, right_px=left + 90, bottom_px=top + 30)
        yield Detection(kind=DefectKind.POTHOLE, box=box, confidence=float(rng.uniform(0.3, 0.5)))


@dataclass(frozen=True, slots=True, kw_only=True)
class StreetScore:
    """How the defects that were reported compare with the holes that are there.

    Attributes:
        holes: How many holes a pass could have seen.
        once: Holes that were reported exactly once.
        duplicates: Reports beyond the first of a hole.
        false_alarms: Reports of no hole.
        position_errors_m: Of each matched report.
        sigmas_m: What each matched report claims.
        width_errors: Relative, of each matched report.
    """

    holes: int
    once: int
    duplicates: int
    false_alarms: int
    position_errors_m: tuple[float, ...]
    sigmas_m: tuple[float, ...]
    width_errors: tuple[float, ...]

    @property
    def found(self) -> int:
        """Holes that were reported at all."""
        return len(self.position_errors_m)

    def __add__(self, other: "StreetScore") -> "StreetScore":
        """Return the score of two streets together."""
        return StreetScore(
            holes=self.holes + other.holes,
            once=self.once + other.once,
            duplicates=self.duplicates + other.duplicates,
            false_alarms=self.false_alarms + other.false_alarms,
            position_errors_m=self.position_errors_m + other.position_errors_m,
            sigmas_m=self.sigmas_m + other.sigmas_m,
            width_errors=self.width_errors + other.width_errors,
        )


def score_street(
    street: Street, defects: Sequence[Defect], owners: Sequence[int | None]
) -> StreetScore:
    """Score what was reported on one street.

    Args:
        street: The truth.
        defects: Reported potholes.
        owners: Of each, the index of the hole that its boxes were truly around; None for none.
    """
    reports: dict[int, list[Defect]] = {}
    for defect, owner in zip(defects, owners, strict=True):
        if owner is not None:
            reports.setdefault(owner, []).append(defect)
    errors, sigmas, widths = [], [], []
    for index, found in sorted(reports.items()):
        hole = street.holes[index]
        e, n, _ = street.to_world(hole.s_m, hole.d_m)
        best = max(found, key=lambda defect: (defect.sightings, str(defect.defect_id)))
        errors.append(math.hypot(best.at.easting_m - e, best.at.northing_m - n))
        sigmas.append(best.error.sigma_m)
        widths.append(abs(best.width_m.value - hole.width_m) / hole.width_m)
    return StreetScore(
        holes=len(street.holes),
        once=sum(len(found) == 1 for found in reports.values()),
        duplicates=sum(len(found) - 1 for found in reports.values()),
        false_alarms=sum(owner is None for owner in owners),
        position_errors_m=tuple(errors),
        sigmas_m=tuple(sigmas),
        width_errors=tuple(widths),
    )


def hole_in_box(street: Street, moment: Moment, rig: CameraRig, box: PixelBox) -> int | None:
    """Return the index of the hole that a box in a frame is truly around, or None.

    A box is around a hole if they overlap by at least 0.3, or the middle of either lies in the
    other and the box is not six times as large: a far hole is a sliver a few pixels high.
    """
    lens = lens_at(rig, moment)
    best: tuple[float, int] | None = None
    for index, hole in enumerate(street.holes):
        truth = _box(hole, street, lens, moment)
        if truth is None:
            continue
        iou = box.iou(truth)
        near = iou > 0 and (_middle_in(box, truth) or _middle_in(truth, box))
        small = box.width_px * box.height_px < 6 * truth.width_px * truth.height_px
        if (iou >= 0.3 or (near and small)) and (best is None or iou > best[0]):
            best = (iou, index)
    return None if best is None else best[1]


def _box(hole: Hole, street: Street, lens: Lens, moment: Moment) -> PixelBox | None:
    if abs(hole.s_m - moment.street_m) > _AHEAD_M:
        return None
    edges = project_hole(hole, street, lens, moment.pose)
    if edges is None:
        return None
    left, top, right, bottom = edges
    return PixelBox(left_px=left, top_px=top, right_px=right, bottom_px=bottom)


def _middle_in(inner: PixelBox, outer: PixelBox) -> bool:
    x, y = (inner.left_px + inner.right_px) / 2, (inner.top_px + inner.bottom_px) / 2
    return outer.left_px <= x <= outer.right_px and outer.top_px <= y <= outer.bottom_px
