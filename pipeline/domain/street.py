"""What is known of a street over a time, as a claim asks for it. Pure."""

import calendar
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any

from pipeline.domain.checks import require
from pipeline.domain.decisions import Move
from pipeline.domain.defects import Defect
from pipeline.domain.duty import Alert
from pipeline.domain.ids import DefectId, DriveId
from pipeline.domain.instants import Instants
from pipeline.domain.looks import NotLookedReason
from pipeline.domain.orders import OrderEvent, WorksOrder
from pipeline.domain.policy import CouncilPolicy
from pipeline.domain.records import CouncilRecord, RecordImport, RecordKind
from pipeline.domain.roads import LARGEST_USRN, RoadFacts, RoadSection
from pipeline.domain.uk_time import LONDON

LONGEST_MONTHS = 120
_FIRST_YEAR, _LAST_YEAR = 1950, 2200


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Of which street and time evidence is asked for.

    Attributes:
        usrn: The street.
        incident_on: The day on which something happened there.
        months: How many before it are asked about.
    """

    usrn: int
    incident_on: date
    months: int = 24

    def __post_init__(self) -> None:
        """Refuse what is no street, and no time."""
        require(0 < self.usrn <= LARGEST_USRN, f"{self.usrn} is no USRN: 8 digits at most")
        require(1 <= self.months <= LONGEST_MONTHS, f"months are from 1 to {LONGEST_MONTHS}")
        require(_FIRST_YEAR <= self.incident_on.year <= _LAST_YEAR, "that day is no such day")

    @property
    def begins_on(self) -> date:
        """The first day asked about: the same day so many months earlier, or the month's last."""
        count = self.incident_on.year * 12 + self.incident_on.month - 1 - self.months
        year, month = count // 12, count % 12 + 1
        return date(year, month, min(self.incident_on.day, calendar.monthrange(year, month)[1]))

    @property
    def begins_at(self) -> datetime:
        """The first instant asked about."""
        return datetime.combine(self.begins_on, time(), LONDON)

    @property
    def ends_at(self) -> datetime:
        """The end of the day of the incident."""
        return datetime.combine(self.incident_on + timedelta(days=1), time(), LONDON)


class Light(StrEnum):
    """How light it was, by the sun's height above the horizon."""

    DAY = "daylight"
    TWILIGHT = "civil twilight"
    DARK = "dark"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreetPass:
    """What one camera pass saw of a street, in one direction of one section.

    Attributes:
        along: Whether it drove along the section's line, or against it.
        at: When it came past first.
        length_m: Of the section.
        looked_m: Metres that the camera looked at.
        not_looked_m: Metres that it passed without looking, by reason.
        width_m: How wide a strip of road was in view, on average; None where nothing was looked at.
        speed_mph: Of the vehicle; None where its track is not kept any more.
        void: Why it must not count, in words; "" where it counts.
        road_views: How many redacted views of the road are kept where nothing was reported.
    """

    drive_id: DriveId
    section_id: str
    along: bool
    at: datetime
    length_m: float
    looked_m: float
    not_looked_m: Mapping[NotLookedReason, float]
    width_m: float | None = None
    speed_mph: float | None = None
    light: Light | None = None
    void: str = ""
    road_views: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StreetPicture:
    """A redacted picture that is kept.

    Attributes:
        defect_id: What it shows; None for a view of the road where nothing was reported.
        is_void: Whether it is of a camera pass that does not count.
    """

    blob_key: str
    kind: str
    taken_at: datetime
    drive_id: DriveId
    defect_id: DefectId | None
    is_void: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StreetDefect:
    """A defect, or a possible one, on a street, with all that became of it.

    Attributes:
        road: Where it lies, and how surely on this street.
        drives: The camera passes that ever showed it.
        instants: What happened when.
        heirs: Into which others it was joined; empty where it was not.
        identity: What persons said of joining and splitting it.
        decisions: As they were kept, the first first; each with `entitled`, what entitled who made
            it, on that day.
        on_site: What was found on site, as it was kept.
        measured: Depths entered at a desk: when, millimetres, sigma, how, by whom.
        orders: Its orders, the first first, each with what became of it.
        is_emptied: Whether no camera pass that counts shows it any more.
    """

    defect: Defect
    road: RoadFacts
    drives: frozenset[DriveId]
    instants: Instants
    heirs: tuple[DefectId, ...]
    identity: tuple[Any, ...]
    decisions: tuple[Mapping[str, Any], ...]
    on_site: tuple[Mapping[str, Any], ...]
    measured: tuple[Mapping[str, Any], ...]
    orders: tuple[tuple[WorksOrder, tuple[OrderEvent, ...]], ...]
    alerts: tuple[Alert, ...]
    is_emptied: bool

    @property
    def is_confirmed(self) -> bool:
        """Whether an engineer ever confirmed it, by a word that holds or by an order."""
        approved = any(one["move"] == Move.APPROVE and one["holds"] for one in self.decisions)
        return approved or bool(self.orders) or self.defect.state.confirmed


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyThen:
    """The policy that was in force.

    Attributes:
        content: The file.
        kept_at: When it was first kept here.
    """

    policy: CouncilPolicy
    content: bytes
    kept_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LogExcerpt:
    """The lines of the log that concern a street, in the chain of all lines from the first of them.

    Attributes:
        before_sha256: Of the line before the first one.
        lines: Ordinal, the line's own SHA-256, and the line where it concerns the street.
        head: Ordinal and SHA-256 of the last line; None where nothing was logged.
        deposited: Where the log's end was deposited: ordinal, SHA-256, with whom, when.
    """

    before_sha256: str
    lines: tuple[tuple[int, str, str], ...]
    head: tuple[int, str] | None
    deposited: tuple[tuple[int, str, str, datetime], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StreetFacts:
    """All that is held of a street over a time.

    Attributes:
        claim: What was asked.
        sections: Of the network in use.
        lengths_m: Of each section.
        network: Its name and when it was loaded; None if none was.
        unlaid: How many drives of the time were laid on no network.
        policies: Those valid by the day, the one that was in force first.
        imports: What was brought in, by kind.
        records: Of this street and time, by kind.
    """

    claim: Claim
    authority: str
    sections: tuple[RoadSection, ...]
    lengths_m: Mapping[str, float]
    network: tuple[str, datetime] | None
    passes: tuple[StreetPass, ...]
    defects: tuple[StreetDefect, ...]
    pictures: tuple[StreetPicture, ...]
    unlaid: int
    policies: tuple[PolicyThen, ...]
    imports: Mapping[RecordKind, tuple[RecordImport, ...]]
    records: Mapping[RecordKind, tuple[CouncilRecord, ...]]
    log: LogExcerpt

    @property
    def policy(self) -> PolicyThen | None:
        """The policy that was in force; None where none is kept."""
        return self.policies[0] if self.policies else None

    @property
    def street(self) -> str:
        """The street's name, "" where it is not known."""
        return next((section.name for section in self.sections if section.name), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenOut:
    """That an evidence bundle was given out.

    Attributes:
        sums_sha256: Of the list of SHA-256s that is in it.
    """

    claim: Claim
    made_by: str
    sums_sha256: str
    made_at: datetime
