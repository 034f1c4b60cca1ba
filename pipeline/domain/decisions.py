"""What a person decided, about what they saw. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pipeline.domain.checks import require, require_aware
from pipeline.domain.ids import DecisionId, DefectId, PersonId


class Role(StrEnum):
    """What a person may do."""

    ENGINEER = "engineer"
    FLEET = "fleet"
    OPERATIONS = "operations"


class Move(StrEnum):
    """What an engineer may decide."""

    APPROVE = "approve"
    REJECT = "reject"


class RejectReason(StrEnum):
    """Why a possible defect is none, by code: the way back to training."""

    NOT_A_DEFECT = "not_a_defect"
    MANHOLE_OR_COVER = "manhole_or_cover"
    PATCH_OR_REPAIR = "patch_or_repair"
    SHADOW_OR_WATER = "shadow_or_water"
    ROAD_MARKING = "road_marking"
    BELOW_LEVEL = "below_level"
    DUPLICATE = "duplicate"
    OTHER = "other"

    @property
    def words(self) -> str:
        """As the form writes it."""
        return {
            RejectReason.NOT_A_DEFECT: "There is no defect to be seen",
            RejectReason.MANHOLE_OR_COVER: "It is a manhole or other cover",
            RejectReason.PATCH_OR_REPAIR: "It is a sound patch or repair",
            RejectReason.SHADOW_OR_WATER: "It is a shadow, a stain or water",
            RejectReason.ROAD_MARKING: "It is a road marking",
            RejectReason.BELOW_LEVEL: "It is a defect, but below our investigatory level",
            RejectReason.DUPLICATE: "It is a duplicate of another possible defect",
            RejectReason.OTHER: "Another reason, given in the note",
        }[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One move by one named person, kept for ever.

    Attributes:
        seen_version: The defect's version on the screen: if it has moved on, the move is refused.
        policy_sha256: The policy whose proposal was on the screen.
        reason: Required to reject; None otherwise.
        note: What the person wrote, may be empty.
    """

    decision_id: DecisionId
    defect_id: DefectId
    person_id: PersonId
    move: Move
    seen_version: int
    policy_sha256: str
    reason: RejectReason | None
    note: str
    decided_at: datetime

    def __post_init__(self) -> None:
        """Refuse a rejection without its reason."""
        require_aware(decided_at=self.decided_at)
        require(
            (self.move is Move.REJECT) == (self.reason is not None),
            "a rejection needs a reason, and only a rejection has one",
        )
