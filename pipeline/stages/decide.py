"""Decide: the table of allowed moves, and who may make them. Pure."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final

from pipeline.domain.decisions import ChangeReason, Decision, Judgement, Move, Role
from pipeline.domain.defects import Defect, DefectState
from pipeline.domain.errors import RuleError
from pipeline.domain.ids import DecisionId
from pipeline.domain.looks import DefectKind
from pipeline.domain.observations import Measurement
from pipeline.domain.policy import CouncilPolicy
from pipeline.domain.queue import QueueEntry
from pipeline.domain.visits import SiteEntry

OPEN: Final = frozenset({DefectState.QUEUED, DefectState.WATCHED, DefectState.SITE_VISIT})
LEADS_TO: Final = {
    Move.APPROVE: DefectState.APPROVED,
    Move.REJECT: DefectState.REJECTED,
    Move.WATCH: DefectState.WATCHED,
    Move.SITE_VISIT: DefectState.SITE_VISIT,
    Move.NOT_OURS: DefectState.NOT_OURS,
    Move.RECLASSIFY: DefectState.QUEUED,
}
MOVES: Final[dict[tuple[DefectState, Move], tuple[DefectState, Role]]] = {
    (state, move): (after, Role.ENGINEER)
    for state in OPEN
    for move, after in LEADS_TO.items()
    if state is not after or state is DefectState.QUEUED
}


class StaleError(RuleError):
    """The defect changed after the person opened it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The decision that holds of a defect, and what undoing it gives back.

    Attributes:
        decision_id: Of the last decision that nobody took back.
        leads_to: The state that it brought the defect into.
        kind: The defect's before it.
        said_kind: What a person had said before it that the defect is; None if nobody had.
    """

    decision_id: DecisionId
    leads_to: DefectState
    kind: DefectKind
    said_kind: DefectKind | None


def judge(
    entry: QueueEntry,
    policy: CouncilPolicy,
    *,
    impact: int,
    likelihood: int,
    because: ChangeReason | None,
) -> Judgement:
    """Return the risk as an engineer judges it, on the policy's matrix.

    Args:
        entry: What was proposed.
        policy: The council's.
        impact: The engineer's.
        likelihood: The engineer's.
        because: Why it is not what was proposed; dropped where it is.

    Raises:
        RuleError: It is off the matrix, or differs without a reason.
    """
    if not (1 <= impact <= policy.matrix_size and 1 <= likelihood <= policy.matrix_size):
        raise RuleError(f"Impact and likelihood are each from 1 to {policy.matrix_size}.")
    differs = (impact, likelihood) != (entry.impact, entry.likelihood)
    if differs and because is None:
        raise RuleError("Choose why your impact or likelihood is not the one that was proposed.")
    return Judgement(
        impact=impact,
        likelihood=likelihood,
        category=policy.band_of(impact * likelihood).category,
        because=because if differs else None,
    )


def apply_decision(
    defect: Defect,
    decision: Decision,
    *,
    roles: Collection[Role],
    standing: Standing | None = None,
) -> Defect:
    """Return the defect after a decision.

    Args:
        defect: As it stands now.
        decision: What the person decided about the version they saw.
        roles: What the person may do.
        standing: The decision that holds; needed to take it back.

    Raises:
        StaleError: The defect is no longer what was on the person's screen.
        RuleError: The move is not allowed from this state, or not to this person.

    What is taken back waits in the queue again.
    """
    if decision.seen_version != defect.version:
        raise StaleError(
            "This possible defect changed after you opened it: you saw version "
            f"{decision.seen_version}, it is now version {defect.version} "
            f"({defect.state.words.lower()}). Nothing was recorded; read it again and decide."
        )
    if decision.move is Move.UNDO:
        _require_role(Role.ENGINEER, roles)
        return _undone(defect, decision, standing)
    allowed = MOVES.get((defect.state, decision.move))
    if allowed is None:
        raise RuleError(f"This cannot be done to a defect that is “{defect.state.words.lower()}”.")
    state, role = allowed
    _require_role(role, roles)
    after = replace(defect, state=state, version=defect.version + 1)
    if decision.kind is None:
        return after
    if decision.kind is defect.kind:
        raise RuleError(f"It is shown as {defect.kind.words} already.")
    return replace(after, kind=decision.kind, said_kind=decision.kind)


def apply_depth(defect: Defect, depth: Measurement, *, roles: Collection[Role]) -> Defect:
    """Return the defect after its depth was measured; a site inspection is done with it.

    Raises:
        RuleError: Nobody is to decide on it any more, or it is not for this person to measure.
    """
    _require_role(Role.ENGINEER, roles)
    if defect.state not in OPEN:
        raise RuleError(f"It is “{defect.state.words.lower()}”: nobody waits for its depth.")
    state = DefectState.QUEUED if defect.state is DefectState.SITE_VISIT else defect.state
    return replace(defect, depth_mm=depth, state=state, version=defect.version + 1)


def apply_visit(defect: Defect, entry: SiteEntry, *, roles: Collection[Role]) -> Defect:
    """Return the defect after somebody told what they found on site; the same if nothing follows.

    What is told is always kept: it may have been written long before it arrives, when the defect
    was still waited for. A person decides afterwards; the visit itself decides nothing.

    Raises:
        RuleError: It is not for this person to tell.
    """
    _require_role(Role.ENGINEER, roles)
    if entry.depth is not None:
        return apply_depth(defect, entry.depth, roles=roles) if defect.state in OPEN else defect
    if defect.state is not DefectState.SITE_VISIT:
        return defect
    return replace(defect, state=DefectState.QUEUED, version=defect.version + 1)


def _require_role(role: Role, roles: Collection[Role]) -> None:
    if role not in roles:
        raise RuleError(f"Only a person with the role “{role.value}” may decide this.")


def _undone(defect: Defect, decision: Decision, standing: Standing | None) -> Defect:
    if standing is None or standing.decision_id != decision.takes_back:
        raise RuleError("This is not the decision that holds; it cannot be taken back.")
    if defect.state is not standing.leads_to:
        raise RuleError(
            f"This cannot be taken back any more: it is now “{defect.state.words.lower()}”."
        )
    return replace(
        defect,
        state=DefectState.QUEUED,
        said_kind=standing.said_kind,
        kind=standing.kind,
        version=defect.version + 1,
    )
