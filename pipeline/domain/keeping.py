"""How long things are kept, and what stops the clock. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pipeline.domain.checks import require, require_aware, require_positive
from pipeline.domain.ids import OrganisationId
from pipeline.domain.places import LonLat


class Kind(StrEnum):
    """The kinds of things that are kept, each with a clock that starts at receipt."""

    FOOTAGE = "footage"
    PARTIAL = "partial"
    TRACK = "track"
    STILL = "still"
    RECORD = "record"

    @property
    def words(self) -> str:
        """As a person writes it."""
        return {
            Kind.FOOTAGE: "footage and track files as they were handed in",
            Kind.PARTIAL: "uploads that were never finished",
            Kind.TRACK: "positions of vehicles",
            Kind.STILL: "redacted stills that no decision rests on",
            Kind.RECORD: "redacted stills behind a decision",
        }[self]


DEFAULT_DAYS: Mapping[Kind, int] = {
    Kind.FOOTAGE: 30,
    Kind.PARTIAL: 7,
    Kind.TRACK: 30,
    Kind.STILL: 365,
    Kind.RECORD: 2192,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Keep what was near a place at a time, till somebody lifts it.

    Attributes:
        reason: Such as "accident, claim 2026/114".
    """

    hold_id: UUID
    owner_id: OrganisationId
    place: LonLat
    radius_m: float
    from_at: datetime
    to_at: datetime
    reason: str
    said_by: str

    def __post_init__(self) -> None:
        """Refuse a hold on nothing, or without a reason."""
        require_aware(from_at=self.from_at, to_at=self.to_at)
        require_positive(radius_m=self.radius_m)
        require(self.from_at < self.to_at, "a hold must not end before it begins")
        require(bool(self.reason.strip()), "a hold needs a reason")
