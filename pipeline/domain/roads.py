"""What is known of the road a defect lies on. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from pipeline.domain.checks import require, require_share
from pipeline.domain.places import GridRef

_SURE = 0.95
_NEVER_SURER = 0.99
# Ends of two sections nearer than this are one junction: files round coordinates.
SAME_JUNCTION_M = 0.25
LARGEST_USRN = 99_999_999


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
    """What the road network says about a place; nothing where no road is known.

    Attributes:
        section_id: The network file's name of the section.
        chainage_m: Metres along the section's line.
        probability: That it is this section.
        one_way: Whether it may be driven one way only: half of a dual carriageway, say.
    """

    section_id: str = ""
    usrn: int | None = None
    name: str = ""
    road_class: str = ""
    hierarchy: Hierarchy | None = None
    speed_limit_mph: float | None = None
    chainage_m: float | None = None
    probability: float | None = None
    one_way: bool = False

    @property
    def street(self) -> str:
        """The street as a person would name it; "" where the network does not."""
        number = f"USRN {self.usrn}" if self.usrn is not None else ""
        if self.name and number:
            return f"{self.name} ({number})"
        return self.name or number or (f"section {self.section_id}" if self.section_id else "")

    @property
    def certainty(self) -> str:
        """How sure the section is, in words; nothing is ever wholly sure. "" where not known."""
        if self.probability is None:
            return ""
        sure = min(self.probability, _NEVER_SURER)
        return f"{'over ' if sure < self.probability else ''}{sure:.0%} sure"


def road_of(sightings: Sequence[RoadFacts | None]) -> RoadFacts | None:
    """Return the road of a thing from the roads of its sightings; None where most know none.

    Each sighting votes for its section with its probability, or for no known road. The
    probability of the section that wins is its share of all votes, and its chainage their mean.
    """
    votes: dict[str, list[RoadFacts]] = {}
    nowhere = 0.0
    for road in sightings:
        if road is None:
            nowhere += 1
        else:
            votes.setdefault(road.section_id, []).append(road)
    weights = {name: sum(one.probability or 0.0 for one in some) for name, some in votes.items()}
    best = max(sorted(weights), key=lambda name: weights[name], default="")
    if not best or weights[best] <= nowhere:
        return None
    chainage_m = sum((one.probability or 0.0) * (one.chainage_m or 0.0) for one in votes[best])
    return replace(
        votes[best][0],
        chainage_m=chainage_m / weights[best],
        probability=min(weights[best] / len(sightings), 1.0),
    )


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
        require(usrn is None or 0 < usrn <= LARGEST_USRN, f"{usrn} is no USRN: 8 digits at most")


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


def facts_at(section: RoadSection, place: OnRoad) -> RoadFacts:
    """Return what the network says where something lies."""
    return RoadFacts(
        section_id=section.section_id,
        usrn=section.usrn,
        name=section.name,
        road_class=section.road_class,
        hierarchy=section.hierarchy,
        speed_limit_mph=section.speed_limit_mph,
        chainage_m=place.chainage_m,
        probability=place.probability,
        one_way=section.ways is not Ways.BOTH,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RoadPlace:
    """The section of a sighting: enough to tell carriageways apart.

    Attributes:
        ends: Of the section's line.
        probability: That it is this section.
    """

    section_id: str
    ends: tuple[GridRef, GridRef]
    probability: float

    def meets(self, other: "RoadPlace") -> bool:
        """Return whether both are one section, or two that are joined."""
        return self.section_id == other.section_id or any(
            ours.distance_m(theirs) <= SAME_JUNCTION_M
            for ours in self.ends
            for theirs in other.ends
        )


def on_different_roads(ours: Iterable[RoadPlace], theirs: Iterable[RoadPlace]) -> bool:
    """Return whether two things surely lie on roads that are not joined: two carriageways, say."""
    sure = [place for place in theirs if place.probability >= _SURE]
    return any(
        not place.meets(other) for place in ours if place.probability >= _SURE for other in sure
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """An upright rectangle on the National Grid, metres."""

    west_m: float
    south_m: float
    east_m: float
    north_m: float
