"""Which roads a camera looked at, which are due, and the camera passes of late."""

from datetime import datetime

from fastapi import FastAPI, Request
from fastapi.responses import Response

from pipeline.adapters.coverage_table import coverage_sums, latest_of, sentence_of, standings_csv
from pipeline.adapters.postgres import roads, sections
from pipeline.adapters.postgres.voiding import load_recent_passes
from pipeline.domain.coverage import PassState, SectionStanding
from pipeline.domain.errors import InputError
from pipeline.domain.ids import OrganisationId
from pipeline.line import SURE, standings, whole_of
from pipeline.review.desk import Desk
from pipeline.review.words import instant_words

_MOST_PASSES, _MOST_LATE = 50, 50
_LONGEST = 100


def add_coverage(app: FastAPI, desk: Desk) -> None:
    """Add the routes."""

    @app.get("/coverage")
    def coverage_page(request: Request, street: str = "") -> Response:
        person, now = desk.person(request), desk.clock.now()
        asked = street.strip()[:_LONGEST].casefold()
        with desk.database.acting_for(person.organisation_id) as connection:
            passes = load_recent_passes(connection, person.organisation_id, _MOST_PASSES)
        rows = _rows(desk, person.organisation_id, now)
        policy, _ = desk.policy(person.organisation_id)
        found = (
            None if rows is None else [r for r in rows if asked and asked in r.street.casefold()]
        )
        shown = found or ([] if rows is None or asked else latest_of(rows, _MOST_LATE))
        return desk.page(
            request, "coverage.html", has_network=rows is not None, street=street.strip(),
            states=[state.value for state in PassState],
            sums=[(name, list(by.values())) for name, by in coverage_sums(rows or [])],
            sentences=[sentence_of(row, now) for row in shown[:_MOST_LATE]],
            more=max(len(shown) - _MOST_LATE, 0), has_rule=bool(policy.passes),
            passes=[
                (one, instant_words(one.processed_at), f"{one.looked_m / 1000:.1f}",
                 f"{one.missed_m / 1000:.1f}")
                for one in passes
            ],
        )  # fmt: skip

    @app.get("/coverage.csv")
    def coverage_file(request: Request) -> Response:
        person = desk.person(request)
        rows = _rows(desk, person.organisation_id, desk.clock.now())
        if rows is None:
            raise InputError("There is no such file: no road network is loaded.")
        return Response(
            standings_csv(rows),
            media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="coverage.csv"'},
        )


def _rows(
    desk: Desk, authority: OrganisationId, now: datetime
) -> tuple[SectionStanding, ...] | None:
    """Return how each direction of each section stands; None where no network is loaded."""
    with desk.database.acting_for(authority) as connection:
        network = roads.network_in_use(connection, authority)
        if network is None:
            return None
        lengths, spans = sections.load_coverage(
            connection, network, whole_of=whole_of, sure=SURE, now=now
        )
    return standings(lengths, spans, desk.policy(authority)[0].passes, now=now)
