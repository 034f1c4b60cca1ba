"""What an engineer decides of one possible defect, and takes back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import FastAPI, Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel

from pipeline.adapters.postgres.database import Connection
from pipeline.adapters.postgres.decisions import (
    claim,
    claim_of,
    load_decisions,
    save_decision,
    save_depth,
    wake_watched,
)
from pipeline.adapters.postgres.defects import load_defect, load_evidence, save_policy
from pipeline.adapters.postgres.duty import raise_alerts
from pipeline.adapters.postgres.people import Person, load_qualifications
from pipeline.adapters.postgres.queue_entries import place_in_queue
from pipeline.adapters.postgres.receiving import all_organisations
from pipeline.adapters.postgres.roads import load_road_facts
from pipeline.domain.decisions import ChangeReason, Decision, Judgement, Move, RejectReason, Role
from pipeline.domain.defects import Defect, DefectState
from pipeline.domain.errors import InputError, RuleError
from pipeline.domain.ids import DecisionId, DefectId
from pipeline.domain.looks import DefectKind
from pipeline.domain.measuring import DEEPEST_MM, DepthHow, depth_of
from pipeline.domain.policy import CouncilPolicy
from pipeline.domain.queue import QueueEntry
from pipeline.domain.uk_time import LONDON
from pipeline.review import words
from pipeline.review.defect import (
    defect_page,
    entitlement,
    entry_of,
    proposal_of,
    standing_of,
)
from pipeline.review.desk import Desk, require_csrf
from pipeline.stages.decide import OPEN, StaleError, apply_decision, apply_depth, judge

_LONGEST_NOTE = 2000
_LONGEST_WATCH_DAYS = 366
_GONE = (
    "This possible defect is no longer in the queue: newer footage joined it to another, or no "
    "longer shows it. Nothing was recorded."
)


class DecisionForm(BaseModel):
    """What an engineer sends in."""

    csrf: str
    seen_version: int
    move: str = ""
    reason: str = ""
    impact: str = ""
    likelihood: str = ""
    because: str = ""
    until: str = ""
    kind: str = ""
    takes_back: str = ""
    note: str = ""

    def problem(self, today: date) -> str | None:
        """Return what is wrong with the form, in the words of the page, or None."""
        if self.move not in set(Move):
            return "Choose whether you approve or reject"
        if len(self.note) > _LONGEST_NOTE:
            return f"The note must be {_LONGEST_NOTE} characters or fewer"
        problem_of: Mapping[Move, Callable[[], str | None]] = {
            Move.APPROVE: self._approval_problem,
            Move.REJECT: self._rejection_problem,
            Move.WATCH: lambda: self._watch_problem(today),
            Move.RECLASSIFY: lambda: None if self.kind in set(DefectKind) else "Choose what it is",
            Move.UNDO: lambda: None if _is_uuid(self.takes_back) else "There is no such decision",
        }
        return problem_of.get(Move(self.move), lambda: None)()

    def _approval_problem(self) -> str | None:
        for value, what in ((self.impact, "impact"), (self.likelihood, "likelihood")):
            if not (value.isascii() and value.isdigit() and len(value) == 1):
                return f"Choose the {what} as you judge it"
        if self.because == ChangeReason.OTHER and not self.note.strip():
            return "Say in the note why you judge the risk otherwise"
        return None

    def _rejection_problem(self) -> str | None:
        if self.reason not in set(RejectReason):
            return "Choose why you reject it"
        if self.reason == RejectReason.OTHER and not self.note.strip():
            return "Say in the note why you reject it"
        return None

    def _watch_problem(self, today: date) -> str | None:
        try:
            days = (date.fromisoformat(self.until) - today).days
        except ValueError:
            return "Enter until which day it is to be watched"
        if not 1 <= days <= _LONGEST_WATCH_DAYS:
            return "It can be watched until a day from tomorrow on, at most a year away"
        return None


class DepthForm(BaseModel):
    """What an engineer sends in of a measurement on site."""

    csrf: str
    seen_version: int
    depth_mm: str = ""
    how: str = ""
    note: str = ""

    def problem(self) -> str | None:
        """Return what is wrong with the form, in the words of the page, or None."""
        text = self.depth_mm.strip()
        if not (text.isascii() and text.isdigit() and len(text) <= 4):  # noqa: PLR2004 - digits
            return "Enter the depth in whole millimetres"
        if int(text) > DEEPEST_MM:
            return f"The depth must be {DEEPEST_MM:.0f} mm or less"
        if self.how not in set(DepthHow):
            return "Choose how the depth was measured"
        if len(self.note) > _LONGEST_NOTE:
            return f"The note must be {_LONGEST_NOTE} characters or fewer"
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """A defect that is held until the end of a transaction, and what is proposed for it."""

    defect: Defect
    entry: QueueEntry


def add_decisions(app: FastAPI, desk: Desk) -> None:
    """Add the routes."""

    @app.post("/defects/{defect_id}/decision")
    def decide(
        request: Request, defect_id: UUID, form: Annotated[DecisionForm, Form()]
    ) -> Response:
        require_csrf(request, form.csrf)
        person = desk.person(request)
        problem = form.problem(desk.clock.now().astimezone(LONDON).date())
        if problem is not None:
            return defect_page(desk, request, person, DefectId(defect_id), problem=problem)
        _decide(desk, person, DefectId(defect_id), form)
        return RedirectResponse(f"/defects/{defect_id}", status_code=303)

    @app.post("/defects/{defect_id}/depth")
    def measure(request: Request, defect_id: UUID, form: Annotated[DepthForm, Form()]) -> Response:
        require_csrf(request, form.csrf)
        person = desk.person(request)
        problem = form.problem()
        if problem is not None:
            return defect_page(desk, request, person, DefectId(defect_id), problem=problem)
        _measure(desk, person, DefectId(defect_id), form)
        return RedirectResponse(f"/defects/{defect_id}", status_code=303)

    @app.post("/defects/{defect_id}/claim")
    def take_over(request: Request, defect_id: UUID, csrf: Annotated[str, Form()]) -> Response:
        require_csrf(request, csrf)
        person = desk.person(request)
        if Role.ENGINEER not in person.roles:
            raise RuleError(f"Only a person with the role “{Role.ENGINEER}” may take it over.")
        with desk.database.acting_for(person.organisation_id) as connection:
            if load_defect(connection, DefectId(defect_id), lock=True) is None:
                raise InputError("There is no such defect.")
            claim(
                connection, person.organisation_id, DefectId(defect_id),
                person=person.person_id, now=desk.clock.now(), take_over=True,
            )  # fmt: skip
        return RedirectResponse(f"/defects/{defect_id}", status_code=303)


def _decide(desk: Desk, person: Person, defect_id: DefectId, form: DecisionForm) -> None:
    """Record one decision: the defect is held while its version is compared."""
    authority = person.organisation_id
    with desk.database.acting_for(authority) as connection:
        held = _hold(connection, desk, person, defect_id)
        decision = _decision(desk, person, held, form)
        standing = standing_of(load_decisions(connection, defect_id), held.defect.kind)
        after = apply_decision(held.defect, decision, roles=person.roles, standing=standing)
        shown = _on_the_screen(connection, desk, person, held)
        save_decision(connection, authority, decision, (held.defect, after), shown)
        requeue(connection, desk, person, after)


def _measure(desk: Desk, person: Person, defect_id: DefectId, form: DepthForm) -> None:
    authority = person.organisation_id
    depth = depth_of(float(form.depth_mm), DepthHow(form.how))
    with desk.database.acting_for(authority) as connection:
        held = _hold(connection, desk, person, defect_id)
        if held.defect.version != form.seen_version:
            raise StaleError("It changed after you opened it. Nothing was recorded; read it again.")
        after = apply_depth(held.defect, depth, roles=person.roles)
        said = {
            "measured_id": uuid4(),
            "authority_id": authority,
            "person_id": person.person_id,
            "note": form.note.strip(),
            "measured_at": desk.clock.now(),
        }
        save_depth(connection, after, said=said)
        requeue(connection, desk, person, after)


def _hold(connection: Connection, desk: Desk, person: Person, defect_id: DefectId) -> _Held:
    """Hold a defect until the end of the transaction.

    Raises:
        InputError: There is none.
        StaleError: Somebody else took it over, or it is gone from the queue.
    """
    defect = load_defect(connection, defect_id, lock=True)
    if defect is None:
        raise InputError("There is no such defect.")
    other = claim_of(connection, defect_id, desk.clock.now())
    if other is not None and other.person_id != person.person_id:
        raise StaleError(
            f"{other.name} has this open since {words.instant_words(other.since)}. Nothing was "
            "recorded. Go back, and take it over if that is agreed."
        )
    entry = entry_of(connection, desk, person.organisation_id, defect)
    if entry is None and defect.state in OPEN:
        raise StaleError(_GONE)
    return _Held(
        defect=defect,
        entry=entry or proposal_of(connection, desk, person.organisation_id, defect),
    )


def _decision(desk: Desk, person: Person, held: _Held, form: DecisionForm) -> Decision:
    """Return what the form says; it has been found to be whole."""
    move = Move(form.move)
    return Decision(
        decision_id=DecisionId(uuid4()),
        defect_id=held.defect.defect_id,
        person_id=person.person_id,
        move=move,
        seen_version=form.seen_version,
        policy_sha256=held.entry.policy_sha256,
        reason=RejectReason(form.reason) if move is Move.REJECT else None,
        note=form.note.strip(),
        decided_at=desk.clock.now(),
        judged=_judgement(desk.policy(person.organisation_id)[0], held, form)
        if move is Move.APPROVE
        else None,
        watch_until=date.fromisoformat(form.until) if move is Move.WATCH else None,
        kind=DefectKind(form.kind) if move is Move.RECLASSIFY else None,
        takes_back=DecisionId(UUID(form.takes_back)) if move is Move.UNDO else None,
    )


def _judgement(policy: CouncilPolicy, held: _Held, form: DecisionForm) -> Judgement:
    return judge(
        held.entry,
        policy,
        impact=int(form.impact),
        likelihood=int(form.likelihood),
        because=ChangeReason(form.because) if form.because in set(ChangeReason) else None,
    )


def _on_the_screen(
    connection: Connection, desk: Desk, person: Person, held: _Held
) -> dict[str, object]:
    """Return what the person had before them, to be kept with the decision."""
    name, entry = held.defect.defect_id, held.entry
    stills = load_evidence(connection, [name]).get(name, ())
    road = load_road_facts(connection, person.organisation_id, [name]).get(name)
    today = desk.clock.now().astimezone(LONDON).date()
    entitled = load_qualifications(connection, person.person_id, today)
    return {
        "facts": words.facts(held.defect, entry, road),
        "reasons": list(entry.reasons),
        "pictures": [still["blob_key"] for still in stills],
        "proposed": {
            "impact": entry.impact,
            "likelihood": entry.likelihood,
            "category": entry.category,
        },
        "entitled": entitlement(entitled),
    }


def requeue(connection: Connection, desk: Desk, person: Person, after: Defect) -> None:
    """Put what waits again, or stands otherwise now, where it belongs in the queue."""
    if after.state is not DefectState.QUEUED:
        return
    policy, content = desk.policy(person.organisation_id)
    save_policy(connection, person.organisation_id, policy, content)
    entry = proposal_of(connection, desk, person.organisation_id, after)
    place_in_queue(connection, person.organisation_id, [entry])
    raise_alerts(connection, person.organisation_id, policy.emergencies, desk.clock.now())


def wake_all(desk: Desk) -> int:
    """Put what was to be watched until today back into the queues; return how many.

    Raises:
        OutageError: The database does not answer.
    """
    today, woken = desk.clock.now().astimezone(LONDON).date(), 0
    for authority in all_organisations(desk.database):
        policy, content = desk.policy(authority)
        with desk.database.acting_for(authority) as connection:
            names = wake_watched(connection, authority, today)
            woken += len(names)
            for name in names:
                defect = load_defect(connection, name)
                if defect is not None:
                    save_policy(connection, authority, policy, content)
                    entry = proposal_of(connection, desk, authority, defect)
                    place_in_queue(connection, authority, [entry])
            if names:
                raise_alerts(connection, authority, policy.emergencies, desk.clock.now())
    return woken


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
