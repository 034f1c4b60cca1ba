"""Street works and apparatus of statutory undertakers: whose a defect may be. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from pipeline.domain.places import GridRef
from pipeline.domain.records import CouncilRecord

# What begins so soon is worth waiting for, or telling.
_AHEAD = timedelta(days=28)
# A cover's surround that has failed lies so near to its middle: our own assumption.
_SURROUND_M = 1.5
# A word of a status that begins so says that nothing is to be expected of the works.
_OVER = ("cancel", "clos", "complet", "refus", "reject", "revok", "withdr")


@dataclass(frozen=True, slots=True, kw_only=True)
class Works:
    """Street works that are under way or about to begin.

    Attributes:
        ends_on: None where nobody said.
    """

    reference: str
    begins_on: date
    ends_on: date | None
    promoter: str
    what: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Apparatus:
    """A cover or other apparatus beside a place."""

    reference: str
    what: str
    owner: str
    distance_m: float


def works_under_way(records: Sequence[CouncilRecord], today: date) -> tuple[Works, ...]:
    """Return what is under way on a day or begins within 28 days of it, the first first.

    Works of which no end was said are under way until somebody says one, or a status by which they
    are over: cancelled, closed, completed, refused, withdrawn.
    """
    found = []
    for record in records:
        said = dict(record.said)
        ends_on = date.fromisoformat(said["until"]) if "until" in said else None
        is_over = any(word.startswith(_OVER) for word in said.get("status", "").lower().split())
        if record.on <= today + _AHEAD and (ends_on is None or ends_on >= today) and not is_over:
            works = Works(
                reference=record.reference,
                begins_on=record.on,
                ends_on=ends_on,
                promoter=said.get("promoter", ""),
                what=said.get("what", ""),
                status=said.get("status", ""),
            )
            found.append(works)
    return tuple(sorted(found, key=lambda one: (one.begins_on, one.reference)))


def apparatus_at(
    records: Sequence[CouncilRecord], at: GridRef, sigma_m: float
) -> tuple[Apparatus, ...]:
    """Return the apparatus that a defect may belong to, the nearest first.

    Args:
        records: Of the street.
        at: Where the defect lies.
        sigma_m: 95 in 100 times it truly lies within twice this.
    """
    found = []
    for record in records:
        said = dict(record.said)
        place = float(said["easting"]), float(said["northing"])
        away = math.dist(place, (at.easting_m, at.northing_m))
        if away <= _SURROUND_M + 2 * sigma_m:
            one = Apparatus(
                reference=record.reference,
                what=said.get("what", ""),
                owner=said.get("owner", ""),
                distance_m=away,
            )
            found.append(one)
    return tuple(sorted(found, key=lambda one: (one.distance_m, one.reference)))
