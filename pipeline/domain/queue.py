"""A defect's place in the queue, and why it stands there. Pure."""

from dataclasses import dataclass

from pipeline.domain.checks import require
from pipeline.domain.ids import DefectId
from pipeline.domain.roads import Hierarchy


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueEntry:
    """What the policy proposes for one possible defect; the engineer decides.

    Attributes:
        score: Orders the queue, highest first: the risk score, then size and certainty.
        impact: Proposed, on the policy's scale.
        likelihood: Proposed, on the policy's scale.
        category: The response category that the two lead to, if an engineer agrees.
        respond_within_h: Roughly, of that category; its clock starts when the policy says.
        reasons: Sentences that a resident would understand, the unknown among them.
        policy_sha256: The policy version that was applied.
        street: Where it most likely lies, "" where that is not known.
        usrn: Of that street.
        hierarchy: Of its road.
    """

    defect_id: DefectId
    score: float
    impact: int
    likelihood: int
    category: str
    respond_within_h: float | None
    reasons: tuple[str, ...]
    policy_sha256: str
    street: str = ""
    usrn: int | None = None
    hierarchy: Hierarchy | None = None

    def __post_init__(self) -> None:
        """Refuse a place without a reason."""
        require(len(self.reasons) >= 1, "a place in the queue needs a reason")
