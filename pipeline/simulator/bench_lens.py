"""The lens benchmark: cameras of which nothing is known but the picture's size.

Each drives through a junction: its turn tells the focal length. Every other lens bends. What
comes of it is told by a hole: how wide and how far off it would be measured.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from pipeline.adapters.rig_toml import rig_for
from pipeline.domain.camera import CameraRig
from pipeline.domain.looks import PixelBox
from pipeline.domain.ports import Grid
from pipeline.geometry.ellipse import ellipse_of_box
from pipeline.geometry.ground import image_points
from pipeline.line import LineSettings, calibrate_drive, prepare_drive
from pipeline.simulator.drive import Pass, PassRules, simulated_rig
from pipeline.simulator.footage import SimulatedFootage, street_painter
from pipeline.simulator.making import make_street
from pipeline.simulator.street import Arc, Street
from pipeline.simulator.surface import paint_surface
from pipeline.simulator.surveying import received_of
from pipeline.stages.calibrate import CalibrateSettings

_HOLE_WIDE_M, _HOLE_AHEAD_M, _HOLE_RIGHT_M = 0.6, 8.0, -1.0
_RIM_POINTS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class LensTrial:
    """One camera: what was found against what is.

    Attributes:
        focal: Found focal length minus the true one, as a share of it.
        focal_sigma: As stated, as a share.
        distortion: Found minus true.
        bends: Whether the lens bends.
        dive: Found minus true, degrees for each m/s².
        width: Of the hole, found minus true as a share; nan where it cannot be measured.
        place_m: How far off the hole is placed from the camera.
        assumed_width: Likewise, had nothing been found.
        assumed_place_m: Likewise.
    """

    focal: float
    focal_sigma: float
    distortion: float
    bends: bool
    dive: float
    width: float
    place_m: float
    assumed_width: float
    assumed_place_m: float


def run_lens_bench(
    seeds: tuple[int, ...], *, grid: Grid, on_drive: Callable[[], None] = lambda: None
) -> list[LensTrial]:
    """Drive with each hidden camera, find it, and measure a hole with it."""
    trials = []
    for seed in seeds:
        trials.append(_one(seed, grid))
        on_drive()
    return trials


def figures_of_lenses(trials: list[LensTrial]) -> dict[str, dict[str, float]]:
    """Return medians and what nine of ten lie within."""
    table: dict[str, dict[str, float]] = {}
    for what in ("focal", "distortion", "dive", "width", "place_m"):
        table[what] = _spread([getattr(trial, what) for trial in trials])
    table["focal"]["inside_2_sigma"] = float(
        np.mean([abs(trial.focal) <= 2 * trial.focal_sigma for trial in trials])
    )
    for what in ("width", "place_m"):
        table[f"{what}, had nothing been found"] = _spread(
            [getattr(trial, f"assumed_{what}") for trial in trials]
        )
    straight = [abs(trial.distortion) for trial in trials if not trial.bends]
    if straight:
        table["distortion of lenses that do not bend"] = _spread(straight)
    return table


def _spread(errors: list[float]) -> dict[str, float]:
    size = np.abs(np.array(errors))
    size = size[np.isfinite(size)]
    return {
        "trials": float(len(size)),
        "error_median": float(np.median(size)),
        "error_p90": float(np.quantile(size, 0.9)),
    }


def _one(seed: int, grid: Grid) -> LensTrial:
    chance = np.random.default_rng([seed, 43])
    rig, bends = _hidden(chance, bends=seed % 2 == 0)
    street = _junction(seed, chance)
    rules = PassRules(
        speed_mps=6.5,
        stop_at_m=70.0,
        camera_clock_behind_s=float(chance.uniform(-2, 2)),
        dive_deg_s2_m=rig.dive_deg_s2_m,
    )
    driven = Pass(street, rules, seed=1000 * seed)
    painter = street_painter(paint_surface(street), rig)
    footage = SimulatedFootage({"pass": driven}, rig, painter)
    received = replace(received_of(driven, rig, grid), rig=None)
    prepared = prepare_drive(received, rig_for=rig_for, grid=grid, settings=LineSettings())
    found = calibrate_drive(prepared, footage, CalibrateSettings()).found.rig
    width, place_m = _hole_error(rig, found)
    assumed_width, assumed_place_m = _hole_error(rig, prepared.rig)
    return LensTrial(
        focal=found.focal_px / rig.focal_px - 1,
        focal_sigma=found.focal_sigma_px / rig.focal_px,
        distortion=found.distortion - rig.distortion,
        bends=bends,
        dive=found.dive_deg_s2_m - rig.dive_deg_s2_m,
        width=width,
        place_m=place_m,
        assumed_width=assumed_width,
        assumed_place_m=assumed_place_m,
    )


def _hidden(chance: np.random.Generator, *, bends: bool) -> tuple[CameraRig, bool]:
    rig = simulated_rig(
        hfov_deg=float(chance.uniform(50, 85)),
        mount_height_m=float(chance.uniform(1.2, 2.6)),
        pitch_deg=float(chance.uniform(3, 12)),
    )
    return (
        replace(
            rig,
            yaw_deg=float(chance.uniform(-4, 4)),
            roll_deg=float(chance.uniform(-2, 2)),
            distortion=float(chance.uniform(-0.3, -0.05)) if bends else 0.0,
            dive_deg_s2_m=float(chance.uniform(0.1, 0.5)),
        ),
        bends,
    )


def _junction(seed: int, chance: np.random.Generator) -> Street:
    """Return a street with a right angle in it, as at a junction, and nothing that lies on it."""
    radius_m = float(chance.uniform(10, 16))
    side = float(chance.choice([-1.0, 1.0]))
    arcs = (
        Arc(length_m=110.0),
        Arc(length_m=radius_m * math.pi / 2, curvature_per_m=side / radius_m),
        Arc(length_m=120.0),
    )
    drawn = make_street(seed, length_m=240.0, holes=0)
    return replace(drawn, arcs=arcs, manholes=(), patches=(), cracks=())


def _hole_error(rig: CameraRig, taken: CameraRig) -> tuple[float, float]:
    """Return how wrongly wide and how far off a hole is measured with a camera taken for it."""
    turns = np.linspace(0, 2 * np.pi, _RIM_POINTS)
    half = _HOLE_WIDE_M / 2
    rim = np.column_stack(
        (_HOLE_RIGHT_M + half * np.cos(turns), _HOLE_AHEAD_M + half * np.sin(turns))
    )
    seen = image_points(rim, rig)
    (left, top), (right, bottom) = seen.min(axis=0).tolist(), seen.max(axis=0).tolist()
    box = PixelBox(left_px=left, top_px=top, right_px=right, bottom_px=bottom)
    found = ellipse_of_box(box, taken)
    if found is None:
        return math.nan, math.nan
    off = math.hypot(found.right_m - _HOLE_RIGHT_M, found.forward_m - _HOLE_AHEAD_M)
    return found.width_m / _HOLE_WIDE_M - 1, off
