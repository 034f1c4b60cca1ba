"""Site visits: the route, also without a signal, and what was found there."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import FastAPI, Form, Request, UploadFile
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import BaseModel

from pipeline.adapters.postgres.database import Connection
from pipeline.adapters.postgres.decisions import save_depth
from pipeline.adapters.postgres.defects import load_defect, load_evidence
from pipeline.adapters.postgres.people import Person
from pipeline.adapters.postgres.roads import load_road_facts
from pipeline.adapters.postgres.site_entries import (
    followed_by,
    load_to_visit,
    save_entry,
)
from pipeline.domain.decisions import Role
from pipeline.domain.defects import Defect, DefectState
from pipeline.domain.errors import InputError, RuleError
from pipeline.domain.evidence import StillKind
from pipeline.domain.ids import DefectId, EntryId, PersonId
from pipeline.domain.measuring import DepthHow, depth_of
from pipeline.domain.visits import SiteEntry, VisitOutcome
from pipeline.review import words
from pipeline.review.deciding import requeue
from pipeline.review.desk import Desk, csrf_of, require_csrf
from pipeline.review.photos import LARGEST_BYTES, clean_photo
from pipeline.stages.decide import apply_visit
from pipeline.stages.route import route

_WORKER = Path(__file__).parent / "static" / "visits-worker.js"
_LONGEST_NOTE = 500
_SITE_PHOTO = "site_photo"


class EntryForm(BaseModel):
    """What a phone sends in."""

    csrf: str
    entry_id: UUID
    defect_id: UUID
    person: UUID
    outcome: str = ""
    depth_mm: str = ""
    how: str = ""
    note: str = ""
    happened_at: str = ""
    photo: UploadFile | None = None

    def entry(self, now: datetime) -> SiteEntry:
        """Return what it says.

        Raises:
            RuleError: It says too little, or what cannot be.
        """
        if self.outcome not in set(VisitOutcome):
            raise RuleError("Choose what came of it.")
        outcome = VisitOutcome(self.outcome)
        if len(self.note) > _LONGEST_NOTE:
            raise RuleError(f"The note must be {_LONGEST_NOTE} characters or fewer.")
        depth = None
        if outcome is VisitOutcome.MEASURED:
            depth_mm = self.depth_mm.strip()
            if not (depth_mm.isascii() and depth_mm.isdigit()) or self.how not in set(DepthHow):
                raise RuleError("Enter the depth in whole millimetres, and how it was measured.")
            try:
                depth = depth_of(float(depth_mm), DepthHow(self.how))
            except ValueError as error:
                raise RuleError(f"{error}.".capitalize()) from error
        return SiteEntry(
            entry_id=EntryId(self.entry_id),
            defect_id=DefectId(self.defect_id),
            person_id=PersonId(self.person),
            outcome=outcome,
            depth=depth,
            note=self.note.strip(),
            happened_at=_when(self.happened_at, now),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitView:
    """One place to go to."""

    defect_id: str
    entry_id: str
    what: str
    where: str
    street: str
    why: str
    lon: str
    lat: str
    pictures: tuple[tuple[int, str], ...]


def add_visits(app: FastAPI, desk: Desk) -> None:
    """Add the routes."""
    _add_offline(app, desk)

    @app.get("/visits")
    def visits_page(request: Request) -> Response:
        person = desk.person(request)
        with desk.database.acting_for(person.organisation_id) as connection:
            views = _views(connection, desk, person)
        return desk.page(
            request, "visits.html", views=views, person=person,
            may_say=Role.ENGINEER in person.roles,
            outcomes=[(one.value, one.words) for one in VisitOutcome],
            hows=[(how.value, how.words) for how in DepthHow],
            takes_photos=desk.detector is not None,
        )  # fmt: skip

    @app.post("/visits/entries")
    def entry_form(
        request: Request,
        form: Annotated[EntryForm, Form(media_type="multipart/form-data")],
    ) -> Response:
        require_csrf(request, form.csrf)
        person = desk.person(request)
        content = form.photo.file.read(LARGEST_BYTES + 1) if form.photo else b""
        if "application/json" in request.headers.get("accept", ""):
            return _for_a_script(desk, person, form, content)
        _told(desk, person, form, content)
        return RedirectResponse("/visits", status_code=303)

    @app.get("/visits/photos/{entry_id}")
    def photo_of(request: Request, entry_id: UUID) -> Response:
        person = desk.person(request)
        with desk.database.acting_for(person.organisation_id) as connection:
            row = connection.execute(
                "select photo_key from roadwear.site_entry where entry_id = %s", (entry_id,)
            ).fetchone()
        if row is None or row["photo_key"] is None:
            raise InputError("There is no such photograph.")
        jpeg = desk.blobs.get(row["photo_key"])
        return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "private"})


def _add_offline(app: FastAPI, desk: Desk) -> None:
    @app.get("/visits/worker.js")
    def worker() -> Response:
        # It keeps pages for when there is no signal, so it has to serve all addresses under /.
        return Response(
            _WORKER.read_text("utf-8"),
            media_type="text/javascript",
            headers={"Service-Worker-Allowed": "/", "Cache-Control": "no-cache"},
        )

    @app.get("/visits/session")
    def session(request: Request) -> Response:
        person = desk.person(request)
        return JSONResponse({"csrf": csrf_of(request), "person": str(person.person_id)})


def _for_a_script(desk: Desk, person: Person, form: EntryForm, photo: bytes) -> Response:
    """Keep what a phone sends; what is refused for good is said so that it is not sent again."""
    try:
        return JSONResponse({"followed": _told(desk, person, form, photo)})
    except (RuleError, InputError) as error:
        return JSONResponse({"refused": str(error)}, 422)


def _told(desk: Desk, person: Person, form: EntryForm, photo: bytes) -> str:
    """Keep what somebody found on site, once; return what followed from it.

    Raises:
        InputError: There is no such possible defect.
        RuleError: It is not theirs to tell, or not understood.
    """
    if Role.ENGINEER not in person.roles:
        raise RuleError(f"Only a person with the role “{Role.ENGINEER}” may say this.")
    if form.person != person.person_id:
        raise RuleError("Somebody else wrote this on this phone. Let them sign in to send it.")
    now = desk.clock.now()
    entry = form.entry(now)
    with desk.database.acting_for(person.organisation_id) as connection:
        before = followed_by(connection, entry.entry_id)
    if before is not None:
        return before
    key = None
    if photo:
        if desk.detector is None:
            raise RuleError("Photographs are not taken here: nothing can check them.")
        clean = clean_photo(photo, desk.detector)
        key = desk.blobs.put(person.organisation_id, _SITE_PHOTO, clean)
    with desk.database.acting_for(person.organisation_id) as connection:
        before = followed_by(connection, entry.entry_id)
        if before is not None:
            return before
        return _keep(connection, desk, person, entry, key)


def _keep(
    connection: Connection, desk: Desk, person: Person, entry: SiteEntry, photo_key: str | None
) -> str:
    defect = load_defect(connection, entry.defect_id, lock=True)
    if defect is None:
        raise InputError("There is no such defect.")
    after = apply_visit(defect, entry, roles=person.roles)
    if after.version == defect.version:
        followed = f"Kept. It was “{defect.state.words.lower()}” by then: nothing else followed."
    elif entry.depth is not None:
        followed = "Kept, with its depth; it waits for a decision."
        said = {
            "measured_id": entry.entry_id,
            "authority_id": person.organisation_id,
            "person_id": person.person_id,
            "note": entry.note,
            "measured_at": entry.happened_at,
        }
        save_depth(connection, after, said=said)
    else:
        followed = "Kept; it waits for a decision."
    save_entry(
        connection, person.organisation_id, entry,
        after=after, followed=followed, photo_key=photo_key,
    )  # fmt: skip
    if after.version != defect.version and after.state is DefectState.QUEUED:
        requeue(connection, desk, person, after)
    return followed


def _views(connection: Connection, desk: Desk, person: Person) -> list[VisitView]:
    """Return where to go, in the order of the way."""
    defects = load_to_visit(connection, person.organisation_id)
    names = [one.defect_id for one in defects]
    roads = load_road_facts(connection, person.organisation_id, names)
    stills = load_evidence(connection, names)
    places = desk.rules.grid.to_lonlat([one.at for one in defects])
    found = []
    for index in route([one.at for one in defects]):
        defect: Defect = defects[index]
        road = roads.get(defect.defect_id)
        found.append(
            VisitView(
                defect_id=str(defect.defect_id),
                entry_id=str(uuid4()),
                what=f"Possible {defect.kind.words}, {defect.width_m.value:.2f} m wide, "
                f"{defect.length_m.value:.2f} m long",
                where=words.where_words(defect),
                street=road.street if road else "",
                why="Its depth is not known" if defect.depth_mm is None else "",
                lon=f"{places[index].lon_deg:.6f}",
                lat=f"{places[index].lat_deg:.6f}",
                pictures=_first_pictures(stills.get(defect.defect_id, ())),
            )
        )
    return found


def _first_pictures(stills: Any) -> tuple[tuple[int, str], ...]:  # noqa: ANN401 - rows
    """Return the number of one wide and one close view, with words: enough for a phone."""
    first: dict[str, int] = {}
    for number, still in enumerate(stills):
        first.setdefault(still["kind"], number)
    return tuple((number, StillKind(kind).words) for kind, number in sorted(first.items()))


def _when(text: str, now: datetime) -> datetime:
    """Return when it was written; now, where a phone's clock is ahead or says nothing."""
    try:
        said = datetime.fromisoformat(text)
    except ValueError:
        return now
    return said if said.tzinfo is not None and said <= now else now
