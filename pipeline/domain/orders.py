"""Works orders: what a gang needs to know, and what became of it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pipeline.domain.checks import require, require_aware
from pipeline.domain.defects import Defect, DefectState
from pipeline.domain.ids import DefectId, EventId, OrderId, PersonId
from pipeline.domain.observations import Measurement
from pipeline.domain.responding import ClockStart, Due, IsWorkingDay, ResponseTime, due_at

MOST_LINES = 50
# What a gang has still to do something about.
WAITS = frozenset({DefectState.ORDERED, DefectState.MADE_SAFE})


class RepairType(StrEnum):
    """What is to be done."""

    MAKE_SAFE = "make_safe"
    TEMPORARY = "temporary"
    PERMANENT = "permanent"

    @property
    def words(self) -> str:
        """As a form writes it."""
        return {
            RepairType.MAKE_SAFE: "Make safe (sign, cone, plate)",
            RepairType.TEMPORARY: "Temporary repair",
            RepairType.PERMANENT: "Permanent repair",
        }[self]


class TrafficManagement(StrEnum):
    """How traffic is led past the works."""

    NONE = "none"
    GIVE_AND_TAKE = "give_and_take"
    PRIORITY_SIGNS = "priority_signs"
    STOP_GO = "stop_go"
    SIGNALS = "signals"
    LANE_CLOSURE = "lane_closure"
    ROAD_CLOSURE = "road_closure"

    @property
    def words(self) -> str:
        """As a form writes it."""
        return {
            TrafficManagement.NONE: "None needed",
            TrafficManagement.GIVE_AND_TAKE: "Give and take",
            TrafficManagement.PRIORITY_SIGNS: "Priority signs",
            TrafficManagement.STOP_GO: "Stop/go boards",
            TrafficManagement.SIGNALS: "Two-way signals",
            TrafficManagement.LANE_CLOSURE: "Lane closure",
            TrafficManagement.ROAD_CLOSURE: "Road closure",
        }[self]


class Hazard(StrEnum):
    """What a gang must know before it goes."""

    OVERHEAD_CABLES = "overhead_cables"
    BLIND_BEND = "blind_bend"
    JUNCTION = "junction"
    SCHOOL = "school"
    BUS_ROUTE = "bus_route"
    TRAFFIC_SIGNALS = "traffic_signals"
    PARKED_VEHICLES = "parked_vehicles"
    ROUNDABOUT = "roundabout"
    OVERHANGING_TREES = "overhanging_trees"

    @property
    def words(self) -> str:
        """As a form writes it."""
        return self.value.replace("_", " ").capitalize()


class Adoption(StrEnum):
    """Whether the highway authority maintains the road."""

    ADOPTED = "adopted"
    PRIVATE = "private"
    UNKNOWN = "unknown"

    @property
    def words(self) -> str:
        """As a form writes it."""
        return {
            Adoption.ADOPTED: "Adopted highway",
            Adoption.PRIVATE: "Private street",
            Adoption.UNKNOWN: "Not known",
        }[self]


class EventKind(StrEnum):
    """What became of an order, or of one of its defects."""

    ACCEPTED = "accepted"
    MADE_SAFE = "made_safe"
    REPAIRED = "repaired"
    NOT_FOUND = "not_found"
    CANCELLED = "cancelled"
    VERIFIED = "verified"
    DOUBTED = "doubted"

    @property
    def words(self) -> str:
        """As a page writes it."""
        return {
            EventKind.ACCEPTED: "accepted by the contractor",
            EventKind.MADE_SAFE: "made safe",
            EventKind.REPAIRED: "repaired",
            EventKind.NOT_FOUND: "not found on site",
            EventKind.CANCELLED: "cancelled",
            EventKind.VERIFIED: "no longer seen by a later camera pass",
            EventKind.DOUBTED: "not verified after all: that camera pass does not count",
        }[self]

    @property
    def leads_to(self) -> DefectState | None:
        """The state that it brings a defect into; None where it brings it into no other."""
        return {
            EventKind.MADE_SAFE: DefectState.MADE_SAFE,
            EventKind.REPAIRED: DefectState.REPAIRED,
            EventKind.NOT_FOUND: DefectState.SITE_VISIT,
            EventKind.CANCELLED: DefectState.APPROVED,
            EventKind.VERIFIED: DefectState.VERIFIED,
            EventKind.DOUBTED: DefectState.REPAIRED,
        }.get(self)

    @property
    def is_of_whole_order(self) -> bool:
        """Whether it is said of the order and not of one defect."""
        return self in {EventKind.ACCEPTED, EventKind.CANCELLED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """An approved defect, and what an engineer judged it to be.

    Attributes:
        category: "" where it was approved before that was kept.
        still_counts: Whether any camera pass that counts shows it.
    """

    defect: Defect
    category: str
    detected_at: datetime
    decided_at: datetime
    still_counts: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFields:
    """What a gang needs beside the places; the whole order shares it.

    Attributes:
        speed_limit_mph: None where it is not known.
        permit: Number of the street works permit, "" where there is none yet.
        reinstatement_owner: Whose reinstatement it lies in, if in anybody's; "" if not known.
        note: For the gang.
    """

    repair: RepairType
    traffic: TrafficManagement
    hazards: tuple[Hazard, ...] = ()
    speed_limit_mph: int | None = None
    permit: str = ""
    adoption: Adoption = Adoption.UNKNOWN
    reinstatement_owner: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        """Refuse a speed limit that no British road has."""
        limits = {None, *range(5, 75, 5)}
        require(self.speed_limit_mph in limits, "a speed limit is from 5 to 70 mph, in fives")


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """One defect of an order, as it was when it was ordered.

    Attributes:
        category: As the engineer judged it.
        respond: How soon; None where no response time applies.
        decided_at: When it was approved: some clocks start there.
        state: What became of it since.
    """

    defect_id: DefectId
    category: str
    respond: ResponseTime | None
    detected_at: datetime
    decided_at: datetime
    width_m: Measurement
    length_m: Measurement
    depth_mm: Measurement | None
    state: DefectState = DefectState.ORDERED


@dataclass(frozen=True, slots=True, kw_only=True)
class WorksOrder:
    """An order to repair, kept for ever; events follow it.

    Attributes:
        number: By which people call it.
        accepted_at: When the contractor accepted it; None until then.
        cancelled: Whether it holds no longer.
    """

    order_id: OrderId
    number: str
    person_id: PersonId
    fields: OrderFields
    lines: tuple[OrderLine, ...]
    ordered_at: datetime
    policy_sha256: str
    accepted_at: datetime | None = None
    cancelled: bool = False

    def __post_init__(self) -> None:
        """Refuse an order for nothing, and one that nobody could work through."""
        require_aware(ordered_at=self.ordered_at)
        require(1 <= len(self.lines) <= MOST_LINES, f"an order has 1 to {MOST_LINES} defects")

    @property
    def is_open(self) -> bool:
        """Whether anything of it is still to be done."""
        return not self.cancelled and any(line.state in WAITS for line in self.lines)

    def due_of(self, line: OrderLine, is_working_day: IsWorkingDay) -> Due | None:
        """Return by when a defect is due; None where its clock has not begun, or there is none."""
        if line.respond is None:
            return None
        began = {
            ClockStart.DETECTION: line.detected_at,
            ClockStart.INSPECTION: line.decided_at,
            ClockStart.DECISION: line.decided_at,
            ClockStart.ORDER: self.ordered_at,
            ClockStart.RECEIPT: self.accepted_at,
            ClockStart.NEXT_WORKING_DAY: self.ordered_at,
        }[line.respond.starts]
        return None if began is None else due_at(line.respond, began, is_working_day)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEvent:
    """One thing that became of an order, kept for ever.

    Attributes:
        defect_id: Of which of its defects; None for the whole order.
        happened_at: When it did, as it was told.
        said_by: Who tells, by name, or which system.
        note: What was written, may be empty.
        recorded_at: When it was told to this system; None before it is kept.
    """

    event_id: EventId
    order_id: OrderId
    defect_id: DefectId | None
    kind: EventKind
    happened_at: datetime
    said_by: str
    note: str = ""
    recorded_at: datetime | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Refuse an event that does not say of what it tells."""
        require_aware(happened_at=self.happened_at)
        require(
            self.kind.is_of_whole_order == (self.defect_id is None),
            f"{self.kind.words} is said of "
            f"{'the whole order' if self.kind.is_of_whole_order else 'one defect'}",
        )


def states_after(
    names: Sequence[DefectId], events: Sequence[OrderEvent]
) -> dict[DefectId, DefectState]:
    """Return what events, the first first, made of an order's defects."""
    now = dict.fromkeys(names, DefectState.ORDERED)
    for event in events:
        after = event.kind.leads_to
        if after is None:
            continue
        if event.defect_id is not None:
            now[event.defect_id] = after
        else:
            now |= {name: after for name, state in now.items() if state in WAITS}
    return now
