"""Fleet staff's pages: hand footage in, what became of it, may the card be wiped, how cameras are.

A depot signs in with its key. No page shows who drove, how fast, or where a vehicle was when.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import FastAPI, Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel

from pipeline.adapters.postgres.backlog import load_backlog
from pipeline.adapters.postgres.correspondence import answer
from pipeline.adapters.postgres.database import Connection
from pipeline.adapters.postgres.depots import depot_of_key, load_depot
from pipeline.adapters.postgres.fleet import (
    HandedIn,
    VehicleHealth,
    drives_of_batch,
    load_handed_in,
    load_health,
    load_roads_around,
)
from pipeline.adapters.postgres.intake import load_drive
from pipeline.adapters.postgres.receiving import (
    load_batch,
    load_batches,
    load_manifest,
)
from pipeline.domain.errors import InputError, RuleError
from pipeline.domain.ids import BatchId, DepotId, DriveId, OrganisationId
from pipeline.domain.looks import NotLookedReason
from pipeline.domain.quality import ClipQuality
from pipeline.domain.receiving import Batch, BatchState, Depot, Tally, tally_of, verdict_of
from pipeline.domain.uk_time import LONDON, by_when
from pipeline.review.desk import Desk, require_csrf
from pipeline.review.drive_map import draw_map, kind_at

_MOST_BATCHES = 50
_HEALTH_DAYS = 30
_MOST_ROADS = 2000
# The strip shows a minute in so many parts.
_PARTS = 12
_EARLIEST_YEAR = 2000
# Below this share a camera's trouble is not worth a job.
_WORTH_A_JOB = 0.05


class NoDepotError(Exception):
    """No depot is signed in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StripMinute:
    """A minute on the strip over a drive, or a part of one.

    Attributes:
        span: From when to when, since the footage began.
        parts: How many twelfths of a minute it lasts.
    """

    span: str
    parts: int
    kind: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job for one vehicle, or what nobody can help."""

    vehicle: str
    words: str
    share: str


class AnswerForm(BaseModel):
    """When a file began: what the page sends."""

    csrf: str
    path: str
    day: str = ""
    month: str = ""
    year: str = ""
    hour: str = ""
    minute: str = ""
    second: str = ""

    def began_at(self, now: datetime) -> datetime:
        """Return the instant that was written, UK time.

        Raises:
            RuleError: It is no date and time, or not of the past.
        """
        try:
            said = datetime(
                int(self.year), int(self.month), int(self.day), int(self.hour),
                int(self.minute or 0), int(self.second or 0), tzinfo=LONDON,
            )  # fmt: skip
        except (ValueError, OverflowError) as error:
            raise RuleError(
                "Write the date as day, month and year, and the time as hour, minute and second, "
                "like 10 2 2026, 14 05 30."
            ) from error
        if not said.year >= _EARLIEST_YEAR or said > now:
            raise RuleError("That date is not one on which this can have been recorded.")
        return said.astimezone(UTC)


def session_depot(desk: Desk, request: Request) -> Depot | None:
    """Return which depot is signed in, if its key still holds."""
    try:
        owner = OrganisationId(UUID(request.session["depot_owner"]))
        name = DepotId(UUID(request.session["depot"]))
    except (KeyError, ValueError):
        return None
    with desk.database.acting_for(owner) as connection:
        return load_depot(connection, name)


def add_fleet(app: FastAPI, desk: Desk) -> None:
    """Add the pages."""
    _add_key(app, desk)
    _add_uploads(app, desk)
    _add_answers(app, desk)
    _add_drives(app, desk)


def _add_key(app: FastAPI, desk: Desk) -> None:
    @app.exception_handler(NoDepotError)
    def to_key(_request: Request, _error: NoDepotError) -> Response:
        return RedirectResponse("/fleet/key", status_code=303)

    @app.get("/fleet/key")
    def key_page(request: Request) -> Response:
        return desk.page(request, "fleet_key.html", problem=None)

    @app.post("/fleet/key")
    def key_form(
        request: Request, csrf: Annotated[str, Form()], key: Annotated[str, Form()] = ""
    ) -> Response:
        require_csrf(request, csrf)
        depot = depot_of_key(desk.database, key.strip()) if key.isascii() else None
        if depot is None:
            return desk.page(
                request, "fleet_key.html", status=401,
                problem="No depot has this key; ask operations for one",
            )  # fmt: skip
        request.session.clear()
        request.session.update(depot=str(depot.depot_id), depot_owner=str(depot.owner_id))
        return RedirectResponse("/fleet", status_code=303)


def _add_uploads(app: FastAPI, desk: Desk) -> None:
    @app.get("/fleet")
    def upload_page(request: Request) -> Response:
        depot = _depot(desk, request)
        with desk.database.acting_for(depot.owner_id) as connection:
            batches = load_batches(connection, depot.owner_id, _MOST_BATCHES)
            rows = [_row(batch, tally) for batch, tally in batches]
            waits = backlog_words(desk, connection, depot.owner_id)
        return desk.page(request, "fleet.html", depot=depot, rows=rows, waits=waits)

    @app.get("/fleet/uploads/{batch_id}")
    def batch_page(request: Request, batch_id: UUID) -> Response:
        depot = _depot(desk, request)
        with desk.database.acting_for(depot.owner_id) as connection:
            batch = load_batch(connection, BatchId(batch_id))
            manifest = load_manifest(connection, batch.batch_id)
            drives = load_handed_in(
                connection, depot.owner_id, drives_of_batch(connection, batch.batch_id)
            )
            waits = backlog_words(desk, connection, depot.owner_id)
        return desk.page(
            request, "fleet_batch.html", batch=batch, done=batch.state is BatchState.DONE,
            verdict=verdict_of(manifest), manifest=manifest, row=_row(batch, tally_of(manifest)),
            drives=[_drive_words(drive) for drive in drives], waits=waits,
        )  # fmt: skip


def _add_answers(app: FastAPI, desk: Desk) -> None:
    @app.post("/fleet/uploads/{batch_id}/answer")
    def answer_form(
        request: Request, batch_id: UUID, form: Annotated[AnswerForm, Form()]
    ) -> Response:
        require_csrf(request, form.csrf)
        depot = _depot(desk, request)
        began_at = form.began_at(desk.clock.now())
        with desk.database.acting_for(depot.owner_id) as connection:
            answer(connection, BatchId(batch_id), form.path, began_at, said_by=depot.name)
        return RedirectResponse(f"/fleet/uploads/{batch_id}", status_code=303)


def _add_drives(app: FastAPI, desk: Desk) -> None:
    @app.get("/fleet/drives/{drive_id}")
    def drive_page(request: Request, drive_id: UUID) -> Response:
        depot = _depot(desk, request)
        with desk.database.acting_for(depot.owner_id) as connection:
            found = load_handed_in(connection, depot.owner_id, [DriveId(drive_id)])
            received = load_drive(connection, DriveId(drive_id)) if found else None
            if received is None:
                raise InputError("There is no such drive.")
            roads = load_roads_around(connection, received.fixes, most=_MOST_ROADS)
        return desk.page(
            request, "fleet_drive.html", drive=_drive_words(found[0]),
            map=draw_map(received.fixes, roads, kind=kind_at(received, _kind_of)),
        )  # fmt: skip

    @app.get("/fleet/vehicles")
    def vehicles_page(request: Request) -> Response:
        depot = _depot(desk, request)
        since = desk.clock.now() - timedelta(days=_HEALTH_DAYS)
        with desk.database.acting_for(depot.owner_id) as connection:
            health = load_health(connection, depot.owner_id, since)
        return desk.page(
            request, "fleet_vehicles.html", days=_HEALTH_DAYS, jobs=jobs(health),
            weather=jobs(health, helpable=False), rows=[_health_row(one) for one in health],
        )  # fmt: skip


def jobs(health: Sequence[VehicleHealth], *, helpable: bool = True) -> list[Job]:
    """Return a job for each vehicle whose footage was often unusable, the worst first.

    Args:
        health: Of each vehicle.
        helpable: What somebody can do something about; False for the dark and the rain.
    """
    found: list[tuple[float, Job]] = []
    for one in health:
        lost = {
            reason: seconds
            for reason, seconds in one.lost_s.items()
            if reason.can_be_helped is helpable and reason is not NotLookedReason.PRIVATE
        }
        share = sum(lost.values()) / one.seconds if one.seconds else 0.0
        if share < _WORTH_A_JOB:
            continue
        main = max(lost, key=lambda reason: lost[reason])
        job = Job(vehicle=one.vehicle, words=main.words, share=f"{share:.0%}")
        found.append((share, job))
    return [job for _, job in sorted(found, key=lambda pair: (-pair[0], pair[1].vehicle))]


def backlog_words(desk: Desk, connection: Connection, owner: OrganisationId) -> str:
    """Return how much footage waits to be looked at, and when that will be done."""
    now = desk.clock.now()
    backlog = load_backlog(connection, owner, desk.store, now)
    if not backlog.waiting_s:
        return "Everything that was handed in has been looked at."
    hours = backlog.waiting_s / 3600
    waits = f"{hours:.1f} hours" if hours >= 1 else f"{max(1, round(hours * 60))} minutes"
    done_at = backlog.done_at(now)
    if done_at is None:
        return f"{waits} of footage wait to be looked at; how long that takes is not known yet."
    return f"{waits} of footage wait to be looked at: done by about {by_when(done_at, now)}."


def london(instant: datetime | None) -> str:
    """Return an instant as a depot reads it."""
    return "–" if instant is None else f"{instant.astimezone(LONDON):%d %B %Y, %H:%M}"


def _depot(desk: Desk, request: Request) -> Depot:
    depot = session_depot(desk, request)
    if depot is None:
        raise NoDepotError
    return depot


def _row(batch: Batch, tally: Tally) -> dict[str, object]:
    counts = dict(tally.counts)
    waiting = counts.pop(None, 0)
    known = {outcome: n for outcome, n in counts.items() if outcome is not None}
    parts = [f"{n} {outcome.words}" for outcome, n in sorted(known.items())]
    if waiting:
        parts.append(f"{waiting} not known yet")
    state = {
        BatchState.OPEN: "not finished",
        BatchState.CLOSED: "being read",
        BatchState.DONE: "Safe to wipe" if tally.safe_to_wipe else "Do not wipe",
    }[batch.state]
    return {
        "id": str(batch.batch_id),
        "at": london(batch.opened_at),
        "vehicle": batch.fleet_number or "several",
        "files": ", ".join(parts) or "no files",
        "state": state,
    }


def _drive_words(drive: HandedIn) -> dict[str, object]:
    minutes = [minute for clip in drive.clips for minute in clip.minutes]
    total = sum(m.to_s - m.from_s for m in minutes)
    lost = [m for m in minutes if m.reason not in {None, NotLookedReason.PRIVATE}]
    reasons = {m.reason for m in lost if m.reason is not None}
    return {
        "id": str(drive.drive_id),
        "vehicle": drive.vehicle,
        "received": london(drive.received_at),
        "minutes": f"{total / 60:.0f} minutes" if total >= 90 else f"{total:.0f} seconds",  # noqa: PLR2004
        "strip": _strip(drive.clips),
        "lost": f"{sum(m.to_s - m.from_s for m in lost) / total:.0%}" if total else "0%",
        "helpable": sorted(_sentence(r.words) for r in reasons if r.can_be_helped),
        "weather": sorted(_sentence(r.words) for r in reasons if not r.can_be_helped),
    }


def _strip(clips: Sequence[ClipQuality]) -> list[StripMinute]:
    begins_s, strip = 0.0, []
    for clip in clips:
        for minute in clip.minutes:
            span = f"{_clock(begins_s + minute.from_s)} to {_clock(begins_s + minute.to_s)}"
            words = "usable" if minute.reason is None else minute.reason.words
            parts = min(_PARTS, max(1, round((minute.to_s - minute.from_s) * _PARTS / 60)))
            strip.append(
                StripMinute(span=span, parts=parts, kind=_kind_of(minute.reason), words=words)
            )
        begins_s += clip.lasts_s
    return strip


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def _kind_of(reason: object) -> str:
    if not isinstance(reason, NotLookedReason):
        return "good"
    if reason is NotLookedReason.PRIVATE:
        return "private"
    return "help" if reason.can_be_helped else "weather"


def _health_row(one: VehicleHealth) -> dict[str, str]:
    lost = sum(one.lost_s.values())
    return {
        "vehicle": one.vehicle,
        "heard": london(one.last_heard_at),
        "hours": f"{one.seconds / 3600:.1f}",
        "usable": f"{1 - lost / one.seconds:.0%}" if one.seconds else "–",
    }


def _sentence(words: str) -> str:
    return re.sub(r"^\w", lambda letter: letter[0].upper(), words)
