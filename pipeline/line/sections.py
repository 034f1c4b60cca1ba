"""Section by section: what a drive looked at, when a camera last passed, and what is late. Pure."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import numpy as np

from pipeline.domain.coverage import (
    PassRule,
    SectionPass,
    SectionSpan,
    SectionStanding,
    Stretch,
    standing_of,
)
from pipeline.domain.ids import DriveId
from pipeline.domain.looks import NotLookedReason
from pipeline.domain.roads import RoadFacts, RoadSection, Ways
from pipeline.stages.cover import merge_stretches
from pipeline.stages.match import MatchedDrive

# Less than this of a section is the matching's doubt about where it begins.
_LEAST_M = 1.0
# A pass counts where it surely was this section, and looked at all but its ends.
SURE = 0.9
WHOLE_SHARE = 0.9
_ENDS_M = 10.0


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
            ends = np.array([at(begin), at(end)])
            low, high = sorted(matched.network.chainages(leg.section, ends).tolist())
            if high - low < _LEAST_M:
                continue
            spans.append(
                SectionSpan(
                    section_id=matched.network.sections[leg.section].section_id,
                    along=leg.along,
                    from_m=low,
                    to_m=high,
                    reason=stretch.reason,
                    at=instant(middle),
                    probability=min(matched.sections_at(middle).get(leg.section, 0.0), 1.0),
                )
            )
    return tuple(spans)


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
        if span.probability >= SURE:
            drives_there = by_direction.setdefault((span.section_id, span.along), {})
            drives_there.setdefault(drive_id, []).append(span)
    asked = {rule.hierarchy: rule for rule in rules}
    rows = []
    for section, length_m in sections:
        rule = None if section.hierarchy is None else asked.get(section.hierarchy)
        for along in _directions(section.ways):
            drives = by_direction.get((section.section_id, along), {})
            passes = [_pass(drive, some, length_m) for drive, some in drives.items()]
            last, due_at, state = standing_of(passes, rule, whole_share=WHOLE_SHARE, now=now)
            rows.append(
                SectionStanding(
                    section_id=section.section_id,
                    street=_street(section),
                    hierarchy=section.hierarchy,
                    along=along,
                    length_m=length_m,
                    last=last,
                    newest=max(passes, key=lambda one: one.at, default=None),
                    due_at=due_at,
                    state=state,
                )
            )
    return tuple(rows)


def _pass(drive_id: DriveId, spans: Sequence[SectionSpan], length_m: float) -> SectionPass:
    """Return what a drive saw of a section; of road that it passed twice, what it saw at all.

    Up to ten metres at the ends may be missing: where a section begins is not known better.
    """
    known = merge_stretches([Stretch(from_m=s.from_m, to_m=s.to_m, reason=s.reason) for s in spans])
    looked_m = sum(one.to_m - one.from_m for one in known if one.reason is None)
    reasons: dict[NotLookedReason, float] = {}
    for one in known:
        if one.reason is not None:
            reasons[one.reason] = reasons.get(one.reason, 0.0) + one.to_m - one.from_m
    ends_m = min(_ENDS_M, length_m / 4)
    return SectionPass(
        at=max(span.at for span in spans),
        drive_id=drive_id,
        looked_share=min(looked_m / max(length_m - ends_m, _LEAST_M), 1.0),
        reasons=reasons,
    )


def _directions(ways: Ways) -> tuple[bool, ...]:
    return {Ways.BOTH: (True, False), Ways.FORWARD: (True,), Ways.BACKWARD: (False,)}[ways]


def _street(section: RoadSection) -> str:
    facts = RoadFacts(section_id=section.section_id, usrn=section.usrn, name=section.name)
    return facts.street
