"""Whose a defect may be: works under way, and covers so near that it may lie at one."""

from datetime import date

import pytest

from pipeline.domain.places import GridRef
from pipeline.domain.records import CouncilRecord
from pipeline.domain.undertakers import apparatus_at, works_under_way

TODAY = date(2026, 11, 23)
HERE = GridRef(easting_m=530000.0, northing_m=180000.0)


def works(on: date, **said: str) -> CouncilRecord:
    return CouncilRecord(reference="W", usrn=1, on=on, said=tuple(said.items()))


def cover(reference: str, east_m: float) -> CouncilRecord:
    place = {"easting": f"{530000 + east_m}", "northing": "180000"}
    return CouncilRecord(reference=reference, usrn=1, on=TODAY, said=tuple(place.items()))


@pytest.mark.parametrize(
    ("on", "until", "shown"),
    [
        (date(2026, 11, 1), "2026-11-23", True),  # its last day
        (date(2026, 11, 1), "2026-11-22", False),
        (date(2026, 12, 21), "2027-01-05", True),  # in 28 days
        (date(2026, 12, 22), "2027-01-05", False),
        (date(2020, 1, 1), "", True),  # nobody said an end
    ],
)
def test_works_are_shown_while_they_last_and_a_little_before(
    on: date, until: str, *, shown: bool
) -> None:
    record = works(on, until=until) if until else works(on)
    assert bool(works_under_way([record], TODAY)) is shown


def test_a_cover_is_named_where_the_hole_may_lie_at_it_the_nearest_first() -> None:
    found = apparatus_at([cover("far", 8.0), cover("two", 5.4), cover("one", -1.0)], HERE, 2.0)
    assert [(one.reference, round(one.distance_m, 3)) for one in found] == [
        ("one", 1),
        ("two", 5.4),
    ]


@pytest.mark.parametrize("status", ["Cancelled", "works closed", "completed", "Refused"])
def test_what_is_over_by_its_status_is_not_shown(status: str) -> None:
    assert works_under_way([works(TODAY, status=status)], TODAY) == ()
    assert works_under_way([works(TODAY, status="in progress")], TODAY) != ()
