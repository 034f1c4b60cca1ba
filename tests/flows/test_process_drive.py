"""The flow on Prefect's own server: pieces as tasks, retries for outages alone."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prefect import flow, task
from prefect.logging import disable_run_logger
from prefect.testing.utilities import prefect_test_harness

from deploy.commands_roads import load
from deploy.ingest import receive
from flows.process_drive import only_outages, process_drive
from pipeline import wiring
from pipeline.adapters.postgres.queue_entries import load_queue
from pipeline.adapters.postgres.roads import load_road_facts
from pipeline.domain.errors import InputError, OutageError
from pipeline.domain.ids import organisation_id
from tests.roads import roads_along

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.fixture(scope="module", autouse=True)
def _prefect() -> Iterator[None]:
    with prefect_test_harness(server_startup_timeout=90):
        yield


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
    settings: wiring.Settings, street_footage: Path, tmp_path: Path
) -> None:
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

    assert first["pieces"] == 1
    assert first["looked"] > 10
    assert first["new"] >= 1
    assert again["already_done"] == 1
    assert again["unchanged"] == first["new"]
    assert first["on_road"] == first["observations"] > 0
    assert again["on_road"] == again["on_no_road"] == 0
    assert streets_in_the_queue(settings) == {"Long Street"}
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
        raise error("no")

    @flow
    def run() -> None:
        fails()

    with disable_run_logger(), pytest.raises(error):
        run()

    assert tried == tries


def test_the_deployment_points_at_the_flow() -> None:
    root = Path(__file__).parents[2]
    declared = yaml.safe_load((root / "deploy" / "prefect.yaml").read_text())

    (deployment,) = declared["deployments"]
    module, _, name = deployment["entrypoint"].partition(":")
    assert (root / module).is_file()
    assert (module, name) == ("flows/process_drive.py", "process_drive")
    assert process_drive.name == deployment["name"]
