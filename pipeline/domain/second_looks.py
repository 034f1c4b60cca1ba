"""A decision judged once more, by somebody who does not know the first judgement. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pipeline.domain.checks import require, require_aware
from pipeline.domain.decisions import Move, RejectReason
from pipeline.domain.ids import DecisionId, LookId, PersonId


class Answer(StrEnum):
    """What somebody would decide: what is compared."""

    APPROVE = "approve"
    REJECT = "reject"
    OTHER = "other"

    @property
    def words(self) -> str:
        """As the form writes it."""
        return {
            Answer.APPROVE: "Yes, approve it",
            Answer.REJECT: "No, reject it",
            Answer.OTHER: "Neither: watch it, send somebody, or it is not ours",
        }[self]


# What is judged once more, and what it comes to.
ANSWER_OF = {
    Move.APPROVE: Answer.APPROVE,
    Move.REJECT: Answer.REJECT,
    Move.WATCH: Answer.OTHER,
    Move.SITE_VISIT: Answer.OTHER,
    Move.NOT_OURS: Answer.OTHER,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondLook:
    """What the second engineer would have decided.

    Attributes:
        decision_id: Of the first.
        reason: Of a rejection; None otherwise.
        impact: Of an approval, as judged; None otherwise.
        likelihood: Likewise.
        category: To which the two lead; None otherwise.
        note: May be empty.
    """

    look_id: LookId
    decision_id: DecisionId
    person_id: PersonId
    answer: Answer
    note: str
    looked_at: datetime
    reason: RejectReason | None = None
    impact: int | None = None
    likelihood: int | None = None
    category: str | None = None

    def __post_init__(self) -> None:
        """Refuse an answer without what it needs, or with what belongs to another."""
        require_aware(looked_at=self.looked_at)
        require(
            (self.answer is Answer.REJECT) == (self.reason is not None),
            "a rejection has a reason, and nothing else has one",
        )
        risk = (self.impact, self.likelihood, self.category)
        require(
            all(one is not None for one in risk)
            if self.answer is Answer.APPROVE
            else all(one is None for one in risk),
            "an approval has a risk, and nothing else has one",
        )
