"""A bin lorry's round: a camera high up, a stop every thirty metres, reversing now and then.

A vehicle that goes back keeps its heading; if that were missed, what it sees would lie on the other
side of the road, and behind it.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from pipeline.domain.ids import ClipSha256
from pipeline.domain.observations import Observation
from pipeline.domain.ports import Grid
from pipeline.simulator.drive import Gps, Pass, PassRules, simulated_rig
from pipeline.simulator.footage import (
    FPS,
    TICKS_A_FRAME,
    SimulatedFootage,
    clip_of,
    grey_painter,
)
from pipeline.simulator.making import make_street
from pipeline.simulator.surveying import received_of, survey_pass
from pipeline.simulator.truth import TruthDetector, TruthNoise, hole_in_box

_MOUNT_M, _PITCH_DEG = 2.5, 14.0
_STREET_M, _STOP_EVERY_M = 620.0, 30.0
# Nearer to the camera's path than this, left and right are one.
_AHEAD_M = 0.5
_OPPOSITE_DEG = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundBench:
    """What is driven: a street for each seed, twenty stops and one reversal in each."""

    seeds: tuple[int, ...] = tuple(range(400, 420))
    gps_sigma_m: float = 2.0


def run_round_bench(
    bench: RoundBench, *, grid: Grid, on_street: Callable[[], None] = lambda: None
) -> dict[str, float]:
    """Drive every street and count what lies on the wrong side of the vehicle's way.

    Args:
        bench: What is driven.
        grid: The National Grid.
        on_street: Told after each street.
    """
    counted: Counter[str] = Counter({"on the wrong side": 0, "heading turned round": 0})
    for seed in bench.seeds:
        counted.update(_one_street(seed, bench, grid))
        on_street()
    return {name: float(count) for name, count in counted.items()}


def _one_street(seed: int, bench: RoundBench, grid: Grid) -> Counter[str]:
    street = make_street(seed, length_m=_STREET_M, holes=40, manholes=0, patches=0)
    rig = simulated_rig(mount_height_m=_MOUNT_M, pitch_deg=_PITCH_DEG)
    stops = int(_STREET_M / _STOP_EVERY_M)
    rules = PassRules(
        speed_mps=7.0,
        stop_every_m=_STOP_EVERY_M,
        reverse_at_m=(_STOP_EVERY_M * (4 + seed % (stops - 6)),),
        gps=Gps(sigma_m=bench.gps_sigma_m),
    )
    driven = Pass(street, rules, seed=seed)
    received = received_of(driven, rig, grid)
    footage = SimulatedFootage({"pass": driven}, rig, grey_painter(rig))
    eye = TruthDetector({clip_of(driven, rig).sha256: driven}, rig, TruthNoise())
    findings = survey_pass(received, footage, eye, grid)
    seen = [o for found in findings for o in found.observations]
    counted = Counter(streets=1, stops=stops, reversals=1, sightings=len(seen))
    for sighting in seen:
        counted.update(_judged(driven, sighting, clip_of(driven, rig).sha256))
    counted["looks while reversing"] = sum(
        driven.is_reversing(o.frame.pts / (FPS * TICKS_A_FRAME)) for o in seen
    )
    return counted


def _judged(driven: Pass, seen: Observation, clip: ClipSha256) -> list[str]:
    """Return what is wrong with where a sighting was put: by the truth of the same instant."""
    if seen.frame.clip_sha256 != clip:
        return ["of another clip"]
    moment = driven.at(seen.frame.pts / (FPS * TICKS_A_FRAME))
    rig = simulated_rig(mount_height_m=_MOUNT_M, pitch_deg=_PITCH_DEG)
    hole = hole_in_box(driven.street, moment, rig, seen.box)
    if hole is None:
        return ["of no hole"]
    truth = driven.street.holes[hole]
    away = abs((seen.heading_deg - moment.pose.heading_deg + 180) % 360 - 180)
    wrong = ["heading turned round"] if away > _OPPOSITE_DEG else []
    lateral = driven.offset_from_path(truth.s_m, truth.d_m, moment)
    if abs(lateral) > _AHEAD_M and lateral * seen.offset_m < 0:
        wrong.append("on the wrong side")
    return [*wrong, "of a hole"]
