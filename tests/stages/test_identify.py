"""What a person may say of which sightings are one hole, and what gathering makes of it."""

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from uuid import UUID

import pytest

from pipeline.domain.decisions import Role
from pipeline.domain.defects import Area, Constraint, Defect, DefectState
from pipeline.domain.errors import RuleError
from pipeline.domain.identity import IdentityMove, IdentityWord
from pipeline.domain.ids import PersonId, WordId
from pipeline.domain.observations import Observation
from pipeline.line import Gathered, LineSettings, gather_defects
from pipeline.stages.identify import Speaker, join, split, take_back
from tests.builders import NOON, a_policy, an_observation

ADA = Speaker(
    word_id=WordId(UUID(int=1)),
    person_id=PersonId(UUID(int=2)),
    roles={Role.ENGINEER},
    said_at=NOON,
)
SEEN = [
    an_observation(east, 0.0, drive=drive, second=86_400 * day + look / 4 + east)
    for day, drive in enumerate(("one", "two", "three"))
    for east in (0.0, 8.0, 16.0)
    for look in range(2)
]


def gathered(seen: list[Observation], *words: IdentityWord) -> Gathered:
    latest: dict[tuple[UUID, UUID], Constraint] = {}
    taken_back = {word.takes_back for word in words}
    for word in words:
        if word.word_id in taken_back or word.takes_back is not None:
            continue
        latest |= {(pair.first_id, pair.second_id): pair for pair in word.pairs}
    area = Area(observations=tuple(seen), constraints=tuple(latest.values()))
    return gather_defects(area, rule=a_policy().queue, settings=LineSettings())


def parts(result: Gathered) -> set[frozenset[UUID]]:
    return {frozenset(defect.observation_ids) for defect in result.defects.values()}


def by_place(result: Gathered) -> list[Defect]:
    return sorted(result.defects.values(), key=lambda defect: defect.at.easting_m)


def test_joined_ones_are_one_and_their_neighbours_stay() -> None:
    before = by_place(gathered(SEEN))
    assert [defect.sightings for defect in before] == [6, 6, 6]

    word = join(before[:2], ADA)
    after = by_place(gathered(SEEN, word))

    assert sorted(defect.sightings for defect in after) == [6, 12]
    assert set(before[2].observation_ids) in [set(d.observation_ids) for d in after]
    assert word.move is IdentityMove.JOIN
    assert word.sightings == {o for d in before[:2] for o in d.observation_ids}


def test_split_ones_are_two_on_every_later_pass_too() -> None:
    before = by_place(gathered(SEEN))
    chosen = before[0].observation_ids[:2]

    word = split(before[0], chosen, ADA, shown=before[0].observation_ids)

    result = parts(gathered(SEEN, word))
    assert frozenset(chosen) in result
    assert frozenset(before[0].observation_ids) - frozenset(chosen) in result
    later = [an_observation(0.0, 0.0, drive="four", second=400_000 + k / 4) for k in range(2)]
    again = parts(gathered([*SEEN, *later], word))
    assert not any(
        set(chosen) < part and part & set(before[0].observation_ids[2:]) for part in again
    )


def test_what_is_taken_back_holds_no_longer() -> None:
    before = gathered(SEEN)
    word = join(by_place(before)[:2], ADA)

    back = take_back(word, by_place(gathered(SEEN, word))[:1], ADA)

    assert parts(gathered(SEEN, word, back)) == parts(before)
    assert back.takes_back == word.word_id
    with pytest.raises(RuleError, match="cannot be taken back again"):
        take_back(back, [], ADA)


def test_the_last_word_counts() -> None:
    before = by_place(gathered(SEEN))
    joined = join(before[:2], ADA)
    [one] = [d for d in gathered(SEEN, joined).defects.values() if d.sightings == 12]

    parted = split(one, before[0].observation_ids, ADA, shown=one.observation_ids)

    assert parts(gathered(SEEN, joined, parted)) == parts(gathered(SEEN))
    [first, second] = by_place(gathered(SEEN, joined, parted))[:2]
    again = join([first, second], ADA)
    assert parts(gathered(SEEN, joined, parted, again)) == parts(gathered(SEEN, joined))


def test_taking_back_the_last_word_leaves_the_one_before_it() -> None:
    before = by_place(gathered(SEEN))
    joined = join(before[:2], ADA)
    [one] = [d for d in gathered(SEEN, joined).defects.values() if d.sightings == 12]
    speaker = replace(ADA, word_id=WordId(UUID(int=7)))
    parted = split(one, before[0].observation_ids, speaker, shown=one.observation_ids)

    back = take_back(parted, by_place(gathered(SEEN, joined, parted))[:2], ADA)

    assert parts(gathered(SEEN, joined, parted, back)) == parts(gathered(SEEN, joined))


def test_a_join_holds_for_the_rest_when_a_drive_is_scored_anew() -> None:
    before = by_place(gathered(SEEN))
    word = join(before[:2], ADA)

    for day in range(3):
        left = [o for o in SEEN if o.seen_at.date() != SEEN[6 * day].seen_at.date()]
        assert sorted(len(part) for part in parts(gathered(left, word))) == [4, 8]


def test_words_hold_in_any_order_of_arrival() -> None:
    before = by_place(gathered(SEEN))
    word = split(before[0], before[0].observation_ids[:3], ADA, shown=before[0].observation_ids)
    drives = [SEEN[:6], SEEN[6:12], SEEN[12:]]

    outcomes = {
        frozenset(parts(gathered([o for drive in order for o in drive], word)))
        for order in permutations(drives)
    }

    assert len(outcomes) == 1


def test_what_may_not_be_said_is_refused() -> None:
    one, two, _ = by_place(gathered(SEEN))
    far = replace(two, at=two.at.shifted(east_m=200.0, north_m=0.0))
    approved = replace(two, state=DefectState.APPROVED)
    fleet = replace(ADA, roles={Role.FLEET})

    refused: list[Callable[[], IdentityWord]] = [
        lambda: join([one, one], ADA),
        lambda: join([one, far], ADA),
        lambda: join([one, approved], ADA),
        lambda: join([one, two], fleet),
        lambda: split(one, [], ADA, shown=one.observation_ids),
        lambda: split(one, one.observation_ids, ADA, shown=one.observation_ids),
        lambda: split(one, two.observation_ids[:1], ADA, shown=one.observation_ids),
        lambda: split(approved, approved.observation_ids[:1], ADA, shown=two.observation_ids),
        lambda: take_back(join([one, two], ADA), [approved], ADA),
    ]
    for saying in refused:
        with pytest.raises(RuleError):
            saying()
