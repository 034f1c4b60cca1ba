"""What is known of the road a defect lies on. Pure."""

from dataclasses import dataclass
from enum import StrEnum


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
