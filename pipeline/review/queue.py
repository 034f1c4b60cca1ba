"""The queue: a page at a time, filtered, searched, with what is late and what is new."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Annotated

from fastapi import FastAPI, Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel

from pipeline.adapters.policy_toml import calendar_of
from pipeline.adapters.postgres.duty import load_waiting
from pipeline.adapters.postgres.instants import load_instants
from pipeline.adapters.postgres.queue_pages import (
    PAGE_ROWS,
    load_arrived,
    load_page,
    usual_day,
)
from pipeline.adapters.postgres.roads import load_road_facts
from pipeline.adapters.postgres.saved_views import MOST_VIEWS, load_views, remove_view, save_view
from pipeline.domain.errors import RuleError
from pipeline.domain.looks import DefectKind
from pipeline.domain.places import LonLat
from pipeline.domain.policy import CouncilPolicy
from pipeline.domain.responding import late_before
from pipeline.domain.roads import Hierarchy
from pipeline.review import words
from pipeline.review.desk import Desk, require_csrf
from pipeline.review.duty import watch_words
from pipeline.review.queue_query import AGES, SURE, QueueQuery

_DAY = timedelta(days=1)
_LONGEST_NAME = 60
_FLOOD_FROM, _FLOOD_TIMES = 30, 3


@lru_cache(maxsize=4)
def _late_before(policy: CouncilPolicy, minute: datetime) -> Mapping[str, datetime]:
    """Return, by category, before when what is late now was detected; found once a minute."""
    calendar = calendar_of(policy)
    return {
        band.category: late_before(band.decide, minute, calendar)
        for band in policy.bands
        if band.decide is not None
    }


class ViewForm(BaseModel):
    """What a person sends in to keep a view, or to remove one."""

    csrf: str
    name: str = ""
    query: str = ""
    remove: bool = False


def add_queue(app: FastAPI, desk: Desk) -> None:
    """Add the page."""

    @app.get("/queue")
    def queue_page(request: Request) -> Response:
        person = desk.person(request)
        query = QueueQuery.of(request.query_params)
        policy, now = desk.policy(person.organisation_id)[0], desk.clock.now()
        late = _late_before(policy, now.replace(second=0, microsecond=0))
        wanted = query.wanted(late, now)
        with desk.database.acting_for(person.organisation_id) as connection:
            found = load_page(connection, person.organisation_id, wanted)
            names = [entry.defect_id for entry, _ in found.rows]
            roads = load_road_facts(connection, person.organisation_id, names)
            instants = load_instants(connection, names)
            alerts = load_waiting(connection, person.organisation_id)
            watch = watch_words(connection, person.organisation_id, now)
            views = load_views(connection, person)
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
            hierarchies=[(one.value, f"{one.value}, {one.words}") for one in Hierarchy],
            ages=[(name, told[0]) for name, told in AGES.items()],
            sures=[(name, told[0]) for name, told in SURE.items()],
            views=views,
            alerts=len(alerts), watch=watch,
            map_tiles=desk.base_map.tiles, map_attribution=desk.base_map.attribution,
            is_filtered=not wanted.is_all,
        )  # fmt: skip

    @app.get("/queue/arrived")
    def arrived_page(request: Request) -> Response:
        person = desk.person(request)
        now = desk.clock.now()
        with desk.database.acting_for(person.organisation_id) as connection:
            streets, passes = load_arrived(connection, person.organisation_id, now - _DAY)
            usual = usual_day(connection, person.organisation_id, now)
        count = sum(one.count for one in streets)
        return desk.page(
            request, "arrived.html", streets=streets, passes=passes, usual=f"{usual:.0f}",
            is_flood=count >= _FLOOD_FROM and count > _FLOOD_TIMES * usual,
        )  # fmt: skip

    @app.post("/queue/views")
    def view_form(request: Request, form: Annotated[ViewForm, Form()]) -> Response:
        require_csrf(request, form.csrf)
        person = desk.person(request)
        name = form.name.strip()
        if not 1 <= len(name) <= _LONGEST_NAME:
            raise RuleError(f"Give the view a name of up to {_LONGEST_NAME} characters.")
        query = QueueQuery.of_query(form.query).query
        with desk.database.acting_for(person.organisation_id) as connection:
            if form.remove:
                remove_view(connection, person, name)
            elif not save_view(connection, person, name, query):
                raise RuleError(f"You have {MOST_VIEWS} views: remove one first.")
        return RedirectResponse(f"/queue?{query}", status_code=303)
