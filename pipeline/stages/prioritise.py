"""Prioritise: what a council's policy proposes for each possible defect, and why. Pure.

The proposal is impact × likelihood on the council's own matrix. The engineer decides. What is
not known is said: a camera sees no depth, and a road's class is unknown until roads are loaded.
"""

from collections.abc import Iterable, Mapping

from pipeline.domain.condition import Condition
from pipeline.domain.defects import Defect
from pipeline.domain.ids import DefectId
from pipeline.domain.policy import Band, CouncilPolicy, InvestigatoryLevel
from pipeline.domain.queue import QueueEntry
from pipeline.domain.roads import RoadFacts

_NOTHING_KNOWN = RoadFacts()

# Nothing is ever wholly sure.
_NEVER_SURER = 0.99


def prioritise(
    defects: Iterable[Defect],
    roads: Mapping[DefectId, RoadFacts],
    conditions: Mapping[DefectId, Condition],
    *,
    policy: CouncilPolicy,
) -> tuple[QueueEntry, ...]:
    """Return the queue, the most urgent first.

    Args:
        defects: What awaits a decision.
        roads: What is known of the road at each; missing means that nothing is.
        conditions: What the passes over each say: they give reasons, and change no score.
        policy: The council's rules.
    """
    entries = [
        _entry(
            defect,
            roads.get(defect.defect_id, _NOTHING_KNOWN),
            conditions.get(defect.defect_id),
            policy,
        )
        for defect in defects
    ]
    return tuple(sorted(entries, key=lambda entry: (-entry.score, str(entry.defect_id))))


def _entry(
    defect: Defect, road: RoadFacts, condition: Condition | None, policy: CouncilPolicy
) -> QueueEntry:
    impact, impact_reasons = _impact(defect, policy)
    likelihood, likelihood_reasons = _likelihood(defect, road, policy)
    risk = impact * likelihood
    band = policy.band_of(risk)
    reasons = (
        _what(defect),
        *impact_reasons,
        *likelihood_reasons,
        _level(defect, road, policy),
        *(condition.sentences if condition else ()),
        f"Impact {impact} × likelihood {likelihood} = {risk}: {band.category}, {_response(band)}.",
        _certainty(defect),
    )
    return QueueEntry(
        defect_id=defect.defect_id,
        score=round(risk + _within_band(defect), 4),
        impact=impact,
        likelihood=likelihood,
        category=band.category,
        respond_within_h=None if band.respond is None else band.respond.nominal_h,
        reasons=reasons,
        policy_sha256=policy.sha256,
        street=road.name,
        usrn=road.usrn,
        hierarchy=road.hierarchy,
    )


def _within_band(defect: Defect) -> float:
    """Return 0…1 to order equal risks: larger and surer first; never enough to change the risk."""
    size = defect.area_m2.value / (1 + defect.area_m2.value)
    return 0.999 * (0.7 * size + 0.3 * defect.confidence)


def _what(defect: Defect) -> str:
    low, high = defect.width_m.interval
    return (
        f"Possible {defect.kind.words}, about {defect.width_m.value:.2f} m wide "
        f"(between {low:.2f} and {high:.2f} m) and {defect.length_m.value:.2f} m long."
    )


def _impact(defect: Defect, policy: CouncilPolicy) -> tuple[int, tuple[str, ...]]:
    steps = sorted(
        (s for s in policy.impact_steps if s.kind is defect.kind), key=lambda s: s.from_width_m
    )
    reached = [step for step in steps if defect.width_m.value >= step.from_width_m]
    impact = reached[-1].impact if reached else 1
    size = f"{reached[-1].from_width_m:.2f} m or wider" if reached else "smaller than any step"
    return impact, (
        f"Its width ({size}) suggests impact {impact} of {policy.matrix_size}.",
        _depth(defect),
    )


def _depth(defect: Defect) -> str:
    if defect.depth_mm is None:
        return "Depth is unknown: one camera cannot measure it, and a deep hole matters more."
    depth = defect.depth_mm
    return (
        f"It is {depth.value:.0f} mm deep ({depth.how}); the proposal does not count depth, the "
        "engineer does."
    )


def _likelihood(
    defect: Defect, road: RoadFacts, policy: CouncilPolicy
) -> tuple[int, tuple[str, ...]]:
    rule = policy.likelihood
    if road.hierarchy is None:
        start = rule.unknown_road
        reasons = ["The road's class is unknown, so a middling chance of being hit is assumed."]
    else:
        start = dict(rule.by_hierarchy)[road.hierarchy]
        reasons = [f"It lies on {road.hierarchy.words}."]
    if road.street:
        known = ", ".join(part for part in (road.street, road.certainty) if part)
        reasons.insert(0, f"Its road: {known}.")
    aside = abs(defect.offset_m)
    side = "left" if defect.offset_m < 0 else "right"
    if rule.wheel_path_from_m <= aside <= rule.wheel_path_to_m:
        start += rule.wheel_path
        reasons.append(f"It lies in the {side} wheel path, where tyres run over it.")
    elif defect.offset_m <= -rule.nearside_from_m:
        start += rule.nearside_edge
        reasons.append("It lies near the left edge of the lane, where people cycle.")
    else:
        start += rule.out_of_path
        where = "between the wheel paths" if aside < rule.wheel_path_from_m else "to the right"
        reasons.append(f"It lies {where} of the camera vehicle, where fewer wheels pass.")
    return min(max(start, 1), policy.matrix_size), tuple(reasons)


def _level(defect: Defect, road: RoadFacts, policy: CouncilPolicy) -> str:
    level = _investigatory(defect, road, policy)
    if level is None:
        return "The policy names no investigatory level for this kind of defect."
    low, high = defect.width_m.interval
    depth = _depth_level(defect, level.depth_mm)
    if low >= level.width_m:
        return f"It meets the width test of {level.width_m:.2f} m{depth}."
    if high < level.width_m:
        return f"It is narrower than the width test of {level.width_m:.2f} m."
    return f"It may or may not meet the width test of {level.width_m:.2f} m{depth}."


def _depth_level(defect: Defect, level_mm: float | None) -> str:
    if level_mm is None:
        return ""
    if defect.depth_mm is None:
        return f"; its depth (level {level_mm:.0f} mm) needs a measurement on site"
    meets = "meets" if defect.depth_mm.value >= level_mm else "does not meet"
    return f"; its depth {meets} the level of {level_mm:.0f} mm"


def _investigatory(
    defect: Defect, road: RoadFacts, policy: CouncilPolicy
) -> InvestigatoryLevel | None:
    of_kind = [level for level in policy.investigatory_levels if level.kind is defect.kind]
    for level in of_kind:
        if level.hierarchy is not None and level.hierarchy is road.hierarchy:
            return level
    return next((level for level in of_kind if level.hierarchy is None), None)


def _response(band: Band) -> str:
    if band.respond is None:
        return f"{band.words}, no response time"
    return f"{band.words}, within {band.respond.words}"


def _certainty(defect: Defect) -> str:
    frames = f"{defect.sightings} picture{'s' if defect.sightings != 1 else ''}"
    drives = f"{defect.drives} drive{'s' if defect.drives != 1 else ''}"
    sure = min(defect.confidence, _NEVER_SURER)
    confidence = f"{'over ' if sure < defect.confidence else ''}{sure:.0%}"
    return (
        f"Seen in {frames} on {drives}; the detector's confidence is {confidence}, "
        f"the place is known to within {2 * defect.error.sigma_m:.1f} m."
    )
