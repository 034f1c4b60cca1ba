"""What is known of the road a defect lies on. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from pipeline.domain.checks import require, require_share
from pipeline.domain.places import GridRef


class Hierarchy(StrEnum):
    """Carriageway hierarchy, codes of the former Well-maintained Highways table (FIELD §4.4)."""

    STRATEGIC = "2"
    MAIN_DISTRIBUTOR = "3a"
    SECONDARY_DISTRIBUTOR = "3b"
    LINK = "4a"
    LOCAL_ACCESS = "4b"

    @property
    def words(self) -> str:
        """As a resident would say it."""
        return {
            Hierarchy.STRATEGIC: "a strategic route",
            Hierarchy.MAIN_DISTRIBUTOR: "a main distributor road",
            Hierarchy.SECONDARY_DISTRIBUTOR: "a secondary distributor road",
            Hierarchy.LINK: "a link road",
            Hierarchy.LOCAL_ACCESS: "a local access road",
        }[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoadFacts:
    """What the road network says about a place; None until a network is loaded."""

    hierarchy: Hierarchy | None = None


class Ways(StrEnum):
    """Which ways a section may be driven, seen along its line."""

    BOTH = "both"
    FORWARD = "forward"
    BACKWARD = "backward"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoadSection:
    """A stretch of road between two junctions, as a network file gives it.

    Attributes:
        section_id: The file's own name of it.
        line: Its centreline; of a dual carriageway, of one carriageway.
        ways: Which ways it may be driven.
        usrn: Unique street reference number, where the file gives one.
        name: Of the street.
        road_class: As the file says: "A Road", "Unclassified", "residential" …
        hierarchy: Of the carriageway, where the file gives one.
        speed_limit_mph: Where the file gives one.
        urban: Whether it is in a built-up area; None where the file does not say.
    """

    section_id: str
    line: tuple[GridRef, ...]
    ways: Ways = Ways.BOTH
    usrn: int | None = None
    name: str = ""
    road_class: str = ""
    hierarchy: Hierarchy | None = None
    speed_limit_mph: float | None = None
    urban: bool | None = None

    def __post_init__(self) -> None:
        """Refuse a section without a length, or a USRN that cannot be."""
        require(len(self.line) >= 2, f"section {self.section_id} has no line")  # noqa: PLR2004
        usrn = self.usrn
        require(usrn is None or 0 < usrn < 100_000_000, f"{usrn} is no USRN: 8 digits at most")  # noqa: PLR2004


@dataclass(frozen=True, slots=True, kw_only=True)
class OnRoad:
    """Where on the network something lies, and how sure that is.

    Attributes:
        chainage_m: Metres along the section's line.
        offset_m: Right of the line, seen along it; to its left negative.
        along: Whether the vehicle drove along the line; else against it.
        probability: That it is this section.
    """

    section_id: str
    chainage_m: float
    offset_m: float
    along: bool
    probability: float

    def __post_init__(self) -> None:
        """Refuse a probability outside 0…1."""
        require_share(probability=self.probability)
