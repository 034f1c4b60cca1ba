"""Condition: what passes over a place say of the defect there: seen, grown, gone. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.domain.condition import Condition, Growth, PassOver
from pipeline.geometry.growth import rise_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionSettings:
    """What is believed beforehand.

    Attributes:
        gone_before: Probability that a defect is gone by the next pass, before anything is seen.
    """

    gone_before: float = 0.2


def condition_of(passes: Sequence[PassOver], *, settings: ConditionSettings) -> Condition:
    """Return what the passes over a defect's place say.

    How often a pass misses what is there is learnt from the passes up to the last sighting (rule
    of succession: one miss and one hit are added). From that, and from the passes since, follows
    by Bayes' rule how likely it is that nothing is there any more.

    Args:
        passes: In any order; at least one that saw it.
        settings: What is believed beforehand.
    """
    ordered = sorted(passes, key=lambda one: (one.at, str(one.drive_id)))
    sightings = [i for i, one in enumerate(ordered) if one.seen]
    if not sightings:
        raise ValueError("a defect was seen at least once")
    since_first = ordered[sightings[0] :]
    missed = len(ordered) - 1 - sightings[-1]
    looked = len(since_first) - missed
    # The first sighting made it known: it says nothing of how often one is missed.
    chance = (looked - len(sightings) + 1) / (looked - 1 + 2)
    prior = settings.gone_before
    gone = prior / (prior + (1 - prior) * chance**missed) if missed else 0.0
    return Condition(
        looked=len(since_first),
        seen=len(sightings),
        missed_lately=missed,
        gone=gone,
        growth=_growth([one for one in ordered if one.seen]),
    )


def _growth(seen: Sequence[PassOver]) -> Growth | None:
    rise = rise_of(
        [one.width_m for one in seen if one.width_m is not None],
        [one.length_m for one in seen if one.length_m is not None],
    )
    if rise is None:
        return None
    return Growth(since=seen[rise.first_after].at, ratio=rise.ratio, low=rise.low, high=rise.high)
