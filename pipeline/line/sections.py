"""Section by section: what a drive looked at, when a camera last passed, and what is late. Pure."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.coverage import (
    PassRule,
    PassState,
    SectionPass,
    SectionSpan,
    SectionStanding,
    Stretch,
    standing_of,
)
from pipeline.domain.ids import DriveId
from pipeline.domain.looks import NotLookedReason
from pipeline.domain.roads import RoadFacts, RoadSection, Ways
from pipeline.geometry.network import RoadNetwork
from pipeline.stages.cover import merge_stretches
from pipeline.stages.match import MatchedDrive

Array = NDArray[np.float64]

# Less than this of a section is the matching's doubt about where it begins.
_LEAST_M = 1.0
# A pass counts where it surely was this section, and looked at all but its ends.
SURE = 0.9
WHOLE_SHARE = 0.9
_ENDS_M = 10.0
# Along a shorter section no drive is long enough for it to be sure that it was this one.
_SHORTEST_M = 20.0
_EVERY_M = 10.0


def spans_on_sections(
    stretches: Sequence[Stretch],
    matched: MatchedDrive,
    *,
    at: Callable[[float], tuple[float, float]],
    instant: Callable[[float], datetime],
) -> tuple[SectionSpan, ...]:
    """Return what a drive looked at, and what not, on each section.

    Args:
        stretches: Of the drive, by distance driven.
        matched: The drive on the network.
        at: Where the vehicle was at a distance driven: easting and northing.
        instant: When.
    """
    spans = []
    for stretch in stretches:
        for leg in matched.legs:
            begin, end = max(stretch.from_m, leg.from_m), min(stretch.to_m, leg.to_m)
            if leg.section < 0 or end - begin < _LEAST_M:
                continue
            middle = (begin + end) / 2
            driven = np.linspace(begin, end, max(int((end - begin) / _EVERY_M), 1) + 1)
            points = np.array([at(metres) for metres in driven.tolist()])
            spans += [
                SectionSpan(
                    section_id=matched.network.sections[leg.section].section_id,
                    along=leg.along,
                    from_m=low,
                    to_m=high,
                    reason=stretch.reason,
                    at=instant(middle),
                    probability=min(matched.sections_at(middle).get(leg.section, 0.0), 1.0),
                )
                for low, high in _parts(matched.network, leg.section, points)
                if high - low >= _LEAST_M
            ]
    return tuple(spans)


def _parts(network: RoadNetwork, section: int, points: Array) -> list[tuple[float, float]]:
    """Return what points pass of a section's line: two parts where a ring's ends lie between."""
    metres = network.chainages(section, points)
    length = float(network.length_m[section])
    if network.node(section, at_end=False) != network.node(section, at_end=True):
        return [(float(metres.min()), float(metres.max()))]
    steps = (np.diff(metres) + length / 2) % length - length / 2
    passed = metres[0] + np.concatenate(([0.0], np.cumsum(steps)))
    low, high = float(passed.min()), float(passed.max())
    if high - low >= length:
        return [(0.0, length)]
    begin, end = low % length, high % length
    return [(begin, end)] if begin <= end else [(0.0, end), (begin, length)]


def whole_of(length_m: float) -> float:
    """Return how many metres of a section a pass must have looked at to count."""
    return WHOLE_SHARE * (length_m - min(_ENDS_M, length_m / 4))


def standings(
    sections: Iterable[tuple[RoadSection, float]],
    spans: Iterable[tuple[DriveId, SectionSpan]],
    rules: Sequence[PassRule],
    *,
    now: datetime,
) -> tuple[SectionStanding, ...]:
    """Return how each direction of each section stands, in the order of the sections.

    Args:
        sections: With their lengths, metres.
        spans: What each drive looked at on them; those not surely on the section do not count.
        rules: How often each hierarchy is to be passed.
        now: The present.
    """
    by_direction: dict[tuple[str, bool], dict[DriveId, list[SectionSpan]]] = {}
    for drive_id, span in spans:
        drives_there = by_direction.setdefault((span.section_id, span.along), {})
        drives_there.setdefault(drive_id, []).append(span)
    asked = {rule.hierarchy: rule for rule in rules}
    rows = []
    for section, length_m in sections:
        rule = None if section.hierarchy is None else asked.get(section.hierarchy)
        for along in _directions(section.ways):
            drives = by_direction.get((section.section_id, along), {})
            passes = {drive: _pass(drive, some) for drive, some in drives.items()}
            sure = [
                passes[drive] if len(surely) == len(some) else _pass(drive, surely)
                for drive, some in drives.items()
                if (surely := [span for span in some if span.probability >= SURE])
            ]
            last, due_at, state = standing_of(sure, rule, whole_m=whole_of(length_m), now=now)
            if state is PassState.NEVER and length_m < _SHORTEST_M:
                state = PassState.TOO_SHORT
            rows.append(
                SectionStanding(
                    section_id=section.section_id,
                    street=_street(section),
                    hierarchy=section.hierarchy,
                    along=along,
                    length_m=length_m,
                    last=last,
                    newest=max(passes.values(), key=lambda one: one.at, default=None),
                    due_at=due_at,
                    state=state,
                )
            )
    return tuple(rows)


def _pass(drive_id: DriveId, spans: Sequence[SectionSpan]) -> SectionPass:
    """Return what a drive saw of a section; of road that it passed twice, what it saw at all."""
    known = merge_stretches([Stretch(from_m=s.from_m, to_m=s.to_m, reason=s.reason) for s in spans])
    reasons: dict[NotLookedReason, float] = {}
    for one in known:
        if one.reason is not None:
            reasons[one.reason] = reasons.get(one.reason, 0.0) + one.to_m - one.from_m
    looked = [span.at for span in spans if span.reason is None]
    return SectionPass(
        at=max(looked or [span.at for span in spans]),
        drive_id=drive_id,
        looked_m=sum(one.to_m - one.from_m for one in known if one.reason is None),
        reasons=reasons,
    )


def _directions(ways: Ways) -> tuple[bool, ...]:
    return {Ways.BOTH: (True, False), Ways.FORWARD: (True,), Ways.BACKWARD: (False,)}[ways]


def _street(section: RoadSection) -> str:
    facts = RoadFacts(section_id=section.section_id, usrn=section.usrn, name=section.name)
    return facts.street
