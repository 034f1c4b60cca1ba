"""Section by section: what a drive looked at is laid on the roads, and what is late is told."""

import math
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from pipeline.adapters.coverage_table import coverage_table, latest_of, sentence_of, write_standings
from pipeline.domain.coverage import PassRule, PassState, SectionSpan, SectionStanding, Stretch
from pipeline.domain.errors import InputError
from pipeline.domain.ids import DriveId
from pipeline.domain.looks import NotLookedReason
from pipeline.domain.roads import Hierarchy, RoadSection, Ways
from pipeline.geometry.network import RoadNetwork
from pipeline.line.roads import lay_on_sections, match_track
from pipeline.line.sections import _parts, standings
from pipeline.stages.match import MatchSettings
from pipeline.stages.place import Placer, PlaceSettings
from tests.builders import E0, N0, NOON, a_road_line, a_track, natural_drive

ONE, TWO = natural_drive("one"), natural_drive("two")
MONTHLY = PassRule(hierarchy=Hierarchy.STRATEGIC, per_year=12, tolerance_days=7)
MAIN = RoadSection(
    section_id="main",
    line=a_road_line((0, 0), (100, 0)),
    hierarchy=Hierarchy.STRATEGIC,
    name="Main Road",
)


def span(from_m: float, to_m: float, **more: object) -> SectionSpan:
    made = SectionSpan(
        section_id="main", along=True, from_m=from_m, to_m=to_m, reason=None, at=NOON,
        probability=0.99,
    )  # fmt: skip
    return replace(made, **more)  # type: ignore[arg-type]


def stands(
    *spans: tuple[DriveId, SectionSpan], days: float = 1, section: RoadSection = MAIN
) -> tuple[SectionStanding, ...]:
    return standings([(section, 100.0)], spans, [MONTHLY], now=NOON + timedelta(days=days))


def test_what_a_drive_looked_at_lies_on_the_sections_that_it_drove_whichever_way() -> None:
    sections = [
        RoadSection(section_id="first", line=a_road_line((0, 0), (100, 0))),
        RoadSection(section_id="second", line=a_road_line((220, 0), (100, 0))),
    ]
    placer = Placer(a_track(*((t, 10.0 * t, -1.5) for t in range(23))), PlaceSettings())
    matched = match_track(placer, sections, MatchSettings())
    assert matched is not None
    blind = Stretch(from_m=150, to_m=180, reason=NotLookedReason.BLURRED)
    stretches = [
        Stretch(from_m=0, to_m=150, reason=None),
        blind,
        Stretch(from_m=180, to_m=220, reason=None),
    ]

    spans = lay_on_sections(stretches, placer, matched)

    told = [(s.section_id, s.along, s.reason) for s in spans]
    assert told == [
        ("first", True, None),
        ("second", False, None),
        ("second", False, NotLookedReason.BLURRED),
        ("second", False, None),
    ]
    assert [(s.from_m, s.to_m) for s in spans] == [
        pytest.approx(edges, abs=6) for edges in ((0, 100), (70, 120), (40, 70), (0, 40))
    ]
    assert spans[2].at == NOON + timedelta(seconds=16.5)
    assert all(0.5 < s.probability <= 1 for s in spans)


@pytest.mark.parametrize(
    ("days", "state"),
    [(1, PassState.DONE), (31, PassState.DUE), (37, PassState.DUE), (38, PassState.LATE)],
)
def test_a_pass_is_done_then_due_then_late(days: float, state: PassState) -> None:
    along, against = stands((ONE, span(0, 95)), days=days)

    assert (along.state, against.state) == (state, PassState.NEVER)
    assert along.due_at == NOON + timedelta(days=365.25 / 12)
    assert along.last is not None
    assert along.last.drive_id == ONE


def test_a_pass_that_did_not_look_at_most_of_it_does_not_count_and_says_why() -> None:
    row, _ = stands(
        (ONE, span(0, 60)),
        (ONE, span(55, 100, reason=NotLookedReason.OBSTRUCTED)),
        (TWO, span(60, 100, at=NOON - timedelta(days=1))),
    )

    assert row.state is PassState.NEVER
    assert row.newest is not None
    assert row.newest.looked_m == pytest.approx(60)
    assert "looked at 60 m (obstructed 40 m)" in sentence_of(row, NOON)


def test_two_pieces_of_one_drive_are_one_pass_and_the_same_road_counts_once() -> None:
    row, _ = stands((ONE, span(0, 50)), (ONE, span(40, 100)), (ONE, span(40, 100)))

    assert row.state is PassState.DONE
    assert row.last is not None
    assert row.last.looked_m == 100


@pytest.mark.parametrize(
    ("more", "state"),
    [({"probability": 0.6}, PassState.NEVER), ({"along": False}, PassState.NEVER)],
)
def test_a_road_that_was_perhaps_not_it_or_the_other_way_does_not_count(
    more: dict[str, object], state: PassState
) -> None:
    along, _ = stands((ONE, span(0, 100, **more)))

    assert along.state is state
    if "probability" in more:
        assert along.newest is not None
        assert "not sure" in sentence_of(along, NOON)


def test_of_a_ring_what_was_driven_counts_across_its_ends() -> None:
    angles = [k * math.tau / 24 for k in range(25)]
    ring = a_road_line(*((30 * math.sin(a), 30 * math.cos(a)) for a in angles))
    network = RoadNetwork([RoadSection(section_id="ring", line=(*ring[:-1], ring[0]))])
    driven = [(30 * math.sin(a), 30 * math.cos(a)) for a in (-1.0, -0.5, 0.1, 0.6, 1.2, 1.9)]

    parts = _parts(network, 0, np.array((E0, N0)) + driven)

    length = network.length_m[0]
    assert parts == [
        pytest.approx((0, 1.9 * 30), abs=1),
        pytest.approx((length - 30, length), abs=1),
    ]


def test_of_a_short_section_it_is_said_that_nothing_can_be_said() -> None:
    rows = standings([(MAIN, 8.0)], [(ONE, span(0, 8, probability=0.7))], [MONTHLY], now=NOON)

    assert {row.state for row in rows} == {PassState.TOO_SHORT}


def test_a_one_way_road_has_one_direction_and_without_a_hierarchy_there_is_no_rule() -> None:
    [row] = stands((ONE, span(0, 100)), section=replace(MAIN, ways=Ways.FORWARD, hierarchy=None))

    assert row.state is PassState.NO_RULE
    assert row.last is not None
    assert row.due_at is None


def test_the_table_the_sentences_and_the_file_say_the_same(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    rows = stands((ONE, span(0, 100)), days=60)
    path = tmp_path_factory.mktemp("csv") / "coverage.csv"

    write_standings(rows, path)

    assert "| 2 a strategic route | 0.0 | 0.0 | 0.1 | 0.1 | 0.0 | 0.0 |" in coverage_table(rows)
    late, never = latest_of(rows, 10)
    assert sentence_of(late, NOON + timedelta(days=60)).endswith("29 days ago.")
    assert "no camera came past" in sentence_of(never, NOON)
    header, first, second = path.read_text("utf-8").splitlines()
    assert header.startswith("section_id,street,hierarchy,direction")
    assert "late" in first
    assert "never" in second
    with pytest.raises(InputError, match="cannot be written"):
        write_standings(rows, path.parent / "nowhere" / "coverage.csv")


@pytest.mark.parametrize(
    ("per_year", "tolerance", "word"), [(0, 7, "per_year"), (12, -1, "tolerance_days")]
)
def test_a_rule_that_cannot_be_is_refused(per_year: float, tolerance: float, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        PassRule(hierarchy=Hierarchy.LINK, per_year=per_year, tolerance_days=tolerance)
