"""Queues follow the policy, and what was watched comes back, where nothing was driven meanwhile."""

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from prefect.logging import disable_run_logger
from typer.testing import CliRunner

from deploy.cli import app
from deploy.ingest import detector_of, process, receive
from flows.priorities import priorities
from pipeline import wiring
from pipeline.adapters.postgres.queue_entries import load_queue
from pipeline.domain.ids import organisation_id
from pipeline.domain.uk_time import LONDON

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
COUNCIL = organisation_id("council")


@pytest.fixture(autouse=True)
def _street(
    database_urls: tuple[str, str],
    street_footage: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[None]:
    """Have one drive of a street in a queue."""
    for name in [name for name in os.environ if name.startswith("ROADWEAR_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ROADWEAR_DATABASE_URL", database_urls[1])
    monkeypatch.setenv("ROADWEAR_HOME", str(tmp_path))
    settings = wiring.Settings.from_env()
    batch = receive(
        [street_footage / "clip.mp4"], owner="council", authority="council", vehicle="1",
        track=street_footage / "track.gpx", rig=street_footage / "rig.toml", started_at=None,
        settings=settings,
    )  # fmt: skip
    process(batch.received, settings, detector_of(settings))
    yield
    wiring.database(settings).close()


def ranked() -> dict[str, int]:
    with disable_run_logger():
        return priorities()


def queue() -> dict[object, str]:
    """Return by which policy each place of the queue is ranked."""
    with wiring.database(wiring.Settings.from_env()).acting_for(COUNCIL) as connection:
        return {e.defect_id: e.policy_sha256 for e, _ in load_queue(connection, COUNCIL)}


def test_a_new_policy_ranks_the_queue_and_twice_is_once(monkeypatch: pytest.MonkeyPatch) -> None:
    before = queue()
    assert ranked() == {"organisations": 1, "waiting": len(before)}
    assert queue() == before
    monkeypatch.setenv("ROADWEAR_POLICY", "devon")
    ranked()
    after = queue()
    assert after.keys() == before.keys()
    assert set(after.values()).isdisjoint(before.values())
    monkeypatch.delenv("ROADWEAR_POLICY")
    done = CliRunner().invoke(app, ["policy", "apply", "--authority", "council"])
    assert done.exit_code == 0, done.output
    assert f"council: {len(before)} possible defects wait." in done.output
    assert queue() == before


def test_what_was_watched_till_today_comes_back(database_urls: tuple[str, str]) -> None:
    before = queue()
    [first, *_] = before
    today = datetime.now(LONDON).date()

    def watch(until: timedelta) -> None:
        with psycopg.connect(database_urls[0]) as connection:
            connection.execute(
                "update roadwear.defect set state = 'watched', watch_until = %s "
                "where defect_id = %s",
                (today + until, first),
            )

    watch(timedelta(days=2))
    ranked()
    assert queue().keys() == before.keys() - {first}
    watch(timedelta(0))
    ranked()
    assert queue().keys() == before.keys()


def test_an_authority_that_nobody_knows_is_refused() -> None:
    done = CliRunner().invoke(app, ["policy", "apply", "--authority", "nowhere"])
    assert done.exit_code != 0
    assert "there is no organisation nowhere" in done.output
