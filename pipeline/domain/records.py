"""What a council holds elsewhere of its streets, as it was brought in. Pure."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum

from pipeline.domain.checks import require
from pipeline.domain.roads import LARGEST_USRN
from pipeline.domain.uk_time import LONDON


class RecordKind(StrEnum):
    """What kinds of record a council brings in: for claimants, and as labels beside a defect."""

    INSPECTIONS = "inspections"
    DEFECTS = "defects"
    ENQUIRIES = "enquiries"
    WORKS = "works"
    APPARATUS = "apparatus"

    @property
    def words(self) -> str:
        """As a sentence writes it."""
        return {
            RecordKind.INSPECTIONS: "safety inspections",
            RecordKind.DEFECTS: "defects recorded by other means than a camera",
            RecordKind.ENQUIRIES: "complaints and enquiries",
            RecordKind.WORKS: "street works of others",
            RecordKind.APPARATUS: "covers and other apparatus of undertakers",
        }[self]

    @property
    def columns(self) -> dict[str, str]:
        """What may be said of one beside its reference, street and day, and how a table heads it.

        Nothing else is taken: who complained, say, is nobody's business here.
        """
        return {
            RecordKind.INSPECTIONS: {
                "method": "Walked or driven",
                "speed_mph": "Speed, mph",
                "persons": "Persons",
                "weather": "Weather",
                "inspector": "Inspector",
                "found": "What was found",
            },
            RecordKind.DEFECTS: {
                "what": "What",
                "category": "Category",
                "made_safe": "Made safe",
                "repaired": "Repaired",
            },
            RecordKind.ENQUIRIES: {"what": "What about", "answer": "What became of it"},
            RecordKind.WORKS: {
                "until": "Until",
                "promoter": "Promoter",
                "what": "What",
                "status": "Status",
            },
            RecordKind.APPARATUS: {
                "what": "What",
                "owner": "Owner",
                "easting": "Easting, m",
                "northing": "Northing, m",
            },
        }[self]

    @property
    def days(self) -> frozenset[str]:
        """Which of its columns are days."""
        return frozenset({"until"}) if self is RecordKind.WORKS else frozenset()

    @property
    def metres(self) -> frozenset[str]:
        """Which of its columns are metres of the National Grid; every record has to have them."""
        places = frozenset({"easting", "northing"})
        return places if self is RecordKind.APPARATUS else frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class CouncilRecord:
    """One record of a council's own system.

    Attributes:
        reference: What it is called there.
        usrn: Of the street.
        on: The day.
        at: The time of the day in the UK, where it was said.
        said: By the names in `RecordKind.columns`; what was not said is left out.
    """

    reference: str
    usrn: int
    on: date
    at: time | None = None
    said: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        """Refuse one without a name, or on no street."""
        require(bool(self.reference), "a record has a reference")
        require(0 < self.usrn <= LARGEST_USRN, f"{self.usrn} is no USRN: 8 digits at most")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordImport:
    """That a council brought records in.

    Attributes:
        source: Which system they come from, as a person calls it.
        content_sha256: Of the file that was read.
        records_sha256: Of what was taken of it.
        covers_from: From this day on …
        covers_to: … to this one the file has every record of the kind.
        records: How many were taken.
        left_out: How many were not, since they name no street.
        said_by: Who brought them in.
    """

    kind: RecordKind
    source: str
    content_sha256: str
    records_sha256: str
    covers_from: date
    covers_to: date
    records: int
    left_out: int
    said_by: str
    imported_at: datetime

    def __post_init__(self) -> None:
        """Refuse a time that ends before it begins."""
        require(self.covers_from <= self.covers_to, "the time covered ends before it begins")


def records_sha256(records: Iterable[CouncilRecord]) -> str:
    """Return the SHA-256 of records, in whatever order they come."""
    lines = sorted(
        json.dumps(
            [
                one.reference, one.usrn, one.on.isoformat(),
                one.at.isoformat() if one.at else "", sorted(one.said),
            ],
            ensure_ascii=False,
        )
        for one in records
    )  # fmt: skip
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def days_not_covered(
    imports: tuple[RecordImport, ...], begins: date, ends: date
) -> tuple[tuple[date, date], ...]:
    """Return which days from one to another, both included, no import covers."""
    gaps: list[tuple[date, date]] = []
    reached = begins.toordinal()
    # What came later than the day of an import cannot be in it.
    for covers_from, covers_to in sorted(
        (one.covers_from, min(one.covers_to, one.imported_at.astimezone(LONDON).date()))
        for one in imports
    ):
        until = min(covers_from.toordinal() - 1, ends.toordinal())
        if until >= reached:
            gaps.append((date.fromordinal(reached), date.fromordinal(until)))
        reached = max(reached, covers_to.toordinal() + 1)
    if reached <= ends.toordinal():
        gaps.append((date.fromordinal(reached), ends))
    return tuple(gaps)
