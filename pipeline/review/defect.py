"""The page of one possible defect: what is known of it, and what may be decided."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from fastapi import FastAPI, Request
from fastapi.responses import Response

from pipeline.adapters.bank_holidays import Nation
from pipeline.adapters.postgres.database import Connection
from pipeline.adapters.postgres.decisions import claim, load_decisions
from pipeline.adapters.postgres.defects import (
    is_emptied,
    load_defect,
    load_evidence,
    mark_shown,
)
from pipeline.adapters.postgres.features import load_nearby
from pipeline.adapters.postgres.instants import load_instants
from pipeline.adapters.postgres.orders import orders_of
from pipeline.adapters.postgres.passes import load_passes
from pipeline.adapters.postgres.people import Person, Qualification, load_qualifications
from pipeline.adapters.postgres.queue_entries import load_entry
from pipeline.adapters.postgres.queue_pages import beside
from pipeline.adapters.postgres.roads import load_road_facts
from pipeline.adapters.postgres.site_entries import load_entries
from pipeline.adapters.postgres.voiding import load_drives_of, load_words_on
from pipeline.domain.decisions import ChangeReason, Move, RejectReason, Role
from pipeline.domain.defects import Defect, DefectState
from pipeline.domain.errors import InputError
from pipeline.domain.ids import DecisionId, DefectId, OrganisationId
from pipeline.domain.looks import DefectKind
from pipeline.domain.measuring import DepthHow
from pipeline.domain.queue import QueueEntry
from pipeline.domain.uk_time import LONDON
from pipeline.line import rank_defects
from pipeline.review import words
from pipeline.review.desk import Desk
from pipeline.review.identity import identity_of
from pipeline.review.undertakers import undertaker_labels
from pipeline.stages.decide import LEADS_TO, OPEN, Standing

_WATCH_FOR = timedelta(days=28)
_NEAR_M = 50.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Deciding:
    """What the page offers to decide.

    Attributes:
        entry: What is proposed; None where nothing is to be decided.
        scale: The policy's steps of impact and likelihood.
        is_grave: Nothing is chosen beforehand.
        taken_by: Who else has it open, and since when in words; None if nobody has.
        undo: The decision that may be taken back, or "".
        watch_until: The day that is offered.
        entitled: What entitles the person, for a sentence.
    """

    entry: QueueEntry | None
    scale: range
    is_grave: bool
    taken_by: tuple[str, str] | None
    undo: str
    watch_until: str
    entitled: Sequence[str]


def add_defects(app: FastAPI, desk: Desk) -> None:
    """Add the page and its pictures."""

    @app.get("/defects/{defect_id}")
    def page_of(request: Request, defect_id: UUID) -> Response:
        person = desk.person(request)
        return defect_page(desk, request, person, DefectId(defect_id), problem=None)

    @app.get("/defects/{defect_id}/pictures/{number}")
    def picture(request: Request, defect_id: UUID, number: int) -> Response:
        person = desk.person(request)
        with desk.database.acting_for(person.organisation_id) as connection:
            stills = load_evidence(connection, [DefectId(defect_id)]).get(DefectId(defect_id), ())
        if not 0 <= number < len(stills):
            raise InputError("There is no such picture.")
        jpeg = desk.blobs.get(stills[number]["blob_key"])
        return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "private"})


def proposal_of(
    connection: Connection, desk: Desk, authority: OrganisationId, defect: Defect
) -> QueueEntry:
    """Return what the policy proposes now for a defect, whether it is in the queue or not."""
    names = [defect.defect_id]
    roads = load_road_facts(connection, authority, names)
    passes = load_passes(connection, authority, names)
    (entry,) = rank_defects([defect], roads, passes, policy=desk.policy(authority)[0])
    return entry


def entry_of(
    connection: Connection, desk: Desk, authority: OrganisationId, defect: Defect
) -> QueueEntry | None:
    """Return what is proposed for a defect, by the policy in force; None if nothing is to decide.

    What stands in the queue was ranked earlier, perhaps by another policy.
    """
    waits_aside = defect.state in OPEN - {DefectState.QUEUED}
    entry = load_entry(connection, defect.defect_id)
    if entry is None and not waits_aside:
        return None
    if is_emptied(connection, defect.defect_id):
        return None
    if entry is not None and entry.policy_sha256 == desk.policy(authority)[0].sha256:
        return entry
    return proposal_of(connection, desk, authority, defect)


def standing_of(decisions: Sequence[Mapping[str, Any]], kind: DefectKind) -> Standing | None:
    """Return the decision that holds of a defect; None if none does.

    Args:
        decisions: All that were made of it.
        kind: What it is now: decisions of before there were kinds to be said did not change it.
    """
    holding = [one for one in decisions if one["holds"]]
    if not holding:
        return None
    last = holding[-1]
    said = last["from_said_kind"]
    return Standing(
        decision_id=DecisionId(last["decision_id"]),
        leads_to=LEADS_TO[Move(last["move"])],
        kind=DefectKind(last["seen_kind"] or kind),
        said_kind=None if said is None else DefectKind(said),
    )


def entitlement(entries: Sequence[Qualification]) -> list[str]:
    """Return what entitles a person, in words."""
    return [
        f"{one.what} (from {one.valid_from:%d %B %Y}"
        f"{f' until {one.valid_until:%d %B %Y}' if one.valid_until else ''})"
        for one in entries
    ]


def defect_page(
    desk: Desk, request: Request, person: Person, defect_id: DefectId, *, problem: str | None
) -> Response:
    """Return the page; with what is wrong with a form, if anything is."""
    with desk.database.acting_for(person.organisation_id) as connection:
        defect = load_defect(connection, defect_id)
        if defect is None:
            raise InputError("There is no such defect.")
        if Role.ENGINEER in person.roles:
            mark_shown(connection, defect_id, desk.clock.now())
        place = load_entry(connection, defect_id)
        entry = entry_of(connection, desk, person.organisation_id, defect)
        stills = load_evidence(connection, [defect_id]).get(defect_id, ())
        road = load_road_facts(connection, person.organisation_id, [defect_id]).get(defect_id)
        decisions = load_decisions(connection, defect_id)
        passes = load_passes(connection, person.organisation_id, [defect_id]).get(defect_id, ())
        identity = identity_of(connection, defect, [still["observation_id"] for still in stills])
        of_drives = load_words_on(connection, load_drives_of(connection, defect_id))
        instants = load_instants(connection, [defect_id])[defect_id]
        before, after = beside(
            connection, person.organisation_id, place,
            person=person.person_id, now=desk.clock.now(),
        )  # fmt: skip
        orders = orders_of(connection, defect_id)
        on_site = load_entries(connection, defect_id)
        nearby = load_nearby(connection, person.organisation_id, defect, _NEAR_M)
        policy, _ = desk.policy(person.organisation_id)
        undertakers = undertaker_labels(
            connection, person.organisation_id, defect,
            (road.usrn if road else None, Nation(policy.bank_holidays)),
            desk.clock.now().astimezone(LONDON).date(),
        )  # fmt: skip
        deciding = _deciding(connection, desk, person, (defect, entry), decisions)
    due = None
    if place is not None and entry is not None:
        due = words.decide_by(
            entry.category, instants, desk.policy(person.organisation_id)[0], desk.clock.now()
        )
    return desk.page(
        request,
        "defect.html",
        status=200 if problem is None else 422,
        problem=problem,
        defect=defect,
        heading=f"{'' if defect.state.confirmed else 'Possible '}{defect.kind.words}".capitalize(),
        facts=words.facts(defect, entry, road),
        due=due,
        instants=words.instant_rows(instants),
        reasons=entry.reasons if entry else (),
        pictures=words.pictures(stills),
        passes=words.pass_rows(passes),
        decisions=[words.decision_words(d) for d in decisions],
        deciding=deciding,
        orders=[(str(order.order_id), order.number) for order in orders],
        voided=[
            (str(drive), words.drive_word_words(said[-1]))
            for drive, said in of_drives.items()
            if said[-1].reason is not None
        ],
        scale=words.scale_view(defect),
        undertakers=undertakers,
        nearby=[(str(one.defect_id), words.nearby_words(one, defect)) for one in nearby],
        near_m=f"{_NEAR_M:.0f}",
        on_site=[(words.site_words(e), e["entry_id"] if e["photo_key"] else "") for e in on_site],
        in_queue=place is not None,
        before=before,
        after=after,
        identity=identity,
        reject_reasons=[(reason.value, reason.words) for reason in RejectReason],
        change_reasons=[(reason.value, reason.words) for reason in ChangeReason],
        kinds=[(kind.value, kind.words) for kind in DefectKind if kind is not defect.kind],
        depth_hows=[(how.value, how.words) for how in DepthHow],
    )


def _deciding(
    connection: Connection,
    desk: Desk,
    person: Person,
    proposed: tuple[Defect, QueueEntry | None],
    decisions: Sequence[Mapping[str, Any]],
) -> Deciding | None:
    """Return what an engineer is offered; None for anybody else. Opening it claims it."""
    defect, entry = proposed
    if Role.ENGINEER not in person.roles:
        return None
    now, policy = desk.clock.now(), desk.policy(person.organisation_id)[0]
    standing = standing_of(decisions, defect.kind)
    undo = standing.decision_id if standing and standing.leads_to is defect.state else ""
    taken_by = None
    if entry is not None:
        taken_by = claim(
            connection, person.organisation_id, defect.defect_id, person=person.person_id, now=now
        )
    band = policy.band_called(entry.category) if entry else None
    today = now.astimezone(LONDON).date()
    return Deciding(
        entry=entry,
        scale=range(1, policy.matrix_size + 1),
        is_grave=band is None or band.is_grave,
        taken_by=None if taken_by is None else (taken_by.name, words.instant_words(taken_by.since)),
        undo=str(undo),
        watch_until=(today + _WATCH_FOR).isoformat(),
        entitled=entitlement(load_qualifications(connection, person.person_id, today)),
    )
