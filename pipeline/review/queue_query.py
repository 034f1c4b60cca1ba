"""What an address asks of the queue. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlencode

from pipeline.adapters.postgres.queue_pages import Wanted
from pipeline.domain.looks import DefectKind
from pipeline.domain.roads import Box, Hierarchy

_LONGEST_TEXT = 100
_MOST_DIGITS = 6
_TRUE = "true"

# By what is chosen: detected from so long ago on, and before so long ago.
AGES: Mapping[str, tuple[str, timedelta | None, timedelta | None]] = {
    "day": ("in the last 24 hours", timedelta(days=1), None),
    "week": ("in the last 7 days", timedelta(days=7), None),
    "over7": ("more than 7 days ago", None, timedelta(days=7)),
    "over28": ("more than 28 days ago", None, timedelta(days=28)),
}
# By what is chosen: the detector's confidence, from and to.
SURE: Mapping[str, tuple[str, tuple[float, float]]] = {
    "sure": ("80 % or more", (0.8, 1.0)),
    "middling": ("60 to 80 %", (0.6, 0.8)),
    "unsure": ("less than 60 %", (0.0, 0.6)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueQuery:
    """What is asked of the queue; "" is nothing."""

    category: str = ""
    kind: str = ""
    text: str = ""
    hierarchy: str = ""
    age: str = ""
    sure: str = ""
    vehicle: str = ""
    box: str = ""
    late: bool = False
    map: bool = False
    page: int = 1

    @classmethod
    def of(cls, asked: Mapping[str, str]) -> "QueueQuery":
        """Read an address; what cannot be is taken as nothing."""
        said = {name: asked.get(name, "")[:_LONGEST_TEXT].replace("\0", "") for name in _TEXTS}
        for name, known in _CHOICES.items():
            said[name] = said[name] if said[name] in known else ""
        said["box"] = said["box"] if _box(said["box"]) else ""
        late, on_map = (asked.get(name) == _TRUE for name in ("late", "map"))
        page = asked.get("page", "")
        number = int(page) if page.isdecimal() and len(page) <= _MOST_DIGITS else 1
        return cls(**said, late=late, map=on_map, page=max(1, number))

    @classmethod
    def of_query(cls, query: str) -> "QueueQuery":
        """Read what follows the question mark of an address."""
        return cls.of(dict(parse_qsl(query)))

    @property
    def told(self) -> tuple[tuple[str, str], ...]:
        """What is asked, as a form has it; without the page."""
        told = {name: getattr(self, name) for name in _TEXTS}
        told |= {name: _TRUE if getattr(self, name) else "" for name in ("late", "map")}
        return tuple((name, value) for name, value in told.items() if value)

    @property
    def query(self) -> str:
        """What follows the question mark of its address, but for the page."""
        return urlencode(self.told)

    @property
    def without_box(self) -> str:
        """The address of the same wherever it lies."""
        return replace(self, box="").at_page(1)

    @property
    def has_more(self) -> bool:
        """Whether anything is asked that stands among the further filters."""
        return bool(self.hierarchy or self.age or self.sure or self.vehicle or self.box)

    def at_page(self, page: int) -> str:
        """Return the address of another page of the same."""
        return f"/queue?{self.query}&page={page}" if self.query else f"/queue?page={page}"

    def with_map(self, shown: bool) -> str:  # noqa: FBT001 - as a template says it
        """Return the address of the same with the map beside it, or without."""
        return replace(self, map=shown).at_page(self.page)

    def wanted(self, late_before: Mapping[str, datetime], now: datetime) -> Wanted:
        """Return what it is of the database.

        Args:
            late_before: By category, before when what is late was detected.
            now: The present.
        """
        _, since, until = AGES.get(self.age, ("", None, None))
        return Wanted(
            category=self.category,
            kind=DefectKind(self.kind) if self.kind else None,
            text=self.text,
            late_before=late_before,
            only_late=self.late,
            hierarchy=Hierarchy(self.hierarchy) if self.hierarchy else None,
            detected=(now - since if since else None, now - until if until else None),
            confidence=SURE[self.sure][1] if self.sure else (0.0, 1.0),
            box=_box(self.box),
            vehicle=self.vehicle,
            since=now - timedelta(days=1),
            page=self.page,
        )


_TEXTS = tuple(field.name for field in fields(QueueQuery) if field.type in {str, "str"})
_CHOICES: Mapping[str, frozenset[str]] = {
    "kind": frozenset(DefectKind),
    "hierarchy": frozenset(Hierarchy),
    "age": frozenset(AGES),
    "sure": frozenset(SURE),
}


def _box(text: str) -> Box | None:
    """Return a rectangle: west, south, east, north in whole metres of the National Grid."""
    parts = text.split(",")
    if len(parts) != 4 or not all(part.isdecimal() and len(part) < 8 for part in parts):  # noqa: PLR2004
        return None
    west, south, east, north = (float(part) for part in parts)
    return Box(west_m=west, south_m=south, east_m=east, north_m=north)
