"""Deciding: who may, from which state, and what is taken back."""

import pytest

from pipeline.domain.decisions import ChangeReason, Decision, Judgement, Move, RejectReason, Role
from pipeline.domain.defects import DefectState
from pipeline.domain.errors import RuleError
from pipeline.domain.ids import DecisionId, PersonId, natural_uuid
from pipeline.domain.looks import DefectKind
from pipeline.domain.measuring import DepthHow, depth_of
from pipeline.stages.decide import (
    LEADS_TO,
    OPEN,
    StaleError,
    Standing,
    apply_decision,
    apply_depth,
    judge,
)
from pipeline.stages.describe import describe_defect
from pipeline.stages.prioritise import prioritise
from tests.builders import E0, N0, NOON, a_defect, a_policy, an_observation


def a_decision(move: Move = Move.APPROVE, *, seen_version: int = 1) -> Decision:
    return Decision(
        decision_id=DecisionId(natural_uuid("decision", move)),
        defect_id=a_defect().defect_id,
        person_id=PersonId(natural_uuid("person", 1)),
        move=move,
        seen_version=seen_version,
        policy_sha256="x",
        reason=RejectReason.NOT_A_DEFECT if move is Move.REJECT else None,
        note="",
        decided_at=NOON,
        judged=Judgement(impact=4, likelihood=4, category="x") if move is Move.APPROVE else None,
        watch_until=NOON.date() if move is Move.WATCH else None,
        kind=DefectKind.ALLIGATOR_CRACK if move is Move.RECLASSIFY else None,
        takes_back=DecisionId(natural_uuid("decision", "before")) if move is Move.UNDO else None,
    )


def test_an_engineer_approves_what_was_seen() -> None:
    after_it = apply_decision(a_defect(), a_decision(), roles=[Role.ENGINEER])

    assert (after_it.state, after_it.version) == (DefectState.APPROVED, 2)


@pytest.mark.parametrize("state", [s for s in DefectState if s not in OPEN])
@pytest.mark.parametrize("move", list(Move))
def test_only_what_waits_can_be_decided(state: DefectState, move: Move) -> None:
    with pytest.raises(RuleError, match=r"cannot be"):
        apply_decision(a_defect(state=state), a_decision(move), roles=[Role.ENGINEER])


def standing(leads_to: DefectState) -> Standing:
    return Standing(
        decision_id=DecisionId(natural_uuid("decision", "before")),
        leads_to=leads_to,
        kind=DefectKind.POTHOLE,
        said_kind=None,
    )


@pytest.mark.parametrize("state", sorted(set(LEADS_TO.values())))
def test_what_was_decided_is_taken_back_and_waits_again(state: DefectState) -> None:
    found = apply_decision(
        a_defect(state=state), a_decision(Move.UNDO), roles=[Role.ENGINEER],
        standing=standing(state),
    )  # fmt: skip

    assert (found.state, found.version, found.kind) == (DefectState.QUEUED, 2, DefectKind.POTHOLE)


@pytest.mark.parametrize(
    "state", [s for s in DefectState if s not in {DefectState.APPROVED, DefectState.CANDIDATE}]
)
def test_what_has_gone_on_since_is_not_taken_back(state: DefectState) -> None:
    with pytest.raises(RuleError, match="cannot be taken back"):
        apply_decision(
            a_defect(state=state), a_decision(Move.UNDO), roles=[Role.ENGINEER],
            standing=standing(DefectState.APPROVED),
        )  # fmt: skip


def test_what_a_person_says_that_it_is_stays_whatever_a_detector_sees_later() -> None:
    said = apply_decision(a_defect(), a_decision(Move.RECLASSIFY), roles=[Role.ENGINEER])
    seen = an_observation(0, 0, drive="later", second=500)

    again = describe_defect(
        said.defect_id, [[seen]], (E0, N0, seen.error), rule=a_policy().queue, before=said
    )

    assert said.kind is again.kind is DefectKind.ALLIGATOR_CRACK
    assert again.said_kind is DefectKind.ALLIGATOR_CRACK


def test_a_risk_judged_otherwise_needs_its_reason() -> None:
    policy = a_policy()
    (entry,) = prioritise([a_defect()], {}, {}, policy=policy)

    def judged(impact: int, because: ChangeReason | None) -> Judgement:
        return judge(entry, policy, impact=impact, likelihood=entry.likelihood, because=because)

    assert judged(entry.impact, ChangeReason.DEPTH).because is None
    with pytest.raises(RuleError, match="why"):
        judged(5, None)
    with pytest.raises(RuleError, match="1 to 5"):
        judged(6, ChangeReason.DEPTH)
    mine = judged(5, ChangeReason.DEPTH)
    assert mine.because is ChangeReason.DEPTH
    assert mine.category == policy.band_of(5 * entry.likelihood).category


def test_a_depth_ends_a_site_inspection_and_is_said_in_the_reasons() -> None:
    asked = a_defect(state=DefectState.SITE_VISIT)
    found = apply_depth(asked, depth_of(55, DepthHow.RULER), roles=[Role.ENGINEER])
    assert (found.state, found.version) == (DefectState.QUEUED, asked.version + 1)
    (entry,) = prioritise([found], {}, {}, policy=a_policy())
    assert any("55 mm deep (ruler below a straight edge)" in reason for reason in entry.reasons)
    assert any("its depth meets the level of 40 mm" in reason for reason in entry.reasons)
    with pytest.raises(RuleError, match="nobody waits"):
        apply_depth(
            a_defect(state=DefectState.REJECTED), depth_of(5, DepthHow.EYE), roles=[Role.ENGINEER]
        )


@pytest.mark.parametrize("value", [-1.0, 1001.0, float("nan")])
def test_what_is_no_depth_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="depth"):
        depth_of(value, DepthHow.RULER)


def test_a_decision_on_an_older_version_is_refused_in_a_sentence() -> None:
    with pytest.raises(StaleError, match=r"you saw version 1, it is now version 2"):
        apply_decision(a_defect(version=2), a_decision(), roles=[Role.ENGINEER])


@pytest.mark.parametrize("role", [Role.FLEET, Role.OPERATIONS])
def test_only_an_engineer_decides(role: Role) -> None:
    with pytest.raises(RuleError, match="engineer"):
        apply_decision(a_defect(), a_decision(), roles=[role])
