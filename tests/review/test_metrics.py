"""Numbers for Prometheus, with no names; is a server ready; what stops when the disk fills."""

import json
import os
import re
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pytest
import typer
import yaml
from fastapi.testclient import TestClient
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from deploy.ingest import detector_of, process
from deploy.processing import process_waiting
from deploy.serving import measured, web_app
from pipeline import wiring
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.schema import newest_migration, schema_version
from pipeline.adapters.postgres.work import load_all_waiting
from pipeline.domain.errors import NoRoomError
from pipeline.domain.room import Room
from tests.uplink.serving import hand_in_a_clip

GRAFANA = Path(__file__).parents[2] / "deploy" / "grafana"
FULL_GIB = 1e9
# So long Prometheus waits, unless it is told otherwise.
SCRAPE_S = 10.0


@pytest.fixture
def settings(
    database: Database, database_urls: tuple[str, str], tmp_path: Path
) -> Iterator[wiring.Settings]:
    hand_in_a_clip(database, tmp_path)
    made = wiring.Settings(database_url=database_urls[1], home=tmp_path)
    yield made
    wiring.database(made).close()


def told(registry: CollectorRegistry) -> str:
    return generate_latest(registry).decode()


def numbers(words: str) -> dict[tuple[str, ...], float]:
    """Return each sample by its name and its labels' values."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(words)
        for sample in family.samples
    }


def test_what_waits_is_counted_and_no_name_is_told(settings: wiring.Settings) -> None:
    app, registry = measured(settings, web_app(settings, https_only=False))
    with TestClient(app) as client:
        client.get(f"/passes/{uuid4()}?street=Planted-Name", follow_redirects=False)
        client.get("/nowhere/Planted-Name")
        client.request("PLANTED-METHOD", "/queue")
        words = told(registry)
    found = numbers(words)
    assert found["roadwear_drives_waiting", "north"] == 1
    assert found["roadwear_footage_waiting_seconds", "north"] == pytest.approx(6, abs=0.5)
    assert found["roadwear_drives_late", "north"] == 0
    assert found["roadwear_database_answers",] == 1
    assert found["roadwear_disk_free_bytes", "home"] > 0
    assert found["roadwear_http_request_seconds_count", "GET", "/passes/{drive_id}", "303"] == 1
    assert "planted" not in words.lower()


def test_where_the_database_is_away_that_is_a_number_before_prometheus_gives_up(
    settings: wiring.Settings,
) -> None:
    nobody = settings.model_copy(
        update={"database_url": f"postgresql://u:p@127.0.0.1:{closed()}/d"}
    )
    app = web_app(settings, https_only=False)
    _, registry = measured(nobody, app)
    began = time.monotonic()
    found = numbers(told(registry))
    assert time.monotonic() - began < SCRAPE_S
    assert found["roadwear_database_answers",] == 0
    assert not [name for name, *_ in found if name == "roadwear_drives_waiting"]


def closed() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_when_the_last_backup_was_made_is_told_where_that_can_be_seen(
    settings: wiring.Settings, tmp_path: Path
) -> None:
    mark = tmp_path / "backed-up"
    watching = settings.model_copy(update={"backup_mark": mark})
    app = web_app(settings, https_only=False)
    _, registry = measured(watching, app)
    assert numbers(told(registry))[("roadwear_backup_timestamp_seconds",)] == 0
    mark.touch()
    os.utime(mark, (1_700_000_000, 1_700_000_000))
    _, registry = measured(watching, app)
    assert numbers(told(registry))[("roadwear_backup_timestamp_seconds",)] == 1_700_000_000
    _, registry = measured(settings, app)
    assert ("roadwear_backup_timestamp_seconds",) not in numbers(told(registry))


def test_the_dashboard_and_the_rules_ask_for_nothing_that_is_not_told(
    settings: wiring.Settings, tmp_path: Path
) -> None:
    settings = settings.model_copy(update={"backup_mark": tmp_path / "backed-up"})
    app, registry = measured(settings, web_app(settings, https_only=False))
    with TestClient(app) as client:
        client.get("/health")
        there = {name for name, *_ in numbers(told(registry))}
    board = json.loads((GRAFANA / "roadwear.json").read_text("utf-8"))
    rules = yaml.safe_load((GRAFANA / "alerts.yaml").read_text("utf-8"))
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    asked += [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    names = {name for expression in asked for name in re.findall(r"roadwear_\w+", expression)}
    assert len(names) > 10
    assert names <= there


def test_a_server_is_ready_when_its_database_has_what_it_reads(
    settings: wiring.Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert schema_version(database) == newest_migration()
    with TestClient(web_app(settings, https_only=False)) as client:
        assert client.get("/ready").status_code == 200
        wiring.database(settings).close()
        assert client.get("/ready").status_code == 503
        assert client.get("/health").status_code == 200
    monkeypatch.setattr("pipeline.review.readiness.newest_migration", lambda: "9999")
    wiring._database.cache_clear()  # noqa: SLF001 - as a process that is started anew
    with TestClient(web_app(settings, https_only=False)) as client:
        answer = client.get("/ready")
    assert answer.status_code == 503
    assert "brought up to date" in answer.json()["status"]


def test_where_the_disk_is_next_to_full_no_footage_is_looked_at(
    settings: wiring.Settings, database: Database
) -> None:
    full = settings.model_copy(update={"free_gib": FULL_GIB})
    [waiting] = load_all_waiting(database, wiring.footage_store(full).store_id)
    received = wiring.ledger(full).load_drive(waiting.owner_id, waiting.drive_id)
    with pytest.raises(NoRoomError, match="no footage is looked at"):
        process(received, full, detector_of(full))


def test_uploads_stop_by_the_disk_of_footage_and_work_by_that_of_pictures(
    settings: wiring.Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apart = settings.model_copy(update={"footage": tmp_path / "other" / "not-there-yet"})
    (tmp_path / "other").mkdir()
    free = {"other": 100 << 30, "home": 100 << 30}

    def usage(path: Path) -> SimpleNamespace:
        return SimpleNamespace(free=free["other" if path.name == "other" else "home"])

    monkeypatch.setattr(shutil, "disk_usage", usage)
    assert wiring.room(apart) is Room.ENOUGH
    free["other"] = 1 << 30
    assert wiring.room(apart) is Room.NO_UPLOADS
    free.update(other=100 << 30, home=8 << 30)
    assert wiring.room(apart) is Room.ENOUGH
    free["home"] = 1 << 30
    assert wiring.room(apart) is Room.NO_WORK


def test_who_looks_at_footage_by_the_clock_waits_for_room(
    settings: wiring.Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROADWEAR_DATABASE_URL", settings.database_url or "")
    monkeypatch.setenv("ROADWEAR_HOME", str(settings.home))
    monkeypatch.setenv("ROADWEAR_FREE_GIB", str(FULL_GIB))
    with pytest.raises(typer.Exit):
        process_waiting("", every_s=None)
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) > 1:
            raise KeyboardInterrupt

    monkeypatch.setattr("deploy.processing.time.sleep", sleep)
    with pytest.raises(KeyboardInterrupt):
        process_waiting("", every_s=60)
    assert waits == [60, 60]
    [waiting] = load_all_waiting(database, wiring.footage_store(settings).store_id)
    assert waiting.said == ()
