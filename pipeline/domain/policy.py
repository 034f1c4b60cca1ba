"""A council's rules as data: risk matrix, response times, investigatory levels. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from pipeline.domain.checks import require
from pipeline.domain.coverage import PassRule
from pipeline.domain.ids import OrganisationId
from pipeline.domain.looks import DefectKind
from pipeline.domain.responding import ResponseTime, Unit
from pipeline.domain.roads import Hierarchy

_A_DAY_H = 24.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """One response category: the risk scores it covers, and how soon it asks for a response.

    Attributes:
        respond: How soon, once its clock starts; None where no response time applies.
        decide: How soon an engineer is to decide on a possible defect that is proposed for it: the
            only clock that it has before; None where the policy says nothing.
    """

    category: str
    min_score: int
    max_score: int
    respond: ResponseTime | None
    words: str
    decide: ResponseTime | None = None

    def __post_init__(self) -> None:
        """Refuse an inside-out band."""
        require(1 <= self.min_score <= self.max_score, f"band {self.category} is inside out")

    @property
    def is_grave(self) -> bool:
        """Whether it asks for a response within a day: then nothing is chosen beforehand."""
        return self.respond is not None and self.respond.nominal_h <= _A_DAY_H

    @property
    def is_emergency(self) -> bool:
        """Whether somebody is to decide at any hour: the time to a decision counts hours."""
        return self.decide is not None and self.decide.unit is Unit.HOURS


@dataclass(frozen=True, slots=True, kw_only=True)
class InvestigatoryLevel:
    """The size from which a kind of defect is to be looked into.

    Attributes:
        hierarchy: The class of road it applies to; None for every other one.
        width_m: Least width across travel that meets the test.
        depth_mm: Least depth; the camera cannot measure it, so the page asks for it.
    """

    kind: DefectKind
    hierarchy: Hierarchy | None
    width_m: float
    depth_mm: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeStep:
    """From this width on, this impact is proposed for a kind of defect."""

    kind: DefectKind
    from_width_m: float
    impact: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LikelihoodRule:
    """The proposed likelihood of harm: a start, and what raises or lowers it.

    Attributes:
        unknown_road: Where the road's class is not known.
        by_hierarchy: Where it is.
        wheel_path: Added when the defect lies in a wheel path.
        nearside_edge: Added when it lies near the kerb, where people cycle.
        out_of_path: Added (it is negative) when it lies in neither.
        wheel_path_from_m: The wheel paths' nearest distance from the vehicle's middle.
        wheel_path_to_m: Their farthest.
        nearside_from_m: From so far left of the vehicle's middle on it is the edge.
    """

    unknown_road: int
    by_hierarchy: tuple[tuple[Hierarchy, int], ...]
    wheel_path: int
    nearside_edge: int
    out_of_path: int
    wheel_path_from_m: float
    wheel_path_to_m: float
    nearside_from_m: float


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRule:
    """When a candidate is certain enough for an engineer's time.

    Attributes:
        min_sightings: Seen in so many frames …
        sure_confidence: … or once with at least this confidence.
    """

    min_sightings: int
    sure_confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CouncilPolicy:
    """One version of one council's rules, pinned on every queue entry and decision.

    Attributes:
        sha256: Of the file's bytes.
        source: The page or minute it was taken from.
        matrix_size: 5 for a 5×5 matrix, 4 for 4×4.
        passes: How often a camera is to pass along roads of each hierarchy.
        inspections: How often the council's own safety inspections are to be made on them.
        passes_are_inspections: By which minute of which day camera passes count as safety
            inspections; "" where they do not.
        adopted: By whom and when; "" for an example that nobody has adopted.
        bank_holidays: Whose: england_and_wales, scotland or northern_ireland.
        closed: Days on which the council is closed besides.
        second_look_share: Of decisions, drawn by chance, that a second engineer judges blind.
    """

    name: str
    version: str
    sha256: str
    valid_from: date
    source: str
    matrix_size: int
    bands: tuple[Band, ...]
    impact_steps: tuple[SizeStep, ...]
    likelihood: LikelihoodRule
    investigatory_levels: tuple[InvestigatoryLevel, ...]
    queue: QueueRule
    passes: tuple[PassRule, ...] = ()
    inspections: tuple[PassRule, ...] = ()
    passes_are_inspections: str = ""
    adopted: str = ""
    bank_holidays: str = "england_and_wales"
    closed: frozenset[date] = frozenset()
    second_look_share: float = 0.05

    def __post_init__(self) -> None:
        """Refuse a matrix with a score that no band, or more than one, answers for."""
        require(self.matrix_size in range(2, 11), "matrix_size must be a whole number from 2 to 10")
        require(isinstance(self.valid_from, date), "valid_from must be a date: 2026-04-01")
        texts = (self.name, self.version, self.source, *(b.category for b in self.bands),
                 *(b.words for b in self.bands))  # fmt: skip
        require(all(isinstance(text, str) for text in texts), "names and words must be texts")
        require(0 <= self.second_look_share <= 1, "second_look_share is a share, from 0 to 1")
        require(
            bool(self.adopted) or not self.passes_are_inspections,
            "only an adopted policy can say that camera passes are inspections",
        )
        size = range(1, self.matrix_size + 1)
        for score in sorted({impact * likelihood for impact in size for likelihood in size}):
            hits = [b.category for b in self.bands if b.min_score <= score <= b.max_score]
            require(len(hits) == 1, f"risk score {score} falls into {len(hits)} bands: {hits}")

    @property
    def emergencies(self) -> tuple[str, ...]:
        """The categories on which somebody is to decide at any hour."""
        return tuple(band.category for band in self.bands if band.is_emergency)

    def band_called(self, category: str) -> Band | None:
        """Return the band of a category; None if there is none."""
        return next((band for band in self.bands if band.category == category), None)

    def band_of(self, score: int) -> Band:
        """Return the band that answers for a risk score."""
        return next(b for b in self.bands if b.min_score <= score <= b.max_score)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """By which policy each authority of an installation goes.

    Attributes:
        general: Of those that have none of their own, with the bytes that it was read from.
        own: Of the others, likewise.
    """

    general: tuple[CouncilPolicy, bytes]
    own: Mapping[OrganisationId, tuple[CouncilPolicy, bytes]] = field(default_factory=dict)

    def of(self, authority: OrganisationId) -> tuple[CouncilPolicy, bytes]:
        """Return an authority's policy and its bytes."""
        return self.own.get(authority, self.general)
