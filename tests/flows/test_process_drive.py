"""The flow on Prefect's own server: pieces as tasks, retries for outages alone."""

import json
import os
import time
import traceback
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from prefect import flow, task
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.logging import disable_run_logger

from deploy.commands_roads import load
from deploy.ingest import receive
from flows.ops import DEPLOYMENTS, HEARTBEAT_S, QUEUES
from flows.process_drive import process_drive
from flows.retrying import only_outages
from flows.telling import ToldError, without_words
from pipeline import wiring
from pipeline.adapters.postgres.queue_entries import load_queue
from pipeline.adapters.postgres.roads import load_road_facts
from pipeline.adapters.postgres.work import load_effort, load_work
from pipeline.domain.errors import InputError, OutageError
from pipeline.domain.ids import organisation_id
from pipeline.domain.work import WorkKind
from tests.roads import roads_along

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.fixture
def settings(
    database_urls: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> wiring.Settings:
    for name in [name for name in os.environ if name.startswith("ROADWEAR_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ROADWEAR_DATABASE_URL", database_urls[1])
    monkeypatch.setenv("ROADWEAR_HOME", str(tmp_path))
    return wiring.Settings.from_env()


def test_a_received_drive_becomes_a_queue_and_twice_is_once(
    settings: wiring.Settings,
    street_footage: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    client: SyncPrefectClient,
) -> None:
    monkeypatch.setenv("ROADWEAR_SERVER", "https://roadwear.example/")
    batch = receive(
        [street_footage / "clip.mp4"],
        owner="depot",
        authority="council",
        vehicle="1",
        track=street_footage / "track.gpx",
        rig=street_footage / "rig.toml",
        started_at=None,
        settings=settings,
    )

    roads = roads_along(street_footage / "track.gpx", tmp_path / "roads.geojson")
    load(roads, authority="council", column=["name=street"])
    with disable_run_logger():
        first = process_drive(organisation_id("depot"), batch.received.drive.drive_id)
        again = process_drive(organisation_id("depot"), batch.received.drive.drive_id)

    drive = batch.received.drive.drive_id
    kept = client.request("POST", "/artifacts/filter", json={}).json()
    [link] = {one["data"] for one in kept if one["key"] == f"drive-{drive}"}
    assert f"(https://roadwear.example/passes/{drive})" in link
    assert first["pieces"] == 1
    assert first["looked"] > 10
    assert first["new"] >= 1
    assert again["already_done"] == 1
    assert again["unchanged"] == first["new"]
    assert first["on_road"] == first["observations"] > 0
    assert again["on_road"] == again["on_no_road"] == 0
    assert streets_in_the_queue(settings) == {"Long Street"}
    with wiring.database(settings).acting_for(organisation_id("depot")) as connection:
        effort = load_effort(
            connection, organisation_id("depot"), datetime.now(UTC) - timedelta(hours=1)
        )
    assert effort.worker_s > 0
    assert effort.looked_m > 10
    # A newer file takes over, for what was seen before too.
    text = roads.read_text("utf-8").replace("Long Street", "King Street")
    roads.write_text(text, "utf-8")
    load(roads, authority="council", column=["name=street"])
    assert streets_in_the_queue(settings) == {"King Street"}
    wiring.database(settings).close()


def streets_in_the_queue(settings: wiring.Settings) -> set[str]:
    council = organisation_id("council")
    with wiring.database(settings).acting_for(council) as connection:
        names = [entry.defect_id for entry, _ in load_queue(connection, council)]
        roads = load_road_facts(connection, council, names)
    assert set(roads) == set(names) != set()
    return {road.name for road in roads.values()}


@pytest.mark.parametrize(("error", "tries"), [(OutageError, 3), (InputError, 1), (ValueError, 1)])
def test_outages_are_tried_again_and_nothing_else(error: type[Exception], tries: int) -> None:
    tried = 0

    @task(retries=2, retry_condition_fn=only_outages)
    def fails() -> None:
        nonlocal tried
        tried += 1
        with without_words():
            raise error("no")

    @flow
    def run() -> None:
        fails()

    with disable_run_logger(), pytest.raises(ToldError):
        run()

    assert tried == tries


@pytest.mark.parametrize("error", [InputError, OutageError, ValueError])
def test_prefect_is_told_nothing_of_files_places_or_people(error: type[Exception]) -> None:
    @flow(name="fails")
    def fails() -> None:
        with without_words():
            raise error("Mrs Planted of 1 Planted Lane, planted.mp4")

    state = fails(return_state=True)

    assert "lanted" not in str(state)
    with pytest.raises(ToldError) as raised:
        state.result()
    shown = "".join(traceback.format_exception(raised.value))
    assert "lanted" not in shown
    with get_client(sync_client=True) as client:
        time.sleep(3)  # logs are sent a little later
        logs = client.request("POST", "/logs/filter", json={}).json()
        runs = client.request("POST", "/flow_runs/filter", json={}).json()
    assert logs and runs
    assert "lanted" not in json.dumps([logs, runs])


def test_footage_that_is_gone_is_told_to_people_and_not_to_prefect(
    settings: wiring.Settings, street_footage: Path, tmp_path: Path
) -> None:
    clip = tmp_path / "planted.mp4"
    clip.write_bytes((street_footage / "clip.mp4").read_bytes())
    batch = receive(
        [clip], owner="depot", authority="depot", vehicle="1",
        track=street_footage / "track.gpx", rig=street_footage / "rig.toml", started_at=None,
        settings=settings,
    )  # fmt: skip
    clip.unlink()
    depot, drive = organisation_id("depot"), batch.received.drive.drive_id

    with disable_run_logger():
        state = process_drive(depot, drive, return_state=True)

    assert state.is_failed()
    assert "planted" not in str(state.message)
    with wiring.database(settings).acting_for(depot) as connection:
        begun, failed = load_work(connection, depot, [drive])[drive]
    assert (begun.kind, failed.kind) == (WorkKind.BEGUN, WorkKind.FAILED)
    assert "planted.mp4" in failed.sentence
    assert begun.flow_run_id == failed.flow_run_id is not None
    wiring.database(settings).close()


def test_the_deployments_point_at_the_flows_that_are_checked() -> None:
    root = Path(__file__).parents[2]
    declared = yaml.safe_load((root / "deploy" / "prefect.yaml").read_text())

    named = []
    for deployment in declared["deployments"]:
        module, _, name = deployment["entrypoint"].rpartition(".")
        found = getattr(import_module(module), name)
        named.append(f"{found.name}/{deployment['name']}")
        assert deployment["work_pool"]["work_queue_name"] in QUEUES[deployment["work_pool"]["name"]]
        assert deployment["work_pool"]["job_variables"]["env"] == {
            "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_S)
        }
        for schedule in deployment.get("schedules", []):
            by_the_wall = not schedule["cron"].startswith("*/5 *")
            assert schedule["timezone"] == ("Europe/London" if by_the_wall else "UTC")
    assert tuple(named) == DEPLOYMENTS
