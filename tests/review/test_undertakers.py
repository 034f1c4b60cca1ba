"""Works and covers of others are labels on a defect's page, with the day as of which."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.adapters.postgres.database import Database
from pipeline.adapters.records_csv import read_records
from pipeline.domain.errors import InputError
from pipeline.domain.records import CouncilRecord, RecordKind
from tests.review.browsing import Browser, defects_of
from tests.review.test_evidence import DEPOT, PAGE, USRN, bring_in, street

__all__ = ["street"]
HEADINGS = "reference,usrn,date,easting,northing,what,owner\n"


def place_of(database: Database, page: str) -> tuple[float, float]:
    with database.acting_for(DEPOT) as connection:
        row = connection.execute(
            "select at_e, at_n from roadwear.defect where defect_id = %s",
            (page.rpartition("/")[2],),
        ).fetchone()
    assert row is not None
    return row["at_e"], row["at_n"]


def test_works_and_covers_are_told_beside_a_defect(
    street: Browser, database: Database, tmp_path: Path
) -> None:
    today = datetime.now(UTC).date()
    page = defects_of(street)[0]
    assert "apparatus of others" not in street.get(page)
    east, north = place_of(database, page)
    table = tmp_path / "covers.csv"
    table.write_text(f"{HEADINGS}C-7,{USRN},01/02/2020,{east + 0.8},{north},Manhole,Anglian <b>\n")
    [cover] = read_records(table, RecordKind.APPARATUS, {}).records
    bring_in(database, RecordKind.APPARATUS, cover, until=date(2026, 1, 31))
    works = CouncilRecord(
        reference="TW-1", usrn=USRN, on=today - timedelta(days=3),
        said=(("until", (today + timedelta(days=2)).isoformat()), ("promoter", "Thames Water")),
    )  # fmt: skip
    other = CouncilRecord(reference="TW-2", usrn=USRN + 1, on=today)
    bring_in(database, RecordKind.WORKS, works, other, until=today)

    words = street.get(page)
    assert "Street works TW-1: Thames Water, under way since" in words
    assert "TW-2" not in words
    assert "Manhole of Anglian &lt;b&gt; (C-7), 0.8 m away" in street.html
    assert "section 81" in words
    assert "Known as of 31 January 2026" in words
    assert "Anglian <b>" not in street.html


def test_what_the_newest_file_has_no_more_is_over(street: Browser, database: Database) -> None:
    today = datetime.now(UTC).date()
    page = defects_of(street)[0]
    old, new = (CouncilRecord(reference=name, usrn=USRN, on=today) for name in ("TW-1", "TW-2"))
    bring_in(database, RecordKind.WORKS, old, until=today - timedelta(days=1))
    assert "TW-1" in street.get(page)
    bring_in(database, RecordKind.WORKS, new, until=today)
    # What is brought in later of an earlier time does not count as newer.
    bring_in(database, RecordKind.WORKS, old, new, until=today - timedelta(days=30))
    words = street.get(page)
    assert "TW-1" not in words and "TW-2" in words
    assert f"Known as of {today.day} {today:%B %Y}" in words


def test_works_that_lasted_into_the_time_are_in_the_bundle(
    street: Browser, database: Database
) -> None:
    early, over = (
        CouncilRecord(
            reference=name, usrn=USRN, on=date(2023, 1, 1), said=(("until", until.isoformat()),)
        )
        for name, until in (("TW-1", date(2025, 1, 1)), ("TW-2", date(2023, 2, 1)))
    )
    bring_in(database, RecordKind.WORKS, early, over, until=date(2026, 3, 1))
    words = street.get(PAGE)
    assert "TW-1" in words and "TW-2" not in words


@pytest.mark.parametrize("place", ["", "nan", "-1", "north", "1e9", "51.5", "1250000"])
def test_a_cover_without_a_place_is_refused(tmp_path: Path, place: str) -> None:
    table = tmp_path / "covers.csv"
    table.write_text(f"{HEADINGS}C-7,{USRN},01/02/2020,{place},180000,Manhole,Anglian\n")
    with pytest.raises(InputError, match="is no easting of the National Grid"):
        read_records(table, RecordKind.APPARATUS, {})


def test_the_end_of_works_is_a_day(tmp_path: Path) -> None:
    table = tmp_path / "works.csv"
    table.write_text(f"reference,usrn,date,until\nW,{USRN},01/11/2026,05/11/2026\n")
    [record] = read_records(table, RecordKind.WORKS, {}).records
    assert record.said == (("until", "2026-11-05"),)
    table.write_text(f"reference,usrn,date,until\nW,{USRN},01/11/2026,soon\n")
    with pytest.raises(InputError, match="is no date"):
        read_records(table, RecordKind.WORKS, {})
    for early in ("31/10/2026", "0001-01-01T00:00:00+05:00"):
        table.write_text(f"reference,usrn,date,until\nW,{USRN},01/11/2026,{early}\n")
        with pytest.raises(InputError, match=r"is before its date|is no "):
            read_records(table, RecordKind.WORKS, {})
