"""Studies: what was kept is looked at again by another model, and counts nowhere. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from pipeline.domain.camera import CameraRig
from pipeline.domain.checks import require, require_aware
from pipeline.domain.evidence import StillKind
from pipeline.domain.footage import Piece
from pipeline.domain.ids import DriveId, OrganisationId, PersonId, RunId, StudyId
from pipeline.domain.looks import DefectKind, Detection


class LooksAt(StrEnum):
    """What a study looks at again."""

    FOOTAGE = "footage"
    PICTURES = "pictures"


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """Somebody wants to know what a model would have found.

    Attributes:
        owner_id: Whose footage it was.
        person_id: Who asks.
        model: The model's name, or its card's path.
        why: In their words.
        from_day: Of what was received from this day on (UTC) …
        to_day: … to this, included.
    """

    study_id: StudyId
    owner_id: OrganisationId
    person_id: PersonId
    looks_at: LooksAt
    model: str
    why: str
    from_day: date
    to_day: date
    asked_at: datetime

    def __post_init__(self) -> None:
        """Refuse a study that nobody could account for."""
        require(bool(self.model.strip()), "say which model looks")
        require(bool(self.why.strip()), "say what the study is for")
        require(self.from_day <= self.to_day, "a study's first day must not lie after its last")
        require_aware(asked_at=self.asked_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartOfStudy:
    """A run that counts, of which the footage or the pictures are looked at again."""

    run_id: RunId
    drive_id: DriveId
    piece: Piece
    rig: CameraRig


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPicture:
    """A picture that was kept of a run.

    Attributes:
        reported: What it was kept for, in pixels of the frame; None in a road view.
    """

    pts: int
    kind: StillKind
    ordinal: int
    blob_key: str
    reported: Detection | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenInPicture:
    """What a study saw in a picture.

    Attributes:
        again: With what confidence it saw what was reported; None where it did not.
        other: What else it saw, in pixels of the frame.
    """

    picture: KeptPicture
    again: float | None
    other: tuple[Detection, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FootageCounts:
    """What a study of footage found, beside what counts of the same pieces.

    Attributes:
        looked: Looks of the study, and of the runs that count.
        sightings: Of each kind, of the study and of the runs that count.
    """

    looked: tuple[int, int]
    sightings: Mapping[DefectKind, tuple[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureCounts:
    """What a study of pictures saw again, by what engineers said of the defects shown.

    Attributes:
        shown: Defects of which close views were looked at, by what was said of them.
        again: Those of them that it saw again.
        road_views: Pictures of road where nothing had been reported.
        road_views_with: Those of them in which it saw something.
    """

    shown: Mapping[str, int]
    again: Mapping[str, int]
    road_views: int
    road_views_with: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a study is.

    Attributes:
        parts: Pieces of footage that it is about.
        done: Those that are done, refused ones among them.
        looked: Looks that it took.
        refused: How many parts could not be looked at, by the sentence that says why.
    """

    parts: int
    done: int
    looked: int
    refused: Mapping[str, int]
