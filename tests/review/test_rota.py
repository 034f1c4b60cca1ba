"""The rota: said by operations, kept with their name, and by the command."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.cli import app
from pipeline import wiring
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.log import log_lines, rows_unlike_log
from pipeline.adapters.postgres.rota import load_watched
from pipeline.domain.chain import fault_in
from pipeline.domain.ids import DriveId, OrganisationId
from pipeline.domain.rota import Rota
from tests.review.browsing import Browser
from tests.review.test_operations import clock, desk, drive, ops

__all__ = ["clock", "desk", "drive", "ops"]


def rotas(database: Database, owner: OrganisationId) -> dict[str, Rota | None]:
    with database.acting_for(owner) as connection:
        since = datetime.now(UTC) - timedelta(days=1)
        return {one.vehicle: one.rota for one in load_watched(connection, owner, since)}


def test_operations_say_when_a_vehicle_is_out(
    ops: Browser, database: Database, drive: tuple[OrganisationId, DriveId]
) -> None:
    assert "On no rota" in ops.get("/operations/rota")
    page = re.search(r"/operations/rota/[0-9a-f-]+", ops.html)
    assert page
    assert "Rota of vehicle 1142" in ops.get(page[0])
    words = ops.post(page[0], {"day": ["0", "4"], "within": "7"})
    assert "Monday, Friday; footage within 7 days" in words
    ops.get(page[0])
    assert ops.html.count("checked") == 2
    assert 'value="7"' in ops.html
    # What was said last counts: it is not to be expected any more.
    assert "Not expected" in ops.post(page[0], {"within": "1"})
    owner, _ = drive
    assert rotas(database, owner)["1142"] == Rota(
        weekdays=frozenset(), within_days=1, from_day=datetime.now(UTC).date()
    )
    with database.acting_for(owner) as connection:
        lines = list(log_lines(connection, owner))
        assert sum('"vehicle_rota"' in line.line for line in lines) == 2
        assert fault_in(lines) is None
        assert rows_unlike_log(connection, owner) == ()


@pytest.mark.parametrize(
    "said", [{"within": "32"}, {"within": "x"}, {"within": ""}, {"day": ["7"], "within": "1"}]
)
def test_what_is_no_rota_is_refused(
    ops: Browser,
    database: Database,
    drive: tuple[OrganisationId, DriveId],
    said: dict[str, str | list[str]],
) -> None:
    ops.get("/operations/rota")
    page = re.search(r"/operations/rota/[0-9a-f-]+", ops.html)
    assert page
    assert "whole number of days from 0 to 31" in ops.post(page[0], said, status=422)
    assert rotas(database, drive[0]) == {"1142": None}


@pytest.mark.usefixtures("ops")
def test_the_command_says_it_of_several(
    database: Database,
    database_urls: tuple[str, str],
    drive: tuple[OrganisationId, DriveId],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ROADWEAR_DATABASE_URL", database_urls[1])
    monkeypatch.setenv("ROADWEAR_HOME", str(tmp_path))

    def rota(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["rota", *words, "--owner", "north"])
        return done.exit_code, " ".join(done.output.split())

    by = ("--by", "ops@north.example")
    assert rota("set", "1142", "--days", "sat-mon,wed", "--within", "0", *by)[0] == 0
    said = rotas(database, drive[0])["1142"]
    assert said is not None
    assert (said.weekdays, said.within_days) == (frozenset({5, 6, 0, 2}), 0)
    assert "the same day" in rota("list")[1]
    assert "has no vehicle 9" in rota("set", "1142", "9", "--days", "mon", *by)[1]
    assert "is not understood" in rota("set", "1142", "--days", "lundi", *by)[1]
    assert "nobody with the role" in rota("set", "1142", "--days", "mon", "--by", "x@y.z")[1]
    assert rotas(database, drive[0])["1142"] == said
    wiring.database(wiring.Settings.from_env()).close()
