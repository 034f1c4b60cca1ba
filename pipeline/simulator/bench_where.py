"""The calibration benchmark: hidden cameras and clocks on simulated streets, found again.

Only the picture's size and field of view are given, the latter as well as a data sheet has it: the
true focal length differs by 1 % (one sigma). Each drive has its own camera, its own GPS errors and
its own wrong clock; half of the drives stop on the way.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import binomtest

from pipeline.adapters.rig_toml import parse_rig, rig_for
from pipeline.domain.camera import CameraRig
from pipeline.domain.ports import Grid
from pipeline.line import LineSettings, calibrate_drive, prepare_drive
from pipeline.simulator.drive import Pass, PassRules, simulated_rig
from pipeline.simulator.footage import SimulatedFootage, street_painter
from pipeline.simulator.making import make_street
from pipeline.simulator.surface import paint_surface
from pipeline.simulator.surveying import received_of
from pipeline.stages.calibrate import CalibrateSettings, Calibration

_HFOV_DEG = 70.0
_FOCAL_SHARE = 0.01
_ANGLES = ("pitch", "yaw", "roll")


@dataclass(frozen=True, slots=True, kw_only=True)
class WhereBench:
    """What is driven.

    Attributes:
        seeds: One street each.
        drives: How often each street is driven, with another camera and clock.
    """

    seeds: tuple[int, ...] = tuple(range(20))
    drives: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """The truth of one drive.

    Attributes:
        rig: The camera.
        clock_s: What is to be added to its clock.
        stops: Whether the vehicle stops on the way.
    """

    rig: CameraRig
    clock_s: float
    stops: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One estimate against its truth.

    Attributes:
        what: pitch, yaw, roll (degrees), height (share of the true one) or clock (seconds).
        error: Estimate minus truth.
        sigma: As stated.
        known: Whether it was stated as known: always, but for the clock.
        stops: Whether the vehicle stopped on the way.
    """

    what: str
    error: float
    sigma: float
    known: bool
    stops: bool


def run_where_bench(
    bench: WhereBench, *, grid: Grid, on_drive: Callable[[], None] = lambda: None
) -> tuple[list[Trial], int]:
    """Drive, hide the camera, and estimate it.

    Returns:
        The trials, and in how many drives no camera was found.
    """
    trials: list[Trial] = []
    refused = 0
    for seed in bench.seeds:
        street = make_street(seed, length_m=300.0, holes=20)
        surface = paint_surface(street)
        for number in range(bench.drives):
            hidden = hide(seed, number)
            rules = PassRules(
                stop_at_m=150.0 if hidden.stops else None, camera_clock_behind_s=hidden.clock_s
            )
            driven = Pass(street, rules, seed=1000 * seed + number)
            painter = street_painter(surface, hidden.rig)
            footage = SimulatedFootage({"pass": driven}, hidden.rig, painter)
            found = _calibrated(driven, hidden.rig, footage, grid)
            if found.pose is None or found.motion is None:
                refused += 1
            else:
                trials += _trials(found, hidden)
            on_drive()
    return trials, refused


def hide(seed: int, number: int) -> Hidden:
    """Return the camera and clock of one drive."""
    chance = np.random.default_rng([seed, number, 41])
    rig = replace(
        simulated_rig(
            hfov_deg=_HFOV_DEG,
            mount_height_m=float(chance.uniform(1.2, 2.6)),
            pitch_deg=float(chance.uniform(2, 14)),
        ),
        yaw_deg=float(chance.uniform(-4, 4)),
        roll_deg=float(chance.uniform(-2, 2)),
    )
    rig = replace(rig, focal_px=rig.focal_px * (1 + _FOCAL_SHARE * float(chance.normal())))
    return Hidden(rig=rig, clock_s=float(chance.uniform(-3, 3)), stops=(seed + number) % 2 == 0)


def figures_of_trials(trials: list[Trial], refused: int) -> dict[str, dict[str, float]]:
    """Return medians of the errors, and how often the truth lies within two sigma."""
    table: dict[str, dict[str, float]] = {}
    for what in sorted({trial.what for trial in trials}):
        ours = [trial for trial in trials if trial.what == what and trial.known]
        if ours:
            table[what] = _figures(ours)
    for words, stops in (("clock of drives that stop", True), ("clock of the others", False)):
        ours = [t for t in trials if t.what == "clock" and t.stops is stops]
        if ours:
            known = float(np.mean([t.known for t in ours]))
            table[words] = {**_figures(ours), "stated as known": known}
    every = [t for t in trials if t.known]
    table["all"] = {**(_figures(every) if every else {}), "drives refused": float(refused)}
    return table


def _figures(trials: list[Trial]) -> dict[str, float]:
    errors = np.abs([trial.error for trial in trials])
    inside = int((errors <= 2 * np.array([trial.sigma for trial in trials])).sum())
    interval = binomtest(inside, len(trials)).proportion_ci(method="exact")
    return {
        "estimates": float(len(trials)),
        "error_median": float(np.median(errors)),
        "error_p90": float(np.quantile(errors, 0.9)),
        "sigma_median": float(np.median([trial.sigma for trial in trials])),
        "inside_2_sigma": inside / len(trials),
        "inside_low": float(interval.low),
        "inside_high": float(interval.high),
    }


def _calibrated(driven: Pass, rig: CameraRig, footage: SimulatedFootage, grid: Grid) -> Calibration:
    given = f"width_px = {rig.width_px}\nheight_px = {rig.height_px}\nhfov_deg = {_HFOV_DEG}\n"
    received = received_of(driven, rig, grid, known=parse_rig(given, name="bench").rig)
    prepared = prepare_drive(received, rig_for=rig_for, grid=grid, settings=LineSettings())
    return calibrate_drive(prepared, footage, CalibrateSettings())


def _trials(found: Calibration, hidden: Hidden) -> list[Trial]:
    rig, clock = found.found.rig, found.found.clock
    made = []
    for name in _ANGLES:
        off = getattr(rig, f"{name}_deg") - getattr(hidden.rig, f"{name}_deg")
        sigma = getattr(rig, f"{name}_sigma_deg")
        made.append(Trial(what=name, error=off, sigma=sigma, known=True, stops=hidden.stops))
    truth_m = hidden.rig.mount_height_m
    made.append(
        Trial(
            what="height",
            error=(rig.mount_height_m - truth_m) / truth_m,
            sigma=rig.mount_height_sigma_m / truth_m,
            known=True,
            stops=hidden.stops,
        )
    )
    if found.motion is not None:
        offset = found.motion.offset
        made.append(
            Trial(
                what="clock",
                error=offset.value - hidden.clock_s,
                sigma=offset.sigma,
                known=clock is not None,
                stops=hidden.stops,
            )
        )
    return made
