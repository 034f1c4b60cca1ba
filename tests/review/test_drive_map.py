"""The map of a drive: north is up, nothing of its times is in it."""

from datetime import timedelta

import pytest

from pipeline.domain.places import LonLat
from pipeline.domain.track import RawFix
from pipeline.review.drive_map import DriveMap, draw_map
from tests.builders import NOON


def fixes(seconds: range) -> list[RawFix]:
    """Ten metres a second northwards."""
    return [
        RawFix(
            taken_at=NOON + timedelta(seconds=s),
            place=LonLat(lon_deg=-0.1, lat_deg=51.5 + 9e-5 * s),
        )
        for s in seconds
    ]


def drawn(seconds: range, **kinds: range) -> DriveMap:
    def kind(instant: object) -> str:
        second = (instant - NOON).total_seconds()  # type: ignore[operator]
        return next((name for name, span in kinds.items() if int(second) in span), "good")

    found = draw_map(fixes(seconds), [], kind=kind)
    assert found is not None
    return found


def points(line: str) -> list[tuple[float, float]]:
    return [tuple(map(float, pair.split(","))) for pair in line.split()]  # type: ignore[misc]


def test_north_is_up_and_the_whole_drive_is_in_the_picture() -> None:
    (line,) = drawn(range(100)).drive
    found = points(line.points)
    assert found[0][1] > found[-1][1]
    assert all(0 <= x <= 720 and 0 <= y <= 420 for x, y in found)


def test_stretches_of_another_worth_begin_where_the_last_one_ended() -> None:
    good, bad, again = drawn(range(100), help=range(40, 60)).drive
    assert [line.kind for line in (good, bad, again)] == ["good", "help", "good"]
    assert points(good.points)[-1] == points(bad.points)[0]
    assert points(bad.points)[-1] == points(again.points)[0]


def test_between_positions_that_are_far_apart_in_time_nothing_is_drawn() -> None:
    apart = [*fixes(range(50)), *fixes(range(200, 250))]
    found = draw_map(apart, [], kind=lambda _: "good")
    assert found is not None
    assert len(found.drive) == 2


def test_the_scale_is_as_long_as_it_says() -> None:
    found = drawn(range(100))
    (line,) = found.drive
    high_px = points(line.points)[0][1] - points(line.points)[-1][1]
    assert found.scale_words in {"100 m", "200 m"}
    metres = float(found.scale_words.split()[0])
    assert found.scale_px / metres == pytest.approx(high_px / (99 * 9e-5 * 111_195), rel=1e-3)


def test_no_positions_no_map_and_a_vehicle_that_stood_is_a_dot() -> None:
    assert draw_map([], [], kind=lambda _: "good") is None
    still = [fixes(range(1))[0]] * 5
    found = draw_map(still, [], kind=lambda _: "good")
    assert found is not None
    assert set(points(found.drive[0].points)) == {(360.0, 210.0)}
