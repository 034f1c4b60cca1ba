"""A council's own records are read whole or not at all, and nothing that is not asked for."""

from datetime import date, time, timedelta
from pathlib import Path

import pytest

from pipeline.adapters.records_csv import RecordFile, read_records
from pipeline.domain.errors import InputError
from pipeline.domain.records import RecordImport, RecordKind, days_not_covered
from tests.builders import NOON

GOOD = "Reference,USRN,Date,Method,Complainant\nI-1,20400123,2026-02-01T14:05:00Z,walked,Mrs X\n"


def read(tmp_path: Path, content: str | bytes, **named: str) -> RecordFile:
    path = tmp_path / "records.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_records(path, RecordKind.INSPECTIONS, named)


def test_what_is_known_is_taken_and_nothing_else(tmp_path: Path) -> None:
    found = read(tmp_path, GOOD)
    [record] = found.records
    assert (record.reference, record.usrn, record.on, record.at, record.said) == (
        "I-1", 20400123, date(2026, 2, 1), time(14, 5), (("method", "walked"),),
    )  # fmt: skip
    assert found.left_out == 0
    assert found.ignored == ("Complainant",)
    assert "Mrs X" not in str(record)


@pytest.mark.parametrize(
    "content",
    [
        "Ref;Street;When\r\nI-1;20400123;01/02/2026\r\nI-2;;01/02/2026\r\n",
        "Ref\tStreet\tWhen\nI-1\t20400123.0\t1 February 2026\n\t\t\nI-2\t\t\n",
        "\ufeffRef,Street,When\nI-1,20400123,01-Feb-2026\nI-2,,01-Feb-2026\n",
    ],
)
def test_as_other_systems_write_it(tmp_path: Path, content: str) -> None:
    named = {"reference": "ref", "usrn": "STREET", "date": "When"}
    found = read(tmp_path, content, **named)
    [record] = found.records
    assert (record.reference, record.usrn, record.on) == ("I-1", 20400123, date(2026, 2, 1))
    assert (found.left_out, found.ignored) == (1, ())


def test_quotes_and_commas_are_kept_and_a_time_with_its_zone_is_told_in_the_uk(
    tmp_path: Path,
) -> None:
    plain = "".join(f"{n},5,2026-01-01,the road's edge\n" for n in range(900))
    content = (
        f'reference,usrn,date,found\n{plain}last,5,2026-06-30T23:30:00Z,"a ""big, deep"" hole"\n'
    )
    records = read(tmp_path, content).records
    assert dict(records[0].said) == {"found": "the road's edge"}
    assert dict(records[-1].said) == {"found": 'a "big, deep" hole'}
    assert (records[-1].on, records[-1].at) == (date(2026, 7, 1), time(0, 30))


def test_older_spreadsheets_are_read(tmp_path: Path) -> None:
    found = read(tmp_path, "reference,usrn,date,found\n1,5,2026-01-01,café £5\n".encode("cp1252"))
    assert dict(found.records[0].said) == {"found": "café £5"}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "no column “reference”"),
        ("reference,usrn\n1,2\n", "no column “date”"),
        ("reference,usrn,date\n", "no record with a USRN"),
        ("reference,usrn,date\n1,x,2026-01-01\n", "line 2: “x” is no USRN"),
        ("reference,usrn,date\n1,999999999,2026-01-01\n", "8 digits at most"),
        ("reference,usrn,date\n1,5,31/02/2026\n", "“31/02/2026” is no date"),
        ("reference,usrn,date\n,5,2026-01-01\n", "has a reference"),
        ("reference,usrn,date\n1,5,2026-01-01\n1,5,2026-01-02\n", "1 stands there twice"),
        ("reference,usrn,date,found\n1,5,2026-01-01," + "x" * 2000, "more than 1000 characters"),
        ("reference,usrn,date,what\n1,5,2026-01-01,a hole, deep\n", "more fields than there are"),
        ("reference,usrn,date\n1,5\n", "fewer fields than there are"),
        ("x" * 200_000 + ",usrn,date\n1,5,2026-01-01\n", "line 1"),
        (b"\x00\xff\xfe\x00PK\x03\x04 no text at all", "no column"),
        ('reference,usrn,date\n1,5,"' + "x" * 200_000, "line"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(
    tmp_path: Path, content: str | bytes, problem: str
) -> None:
    with pytest.raises(InputError) as told:
        read(tmp_path, content)
    assert problem in str(told.value)


def test_a_file_with_one_wrong_line_is_not_taken_in_part(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="was not taken: line 3"):
        read(tmp_path, "reference,usrn,date\n1,5,2026-01-01\n2,6,soon\n")


def test_a_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no column “Tag”"):
        read(tmp_path, GOOD, date="Tag")
    with pytest.raises(InputError, match="have no smell"):
        read(tmp_path, GOOD, smell="Tag")


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_records(Path("nowhere.csv"), RecordKind.ENQUIRIES, {})


@pytest.mark.parametrize(
    ("covered", "gaps"),
    [
        ([], [(1, 28)]),
        ([(1, 28)], []),
        ([(5, 10), (8, 20)], [(1, 4), (21, 28)]),
        ([(20, 28), (1, 10)], [(11, 19)]),
        ([(1, 10), (11, 28)], []),
    ],
)
def test_which_days_no_import_covers(
    covered: list[tuple[int, int]], gaps: list[tuple[int, int]]
) -> None:
    def day(number: int) -> date:
        return date(2026, 2, number)

    imports = tuple(
        RecordImport(
            kind=RecordKind.DEFECTS,
            source="x",
            content_sha256="0" * 64,
            records_sha256="0" * 64,
            covers_from=day(a),
            covers_to=day(b),
            records=1,
            left_out=0,
            said_by="ada",
            imported_at=NOON + timedelta(days=60),
        )
        for a, b in covered
    )
    found = days_not_covered(imports, day(1), day(28))
    assert found == tuple((day(a), day(b)) for a, b in gaps)
