"""What stops first when a disk fills."""

import pytest

from pipeline.domain.room import Room, room_of


@pytest.mark.parametrize(
    ("free", "room"),
    [(10.0, Room.ENOUGH), (9.9, Room.NO_UPLOADS), (5.0, Room.NO_UPLOADS), (4.9, Room.NO_WORK)],
)
def test_first_uploads_stop_and_then_the_work(free: float, room: Room) -> None:
    assert room_of(free, 10.0) is room


def test_who_leaves_nothing_free_is_never_stopped() -> None:
    assert room_of(0.0, 0.0) is Room.ENOUGH
