"""The log finds every change of what was said, also one made by the database's own owner."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from pipeline.adapters.postgres import retention
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.intake import save_organisation
from pipeline.adapters.postgres.log import log_head, log_lines, rows_unlike_log
from pipeline.domain.chain import FIRST, fault_in, next_sha256
from pipeline.domain.ids import organisation_id
from pipeline.domain.keeping import Kind

NORTH, SOUTH = organisation_id("north"), organisation_id("south")


@pytest.fixture
def logged(database: Database) -> Database:
    """Five words of one organisation."""
    with database.acting_for(NORTH) as connection:
        save_organisation(connection, "north")
    for days in range(5):
        with database.acting_for(NORTH) as connection:
            retention.set_days(connection, NORTH, Kind.STILL, 100 + days, said_by="ada")
    return database


@contextmanager
def as_owner(urls: tuple[str, str]) -> Iterator[psycopg.Connection]:
    """Act as somebody who may do everything, and has switched the guards off."""
    with psycopg.connect(urls[0]) as connection:
        for table in ("retention_rule", "log_line"):
            connection.execute(f"alter table roadwear.{table} disable trigger all")
        connection.execute("select set_config('roadwear.organisation', %s, true)", (str(NORTH),))
        yield connection


def faults(database: Database, head: tuple[int, str] | None = None) -> list[str]:
    with database.acting_for(NORTH) as connection:
        broken = fault_in(log_lines(connection, NORTH), head=head)
        return [*([broken] if broken else []), *rows_unlike_log(connection, NORTH)]


def head_of(database: Database) -> tuple[int, str]:
    with database.acting_for(NORTH) as connection:
        last = log_head(connection, NORTH)
    assert last is not None
    return last.ordinal, last.sha256


def test_what_is_said_is_in_the_log_of_whom_it_concerns(logged: Database) -> None:
    assert faults(logged) == []
    assert head_of(logged)[0] == 5
    with logged.acting_for(NORTH) as connection:
        lines = [json.loads(line.line) for line in log_lines(connection, NORTH)]
    assert [line["row"]["days"] for line in lines] == [100, 101, 102, 103, 104]
    assert {line["kind"] for line in lines} == {"retention_rule"}


def test_each_organisation_has_a_log_of_its_own(logged: Database) -> None:
    with logged.acting_for(SOUTH) as connection:
        save_organisation(connection, "south")
        retention.set_days(connection, SOUTH, Kind.STILL, 7, said_by="bob")
        assert [line.ordinal for line in log_lines(connection, SOUTH)] == [1]
        assert list(log_lines(connection, NORTH)) == []
        assert rows_unlike_log(connection, SOUTH) == ()
    assert faults(logged) == []


FORGED = (
    "insert into roadwear.retention_rule (owner_id, kind, days, said_by) "
    "select roadwear.acting_for(), 'still', 7, 'ada'"
)
REWORDED = "update roadwear.log_line set line = replace(line, '102', '999') where ordinal = 3"
CUT = "delete from roadwear.log_line where ordinal = "


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("update roadwear.retention_rule set days = 1 where days = 102", "not as it was"),
        ("delete from roadwear.retention_rule where days = 104", "is gone"),
        (FORGED, "was not logged"),
        (REWORDED, "line 3 was changed"),
        (CUT + "2", "line 2 is missing"),
        (CUT + "5", "the log ends at line 4"),
    ],
)
def test_every_change_is_found(
    logged: Database, database_urls: tuple[str, str], change: str, found: str
) -> None:
    head = head_of(logged)
    with as_owner(database_urls) as connection:
        assert connection.execute(change).rowcount == 1
    assert any(found in sentence for sentence in faults(logged, head))


def test_a_log_that_was_written_anew_from_some_line_on_is_not_the_deposited_one(
    logged: Database, database_urls: tuple[str, str]
) -> None:
    head = head_of(logged)
    with as_owner(database_urls) as connection:
        rows = connection.execute(
            "select ordinal, line from roadwear.log_line order by 1"
        ).fetchall()
        before = FIRST
        for ordinal, line in rows:
            forged = line.replace('"days": 104', '"days": 365')
            before = next_sha256(before, forged)
            connection.execute(
                "update roadwear.log_line set line = %s, sha256 = %s where ordinal = %s",
                (forged, before, ordinal),
            )
        connection.execute("update roadwear.retention_rule set days = 365 where days = 104")
    assert faults(logged) == []
    assert faults(logged, head) == [
        "line 5 is not the one that was deposited: the log was written anew"
    ]


def test_nobody_changes_the_log_through_the_application(logged: Database) -> None:
    for change in (
        "update roadwear.log_line set line = ''",
        "delete from roadwear.log_line",
        "insert into roadwear.log_line values (roadwear.acting_for(), 9, '', repeat('0', 64))",
        "select roadwear.add_log_line(roadwear.acting_for(), 'decision', 'x', '{}')",
    ):
        with (
            pytest.raises(psycopg.errors.Error, match=r"permission denied|only ever added"),
            logged.acting_for(NORTH) as connection,
        ):
            connection.execute(change)


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="no sha256sum on this machine")
def test_a_stranger_checks_it_with_public_tools(logged: Database) -> None:
    with logged.acting_for(NORTH) as connection:
        lines = list(log_lines(connection, NORTH))

    def summed(text: str) -> str:
        asked = subprocess.run(["sha256sum"], input=text.encode(), capture_output=True, check=True)
        return asked.stdout.decode().split()[0]

    before = "0" * 64
    for line in lines:
        before = summed(f"{before}\n{summed(line.line)}")
        assert before == line.sha256
