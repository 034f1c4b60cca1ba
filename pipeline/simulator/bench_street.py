"""The street benchmark: how many holes are reported, once, where, and how large."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from scipy.stats import binomtest

from pipeline.domain.camera import CameraRig
from pipeline.domain.defects import Area, Defect, DefectState
from pipeline.domain.ids import ObservationId
from pipeline.domain.looks import DefectKind
from pipeline.domain.observations import Observation
from pipeline.domain.policy import QueueRule
from pipeline.domain.ports import Detector, Grid
from pipeline.line import (
    LineSettings,
    gather_defects,
)
from pipeline.simulator.drive import STARTED_AT, Pass, PassRules, simulated_rig
from pipeline.simulator.footage import (
    FPS,
    TICKS_A_FRAME,
    Painter,
    SimulatedFootage,
    clip_of,
    grey_painter,
    street_painter,
)
from pipeline.simulator.making import make_street
from pipeline.simulator.street import Street
from pipeline.simulator.surface import paint_surface
from pipeline.simulator.surveying import received_of, survey_pass
from pipeline.simulator.truth import (
    StreetScore,
    TruthDetector,
    TruthNoise,
    hole_in_box,
    score_street,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreetBench:
    """What is driven.

    Attributes:
        seeds: One street each.
        passes: How often each is driven, with independent GPS errors.
        true_track: With the true track instead of the receiver's.
        cluster: Holes about a metre apart instead of at least six.
        render: Frames are rendered; otherwise the detector must know the truth.
    """

    seeds: tuple[int, ...] = tuple(range(10))
    passes: int = 2
    true_track: bool = False
    cluster: bool = False
    render: bool = False


def run_street_bench(
    bench: StreetBench,
    *,
    grid: Grid,
    rule: QueueRule,
    detector: Detector | None = None,
    on_street: Callable[[], None] = lambda: None,
) -> StreetScore:
    """Drive every street and score what the line would put into the queue.

    Args:
        bench: What is driven.
        grid: The National Grid.
        rule: When a candidate is queued.
        detector: The real one; None for the truth detector with its stated noise.
        on_street: Called when a street is done.
    """
    total: StreetScore | None = None
    for seed in bench.seeds:
        score = _one_street(bench, seed, grid=grid, rule=rule, detector=detector)
        total = score if total is None else total + score
        on_street()
    if total is None:
        raise ValueError("a benchmark needs a seed")
    return total


def run_sigma_bench(
    bench: StreetBench,
    *,
    drives: int,
    grid: Grid,
    rule: QueueRule,
    on_street: Callable[[], None] = lambda: None,
) -> dict[str, float]:
    """Measure how often the truth lies within twice the sigma that a report claims.

    An error of the GPS moves all holes of a street alike, so the holes of one drive are one trial
    and not many. Every street is therefore driven anew many times, each time with errors of its
    own, and of each time one reported hole, drawn at random, counts: a binomial interval holds
    for such trials.

    Args:
        bench: What is driven, with the truth detector.
        drives: How often each street is driven anew.
        grid: The National Grid.
        rule: When a candidate is queued.
        on_street: Called when a street has been driven.

    Returns:
        The share inside, its 95 % interval (Clopper-Pearson), and the number of trials.
    """
    inside = trials = 0
    for seed in bench.seeds:
        for drive in range(drives):
            score = _one_street(bench, seed, drive=drive, grid=grid, rule=rule, detector=None)
            on_street()
            if not score.found:
                continue
            drawn = int(np.random.default_rng([seed, drive, 31]).integers(score.found))
            inside += score.position_errors_m[drawn] <= 2 * score.sigmas_m[drawn]
            trials += 1
    interval = binomtest(inside, trials).proportion_ci(method="exact")
    return {
        "independent_trials": trials,
        "inside_2_sigma": inside / trials,
        "inside_low": float(interval.low),
        "inside_high": float(interval.high),
    }


def figures_of(score: StreetScore) -> dict[str, float]:
    """Return the figures of a score, as they are reported."""
    errors, sigmas = np.array(score.position_errors_m), np.array(score.sigmas_m)
    reports = score.found + score.duplicates + score.false_alarms
    return {
        "holes": score.holes,
        "recall": score.found / score.holes,
        "reported_once": score.once / score.holes,
        "precision": score.found / max(reports, 1),
        "duplicates": score.duplicates,
        "false_alarms": score.false_alarms,
        "position_error_median_m": float(np.median(errors)),
        "position_error_p95_m": float(np.quantile(errors, 0.95)),
        "width_error_median": float(np.median(score.width_errors)),
        "width_error_p90": float(np.quantile(score.width_errors, 0.9)),
        "inside_2_sigma": float((errors <= 2 * sigmas).mean()),
    }


def _one_street(
    bench: StreetBench,
    seed: int,
    *,
    drive: int = 0,
    grid: Grid,
    rule: QueueRule,
    detector: Detector | None,
) -> StreetScore:
    street = make_street(seed, cluster=bench.cluster)
    rig = simulated_rig()
    painter = street_painter(paint_surface(street), rig) if bench.render else grey_painter(rig)
    passes = [
        Pass(
            street,
            PassRules(speed_mps=8.0 + number, stop_at_m=120.0 if number == 1 else None),
            seed=1000 * seed + bench.passes * drive + number,
            started_at=STARTED_AT + timedelta(days=number),
        )
        for number in range(bench.passes)
    ]
    seen = [_survey(p, rig, painter, bench=bench, grid=grid, detector=detector) for p in passes]
    area = Area(observations=tuple(o for observations in seen for o in observations))
    gathered = gather_defects(area, rule=rule, settings=LineSettings())
    defects = [
        defect
        for defect in gathered.defects.values()
        if defect.state is DefectState.QUEUED and defect.kind is DefectKind.POTHOLE
    ]
    by_id = {o.observation_id: o for observations in seen for o in observations}
    owners = [_owner(street, passes, rig, defect, by_id) for defect in defects]
    return score_street(street, defects, owners)


def _survey(
    driven: Pass,
    rig: CameraRig,
    painter: Painter,
    *,
    bench: StreetBench,
    grid: Grid,
    detector: Detector | None,
) -> list[Observation]:
    """Take one pass down the line."""
    received = received_of(driven, rig, grid, true_track=bench.true_track)
    footage = SimulatedFootage({"pass": driven}, rig, painter)
    eye = detector or TruthDetector({clip_of(driven, rig).sha256: driven}, rig, TruthNoise())
    return [o for found in survey_pass(received, footage, eye, grid) for o in found.observations]


def _owner(
    street: Street,
    passes: Sequence[Pass],
    rig: CameraRig,
    defect: Defect,
    by_id: dict[ObservationId, Observation],
) -> int | None:
    """Return the hole that most of a defect's boxes are truly around; None if it is nobody's."""
    of_clip = {clip_of(driven, rig).sha256: driven for driven in passes}
    votes: Counter[int | None] = Counter()
    for name in defect.observation_ids:
        o = by_id[name]
        moment = of_clip[o.frame.clip_sha256].at(o.frame.pts / (FPS * TICKS_A_FRAME))
        votes[hole_in_box(street, moment, rig, o.box)] += 1
    return votes.most_common(1)[0][0]
