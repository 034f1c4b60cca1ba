"""The identity benchmark: eight passes by three vehicles, while one hole grows and one is mended.

Both directions, independent GPS errors, three cameras. The detector knows the truth, with stated
noise: what is judged is not the eye but whether one hole stays one defect, and what is said of it.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from pipeline.domain.camera import CameraRig
from pipeline.domain.condition import Condition, PassOver
from pipeline.domain.defects import Area, Defect, DefectState
from pipeline.domain.findings import Findings
from pipeline.domain.footage import Drive
from pipeline.domain.ids import DefectId, ObservationId
from pipeline.domain.observations import Observation
from pipeline.domain.policy import QueueRule
from pipeline.domain.ports import Grid
from pipeline.geometry.growth import size_of_pass
from pipeline.geometry.strips import right_of
from pipeline.line import LineSettings, conditions_of, gather_defects
from pipeline.simulator.drive import STARTED_AT, Pass, PassRules, simulated_rig
from pipeline.simulator.footage import FPS, TICKS_A_FRAME, SimulatedFootage, clip_of, grey_painter
from pipeline.simulator.making import make_street
from pipeline.simulator.street import Street
from pipeline.simulator.surveying import received_of, survey_pass
from pipeline.simulator.truth import TruthDetector, TruthNoise, hole_in_box

_PASSES, _GROWS_AT, _MENDED_AT = 8, 3, 6
_GROWTH = 1.3
_WRONG_SIGHTINGS = 2
_SHUFFLES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class OneStreet:
    """What one street gave.

    Attributes:
        holes: How many lie on it.
        reports: Possible defects after six passes that are truly of a hole.
        duplicates: Of them, beyond the first of a hole.
        merges: Of them, of which two sightings or more are of another hole.
        grown: Whether the one that grows is said to have grown; None where it was not found.
        steady: Holes that did not grow …
        steady_grown: … and were said to have.
        gone: Whether the mended one is said to be probably gone; None where it was not found, or
            fewer than two of the passes since looked at its place.
        there: Holes that were not mended …
        there_gone: … and were said to be probably gone.
        same: Whether any order of arrival gave the same defects.
    """

    holes: int
    reports: int
    duplicates: int
    merges: int
    grown: bool | None
    steady: int
    steady_grown: int
    gone: bool | None
    there: int
    there_gone: int
    same: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Driven:
    """A pass with what it found."""

    on: Street
    drive: Drive
    driven: Pass
    rig: CameraRig
    findings: Sequence[Findings]

    def owner(self, o: Observation) -> int | None:
        """Return the hole that a sighting's box is truly around."""
        moment = self.driven.at(o.frame.pts / (FPS * TICKS_A_FRAME))
        return hole_in_box(self.on, moment, self.rig, o.box)

    @property
    def observations(self) -> list[Observation]:
        """All of its sightings."""
        return [o for found in self.findings for o in found.observations]

    def looked_at(self, defect: Defect) -> bool:
        """Return whether a defect's place lay in what it looked at."""
        at = np.array([defect.at.easting_m, defect.at.northing_m])
        for found in self.findings:
            for c in found.coverage:
                line = np.array([(p.easting_m, p.northing_m) for p in c.line])
                aside = right_of(line, at) if c.looked else None
                if aside is not None and -c.left_m <= aside <= c.right_m:
                    return True
        return False


def run_identity_bench(
    seeds: Sequence[int],
    *,
    grid: Grid,
    rule: QueueRule,
    on_street: Callable[[], None] = lambda: None,
) -> list[OneStreet]:
    """Drive every street eight times, and compare what is said with what happened."""
    found = []
    for seed in seeds:
        found.append(_one_street(seed, grid=grid, rule=rule))
        on_street()
    return found


def figures_of(streets: Sequence[OneStreet]) -> dict[str, float]:
    """Return the figures of all streets."""
    grown = [one.grown for one in streets if one.grown is not None]
    gone = [one.gone for one in streets if one.gone is not None]
    reports = sum(one.reports for one in streets)
    return {
        "streets": float(len(streets)),
        "holes": float(sum(one.holes for one in streets)),
        "reports": float(reports),
        "duplicates": sum(one.duplicates for one in streets) / reports,
        "wrong merges": sum(one.merges for one in streets) / reports,
        "holes that grew by 30 %": float(len(grown)),
        "of them said to have grown": float(np.mean(grown)),
        "others said to have grown": sum(one.steady_grown for one in streets)
        / sum(one.steady for one in streets),
        "mended holes that two passes looked for": float(len(gone)),
        "of them said to be gone": float(np.mean(gone)),
        "others said to be gone": sum(one.there_gone for one in streets)
        / sum(one.there for one in streets),
        "same in any order": float(np.mean([one.same for one in streets])),
    }


def _one_street(seed: int, *, grid: Grid, rule: QueueRule) -> OneStreet:
    street = make_street(seed)
    chance = np.random.default_rng([seed, 53])
    grows, mended = (int(i) for i in chance.permutation(len(street.holes))[:2])
    passes = [_drive(street, number, seed, (grows, mended), grid) for number in range(_PASSES)]
    six = _gathered(passes[:_MENDED_AT], rule)
    every = _gathered(passes, rule)
    owners = {o.observation_id: p.owner(o) for p in passes for o in p.observations}
    truly = {name: _hole_of(d, owners) for name, d in six.items()}
    counted = Counter(hole for hole in truly.values() if hole is not None)
    conditions = conditions_of({name: _passes_over(d, passes) for name, d in every.items()})
    by_hole: dict[int, list[Condition]] = defaultdict(list)
    usable = 0
    for name, defect in every.items():
        hole = _hole_of(defect, owners)
        if hole is not None:
            by_hole[hole].append(conditions[name])
        if hole == mended:
            usable = max(usable, sum(p.looked_at(defect) for p in passes[_MENDED_AT:]))
    steady = [c for hole, some in by_hole.items() for c in some if hole not in {grows, mended}]
    return OneStreet(
        holes=len(street.holes),
        reports=sum(counted.values()),
        duplicates=sum(count - 1 for count in counted.values()),
        merges=sum(_is_merged(d, owners) for d in six.values()),
        grown=_any(by_hole.get(grows), lambda c: c.growth is not None),
        steady=len(steady),
        steady_grown=sum(c.growth is not None for c in steady),
        gone=_any(by_hole.get(mended) if usable > 1 else None, lambda c: c.probably_gone),
        there=len(steady),
        there_gone=sum(c.probably_gone for c in steady),
        same=all(
            _partition(_gathered(passes[:_MENDED_AT], rule, shuffle)) == _partition(six)
            for shuffle in range(_SHUFFLES)
        ),
    )


def _drive(
    street: Street, number: int, seed: int, changing: tuple[int, int], grid: Grid
) -> _Driven:
    """Drive one of three vehicles down the street as it is by then."""
    grows, mended = changing
    holes = list(street.holes)
    if number >= _GROWS_AT:
        old = holes[grows]
        holes[grows] = replace(old, width_m=old.width_m * _GROWTH, length_m=old.length_m * _GROWTH)
    if number >= _MENDED_AT:
        # It lies far off: so the other holes keep their numbers.
        holes[mended] = replace(holes[mended], s_m=-10_000.0)
    now = replace(street, holes=tuple(holes))
    vehicle = number % 3
    rig = simulated_rig(mount_height_m=1.4 + 0.4 * vehicle, pitch_deg=6.0 + vehicle)
    rules = PassRules(
        speed_mps=8.0 + vehicle,
        stop_at_m=120.0 if vehicle == 1 else None,
        towards_start=number % 2 == 1,
    )
    driven = Pass(
        now, rules, seed=1000 * seed + number, started_at=STARTED_AT + timedelta(days=7 * number)
    )
    received = received_of(driven, rig, grid, vehicle=str(vehicle))
    findings = survey_pass(
        received,
        SimulatedFootage({"pass": driven}, rig, grey_painter(rig)),
        TruthDetector({clip_of(driven, rig).sha256: driven}, rig, TruthNoise()),
        grid,
    )
    return _Driven(now, received.drive, driven, rig, findings)


def _gathered(
    passes: Sequence[_Driven], rule: QueueRule, shuffle: int | None = None
) -> dict[DefectId, Defect]:
    observations = [o for one in passes for o in one.observations]
    if shuffle is not None:
        order = np.random.default_rng(shuffle).permutation(len(observations))
        observations = [observations[i] for i in order]
    area = Area(observations=tuple(observations))
    gathered = gather_defects(area, rule=rule, settings=LineSettings())
    return {
        name: defect
        for name, defect in gathered.defects.items()
        if defect.state is DefectState.QUEUED
    }


def _partition(defects: dict[DefectId, Defect]) -> set[tuple[ObservationId, ...]]:
    return {defect.observation_ids for defect in defects.values()}


def _votes(defect: Defect, owners: dict[ObservationId, int | None]) -> Counter[int]:
    found = (owners[name] for name in defect.observation_ids)
    return Counter(hole for hole in found if hole is not None)


def _hole_of(defect: Defect, owners: dict[ObservationId, int | None]) -> int | None:
    votes = _votes(defect, owners).most_common(1)
    return votes[0][0] if votes else None


def _is_merged(defect: Defect, owners: dict[ObservationId, int | None]) -> bool:
    votes = _votes(defect, owners).most_common(2)
    return len(votes) > 1 and votes[1][1] >= _WRONG_SIGHTINGS


def _passes_over(defect: Defect, passes: Sequence[_Driven]) -> list[PassOver]:
    members = set(defect.observation_ids)
    over = []
    for one in passes:
        seen = [o for o in one.observations if o.observation_id in members]
        if seen:
            over.append(
                PassOver(
                    drive_id=one.drive.drive_id,
                    at=min(o.seen_at for o in seen),
                    width_m=size_of_pass([o.width_m for o in seen]),
                    length_m=size_of_pass([o.length_m for o in seen]),
                )
            )
        elif one.looked_at(defect):
            over.append(PassOver(drive_id=one.drive.drive_id, at=one.driven.started_at))
    return over


def _any(some: Sequence[Condition] | None, says: Callable[[Condition], bool]) -> bool | None:
    return None if not some else any(says(one) for one in some)
