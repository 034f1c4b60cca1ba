"""Decide: the table of allowed moves, and who may make them. Pure."""

from collections.abc import Collection
from dataclasses import replace
from typing import Final

from pipeline.domain.decisions import Decision, Move, Role
from pipeline.domain.defects import Defect, DefectState
from pipeline.domain.errors import RuleError

MOVES: Final[dict[tuple[DefectState, Move], tuple[DefectState, Role]]] = {
    (DefectState.QUEUED, Move.APPROVE): (DefectState.APPROVED, Role.ENGINEER),
    (DefectState.QUEUED, Move.REJECT): (DefectState.REJECTED, Role.ENGINEER),
}


class StaleError(RuleError):
    """The defect changed after the person opened it."""


def apply_decision(defect: Defect, decision: Decision, *, roles: Collection[Role]) -> Defect:
    """Return the defect after a decision.

    Args:
        defect: As it stands now.
        decision: What the person decided about the version they saw.
        roles: What the person may do.

    Raises:
        StaleError: The defect is no longer what was on the person's screen.
        RuleError: The move is not allowed from this state, or not to this person.
    """
    if decision.seen_version != defect.version:
        raise StaleError(
            "This possible defect changed after you opened it: you saw version "
            f"{decision.seen_version}, it is now version {defect.version} "
            f"({defect.state.words.lower()}). Nothing was recorded; read it again and decide."
        )
    allowed = MOVES.get((defect.state, decision.move))
    if allowed is None:
        raise RuleError(
            f"A defect that is “{defect.state.words.lower()}” cannot be "
            f"{'approved' if decision.move is Move.APPROVE else 'rejected'}."
        )
    state, role = allowed
    if role not in roles:
        raise RuleError(f"Only a person with the role “{role.value}” may decide this.")
    return replace(defect, state=state, version=defect.version + 1)
