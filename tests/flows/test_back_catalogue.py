"""A study: what was kept is looked at again, counts nowhere, and counts once a person says so."""

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from prefect.client.orchestration import get_client
from prefect.logging import disable_run_logger
from typer.testing import CliRunner

from deploy.cli import app
from deploy.ingest import detector_of, process, receive
from flows.back_catalogue import back_catalogue, runner_of
from flows.telling import ToldError
from pipeline import wiring
from pipeline.adapters.postgres import studies as rows
from pipeline.adapters.postgres.people import add_person
from pipeline.adapters.postgres.queue_entries import load_queue
from pipeline.domain.decisions import Role
from pipeline.domain.errors import InputError
from pipeline.domain.ids import StudyId, organisation_id
from pipeline.domain.intake import ReceivedDrive
from pipeline.domain.studies import LooksAt, Study

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
OWNER = organisation_id("council")
# The model before the released one, and the released one.
OTHER, OURS = "road-v1", "road-v2"
ENGINEER, FLEET = "e@council.example", "f@council.example"


@pytest.fixture
def settings(
    database_urls: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[wiring.Settings]:
    for name in [name for name in os.environ if name.startswith("ROADWEAR_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ROADWEAR_DATABASE_URL", database_urls[1])
    monkeypatch.setenv("ROADWEAR_HOME", str(tmp_path))
    monkeypatch.setenv("ROADWEAR_ROAD_VIEW_EVERY_M", "5")
    monkeypatch.setenv("ROADWEAR_MODEL", OURS)
    settings = wiring.Settings.from_env()
    yield settings
    wiring.database(settings).close()


@pytest.fixture
def drive(settings: wiring.Settings, street_footage: Path, tmp_path: Path) -> ReceivedDrive:
    """Have one drive looked at by the released model; its clip is tmp_path's."""
    clip = tmp_path / "clip.mp4"
    clip.write_bytes((street_footage / "clip.mp4").read_bytes())
    received = receive(
        [clip], owner="council", authority="council", vehicle="1",
        track=street_footage / "track.gpx", rig=street_footage / "rig.toml", started_at=None,
        settings=settings,
    ).received  # fmt: skip
    process(received, settings, detector_of(settings))
    with wiring.database(settings).acting_for(OWNER) as connection:
        for email, role in ((ENGINEER, Role.ENGINEER), (FLEET, Role.FLEET)):
            add_person(
                connection, OWNER, email=email, name="Planted", password=None, roles=[role]
            )  # fmt: skip
    return received


def asked(model: str, at: LooksAt) -> str:
    """Ask for a study by the command; return its id."""
    today = datetime.now(UTC).date()
    done = roadwear(
        "study", "ask", "--owner", "council", "--model", model, "--by", ENGINEER,
        "--why", "Planted words",
        "--from", f"{today - timedelta(days=1)}", "--to", f"{today}", "--at", at,
    )  # fmt: skip
    return done.split("Study ")[1].split(":")[0]


def roadwear(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, words)
    assert done.exit_code == code, done.output
    return done.output


def on_prefect(study: str, processes: int = 1) -> dict[str, int]:
    with disable_run_logger():
        return back_catalogue(OWNER, UUID(study), processes, 20)


def queue_of(settings: wiring.Settings) -> list[object]:
    with wiring.database(settings).acting_for(OWNER) as connection:
        return [(entry.score, defect.version) for entry, defect in load_queue(connection, OWNER)]


def counting_runs(settings: wiring.Settings) -> list[tuple[str, UUID]]:
    with wiring.database(settings).acting_for(OWNER) as connection:
        return [
            (row["model"], row["run_id"])
            for row in connection.execute(
                "select detector ->> 'model_id' as model, run_id from roadwear.run "
                "where state = 'current' and mark = 'live'"
            )
        ]


def known(settings: wiring.Settings, study: str) -> Study:
    with wiring.database(settings).acting_for(OWNER) as connection:
        return rows.load_study(connection, StudyId(UUID(study)))


@pytest.mark.usefixtures("drive")
def test_pictures_are_looked_at_on_two_processes_as_the_camera_saw_them(
    settings: wiring.Settings,
) -> None:
    before = queue_of(settings)
    study = asked(OURS, LooksAt.PICTURES)

    done = on_prefect(study, processes=2)
    again = on_prefect(study)

    with wiring.database(settings).acting_for(OWNER) as connection:
        found = rows.count_pictures(connection, known(settings, study))
    assert done["parts"] == len(counting_runs(settings))
    assert done["looked"] > len(before)
    assert again == {}
    # The same model sees in its own close views what it reported.
    assert found.again["undecided"] == found.shown["undecided"] >= len(before) > 0
    assert found.road_views > 0
    assert queue_of(settings) == before
    assert "Nothing of it counts." in roadwear("study", "show", study, "--owner", "council")
    assert "Only a study of footage" in roadwear(
        "study", "release", study, "--owner", "council", "--by", ENGINEER, "--why", "no", code=2
    )
    with get_client(sync_client=True) as client:
        told = client.request("POST", "/artifacts/filter", json={}).json()
        runs = client.request("POST", "/flow_runs/filter", json={}).json()
        tasks = client.request("POST", "/task_runs/filter", json={}).json()
    assert [one["key"] for one in told if one["key"] == f"study-{study}"]
    assert study in str(runs)
    assert not re.search(r"Planted|council|clip\.mp4", str([told, runs, tasks]))


def test_a_study_of_footage_counts_nowhere_until_an_engineer_lets_it(
    settings: wiring.Settings, drive: ReceivedDrive, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, counting = queue_of(settings), counting_runs(settings)
    study = asked(OTHER, LooksAt.FOOTAGE)
    release = "study", "release", study, "--owner", "council", "--why", "it sees more", "--by"
    assert "not looked at yet" in " ".join(roadwear(*release, ENGINEER, code=2).split())
    roadwear("study", "run", study, "--owner", "council")

    assert queue_of(settings) == before
    assert counting_runs(settings) == counting
    assert {model for model, _ in counting} == {OURS}
    assert "nobody with the address" in roadwear(*release, "x@y.example", code=2)
    assert "by an engineer" in roadwear(*release, FLEET, code=2)
    assert "was made otherwise" in " ".join(roadwear(*release, ENGINEER, code=2).split())
    assert counting_runs(settings) == counting

    monkeypatch.setenv("ROADWEAR_MODEL", OTHER)
    released_at = datetime.now(UTC)
    roadwear(*release, ENGINEER)

    assert {model for model, _ in counting_runs(settings)} == {OTHER}
    with wiring.database(settings).acting_for(OWNER) as connection:
        row = connection.execute(
            "select min(o.recorded_at) as known_at, count(*) as sightings "
            "from roadwear.observation o join roadwear.run r using (run_id) "
            "where r.state = 'current' and r.mark = 'live'"
        ).fetchone()
        found = rows.count_footage(connection, known(settings, study))
    assert row is not None
    assert row["known_at"] >= released_at
    assert row["sightings"] == sum(ours for ours, _ in found.sightings.values())
    assert queue_of(settings) != before
    # New work on the drive finds it done, and a second word changes nothing.
    queue = queue_of(settings)
    as_other = wiring.Settings.from_env()
    assert process(drive, as_other, detector_of(as_other)).pieces_new == 0
    roadwear(*release, ENGINEER)
    assert queue_of(settings) == queue
    # What counts now is no part of the study that is to be looked at.
    assert on_prefect(study) == {}
    with wiring.database(settings).acting_for(OWNER) as connection:
        assert rows.count_footage(connection, known(settings, study)) == found
        progress = rows.load_progress(connection, known(settings, study))
    assert progress.done == progress.parts == len(counting)
    assert "Released by Planted" in roadwear("study", "show", study, "--owner", "council")


@pytest.mark.usefixtures("drive")
def test_a_drive_whose_track_is_gone_stays_as_it_was(
    settings: wiring.Settings, database_urls: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    study, before = asked(OTHER, LooksAt.FOOTAGE), queue_of(settings)
    roadwear("study", "run", study, "--owner", "council")
    with psycopg.connect(database_urls[0]) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute("delete from roadwear.drive_fix")
    monkeypatch.setenv("ROADWEAR_MODEL", OTHER)

    done = roadwear(
        "study", "release", study, "--owner", "council", "--by", ENGINEER, "--why", "it sees more"
    )

    assert "stays as it was: the track has no usable position" in " ".join(done.split())
    assert "0 pieces of 0 drives" in " ".join(done.split())
    assert {model for model, _ in counting_runs(settings)} == {OURS}
    assert queue_of(settings) == before


@pytest.mark.usefixtures("drive")
def test_batches_that_fail_on_other_processes_are_counted_and_said(
    settings: wiring.Settings,
) -> None:
    study = asked(OTHER, LooksAt.PICTURES)
    with wiring.database(settings).acting_for(OWNER) as connection:
        # As on a worker that has not got the model.
        lost = replace(
            rows.load_study(connection, StudyId(UUID(study))),
            study_id=StudyId(uuid4()),
            model="road-v99",
        )
        rows.save_study(connection, lost)

    with pytest.raises(ToldError) as raised:
        on_prefect(str(lost.study_id), processes=2)

    assert raised.value.sentence == f"1 batches of study {lost.study_id} failed: run it again"
    with wiring.database(settings).acting_for(OWNER) as connection:
        assert rows.load_progress(connection, lost).done == 0


@pytest.mark.usefixtures("drive")
def test_footage_that_is_gone_is_said(settings: wiring.Settings, tmp_path: Path) -> None:
    study = asked(OTHER, LooksAt.FOOTAGE)
    (tmp_path / "clip.mp4").unlink()

    done = on_prefect(study)

    assert done["refused"] == done["parts"] == len(counting_runs(settings))
    shown = roadwear("study", "show", study, "--owner", "council")
    assert f"Not looked at, {done['refused']}: the footage is gone" in shown
    assert "clip.mp4" not in shown


@pytest.mark.usefixtures("drive")
def test_what_cannot_be_asked_is_refused() -> None:
    ask = "study", "ask", "--owner", "council", "--by", ENGINEER, "--why"

    def refused(why: str, model: str, first: str, code: int) -> str:
        words = (*ask, why, "--model", model, "--from", first, "--to", "2026-01-01")
        return " ".join(roadwear(*words, code=code).split())

    assert "no model" in refused("to see", "road-v99", "2026-01-01", 3)
    assert "must not lie after" in refused("to see", OURS, "2026-01-02", 2)
    assert "what the study is for" in refused(" ", OURS, "2026-01-01", 2)
    assert "there is no study" in roadwear(
        "study", "show", str(uuid4()), "--owner", "council", code=3
    )


def test_a_cluster_is_asked_by_tls_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROADWEAR_DASK", "tcp://cluster.example:8786")

    with pytest.raises(InputError, match="only tls"):
        runner_of(wiring.Settings.from_env(), 4)
