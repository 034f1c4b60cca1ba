"""What became of possible defects: a list for each state, beside the queue of those that wait."""

from fastapi import FastAPI, Request
from fastapi.responses import Response

from pipeline.adapters.postgres.by_state import load_state_page
from pipeline.adapters.postgres.roads import load_road_facts
from pipeline.domain.defects import DefectState
from pipeline.review.desk import Desk
from pipeline.review.words import instant_words, where_words

_ROWS = 50
_MOST_DIGITS = 6


def add_by_state(app: FastAPI, desk: Desk) -> None:
    """Add the route."""

    @app.get("/defects")
    def states_page(request: Request, state: str = "", page: str = "") -> Response:
        person = desk.person(request)
        asked = DefectState(state) if state in set(DefectState) else DefectState.APPROVED
        number = int(page) if page.isdecimal() and len(page) <= _MOST_DIGITS else 1
        number = max(number, 1)
        with desk.database.acting_for(person.organisation_id) as connection:
            found = load_state_page(
                connection, person.organisation_id, asked, page=number, rows=_ROWS
            )
            names = [defect.defect_id for defect in found.defects]
            roads = load_road_facts(connection, person.organisation_id, names)
        count = found.counts.get(asked, 0)
        return desk.page(
            request, "by_state.html", state=asked, number=number, count=count,
            has_next=number * _ROWS < count, first=(number - 1) * _ROWS + 1,
            states=[
                (one.value, f"{one.words} ({found.counts.get(one, 0)})") for one in DefectState
            ],
            rows=[
                (defect, roads[defect.defect_id].street if defect.defect_id in roads else "",
                 where_words(defect),
                 instant_words(at) if (at := found.decided_at[defect.defect_id]) else "–")
                for defect in found.defects
            ],
        )  # fmt: skip
