"""When a camera last looked at each road, and when it is to look again. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pipeline.domain.checks import require, require_positive
from pipeline.domain.ids import DriveId
from pipeline.domain.looks import NotLookedReason
from pipeline.domain.roads import Hierarchy

_DAYS_A_YEAR = 365.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A span of a drive, in metres driven, with one outcome.

    Attributes:
        from_m: Where it begins.
        to_m: Where it ends.
        reason: Why it was not looked at; None where it was.
    """

    from_m: float
    to_m: float
    reason: NotLookedReason | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionSpan:
    """A stretch of a section past which one drive came, in one direction.

    Attributes:
        section_id: Of the network.
        along: Whether it was driven along the section's line, or against it.
        from_m: Metres along the line, where it begins …
        to_m: … and ends, whichever way it was driven.
        reason: Why the camera did not look; None where it did.
        at: When it came past.
        probability: That it was this section.
    """

    section_id: str
    along: bool
    from_m: float
    to_m: float
    reason: NotLookedReason | None
    at: datetime
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PassRule:
    """How often a camera is to pass along roads of one hierarchy.

    Attributes:
        hierarchy: Of the carriageway.
        per_year: Passes a year.
        tolerance_days: A pass may come so much later than due.
    """

    hierarchy: Hierarchy
    per_year: float
    tolerance_days: float

    def __post_init__(self) -> None:
        """Refuse a rule that asks for nothing."""
        require_positive(per_year=self.per_year)
        require(self.tolerance_days >= 0, "tolerance_days must not be negative")

    @property
    def interval(self) -> timedelta:
        """From one pass to the next."""
        return timedelta(days=_DAYS_A_YEAR / self.per_year)


class PassState(StrEnum):
    """How a direction of a section stands."""

    DONE = "done"
    DUE = "due"
    LATE = "late"
    NEVER = "never"
    TOO_SHORT = "too short to tell"
    NO_RULE = "no rule"


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionPass:
    """What one drive saw of a direction of a section.

    Attributes:
        at: When it came past.
        drive_id: Which.
        looked_m: Metres of the section that its camera looked at.
        reasons: By reason, the metres that it did not look at.
    """

    at: datetime
    drive_id: DriveId
    looked_m: float
    reasons: dict[NotLookedReason, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionStanding:
    """How one direction of one section stands: a row of the report.

    Attributes:
        section_id: Of the network.
        street: As a person would name it.
        hierarchy: Of the carriageway, where the network gives it.
        along: Driven along the section's line, or against it.
        length_m: Of the section.
        last: The last pass that looked at nearly all of it; None if none did.
        newest: The last pass, whatever it saw; None if none came.
        due_at: When the next pass is due; None where no rule says.
        state: Done, due, late, never; or no rule where the hierarchy is not known.
    """

    section_id: str
    street: str
    hierarchy: Hierarchy | None
    along: bool
    length_m: float
    last: SectionPass | None
    newest: SectionPass | None
    due_at: datetime | None
    state: PassState


def standing_of(
    passes: Sequence[SectionPass], rule: PassRule | None, *, whole_m: float, now: datetime
) -> tuple[SectionPass | None, datetime | None, PassState]:
    """Return the last whole pass, when the next one is due, and how that stands.

    Args:
        passes: Of one direction of a section, surely on it.
        rule: How often it is to be passed; None if nobody says.
        whole_m: From so many metres looked at on a pass counts.
        now: The present.
    """
    whole = [one for one in passes if one.looked_m >= whole_m and one.at <= now]
    last = max(whole, key=lambda one: one.at, default=None)
    if rule is None:
        return last, None, PassState.NO_RULE
    if last is None:
        return None, None, PassState.NEVER
    due = last.at + rule.interval
    if now < due:
        return last, due, PassState.DONE
    late = now > due + timedelta(days=rule.tolerance_days)
    return last, due, PassState.LATE if late else PassState.DUE
