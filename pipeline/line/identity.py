"""A person's word on identity, and what follows of it: nothing else around it moves."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from pipeline.domain.condition import Condition
from pipeline.domain.defects import ChangeKind, Defect, DefectChange
from pipeline.domain.errors import RuleError
from pipeline.domain.identity import IdentityMove, IdentityWord
from pipeline.domain.ids import DefectId, ObservationId
from pipeline.domain.policy import CouncilPolicy
from pipeline.domain.ports import Gathering
from pipeline.line.gathering import Gathered, conditions_of, gather_defects
from pipeline.line.settings import LineSettings
from pipeline.stages.identify import WAITING
from pipeline.stages.prioritise import prioritise

# The passes over so many are held at once: a county's year of all of them takes gigabytes.
_AT_ONCE = 500


def follow_word(
    word: IdentityWord,
    desk: Gathering,
    *,
    former: Mapping[ObservationId, DefectId],
    policy: CouncilPolicy,
    settings: LineSettings,
) -> tuple[DefectId, ...]:
    """Gather anew what a word is about, and bring the queue up to date.

    Args:
        word: What was said; the gathering's area knows of it already.
        desk: An open gathering around the word's sightings.
        former: To which defects sightings belonged before the word that is taken back: they get
            their names back.
        policy: By which the queue is ranked.
        settings: How sightings are gathered.

    Returns:
        The defects that the word's sightings belong to now, sorted.

    Raises:
        RuleError: The word cannot be followed, because an earlier one says otherwise.
    """
    now = desk.area
    area = replace(now, known={**now.known, **former})
    gathered = gather_defects(area, rule=policy.queue, settings=settings)
    ours = only_about(word.sightings, gathered, (now.known, area.known))
    _is_followed(word, ours)
    changes = tuple(_noticed(change, area.before) for change in ours.changes)
    _leave_decided_alone(changes, area.before)
    desk.save_defects(changes, ours.member_of)
    rank_waiting(desk, policy=policy)
    return tuple(sorted({ours.member_of[o] for o in word.sightings if o in ours.member_of}))


def _noticed(change: DefectChange, before: Mapping[DefectId, Defect]) -> DefectChange:
    """Return a change that whoever has the defect on the screen is told of when deciding."""
    old, new = before.get(change.defect_id), change.defect
    if old is None or new is None or new.version > old.version:
        return change
    if new.observation_ids == old.observation_ids:
        return change
    return replace(change, defect=replace(new, version=old.version + 1))


def _leave_decided_alone(
    changes: Sequence[DefectChange], before: Mapping[DefectId, Defect]
) -> None:
    """Refuse what would change a defect on which somebody has decided.

    Raises:
        RuleError: It would.
    """
    for change in changes:
        old = before.get(change.defect_id)
        decided = old is not None and old.state not in WAITING
        if decided and change.change is not ChangeKind.UNCHANGED:
            raise RuleError(
                "This cannot be done: it would change a defect near by on which somebody has "
                "decided."
            )


def rank_waiting(desk: Gathering, *, policy: CouncilPolicy) -> int:
    """Rank what waits and may have another place now; return how many possible defects that is."""
    waiting = desk.waiting(policy.sha256)
    names = [defect.defect_id for defect in waiting]
    conditions: dict[DefectId, Condition] = {}
    for first in range(0, len(names), _AT_ONCE):
        conditions |= conditions_of(desk.passes(names[first : first + _AT_ONCE]))
    desk.save_queue(prioritise(waiting, desk.roads(names), conditions, policy=policy))
    desk.raise_alerts(policy.emergencies)
    return len(waiting)


def only_about(
    sightings: Collection[ObservationId],
    gathered: Gathered,
    known: Sequence[Mapping[ObservationId, DefectId]],
) -> Gathered:
    """Return of a gathering what touches some sightings: those defects, as they were and are.

    A few sightings gathered without their wider surroundings may fall otherwise at the edge; who
    speaks of one hole must not move its neighbours.

    Args:
        sightings: What was spoken of.
        gathered: What came of gathering them and all around them.
        known: To which defects sightings belong, or belonged, beside that.
    """
    homes = (gathered.member_of, *known)
    touched = set(sightings)
    while True:
        names = {home[o] for o in touched for home in homes if o in home}
        more = {o for home in homes for o, name in home.items() if name in names}
        if more <= touched:
            break
        touched |= more
    return Gathered(
        defects={name: one for name, one in gathered.defects.items() if name in names},
        member_of={o: name for o, name in gathered.member_of.items() if o in touched},
        changes=tuple(change for change in gathered.changes if change.defect_id in names),
    )


def _is_followed(word: IdentityWord, gathered: Gathered) -> None:
    """Refuse a word that an earlier one overrules.

    Raises:
        RuleError: It does.
    """
    if word.move is IdentityMove.TAKE_BACK:
        return
    home = gathered.member_of
    for pair in word.pairs:
        if pair.first_id not in home or pair.second_id not in home:
            continue
        if (home[pair.first_id] == home[pair.second_id]) is not pair.together:
            raise RuleError(
                "This cannot be done: an earlier word about some of these pictures says "
                "otherwise. Take that one back first."
            )
