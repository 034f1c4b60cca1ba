"""What a person finds on site. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pipeline.domain.checks import require, require_aware
from pipeline.domain.ids import DefectId, EntryId, PersonId
from pipeline.domain.observations import Measurement


class VisitOutcome(StrEnum):
    """What came of going there."""

    MEASURED = "measured"
    NOT_FOUND = "not_found"
    MADE_SAFE = "made_safe"

    @property
    def words(self) -> str:
        """As a form writes it."""
        return {
            VisitOutcome.MEASURED: "It was measured",
            VisitOutcome.NOT_FOUND: "There is nothing there",
            VisitOutcome.MADE_SAFE: "It was made safe",
        }[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteEntry:
    """One person's word from the site, kept for ever.

    Attributes:
        entry_id: Given where it was written, so that it may be sent twice.
        depth: Required where it was measured, None otherwise.
        note: What was written, may be empty.
        happened_at: When it was written, by the phone's clock.
    """

    entry_id: EntryId
    defect_id: DefectId
    person_id: PersonId
    outcome: VisitOutcome
    depth: Measurement | None
    note: str
    happened_at: datetime

    def __post_init__(self) -> None:
        """Refuse a measurement without a depth, and a depth of nothing."""
        require_aware(happened_at=self.happened_at)
        require(
            (self.outcome is VisitOutcome.MEASURED) == (self.depth is not None),
            "a measurement has a depth, and nothing else has one",
        )
