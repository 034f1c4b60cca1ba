"""What a person decided, about what they saw. Pure."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from pipeline.domain.checks import require, require_aware
from pipeline.domain.ids import DecisionId, DefectId, PersonId
from pipeline.domain.looks import DefectKind


class Role(StrEnum):
    """What a person may do."""

    VIEWER = "viewer"
    ENGINEER = "engineer"
    FLEET = "fleet"
    OPERATIONS = "operations"
    ADMIN = "admin"

    @property
    def words(self) -> str:
        """What a person with it does, for a form."""
        return {
            Role.VIEWER: "Viewer: sees the desk, changes nothing",
            Role.ENGINEER: "Engineer: decides, orders, gives evidence out",
            Role.FLEET: "Fleet: hands footage in, sees what became of it",
            Role.OPERATIONS: "Operations: duty, what runs and what does not",
            Role.ADMIN: "Administrator: people, policy, the log",
        }[self]


class Move(StrEnum):
    """What an engineer may decide."""

    APPROVE = "approve"
    REJECT = "reject"
    WATCH = "watch"
    SITE_VISIT = "site_visit"
    NOT_OURS = "not_ours"
    RECLASSIFY = "reclassify"
    UNDO = "undo"

    @property
    def words(self) -> str:
        """What the person did, for a sentence."""
        return {
            Move.APPROVE: "approved this",
            Move.REJECT: "rejected this",
            Move.WATCH: "put this aside, to be watched",
            Move.SITE_VISIT: "asked for a site inspection",
            Move.NOT_OURS: "said that this is not our road",
            Move.RECLASSIFY: "said that this is of another kind",
            Move.UNDO: "took a decision back",
        }[self]


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


class ChangeReason(StrEnum):
    """Why an engineer's impact or likelihood is not the proposed one, by code."""

    DEPTH = "depth"
    SIZE = "size"
    USERS = "users"
    TRAFFIC = "traffic"
    POSITION = "position"
    WATER_OR_WINTER = "water_or_winter"
    LOCAL_KNOWLEDGE = "local_knowledge"
    OTHER = "other"

    @property
    def words(self) -> str:
        """As the form writes it."""
        return {
            ChangeReason.DEPTH: "Its depth is known, or can be judged from the picture",
            ChangeReason.SIZE: "It is larger or smaller than was measured",
            ChangeReason.USERS: "Who uses this place: people who walk, cycle, ride or cannot see",
            ChangeReason.TRAFFIC: "More or less traffic, faster or slower, than was assumed",
            ChangeReason.POSITION: "Where it lies in the lane, at a bend or a junction",
            ChangeReason.WATER_OR_WINTER: "Standing water, frost, or a fast decay to be expected",
            ChangeReason.LOCAL_KNOWLEDGE: "What is known of this place: accidents, complaints",
            ChangeReason.OTHER: "Another reason, given in the note",
        }[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The risk as the engineer judges it, beside what was proposed.

    Attributes:
        impact: On the policy's scale, from 1 on.
        likelihood: On the policy's scale, from 1 on.
        category: The response category that the two lead to.
        because: Why it is not what was proposed; None where it is.
    """

    impact: int
    likelihood: int
    category: str
    because: ChangeReason | None = None

    def __post_init__(self) -> None:
        """Refuse what no matrix has."""
        require(self.impact >= 1, "impact counts from 1")
        require(self.likelihood >= 1, "likelihood counts from 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One move by one named person, kept for ever.

    Attributes:
        seen_version: The defect's version on the screen: if it has moved on, the move is refused.
        policy_sha256: The policy whose proposal was on the screen.
        reason: Required to reject; None otherwise.
        note: What the person wrote, may be empty.
        judged: The risk; required to approve, None otherwise.
        watch_until: From this day on it is in the queue again; required to watch, None otherwise.
        kind: What it is; required to reclassify, None otherwise.
        takes_back: The decision that holds no longer; required to undo, None otherwise.
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
    judged: Judgement | None = None
    watch_until: date | None = None
    kind: DefectKind | None = None
    takes_back: DecisionId | None = None

    def __post_init__(self) -> None:
        """Refuse a move without what it needs, or with what belongs to another."""
        require_aware(decided_at=self.decided_at)
        for move, value, what in (
            (Move.REJECT, self.reason, "a rejection needs a reason"),
            (Move.APPROVE, self.judged, "an approval needs a judgement of the risk"),
            (Move.WATCH, self.watch_until, "who watches says until when"),
            (Move.RECLASSIFY, self.kind, "who reclassifies says as what"),
            (Move.UNDO, self.takes_back, "who undoes says what"),
        ):
            require((self.move is move) == (value is not None), f"{what}, and no other move has it")
