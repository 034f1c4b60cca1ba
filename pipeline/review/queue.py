"""The queue: a page at a time, filtered, searched, with what is late and what is new."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from fastapi.responses import Response

from pipeline.adapters.policy_toml import calendar_of
from pipeline.adapters.postgres.duty import load_waiting
from pipeline.adapters.postgres.instants import load_instants
from pipeline.adapters.postgres.queue_pages import PAGE_ROWS, Wanted, load_page
from pipeline.adapters.postgres.roads import load_road_facts
from pipeline.domain.looks import DefectKind
from pipeline.domain.places import LonLat
from pipeline.domain.policy import CouncilPolicy
from pipeline.domain.responding import late_before
from pipeline.review import words
from pipeline.review.desk import Desk
from pipeline.review.duty import watch_words

_NEW = timedelta(days=1)
_LONGEST_TEXT = 100
_MOST_DIGITS = 6
_TEXTS = ("category", "kind", "text")


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueQuery:
    """What is asked of the queue."""

    category: str
    kind: str
    text: str
    late: bool
    map: bool
    page: int

    @classmethod
    def of(cls, asked: Mapping[str, str]) -> "QueueQuery":
        """Read an address; what cannot be is taken as nothing."""
        text = {name: asked.get(name, "")[:_LONGEST_TEXT].replace("\0", "") for name in _TEXTS}
        page = asked.get("page", "")
        number = int(page) if page.isdecimal() and len(page) <= _MOST_DIGITS else 1
        late, on_map = (asked.get(name) == "true" for name in ("late", "map"))
        return cls(**text, late=late, map=on_map, page=max(1, number))

    def with_map(self, shown: bool) -> str:  # noqa: FBT001 - as a template says it
        """Return the address of the same with the map beside it, or without."""
        return replace(self, map=shown).at_page(self.page)

    def at_page(self, page: int) -> str:
        """Return the address of another page of the same."""
        asked = {"category": self.category, "kind": self.kind, "text": self.text}
        asked |= {name: "true" for name in ("late", "map") if getattr(self, name)}
        told = {name: value for name, value in asked.items() if value} | {"page": str(page)}
        return f"/queue?{urlencode(told)}"


@lru_cache(maxsize=4)
def _late_before(policy: CouncilPolicy, minute: datetime) -> Mapping[str, datetime]:
    """Return, by category, before when what is late now was detected; found once a minute."""
    calendar = calendar_of(policy)
    return {
        band.category: late_before(band.decide, minute, calendar)
        for band in policy.bands
        if band.decide is not None
    }


def add_queue(app: FastAPI, desk: Desk) -> None:
    """Add the page."""

    @app.get("/queue")
    def queue_page(request: Request) -> Response:
        person = desk.person(request)
        query = QueueQuery.of(request.query_params)
        policy, now = desk.rules.policy[0], desk.clock.now()
        wanted = Wanted(
            category=query.category,
            kind=DefectKind(query.kind) if query.kind in set(DefectKind) else None,
            text=query.text,
            late_before=_late_before(policy, now.replace(second=0, microsecond=0)),
            only_late=query.late,
            since=now - _NEW,
            page=query.page,
        )
        with desk.database.acting_for(person.organisation_id) as connection:
            found = load_page(connection, person.organisation_id, wanted)
            names = [entry.defect_id for entry, _ in found.rows]
            roads = load_road_facts(connection, person.organisation_id, names)
            instants = load_instants(connection, names)
            alerts = load_waiting(connection, person.organisation_id)
            watch = watch_words(connection, person.organisation_id, now)
        places: list[LonLat] = []
        if query.map:
            places = list(desk.rules.grid.to_lonlat([defect.at for _, defect in found.rows]))
        rows = [
            words.queue_row(
                place, entry, defect, roads.get(entry.defect_id),
                words.decide_by(entry.category, instants[entry.defect_id], policy, now),
                places[place - 1 - PAGE_ROWS * (query.page - 1)] if places else None,
            )
            for place, (entry, defect) in enumerate(found.rows, PAGE_ROWS * (query.page - 1) + 1)
        ]  # fmt: skip
        return desk.page(
            request, "queue.html", rows=rows, found=found, query=query,
            categories=[
                (band.category, f"{band.category} ({found.by_category.get(band.category, 0)})")
                for band in sorted(policy.bands, key=lambda band: -band.max_score)
            ],
            kinds=[(kind.value, kind.words) for kind in DefectKind],
            alerts=len(alerts), watch=watch,
            map_tiles=desk.base_map.tiles, map_attribution=desk.base_map.attribution,
            is_filtered=bool(query.category or query.kind or query.text or query.late),
        )  # fmt: skip
