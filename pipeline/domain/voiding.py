"""A drive that must not count, by a person's word. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pipeline.domain.checks import require, require_aware
from pipeline.domain.ids import DriveId, PersonId, WordId


class VoidReason(StrEnum):
    """Why a drive must not count, by code."""

    PLACES_WRONG = "places_wrong"
    CLOCK_WRONG = "clock_wrong"
    CAMERA_WRONG = "camera_wrong"
    PICTURES_UNFIT = "pictures_unfit"
    NOT_OUR_ROADS = "not_our_roads"
    A_TEST = "a_test"
    OTHER = "other"

    @property
    def words(self) -> str:
        """As the form writes it."""
        return {
            VoidReason.PLACES_WRONG: "Its places are wrong: the GPS was off",
            VoidReason.CLOCK_WRONG: "Its time is wrong",
            VoidReason.CAMERA_WRONG: "The camera had moved, or another one was used",
            VoidReason.PICTURES_UNFIT: "Its pictures are unfit: dirt, water, glare, dark",
            VoidReason.NOT_OUR_ROADS: "It was not driven on our roads",
            VoidReason.A_TEST: "It was a test or a demonstration",
            VoidReason.OTHER: "Another reason, given in the note",
        }[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class DriveWord:
    """One person's word on a drive, kept for ever; the last one holds.

    Attributes:
        reason: Why it is void; None where it is not, after all.
        note: What the person wrote, may be empty.
    """

    word_id: WordId
    drive_id: DriveId
    person_id: PersonId
    reason: VoidReason | None
    note: str
    said_at: datetime

    def __post_init__(self) -> None:
        """Refuse a reason that nothing is said about."""
        require_aware(said_at=self.said_at)
        require(
            self.reason is not VoidReason.OTHER or bool(self.note),
            "say in the note why the drive is void",
        )

    @property
    def is_void(self) -> bool:
        """Whether the drive does not count."""
        return self.reason is not None
