"""The commands as people and scripts call them: results, sentences, exit codes."""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.card import released_name
from pipeline.simulator.cards import write_sound
from tests.footage import write_plain
from tests.roads import roads_along

ROADWEAR = str(Path(sys.executable).with_name("roadwear"))
TRACK = """<gpx version="1.1" creator="t"><trk><trkseg>
<trkpt lat="52.4" lon="-1.55"><time>2026-02-10T12:00:00{zone}</time></trkpt>
<trkpt lat="52.4003" lon="-1.55"><time>2026-02-10T12:00:03{zone}</time></trkpt>
<trkpt lat="52.4006" lon="-1.55"><time>2026-02-10T12:00:06{zone}</time></trkpt>
</trkseg></trk></gpx>"""


def roadwear(*arguments: object, **env: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("ROADWEAR_")}
    return subprocess.run(
        [ROADWEAR, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**clean, **env},
    )


def in_one_line(done: subprocess.CompletedProcess[str]) -> str:
    """Return what was said, which is never a traceback."""
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def surveyed(street_footage: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("survey")
    done = roadwear(
        "survey", street_footage / "clip.mp4", "--track", street_footage / "track.gpx",
        "--rig", street_footage / "rig.toml", "--out", out, "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["frames_looked"] > 10
    return out


def test_survey_writes_what_its_contract_says(surveyed: Path, street_footage: Path) -> None:
    report = json.loads((surveyed / "report.json").read_text())
    defects = json.loads((surveyed / "defects.geojson").read_text())["features"]
    coverage = json.loads((surveyed / "coverage.geojson").read_text())["features"]
    observations = json.loads((surveyed / "observations.geojson").read_text())["features"]

    assert {
        "footage_s", "wall_s", "frames_decoded", "frames_looked", "not_looked", "metres_driven",
        "metres_looked", "stage_s", "model_id", "device", "clock_offset_s",
        "clock_offset_sigma_s", "rig",
    } <= set(report)  # fmt: skip
    assert {"pitch_deg", "pitch_sigma_deg"} <= set(report["rig"])
    assert 40 < report["metres_looked"] <= report["metres_driven"]
    holes = json.loads((street_footage / "truth.json").read_text())
    assert 1 <= len(defects) <= holes + 1
    for feature in defects:
        assert {
            "defect_id", "kind", "confidence", "easting_m", "northing_m", "sigma_m",
            "heading_deg", "width_m", "width_sigma_m", "length_m", "length_sigma_m", "area_m2",
            "sightings", "first_seen_at", "last_seen_at", "evidence",
        } <= set(feature["properties"])  # fmt: skip
        assert feature["properties"]["status"].startswith("Possible defect")
        assert feature["properties"]["evidence"]
        for name in feature["properties"]["evidence"]:
            assert cv2.imread(str(surveyed / name)) is not None
    assert len(observations) >= len(defects)
    spans = [(c["properties"]["from_m"], c["properties"]["to_m"]) for c in coverage]
    assert spans[0][0] == pytest.approx(0, abs=0.1)
    assert all(a[1] == pytest.approx(b[0]) for a, b in itertools.pairwise(spans))
    assert all((c["properties"]["reason"] is None) == c["properties"]["looked"] for c in coverage)


def test_surveying_again_gives_the_same(
    surveyed: Path, street_footage: Path, tmp_path: Path
) -> None:
    roadwear(
        "survey", street_footage / "clip.mp4", "--track", street_footage / "track.gpx",
        "--rig", street_footage / "rig.toml", "--out", tmp_path,
    )  # fmt: skip

    for name in ("defects.geojson", "observations.geojson", "coverage.geojson"):
        assert (tmp_path / name).read_bytes() == (surveyed / name).read_bytes()


def test_with_a_road_network_each_defect_has_its_street(
    surveyed: Path, street_footage: Path, tmp_path: Path
) -> None:
    network = roads_along(street_footage / "track.gpx", tmp_path / "roads.geojson")
    command = [
        "survey", street_footage / "clip.mp4", "--track", street_footage / "track.gpx",
        "--rig", street_footage / "rig.toml", "--out", tmp_path / "out", "--roads",
    ]  # fmt: skip

    done = roadwear(*command, network)
    refused = roadwear(*command, street_footage / "track.gpx")

    assert done.returncode == 0, done.stderr
    before, after = (
        json.loads((folder / "defects.geojson").read_text())["features"]
        for folder in (surveyed, tmp_path / "out")
    )
    assert len(after) == len(before)
    for feature in after:
        assert feature["properties"]["section_id"] == "section/1"
        assert feature["properties"]["section_probability"] > 0.95
    assert refused.returncode == 3
    assert "roads are read from .gpkg" in in_one_line(refused)


@pytest.fixture
def track(tmp_path: Path) -> Path:
    path = tmp_path / "track.gpx"
    path.write_text(TRACK.format(zone="Z"))
    return path


def test_bad_input_is_refused_in_a_sentence_and_the_rest_is_done(
    tmp_path: Path, track: Path
) -> None:
    good = write_plain(tmp_path / "good.mp4")
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("no video")
    write_sound(tmp_path / "sound.mp4")
    cut = write_plain(tmp_path / "cut.mp4", faststart=False)
    cut.write_bytes(cut.read_bytes()[:9000])
    bad = ["empty.mp4", "text.mp4", "sound.mp4", "cut.mp4"]
    clips = [tmp_path / name for name in bad]

    done = roadwear("survey", *clips, good, "--track", track, "--out", tmp_path / "out")

    assert done.returncode == 3
    said = in_one_line(done)
    assert all(f"set aside: {name}: " in said for name in bad)
    assert json.loads((tmp_path / "out" / "report.json").read_text())["frames_looked"] > 3


def test_a_damaged_clip_gives_its_good_part_and_says_where_it_ends(
    tmp_path: Path, track: Path
) -> None:
    clip = write_plain(tmp_path / "a.mp4")
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])

    done = roadwear("survey", clip, "--track", track, "--out", tmp_path / "out")

    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert 1 < report["cut"][0]["at_s"] < 5
    assert report["not_looked"]["footage_damaged"] > 0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (TRACK.format(zone=""), "no time zone"),
        (TRACK.format(zone="Z").replace("2026-02-10", "2025-06-01"), "does not overlap"),
        (
            TRACK.format(zone="Z").replace('lat="52.4', 'lat="53.4').replace("-1.55", "-6.25"),
            "Ireland",
        ),
        ("nothing", "no track that is known"),
        ("", "empty"),
    ],
)
def test_a_track_that_cannot_be_used_is_refused(tmp_path: Path, content: str, words: str) -> None:
    track = tmp_path / "t.gpx"
    track.write_text(content)
    clip = write_plain(tmp_path / "a.mp4", frames=20)

    done = roadwear("survey", clip, "--track", track, "--out", tmp_path / "out")

    assert done.returncode == 3
    assert words in in_one_line(done)


def test_no_track_is_refused_and_says_what_to_give(tmp_path: Path) -> None:
    done = roadwear("survey", write_plain(tmp_path / "a.mp4", frames=9), "--out", tmp_path / "out")

    assert done.returncode == 3
    assert "--track" in in_one_line(done)


def test_footage_without_a_date_begins_with_a_track_as_long_or_asks(
    tmp_path: Path, track: Path
) -> None:
    long = write_plain(tmp_path / "a.mp4", created=None, frames=60)
    short = write_plain(tmp_path / "b.mp4", created=None, frames=300, fps=10)

    fits = roadwear(
        "survey", long, "--track", track, "--out", tmp_path / "out", "--json", "--no-calibrate"
    )
    asks = roadwear("survey", short, "--track", track, "--out", tmp_path / "out")
    told = roadwear(
        "survey", short, "--track", track, "--out", tmp_path / "out",
        "--started-at", "2026-02-10T11:59:58Z", "--no-calibrate",
    )  # fmt: skip

    assert json.loads(fits.stdout)["clock_offset_sigma_s"] >= 1.0
    assert asks.returncode == 3
    assert "--started-at" in in_one_line(asks)
    assert told.returncode == 0, told.stderr


def test_a_broken_rig_file_is_refused(tmp_path: Path, track: Path) -> None:
    rig = tmp_path / "rig.toml"
    rig.write_text("width_px = 192\nheight_px = 128\nhfov_deg = 'wide'")
    clip = write_plain(tmp_path / "a.mp4", frames=20)

    broken = roadwear("survey", clip, "--track", track, "--rig", rig, "--out", tmp_path / "out")
    rig.write_text("width_px = 1280\nheight_px = 720\nhfov_deg = 70")
    other = roadwear("survey", clip, "--track", track, "--rig", rig, "--out", tmp_path / "out")

    assert (broken.returncode, other.returncode) == (3, 3)
    assert "hfov_deg must be a number" in in_one_line(broken)
    assert "1280×720, but the footage is 192×128" in in_one_line(other)


def test_an_output_that_cannot_be_written_is_wrong_usage(tmp_path: Path, track: Path) -> None:
    clip = write_plain(tmp_path / "a.mp4", frames=9)
    (tmp_path / "file").touch()

    done = roadwear("survey", clip, "--track", track, "--out", tmp_path / "file" / "out")
    images = roadwear("detect", _image(tmp_path), "--out", tmp_path / "file" / "x.json")

    assert (done.returncode, images.returncode) == (2, 2)
    assert "cannot be written" in in_one_line(done)


def test_wrong_usage_and_unknown_settings(tmp_path: Path) -> None:
    assert roadwear("survey").returncode == 2
    typo = roadwear("queue", ROADWEAR_DATABSE_URL="x")
    assert typo.returncode == 3
    assert "unknown setting ROADWEAR_DATABSE_URL" in in_one_line(typo)
    away = roadwear("queue", ROADWEAR_HOME=str(tmp_path / "none"))
    assert away.returncode == 4
    assert "roadwear db start" in in_one_line(away)


def _image(folder: Path) -> Path:
    path = folder / "picture.jpg"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8))
    return path


def test_detect_names_every_image_and_every_box(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    _image(pictures)
    (pictures / "broken.png").write_text("no image")
    out = tmp_path / "boxes.json"

    done = roadwear("detect", pictures, "--out", out)

    document = json.loads(out.read_text())
    assert done.returncode == 3
    assert "broken.png: this is not an image" in in_one_line(done)
    assert document["model_id"] == released_name()
    assert document["images"] == ["picture.jpg"]
    kinds = {
        "pothole",
        "alligator_crack",
        "longitudinal_crack",
        "transverse_crack",
        "person",
        "vehicle",
    }
    for found in document["detections"]:
        assert found["kind"] in kinds
        assert found["confidence"] >= 0.01
        left, top, right, bottom = found["box_px"]
        assert 0 <= left < right <= 320
        assert 0 <= top < bottom <= 240


def test_the_private_database_survives_a_stale_lock(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    home = tmp_path_factory.mktemp("home")
    env = {"ROADWEAR_HOME": str(home)}
    assert roadwear("db", "start", **env).returncode == 0
    assert roadwear("db", "status", **env).returncode == 0
    data = Path(json.loads((home / "db" / "cluster.json").read_text())["data_dir"])
    lock = (data / "postmaster.pid").read_text().splitlines()
    subprocess.run(["kill", "-9", lock[0]], check=True)
    (data / "postmaster.pid").write_text("\n".join([str(os.getpid()), *lock[1:]]) + "\n")

    again = roadwear("db", "start", **env)

    assert again.returncode == 0, again.stderr
    assert roadwear("db", "stop", **env).returncode == 0
    assert roadwear("db", "status", **env).returncode == 4
