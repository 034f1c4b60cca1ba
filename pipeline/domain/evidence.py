"""The only pictures that are kept, both redacted before they exist. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pipeline.domain.footage import FrameRef
from pipeline.domain.ids import ObservationId


class StillKind(StrEnum):
    """The three kinds of picture that may be written."""

    EVIDENCE_STILL = "evidence_still"
    PLACE_VIEW = "place_view"
    ROAD_VIEW = "road_view"

    @property
    def words(self) -> str:
        """As a page writes it."""
        return {
            StillKind.EVIDENCE_STILL: "Close view of the road surface",
            StillKind.PLACE_VIEW: "Wide view, to recognise the place",
            StillKind.ROAD_VIEW: "Road view where nothing was reported",
        }[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class Still:
    """One redacted JPEG.

    Attributes:
        observation_id: The sighting that it shows; None for a road view.
        chainage_m: Where on the drive it was taken.
        bystanders: How many people and vehicles were painted over.
        jpeg: The file's bytes; no metadata but the picture.
    """

    kind: StillKind
    frame: FrameRef
    observation_id: ObservationId | None
    taken_at: datetime
    chainage_m: float
    width_px: int
    height_px: int
    bystanders: int
    jpeg: bytes
