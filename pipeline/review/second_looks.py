"""Four eyes: some decisions are judged once more, blind, and it is told how far people agree."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import FastAPI, Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel

from pipeline.adapters.postgres.database import Connection
from pipeline.adapters.postgres.defects import load_defect, load_evidence
from pipeline.adapters.postgres.people import Person
from pipeline.adapters.postgres.roads import load_road_facts
from pipeline.adapters.postgres.second_looks import (
    BothLooks,
    load_both,
    load_to_look_at,
    save_second_look,
)
from pipeline.domain.decisions import RejectReason, Role
from pipeline.domain.defects import Defect
from pipeline.domain.errors import InputError, RuleError
from pipeline.domain.ids import DecisionId, DefectId, LookId
from pipeline.domain.second_looks import Answer, SecondLook
from pipeline.review import words
from pipeline.review.defect import proposal_of
from pipeline.review.desk import Desk, require_csrf
from pipeline.stages.agree import agreement_of

_WAITS = timedelta(days=30)
_TOLD = timedelta(days=365)
_LONGEST_NOTE = 1000
_MOST = 50


class LookForm(BaseModel):
    """What the second engineer sends in."""

    csrf: str
    answer: str = ""
    impact: str = ""
    likelihood: str = ""
    reason: str = ""
    note: str = ""


def add_second_looks(app: FastAPI, desk: Desk) -> None:
    """Add the routes."""

    @app.get("/second-looks")
    def looks_page(request: Request) -> Response:
        person, now = desk.person(request), desk.clock.now()
        share = desk.policy(person.organisation_id)[0].second_look_share
        with desk.database.acting_for(person.organisation_id) as connection:
            both = load_both(connection, person.organisation_id, now - _TOLD)
            waiting = _waiting(desk, connection, person)
        return desk.page(
            request, "second_looks.html", waiting=waiting, share=f"{share:.0%}",
            may_look=Role.ENGINEER in person.roles, agreed=agreement_of([b.answers for b in both]),
            categories=agreement_of(_risks(both)),
            apart=[(one, _told(one)) for one in both if _differs(one)][:_MOST],
        )  # fmt: skip

    @app.get("/second-looks/{decision_id}")
    def look_page(request: Request, decision_id: UUID) -> Response:
        person = desk.person_with(request, Role.ENGINEER)
        policy, _ = desk.policy(person.organisation_id)
        with desk.database.acting_for(person.organisation_id) as connection:
            defect = _asked(desk, connection, person, DecisionId(decision_id))
            names = [defect.defect_id]
            entry = proposal_of(connection, desk, person.organisation_id, defect)
            road = load_road_facts(connection, person.organisation_id, names).get(names[0])
            stills = load_evidence(connection, names).get(names[0], ())
        return desk.page(
            request, "second_look.html", decision_id=decision_id, defect_id=defect.defect_id,
            # The state would tell what the first has decided.
            facts=[row for row in words.facts(defect, entry, road) if row[0] != "Status"],
            kind=defect.kind.words, reasons=entry.reasons, pictures=words.pictures(stills),
            scale=range(1, policy.matrix_size + 1),
            answers=[(one.value, one.words) for one in Answer],
            reject_reasons=[(one.value, one.words) for one in RejectReason],
        )  # fmt: skip

    @app.post("/second-looks/{decision_id}")
    def look_form(
        request: Request, decision_id: UUID, form: Annotated[LookForm, Form()]
    ) -> Response:
        require_csrf(request, form.csrf)
        person = desk.person_with(request, Role.ENGINEER)
        look = _look(desk, person, DecisionId(decision_id), form)
        with desk.database.acting_for(person.organisation_id) as connection:
            _asked(desk, connection, person, DecisionId(decision_id))
            if not save_second_look(connection, person.organisation_id, look):
                raise RuleError("Somebody was quicker. Nothing was recorded.")
        return RedirectResponse("/second-looks", status_code=303)


def _waiting(
    desk: Desk, connection: Connection, person: Person, only: DecisionId | None = None
) -> tuple[tuple[DecisionId, DefectId], ...]:
    if Role.ENGINEER not in person.roles:
        return ()
    return load_to_look_at(
        connection, person.organisation_id, person.person_id, only=only,
        share=desk.policy(person.organisation_id)[0].second_look_share,
        since=desk.clock.now() - _WAITS,
    )  # fmt: skip


def _asked(desk: Desk, connection: Connection, person: Person, decision_id: DecisionId) -> Defect:
    """Return the defect of a decision that this person is to judge once more.

    Raises:
        InputError: It is not asked for, or not of this person.
    """
    found = _waiting(desk, connection, person, only=decision_id)
    defect = load_defect(connection, found[0][1]) if found else None
    if defect is None:
        raise InputError("There is no such second look to be taken, or somebody has taken it.")
    return defect


def _look(desk: Desk, person: Person, decision_id: DecisionId, form: LookForm) -> SecondLook:
    """Return what was judged.

    Raises:
        RuleError: Something is missing or is none of the choices.
    """
    if form.answer not in set(Answer):
        raise RuleError("Choose what you would decide.")
    if len(form.note) > _LONGEST_NOTE:
        raise RuleError(f"The note must be {_LONGEST_NOTE} characters or fewer.")
    answer, policy = Answer(form.answer), desk.policy(person.organisation_id)[0]
    steps = {str(number): number for number in range(1, policy.matrix_size + 1)}
    impact, likelihood = steps.get(form.impact), steps.get(form.likelihood)
    if answer is Answer.APPROVE and (impact is None or likelihood is None):
        raise RuleError("Choose impact and likelihood as you judge them.")
    if answer is Answer.REJECT and form.reason not in set(RejectReason):
        raise RuleError("Choose why you would reject it.")
    risk = (impact, likelihood) if answer is Answer.APPROVE else (None, None)
    return SecondLook(
        look_id=LookId(uuid4()),
        decision_id=decision_id,
        person_id=person.person_id,
        answer=answer,
        note=form.note.strip(),
        looked_at=desk.clock.now(),
        reason=RejectReason(form.reason) if answer is Answer.REJECT else None,
        impact=risk[0],
        likelihood=risk[1],
        category=policy.band_of(risk[0] * risk[1]).category if risk[0] and risk[1] else None,
    )


def _risks(both: Sequence[BothLooks]) -> list[tuple[str | None, str | None]]:
    """Return the categories where both approved."""
    return [one.categories for one in both if one.answers == (Answer.APPROVE, Answer.APPROVE)]


def _differs(one: BothLooks) -> bool:
    return one.answers[0] is not one.answers[1] or one.categories[0] != one.categories[1]


def _told(one: BothLooks) -> str:
    """Return what two engineers judged, in a sentence."""
    said = [
        f"{name}: {answer.value}{f' ({category or reason})' if category or reason else ''}"
        for name, answer, category, reason in zip(
            one.names, one.answers, one.categories, one.reasons, strict=True
        )
    ]
    return "; ".join(said).replace("_", " ")
