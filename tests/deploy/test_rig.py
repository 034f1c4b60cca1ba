"""`roadwear rig calibrate`, and surveys of cameras that nobody has measured."""

import json
from pathlib import Path
from uuid import uuid4

import cv2
import pytest

from pipeline.adapters.rig_toml import read_rig
from tests.deploy.test_commands import TRACK, in_one_line, roadwear
from tests.footage import write_plain

FIELD_OF_VIEW = "width_px = 1280\nheight_px = 720\nhfov_deg = 70\n"


def test_a_camera_is_found_from_its_own_footage(street_footage: Path, tmp_path: Path) -> None:
    known = tmp_path / "known.toml"
    known.write_text(FIELD_OF_VIEW)

    done = roadwear(
        "rig", "calibrate", street_footage / "clip.mp4", "--track", street_footage / "track.gpx",
        "--rig", known, "--out", tmp_path / "out",
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "pitch, nose down" in done.stdout
    rig = read_rig(tmp_path / "out" / "rig.toml").rig
    truth = read_rig(street_footage / "rig.toml").rig
    assert rig.pitch_deg == pytest.approx(truth.pitch_deg, abs=max(2 * rig.pitch_sigma_deg, 0.3))
    assert rig.roll_deg == pytest.approx(0.0, abs=0.5)
    assert rig.pitch_sigma_deg < 0.3
    # Seven seconds of steady driving tell neither the height nor the clock, and it is said.
    assert rig.mount_height_sigma_m == pytest.approx(0.4)
    assert "too little time in common" in in_one_line(done)
    picture = cv2.imread(str(tmp_path / "out" / "grid.jpg"))
    assert picture is not None
    assert picture.shape == (720, 1280, 3)


def test_without_a_road_to_follow_it_says_what_to_film(tmp_path: Path) -> None:
    track = tmp_path / "track.gpx"
    track.write_text(TRACK.format(zone="Z"))
    clip = write_plain(tmp_path / "noise.mp4")

    done = roadwear("rig", "calibrate", clip, "--track", track, "--out", tmp_path / "out")

    assert done.returncode == 3
    assert "Film a dry, even road by daylight" in in_one_line(done)
    assert not (tmp_path / "out" / "rig.toml").exists()


def test_a_folder_that_cannot_be_written_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    done = roadwear(
        "rig", "calibrate", "a.mp4", "--track", "a.gpx", "--out", tmp_path / "file" / "out"
    )

    assert done.returncode == 2
    assert "cannot be written" in in_one_line(done)


def test_a_survey_estimates_what_the_rig_file_leaves_out(
    street_footage: Path, tmp_path: Path
) -> None:
    known = tmp_path / "known.toml"
    known.write_text(FIELD_OF_VIEW)
    what = [
        "survey", street_footage / "clip.mp4", "--track", street_footage / "track.gpx",
        "--rig", known, "--json",
    ]  # fmt: skip

    done = roadwear(*what, "--out", tmp_path / "a")
    plain = roadwear(*what, "--out", tmp_path / "b", "--no-calibrate")

    found, assumed = json.loads(done.stdout), json.loads(plain.stdout)
    assert found["rig"]["how"].startswith("estimated from the footage: pitch, yaw, roll")
    assert found["rig"]["pitch_deg"] == pytest.approx(6.0, abs=0.5)
    assert found["stage_s"]["calibrate"] > assumed["stage_s"]["calibrate"]
    assert assumed["rig"]["how"].startswith("assumed")
    assert assumed["rig"]["pitch_deg"] == 5.0


def test_a_correction_needs_a_drive_a_name_and_a_reason() -> None:
    nobody = roadwear("rig", "correct", str(uuid4()), "--owner", "a", "--by", " ", "--reason", "x")
    no_drive = roadwear("rig", "correct", "one", "--owner", "a", "--by", "Fay", "--reason", "x")

    assert nobody.returncode == 3
    assert "say who corrects it and why" in in_one_line(nobody)
    assert no_drive.returncode == 2
