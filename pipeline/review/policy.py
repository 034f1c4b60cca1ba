"""The policy in force, those before it, and what another would change today."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, File, Form, Request, UploadFile
from fastapi.responses import Response

from pipeline.adapters.policy_toml import presets, read_policy, whole_policy
from pipeline.adapters.postgres.defects import load_policies, load_waiting
from pipeline.adapters.postgres.passes import load_passes
from pipeline.adapters.postgres.roads import load_road_facts
from pipeline.domain.decisions import Role
from pipeline.domain.errors import InputError, RuleError
from pipeline.domain.ids import DefectId, OrganisationId
from pipeline.domain.policy import CouncilPolicy
from pipeline.domain.queue import QueueEntry
from pipeline.line import rank_defects
from pipeline.review.desk import Desk, require_csrf

_MOST_BYTES = 256 * 1024
_MOST = 50
_MAY = (Role.ENGINEER, Role.ADMIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What another policy would propose of one possible defect."""

    defect_id: DefectId
    street: str
    before: str
    after: str
    place_before: int
    place_after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """What another policy would change in today's queue.

    Attributes:
        waiting: How many possible defects were ranked anew.
        moves: From one category to another, how many; the most first.
        changes: Those whose category would change, the most urgent first.
        emergencies: How many would newly be possible emergencies.
        moved: How many would have another place.
    """

    waiting: int
    moves: tuple[tuple[str, str, int], ...]
    changes: tuple[Change, ...]
    emergencies: int
    moved: int


def compare(
    before: tuple[QueueEntry, ...],
    after: tuple[QueueEntry, ...],
    policies: tuple[CouncilPolicy, CouncilPolicy],
) -> DryRun:
    """Return what differs between two rankings of the same possible defects.

    Args:
        before: By the policy in force, the most urgent first.
        after: By the other.
        policies: The two.
    """
    places = {entry.defect_id: place for place, entry in enumerate(before, 1)}
    categories = {entry.defect_id: entry.category for entry in before}
    changes = tuple(
        Change(
            defect_id=entry.defect_id,
            street=entry.street,
            before=categories[entry.defect_id],
            after=entry.category,
            place_before=places[entry.defect_id],
            place_after=place,
        )
        for place, entry in enumerate(after, 1)
        if categories[entry.defect_id] != entry.category
    )
    moves = Counter((one.before, one.after) for one in changes)
    now, then = (set(policy.emergencies) for policy in policies)
    return DryRun(
        waiting=len(after),
        moves=tuple((a, b, count) for (a, b), count in moves.most_common()),
        changes=changes,
        emergencies=sum(
            entry.category in then and categories[entry.defect_id] not in now for entry in after
        ),
        moved=sum(places[entry.defect_id] != place for place, entry in enumerate(after, 1)),
    )


def add_policy(app: FastAPI, desk: Desk) -> None:
    """Add the routes."""

    @app.get("/policy")
    def policy_page(request: Request) -> Response:
        person = desk.person(request)
        with desk.database.acting_for(person.organisation_id) as connection:
            former = load_policies(connection, person.organisation_id)
        in_force, _ = desk.policy(person.organisation_id)
        return desk.page(
            request, "policy.html", policy=in_force, may_try=bool(person.roles & set(_MAY)),
            bands=_bands(in_force), presets=presets(),
            former=[one for one in former if one[0] != in_force.sha256],
        )  # fmt: skip

    @app.post("/policy/try")
    def try_form(
        request: Request,
        csrf: Annotated[str, Form()],
        preset: Annotated[str, Form()] = "",
        file: Annotated[UploadFile | None, File()] = None,
    ) -> Response:
        require_csrf(request, csrf)
        person = desk.person_with(request, *_MAY)
        content = b"" if file is None else file.file.read(_MOST_BYTES + 1)
        other = _other(content, (file.filename or "") if file else "", preset)
        in_force, _ = desk.policy(person.organisation_id)
        run = _dry_run(desk, person.organisation_id, (in_force, other))
        return desk.page(
            request, "policy_tried.html", run=run, policy=in_force, other=other,
            bands=_bands(other), changes=run.changes[:_MOST],
            other_rule=other.queue != in_force.queue,
        )  # fmt: skip


def _other(content: bytes, name: str, preset: str) -> CouncilPolicy:
    """Return the policy that is to be tried.

    Raises:
        RuleError: It is none, too large, or none was given.
    """
    if len(content) > _MOST_BYTES:
        raise RuleError("That is too large for a policy: 256 KiB at most.")
    try:
        if content:
            policy, _ = whole_policy(content, name=Path(name).name or "the file")
        elif preset in presets():
            policy, _ = read_policy(Path(preset))
        else:
            raise RuleError("Choose a file, or one of the policies that come along.")
    except InputError as error:
        raise RuleError(f"That cannot be tried: {error}") from error
    return policy


def _dry_run(
    desk: Desk, authority: OrganisationId, policies: tuple[CouncilPolicy, CouncilPolicy]
) -> DryRun:
    """Rank what waits today by two policies; nothing is stored."""
    with desk.database.acting_for(authority) as connection:
        waiting = load_waiting(connection, authority)
        names = [defect.defect_id for defect in waiting]
        roads = load_road_facts(connection, authority, names)
        passes = load_passes(connection, authority, names)
    before = rank_defects(waiting, roads, passes, policy=policies[0])
    try:
        after = rank_defects(waiting, roads, passes, policy=policies[1])
    except (TypeError, ValueError, KeyError) as error:
        raise RuleError(f"That policy cannot rank the queue: {error}") from error
    return compare(before, after, policies)


def _bands(policy: CouncilPolicy) -> list[tuple[str, str, str, str, str]]:
    """Return a row for each response category, the most urgent first."""
    return [
        (
            band.category,
            f"{band.min_score} to {band.max_score}",
            band.words,
            "–" if band.respond is None else band.respond.words,
            "–" if band.decide is None else band.decide.words,
        )
        for band in sorted(policy.bands, key=lambda band: -band.max_score)
    ]
