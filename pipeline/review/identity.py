"""Joining and splitting possible defects, and taking it back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import FastAPI, Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, Field

from pipeline.adapters.postgres.database import Connection
from pipeline.adapters.postgres.defects import (
    load_area_around,
    load_defect,
    lock_authority,
    save_policy,
)
from pipeline.adapters.postgres.gathering import PostgresGathering
from pipeline.adapters.postgres.identity import (
    load_former,
    load_homes,
    load_neighbours,
    load_sightings,
    load_word,
    load_words,
    save_word,
)
from pipeline.adapters.postgres.people import Person
from pipeline.domain.defects import Defect
from pipeline.domain.errors import InputError, RuleError
from pipeline.domain.identity import IdentityWord
from pipeline.domain.ids import DefectId, ObservationId, WordId
from pipeline.line import follow_word
from pipeline.review import words
from pipeline.review.desk import Desk, require_csrf
from pipeline.stages.decide import StaleError
from pipeline.stages.identify import JOIN_WITHIN_M, WAITING, Speaker, join, split, take_back

_LONGEST_NOTE = 500
_CHANGED = (
    "This possible defect changed after you opened it. Nothing was recorded; read it again and "
    "decide."
)


class IdentityForm(BaseModel):
    """What an engineer sends in to join or to split."""

    csrf: str
    seen_version: int
    note: str = ""
    other: str = ""
    sighting: list[UUID] = Field(default_factory=list)

    @property
    def others(self) -> dict[DefectId, int]:
        """The other defect and the version that was seen of it; empty where none was chosen.

        Raises:
            InputError: It is no defect.
        """
        if not self.other:
            return {}
        name, _, version = self.other.partition(":")
        try:
            return {DefectId(UUID(name)): int(version)}
        except ValueError as error:
            raise InputError("There is no such defect.") from error


class TakeBackForm(BaseModel):
    """What an engineer sends in to take a word back."""

    csrf: str
    defect: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a defect's page says of identity, and offers.

    Attributes:
        heirs: Where the sightings of a defect without any went, as ids.
        neighbours: Possible defects that may be the same, each as id, version and words.
        sightings: Each as id, words and the number of its picture.
        said: What persons said: words, and the id of what may be taken back, or "".
    """

    heirs: tuple[str, ...]
    neighbours: tuple[tuple[str, int, str], ...]
    sightings: tuple[tuple[str, str, int | None], ...]
    said: tuple[tuple[str, str], ...]


def identity_of(
    connection: Connection, defect: Defect, pictured: Sequence[ObservationId]
) -> Identity:
    """Return what a defect's page says of identity; offers only where nobody has decided."""
    homes = load_homes(connection, defect.observation_ids)
    emptied = defect.defect_id not in homes
    open_ = not emptied and defect.state in WAITING
    near = load_neighbours(connection, defect, within_m=JOIN_WITHIN_M) if open_ else ()
    seen = load_sightings(connection, defect.defect_id, pictured) if open_ else ()
    return Identity(
        heirs=tuple(str(home) for home in homes) if emptied else (),
        neighbours=tuple(
            (str(one.defect_id), one.version, words.neighbour_words(one, defect)) for one in near
        ),
        sightings=tuple(
            (str(one.observation_id), words.sighting_words(one), one.picture) for one in seen
        )
        if len(seen) > 1
        else (),
        said=tuple(
            (words.word_words(one), str(one.word_id) if one.holds and open_ else "")
            for one in load_words(connection, defect.defect_id)
        ),
    )


def add_identity(app: FastAPI, desk: Desk) -> None:
    """Add the routes."""

    @app.post("/defects/{defect_id}/join")
    def join_form(
        request: Request, defect_id: UUID, form: Annotated[IdentityForm, Form()]
    ) -> Response:
        require_csrf(request, form.csrf)
        person = desk.person(request)
        versions = {DefectId(defect_id): form.seen_version, **form.others}

        def say(connection: Connection) -> IdentityWord:
            defects = _held(connection, versions)
            return join(defects, _speaker(desk, person, form.note))

        return _said(desk, person, say)

    @app.post("/defects/{defect_id}/split")
    def split_form(
        request: Request, defect_id: UUID, form: Annotated[IdentityForm, Form()]
    ) -> Response:
        require_csrf(request, form.csrf)
        person = desk.person(request)

        def say(connection: Connection) -> IdentityWord:
            [defect] = _held(connection, {DefectId(defect_id): form.seen_version})
            chosen = [ObservationId(name) for name in form.sighting]
            listed = load_sightings(connection, defect.defect_id, ())
            return split(
                defect,
                chosen,
                _speaker(desk, person, form.note),
                shown=[one.observation_id for one in listed],
            )

        return _said(desk, person, say, stay_on=DefectId(defect_id))

    @app.post("/words/{word_id}/take-back")
    def take_back_form(
        request: Request, word_id: UUID, form: Annotated[TakeBackForm, Form()]
    ) -> Response:
        require_csrf(request, form.csrf)
        person = desk.person(request)

        def say(connection: Connection) -> IdentityWord:
            word = load_word(connection, WordId(word_id))
            if word is None:
                raise RuleError("This was taken back already.")
            homes = load_homes(connection, sorted(word.sightings))
            defects = _held(connection, dict.fromkeys(homes))
            return take_back(word, defects, _speaker(desk, person, ""))

        return _said(desk, person, say, stay_on=DefectId(form.defect))


def _speaker(desk: Desk, person: Person, note: str) -> Speaker:
    if len(note) > _LONGEST_NOTE:
        raise RuleError(f"The note must be {_LONGEST_NOTE} characters or fewer.")
    return Speaker(
        word_id=WordId(uuid4()),
        person_id=person.person_id,
        roles=person.roles,
        said_at=desk.clock.now(),
        note=note.strip(),
    )


def _held(connection: Connection, versions: Mapping[DefectId, int | None]) -> list[Defect]:
    """Return defects, held until the end of the transaction, as they were on the screen."""
    held = []
    for name in sorted(versions):
        defect = load_defect(connection, name, lock=True)
        if defect is None:
            raise InputError("There is no such defect.")
        if name not in load_homes(connection, defect.observation_ids):
            raise StaleError(_CHANGED)
        seen = versions[name]
        if seen is not None and defect.version != seen:
            raise StaleError(_CHANGED)
        held.append(defect)
    return held


def _said(
    desk: Desk,
    person: Person,
    say: Callable[[Connection], IdentityWord],
    *,
    stay_on: DefectId | None = None,
) -> Response:
    """Record a word, follow it in the same transaction, and show what came of it."""
    authority = person.organisation_id
    policy, content = desk.policy(person.organisation_id)
    with desk.database.acting_for(authority) as connection:
        lock_authority(connection, authority)
        word = say(connection)
        save_policy(connection, authority, policy, content)
        save_word(connection, authority, word)
        former = load_former(connection, word)
        area = load_area_around(connection, authority, sorted(word.sightings), set(former.values()))
        homes = follow_word(
            word,
            PostgresGathering(connection, authority, area, desk.clock),
            former=former,
            policy=policy,
            settings=desk.rules.line,
        )
    shown = stay_on if stay_on in homes or not homes else homes[0]
    return RedirectResponse(f"/defects/{shown}", status_code=303)
