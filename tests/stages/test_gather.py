"""Gathering: one hole is one defect, whatever the order, and a person's word is kept."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.domain.defects import Constraint
from pipeline.domain.ids import DefectId, ObservationId, natural_uuid
from pipeline.domain.looks import DefectKind
from pipeline.domain.observations import Observation
from pipeline.domain.places import GridRef
from pipeline.domain.roads import RoadPlace
from pipeline.stages.gather import (
    Cluster,
    GatherSettings,
    fuse_position,
    gather_observations,
)
from tests.builders import E0, N0, an_observation

SETTINGS = GatherSettings()


def gather(
    observations: Sequence[Observation],
    *,
    constraints: Sequence[Constraint] = (),
    known: dict[ObservationId, DefectId] | None = None,
    roads: dict[ObservationId, RoadPlace] | None = None,
) -> tuple[Cluster, ...]:
    return gather_observations(
        observations,
        constraints=constraints,
        known=known or {},
        before={},
        settings=SETTINGS,
        roads=roads,
    )


def partition(clusters: Sequence[Cluster]) -> set[frozenset[ObservationId]]:
    return {frozenset(o.observation_id for o in c.observations) for c in clusters}


def street(drive: str, shift: tuple[float, float], *, start: float = 0.0) -> list[Observation]:
    """Three holes, 6 m and 9 m apart, each seen in three frames, shifted by the drive's GPS."""
    return [
        an_observation(
            shift[0] + 0.05 * look, shift[1] + at, drive=drive, second=start + at / 10 + look / 5,
            own_m=0.15,
        )
        for at in (0.0, 6.0, 15.0)
        for look in range(3)
    ]  # fmt: skip


def test_a_stop_at_lights_is_one_pothole_and_not_two_hundred() -> None:
    seen = [an_observation(0.02 * (i % 5), 0, second=i / 25) for i in range(200)]

    assert len(gather(seen)) == 1


def test_two_boxes_of_one_frame_are_two_holes() -> None:
    seen = [
        an_observation(0, 0, second=0, pts=1),
        an_observation(0.4, 0, second=0, pts=1),
        an_observation(0, 0, second=0.3, pts=2),
        an_observation(0.4, 0, second=0.3, pts=2),
    ]

    assert sorted(len(c.observations) for c in gather(seen)) == [2, 2]


def test_a_crack_and_a_hole_in_one_place_are_two_defects() -> None:
    seen = [an_observation(), an_observation(second=0.3, kind=DefectKind.ALLIGATOR_CRACK)]

    assert len(gather(seen)) == 2


def test_another_drive_with_another_gps_error_sees_the_same_holes() -> None:
    seen = [*street("one", (0, 0)), *street("two", (2.0, -3.4), start=5000)]

    clusters = gather(seen)

    assert len(clusters) == 3
    assert all({len(group) for group in c.groups} == {3} for c in clusters)


@settings(max_examples=30, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter_and_twice_is_once(random: object) -> None:
    seen = [*street("one", (0, 0)), *street("two", (1.0, 2.0), start=5000)]
    shuffled = [*seen, *seen]
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert gather(shuffled) == gather(seen)


def test_a_defect_keeps_its_id_when_more_is_seen_of_it() -> None:
    first = gather(street("one", (0, 0)))
    known = {o.observation_id: c.defect_id for c in first for o in c.observations}

    both = gather([*street("zero", (1, 1), start=-5000), *street("one", (0, 0))], known=known)

    assert {c.defect_id for c in first} == {c.defect_id for c in both}


def test_a_persons_split_and_merge_are_kept_and_can_be_taken_back() -> None:
    seen = [an_observation(second=0), an_observation(second=0.3), an_observation(9, second=0.6)]
    ids = [o.observation_id for o in seen]
    apart = Constraint(first_id=ids[0], second_id=ids[1], together=False)
    together = Constraint(first_id=ids[0], second_id=ids[2], together=True)

    assert partition(gather(seen)) == {frozenset(ids[:2]), frozenset(ids[2:])}
    assert frozenset(ids[:2]) not in partition(gather(seen, constraints=[apart]))
    assert frozenset(ids) in partition(gather(seen, constraints=[together]))


def test_when_a_defect_splits_the_larger_part_keeps_the_name() -> None:
    seen = street("one", (0, 0))
    name = DefectId(natural_uuid("defect", "old"))
    known = dict.fromkeys((o.observation_id for o in seen[:5]), name)

    clusters = gather(seen, known=known)

    assert [c.defect_id == name for c in clusters] == [True, False, False]
    assert len({c.defect_id for c in clusters}) == 3


def test_looking_twice_from_one_drive_does_not_average_the_gps_away() -> None:
    one = [an_observation(second=i / 5, own_m=0.1, shared_m=2.0) for i in range(50)]
    two = [*one[:1], an_observation(drive="two", second=5000, own_m=0.1, shared_m=2.0)]

    *_, alone = fuse_position([one])
    *_, joined = fuse_position([[two[0]], [two[1]]])

    assert 1.99 < alone.sigma_m < 2.05
    assert 1.39 < joined.sigma_m < 1.45


def a_place(section_id: str, *ends: tuple[float, float], probability: float = 0.99) -> RoadPlace:
    begin, end = (GridRef(easting_m=e, northing_m=n) for e, n in ends)
    return RoadPlace(section_id=section_id, ends=(begin, end), probability=probability)


def test_passes_over_two_carriageways_are_never_one_hole() -> None:
    east = [an_observation(0, 0, drive="east", second=k / 4) for k in range(2)]
    west = [an_observation(0.5, 0, drive="west", second=9000 + k / 4) for k in range(2)]
    one, other = a_place("east", (0, 0), (900, 0)), a_place("west", (0, 12), (900, 12))
    vague = a_place("west", (0, 12), (900, 12), probability=0.7)
    onward = a_place("onward", (900, 0), (990, 0))

    def count(theirs: RoadPlace, *, said: Sequence[Constraint] = ()) -> int:
        roads = {o.observation_id: one for o in east} | {o.observation_id: theirs for o in west}
        return len(gather([*east, *west], roads=roads, constraints=said))

    word = Constraint(
        first_id=east[0].observation_id, second_id=west[0].observation_id, together=True
    )
    assert count(one) == 1
    assert count(onward) == 1
    assert count(vague) == 1
    assert count(other) == 2
    assert count(other, said=[word]) == 1


def test_many_passes_over_a_street_make_its_places_better_and_part_nothing() -> None:
    chance = np.random.default_rng(1)
    seen = []
    for day in range(40):
        off = chance.normal(0, 1.6, 2)
        for hole in range(4):
            east, north = (off + np.array([0.0, 12.0 * hole]) + chance.normal(0, 0.08, 2)).tolist()
            seen.append(an_observation(east, north, drive=f"{day}", second=86_400 * day + hole))

    one, all_of_them = gather(seen[:4]), gather(seen)

    assert [len(cluster.observations) for cluster in all_of_them] == [40] * 4
    for first, cluster in zip(one, all_of_them, strict=True):
        easting, northing, error = fuse_position(cluster.groups)
        truth = min((N0 + 12.0 * hole for hole in range(4)), key=lambda n: abs(n - northing))
        off_m = float(np.hypot(easting - E0, northing - truth))
        assert off_m <= 2 * error.sigma_m
        assert error.sigma_m < fuse_position(first.groups)[2].sigma_m / 4


def test_a_hole_that_thirty_passes_missed_keeps_its_name() -> None:
    seen = [
        an_observation(0.0, 8.0 * hole, drive=f"{day}", second=86_400 * day + hole, shared_m=2.0)
        for day in range(32)
        for hole in range(4)
        if hole != 2 or day in {0, 31}
    ]

    assert sorted(len(cluster.observations) for cluster in gather(seen)) == [2, 32, 32, 32]
