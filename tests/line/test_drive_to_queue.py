"""A real clip and track in, rows and pictures out: once, however often and however it ends."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

ROADWEAR = str(Path(sys.executable).with_name("roadwear"))
TABLES = {
    "organisation": ("slug",),
    "vehicle": ("vehicle_id",),
    "drive": ("drive_id",),
    "drive_fix": ("drive_id", "ordinal"),
    "clip": ("clip_sha256",),
    "run": ("run_id",),
    "look_refused": ("run_id", "ordinal"),
    "observation": ("observation_id",),
    "coverage": ("run_id", "ordinal"),
    "still": ("run_id", "ordinal"),
    "defect": ("defect_id",),
    "queue_entry": ("defect_id",),
    "policy": ("policy_sha256",),
}
# When something was recorded differs from day to day; a surrogate key is no content; and where a
# clip lies is where the test put it.
UNSTEADY = {"recorded_at", "received_at", "detected_at", "membership_id", "location"}


class House:
    """The command line against a database of its own."""

    def __init__(self, urls: tuple[str, str], home: Path, footage: Path) -> None:
        self.admin_url, self.app_url = urls
        self.home, self.footage = home, footage
        self.env = {
            **{k: v for k, v in os.environ.items() if not k.startswith("ROADWEAR_")},
            "ROADWEAR_DATABASE_URL": self.app_url,
            "ROADWEAR_HOME": str(home),
            "ROADWEAR_PIECE_S": "1",
        }

    def ingest(self, clip: Path, *more: str) -> list[str]:
        track, rig = self.footage / "track.gpx", self.footage / "rig.toml"
        return [
            ROADWEAR, "ingest", str(clip), "--track", str(track), "--rig", str(rig),
            "--owner", "depot", "--authority", "depot", "--vehicle", "v1", "--json", *more,
        ]  # fmt: skip

    def run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, env=self.env, capture_output=True, text=True, check=False)

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        with psycopg.connect(self.admin_url, row_factory=dict_row) as connection:
            found = {}
            for table, key in TABLES.items():
                keys = sql.SQL(", ").join(map(sql.Identifier, key))
                query = sql.SQL("select * from roadwear.{} order by {}").format(
                    sql.Identifier(table), keys
                )
                found[table] = [
                    {name: value for name, value in row.items() if name not in UNSTEADY}
                    for row in connection.execute(query)
                ]
            members = sql.SQL(
                "select observation_id, defect_id, reason from roadwear.membership order by 1, 2"
            )
            found["membership"] = list(connection.execute(members))
        return found


@pytest.fixture
def house(database_urls: tuple[str, str], tmp_path: Path, street_footage: Path) -> House:
    return House(database_urls, tmp_path, street_footage)


@pytest.fixture
def second_house(
    other_database_urls: tuple[str, str], tmp_path: Path, street_footage: Path
) -> House:
    return House(other_database_urls, tmp_path / "second", street_footage)


def test_a_clip_becomes_a_queue_and_the_same_again_changes_nothing(
    house: House, tmp_path: Path
) -> None:
    clip = house.footage / "clip.mp4"
    done = house.run(house.ingest(clip))
    assert done.returncode == 0, done.stderr
    first = house.rows()
    renamed = tmp_path / "another name.mp4"
    renamed.write_bytes(clip.read_bytes())

    again = house.run(house.ingest(renamed))

    assert json.loads(again.stdout)["pieces_new"] == 0
    assert house.rows() == first
    queue = json.loads(
        house.run([ROADWEAR, "queue", "--authority", "depot", "--format", "json"]).stdout
    )
    holes = json.loads((house.footage / "truth.json").read_text())
    assert 1 <= len(queue) <= holes + 1
    assert [row["score"] for row in queue] == sorted((r["score"] for r in queue), reverse=True)
    assert all(row["reasons"] and row["evidence"] and UUID(row["defect_id"]) for row in queue)
    assert all(row["depth_mm"] is None for row in queue)


def test_a_killed_ingest_is_finished_by_the_next_one(house: House, second_house: House) -> None:
    clip = house.footage / "clip.mp4"
    undisturbed = second_house.run(second_house.ingest(clip))
    assert undisturbed.returncode == 0, undisturbed.stderr

    process = subprocess.Popen(
        house.ingest(clip), env=house.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _wait_for_a_run(house)
    process.send_signal(signal.SIGKILL)
    process.wait()
    killed = house.rows()
    finished = house.run(house.ingest(clip))

    assert finished.returncode == 0, finished.stderr
    done, whole = len(killed["run"]), len(second_house.rows()["run"])
    assert 1 <= done < whole
    assert json.loads(finished.stdout)["pieces_new"] == whole - done
    assert house.rows() == second_house.rows()


def _wait_for_a_run(house: House) -> None:
    """Return as soon as one piece is stored, while the others are still being looked at."""
    for _ in range(600):
        if house.rows()["run"]:
            return
        time.sleep(0.02)
    pytest.fail("nothing was stored within 30 s")


def test_no_database_is_an_outage_and_says_what_to_do(house: House) -> None:
    house.env["ROADWEAR_DATABASE_URL"] = "postgresql://nobody:x@127.0.0.1:9/none"

    done = house.run(house.ingest(house.footage / "clip.mp4"))

    assert done.returncode == 4
    assert "roadwear db start" in done.stderr
    assert "Traceback" not in done.stderr
