"""One camera pass: what it brought, and a person's word that it must not count."""

from collections import Counter
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import FastAPI, Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel

from pipeline.adapters.postgres.defects import load_area, lock_authority, save_policy
from pipeline.adapters.postgres.gathering import PostgresGathering
from pipeline.adapters.postgres.people import Person
from pipeline.adapters.postgres.voiding import doubt_verified, load_camera_pass, save_drive_word
from pipeline.domain.decisions import Role
from pipeline.domain.defects import DefectState
from pipeline.domain.errors import InputError, RuleError
from pipeline.domain.ids import DriveId, WordId
from pipeline.domain.voiding import DriveWord, VoidReason
from pipeline.line import gather_anew
from pipeline.review import words
from pipeline.review.desk import Desk, require_csrf

_LONGEST_NOTE = 500
_GONE = "gone"


class VoidForm(BaseModel):
    """What an engineer sends in: a reason to void, none to restore."""

    csrf: str
    void: bool
    reason: str = ""
    note: str = ""

    def word(self, desk: Desk, person: Person, drive_id: DriveId) -> DriveWord:
        """Return what it says.

        Raises:
            RuleError: It says too little, too much, or the person may not say it.
        """
        if Role.ENGINEER not in person.roles:
            raise RuleError(f"Only a person with the role “{Role.ENGINEER}” may say this.")
        if self.void and self.reason not in set(VoidReason):
            raise RuleError("Choose why this camera pass must not count.")
        if len(self.note) > _LONGEST_NOTE:
            raise RuleError(f"The note must be {_LONGEST_NOTE} characters or fewer.")
        try:
            return DriveWord(
                word_id=WordId(uuid4()),
                drive_id=drive_id,
                person_id=person.person_id,
                reason=VoidReason(self.reason) if self.void else None,
                note=self.note.strip(),
                said_at=desk.clock.now(),
            )
        except ValueError as error:
            raise RuleError(f"{error}.".capitalize()) from error


def add_passes(app: FastAPI, desk: Desk) -> None:
    """Add the routes."""

    @app.get("/passes/{drive_id}")
    def pass_page(request: Request, drive_id: UUID) -> Response:
        person = desk.person(request)
        with desk.database.acting_for(person.organisation_id) as connection:
            found = load_camera_pass(connection, person.organisation_id, DriveId(drive_id))
        if found is None:
            raise InputError("There is no such camera pass.")
        counted = Counter(state for _, state in found.defects)
        states = [
            ("No longer seen by any footage that counts" if name == _GONE
             else DefectState(name).words, count)
            for name, count in sorted(counted.items())
        ]  # fmt: skip
        return desk.page(
            request, "pass.html", found=found, states=states,
            facts=words.pass_facts(found),
            said=[words.drive_word_words(one) for one in found.said],
            may_say=Role.ENGINEER in person.roles,
            reasons=[(reason.value, reason.words) for reason in VoidReason],
        )  # fmt: skip

    @app.post("/passes/{drive_id}/void")
    def void_form(request: Request, drive_id: UUID, form: Annotated[VoidForm, Form()]) -> Response:
        require_csrf(request, form.csrf)
        person = desk.person(request)
        word = form.word(desk, person, DriveId(drive_id))
        _follow(desk, person, word)
        return RedirectResponse(f"/passes/{drive_id}", status_code=303)


def _follow(desk: Desk, person: Person, word: DriveWord) -> None:
    """Keep a word on a drive and gather around it anew, in one transaction."""
    authority = person.organisation_id
    policy, content = desk.policy(person.organisation_id)
    with desk.database.acting_for(authority) as connection:
        lock_authority(connection, authority)
        save_policy(connection, authority, policy, content)
        save_drive_word(connection, authority, word)
        if word.is_void:
            doubt_verified(connection, authority, word.drive_id, word.said_at)
        area = load_area(connection, authority, word.drive_id)
        gather_anew(
            PostgresGathering(connection, authority, area, desk.clock, word.drive_id),
            policy=policy,
            settings=desk.rules.line,
        )
