"""The hole itself: one defect from many sightings, and the states it goes through. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pipeline.domain.checks import require, require_aware, require_share
from pipeline.domain.ids import DefectId, ObservationId
from pipeline.domain.looks import DefectKind
from pipeline.domain.observations import Measurement, Observation
from pipeline.domain.places import GridRef, GroundError
from pipeline.domain.roads import RoadPlace


class DefectState(StrEnum):
    """Where a defect stands. Until a person approves it, it is a *possible* defect."""

    CANDIDATE = "candidate"
    QUEUED = "queued"
    APPROVED = "approved"
    REJECTED = "rejected"
    WATCHED = "watched"
    SITE_VISIT = "site_visit"
    NOT_OURS = "not_ours"
    MERGED = "merged"
    ORDERED = "ordered"
    MADE_SAFE = "made_safe"
    REPAIRED = "repaired"
    VERIFIED = "verified"

    @property
    def confirmed(self) -> bool:
        """Whether a person has confirmed that it is a defect."""
        return self in _CONFIRMED

    @property
    def words(self) -> str:
        """As a page writes it."""
        return _STATE_WORDS.get(self, self.value.replace("_", " ").capitalize())


_CONFIRMED = frozenset(
    {
        DefectState.APPROVED,
        DefectState.ORDERED,
        DefectState.MADE_SAFE,
        DefectState.REPAIRED,
        DefectState.VERIFIED,
    }
)
_STATE_WORDS = {
    DefectState.CANDIDATE: "Not yet certain enough to queue",
    DefectState.QUEUED: "Possible defect, waiting for an engineer",
    DefectState.NOT_OURS: "Not our road",
    DefectState.SITE_VISIT: "Site visit asked for",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """One place on the road where something is, or may be, wrong.

    Attributes:
        observation_ids: The sightings it was gathered from, sorted.
        confidence: That it is there at all: 1 minus the chance that every sighting was wrong,
            counting at most one sighting a drive.
        sightings: Frames in which it was seen.
        drives: Drives on which it was seen.
        heading_deg: Of the vehicle when it was seen best.
        offset_m: Right of the vehicle's path when it was seen best; None if seen from both ways.
        said_kind: What a person said that it is, which holds against every detector; None where
            nobody said.
        repaired_at: When it was last said to be repaired; None where it never was.
        depth_mm: None until a person or a sensor enters it: one camera does not measure depth.
        version: Counts the changes that a person can see or decide on.
    """

    defect_id: DefectId
    kind: DefectKind
    state: DefectState
    at: GridRef
    error: GroundError
    confidence: float
    observation_ids: tuple[ObservationId, ...]
    sightings: int
    drives: int
    first_seen_at: datetime
    last_seen_at: datetime
    heading_deg: float
    offset_m: float
    width_m: Measurement
    length_m: Measurement
    area_m2: Measurement
    depth_mm: Measurement | None = None
    version: int = 1
    said_kind: DefectKind | None = None
    repaired_at: datetime | None = None

    def __post_init__(self) -> None:
        """Refuse a defect that nobody saw."""
        require(len(self.observation_ids) >= 1, "a defect needs a sighting")
        require(self.version >= 1, "versions count from 1")
        require_share(confidence=self.confidence)
        require_aware(first_seen_at=self.first_seen_at, last_seen_at=self.last_seen_at)


class ChangeKind(StrEnum):
    """What gathering did to a defect."""

    NEW = "new"
    SEEN_AGAIN = "seen_again"
    SPLIT_OR_MERGED = "split_or_merged"
    EMPTIED = "emptied"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True, kw_only=True)
class DefectChange:
    """One outcome of gathering; `defect` is None when no sighting is left to it."""

    defect_id: DefectId
    change: ChangeKind
    defect: Defect | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """A person's word that two sightings are one hole, or are two; gathering keeps it.

    Attributes:
        together: None where the word was taken back.
    """

    first_id: ObservationId
    second_id: ObservationId
    together: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """All that gathering needs to know of the surroundings of a drive.

    Attributes:
        observations: Every current live sighting.
        known: To which defect a sighting belongs now; of former runs' sightings too.
        before: Those defects, as they stand.
        constraints: What persons said of pairs of sightings.
        roads: On which section a sighting lies; those on no known road are missing.
    """

    observations: tuple[Observation, ...]
    known: Mapping[ObservationId, DefectId] = field(default_factory=dict)
    before: Mapping[DefectId, Defect] = field(default_factory=dict)
    constraints: tuple[Constraint, ...] = ()
    roads: Mapping[ObservationId, RoadPlace] = field(default_factory=dict)
