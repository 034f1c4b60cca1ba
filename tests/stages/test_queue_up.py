"""Each council gets its turn, and what is promised earlier goes first."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.ids import DriveId, OrganisationId, natural_uuid
from pipeline.domain.work import WaitingDrive
from pipeline.stages.queue_up import queue_up

NOON = datetime(2026, 2, 10, 12, tzinfo=UTC)


def owner(name: str) -> OrganisationId:
    return OrganisationId(natural_uuid("organisation", name))


def drives(name: str, count: int, *, minutes: float = 5, at: datetime = NOON) -> list[WaitingDrive]:
    return [
        WaitingDrive(
            owner_id=owner(name), drive_id=DriveId(natural_uuid("drive", name, at, n)),
            received_at=at + timedelta(seconds=n), waiting_s=60 * minutes,
        )
        for n in range(count)
    ]  # fmt: skip


def test_ten_thousand_do_not_keep_ten_waiting() -> None:
    waiting = drives("large", 10_000) + drives("small", 10, at=NOON + timedelta(hours=1))
    chosen = queue_up(waiting, in_hand_s={}, places=20)
    assert Counter(one.owner_id for one in chosen) == {owner("large"): 10, owner("small"): 10}
    # A place at a time, as workers become free: of what is in hand each has its half.
    left, in_hand, done = list(waiting), Counter[OrganisationId](), 0
    while any(one.owner_id == owner("small") for one in left):
        [one] = queue_up(left, in_hand_s=in_hand, places=1)
        left.remove(one)
        in_hand[one.owner_id] += round(one.waiting_s)
        done += 1
    assert done <= 20


def test_the_turn_is_counted_in_minutes_of_footage_not_in_drives() -> None:
    waiting = drives("long", 10, minutes=60) + drives("short", 100, minutes=6)
    chosen = Counter(one.owner_id for one in queue_up(waiting, in_hand_s={}, places=22))
    assert chosen == {owner("long"): 2, owner("short"): 20}


def test_drives_that_are_only_to_be_gathered_take_their_turn_too() -> None:
    waiting = drives("gather", 1000, minutes=0) + drives("look", 10, minutes=1)
    chosen = Counter(one.owner_id for one in queue_up(waiting, in_hand_s={}, places=20))
    assert chosen == {owner("gather"): 10, owner("look"): 10}


def test_what_is_promised_earlier_goes_first_whosever_it_is() -> None:
    late = drives("late", 5, at=NOON + timedelta(hours=7))
    early = drives("early", 5)
    chosen = queue_up([*late, *early], in_hand_s={owner("early"): 1e6}, places=6)
    assert [one.owner_id for one in chosen] == [owner("early")] * 5 + [owner("late")]


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9)), max_size=20), st.integers(0, 9)
)
def test_none_is_chosen_twice_none_is_invented_and_an_owners_first_come_first(
    given_drives: list[tuple[str, int]], places: int
) -> None:
    waiting = [
        WaitingDrive(
            owner_id=owner(name), drive_id=DriveId(natural_uuid("drive", n)), waiting_s=60.0,
            received_at=NOON + timedelta(minutes=minute),
        )
        for n, (name, minute) in enumerate(given_drives)
    ]  # fmt: skip
    chosen = queue_up(waiting, in_hand_s={}, places=places)
    assert len(chosen) == min(places, len(waiting)) == len({one.drive_id for one in chosen})
    assert set(chosen) <= set(waiting)
    for name in "abc":
        own = [one.received_at for one in chosen if one.owner_id == owner(name)]
        assert own == sorted(own)
