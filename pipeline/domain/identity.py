"""What a person said of which sightings are one hole. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pipeline.domain.checks import require, require_aware
from pipeline.domain.defects import Constraint
from pipeline.domain.ids import DefectId, ObservationId, PersonId, WordId


class IdentityMove(StrEnum):
    """What a person may say of identity."""

    JOIN = "join"
    SPLIT = "split"
    TAKE_BACK = "take_back"

    @property
    def words(self) -> str:
        """What the person did, for a sentence."""
        return {
            IdentityMove.JOIN: "joined possible defects into one",
            IdentityMove.SPLIT: "split this into two possible defects",
            IdentityMove.TAKE_BACK: "took that back",
        }[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityWord:
    """One person's word, kept for ever; another word may take it back.

    Attributes:
        defects: Of which it was said.
        pairs: The sightings that were on the screen, two by two.
        note: What the person wrote, may be empty.
        takes_back: The word that holds no longer.
    """

    word_id: WordId
    person_id: PersonId
    move: IdentityMove
    defects: tuple[DefectId, ...]
    pairs: tuple[Constraint, ...]
    note: str
    said_at: datetime
    takes_back: WordId | None = None

    def __post_init__(self) -> None:
        """Refuse a word about nothing."""
        require_aware(said_at=self.said_at)
        require(len(self.pairs) >= 1, "a word about identity names at least two sightings")
        require(
            (self.move is IdentityMove.TAKE_BACK) == (self.takes_back is not None),
            "a word that takes back names the word, and no other does",
        )

    @property
    def sightings(self) -> frozenset[ObservationId]:
        """All sightings that it names."""
        return frozenset(o for pair in self.pairs for o in (pair.first_id, pair.second_id))
