"""Positions inside footage and beside it, in every format that is read."""

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import gpxpy
import pytest

from pipeline.adapters.telemetry_exiftool import read_telemetry
from pipeline.adapters.telemetry_gpmf import device_of_gpmf, parse_gpmf
from pipeline.adapters.tracks import read_track
from pipeline.adapters.tracks_csv import CountedTimesError, parse_columns
from pipeline.domain.errors import InputError
from pipeline.domain.places import LonLat
from pipeline.geometry.recording import as_recording, distance_m
from pipeline.simulator.recorders import add_blackvue_gps, fit, gpmf
from tests.footage import write_plain

SHARED = Path(__file__).parents[3] / "shared" / "telemetry"
NOON = datetime(2026, 2, 10, 12, 0, tzinfo=UTC)
NORTHWARDS = [(51.5 + i * 9e-5, -0.1) for i in range(6)]
with_shared = pytest.mark.skipif(
    not SHARED.is_dir(), reason="real telemetry is not here: shared/telemetry"
)


def written(folder: Path, name: str, content: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_gopro_positions_are_spread_from_block_to_block() -> None:
    stream = gpmf([("260210120000.000", NORTHWARDS[:2]), ("260210120001.200", NORTHWARDS[2:])])

    found = parse_gpmf(stream, name="a")

    seconds = [(s.at - NOON).total_seconds() for s in found if s.at]
    assert seconds == pytest.approx([0, 0.6, 1.2, 1.45, 1.7, 1.95])
    assert found[0].place == LonLat(lon_deg=-0.1, lat_deg=51.5)
    assert found[0].sigma_m == pytest.approx(3.75)
    assert device_of_gpmf(stream).words == "GoPro Hero5 Black"


@pytest.mark.parametrize("changes", [{"fix": 0}, {"dop": 12.0}])
def test_gopro_positions_without_a_fix_are_left_out(changes: dict[str, float]) -> None:
    stream = gpmf([("260210120000.000", NORTHWARDS)], **changes)  # type: ignore[arg-type]

    with pytest.raises(InputError, match="no usable GPS position"):
        parse_gpmf(stream, name="a.bin")


def test_a_gopro_stream_that_is_cut_gives_what_came_before_the_cut() -> None:
    one = gpmf([("260210120000.000", NORTHWARDS)])
    two = gpmf([("260210120001.000", NORTHWARDS)])

    assert len(parse_gpmf(one + two[:-9], name="a")) == len(NORTHWARDS)


def test_positions_inside_footage_are_found_with_the_picture_they_belong_to(
    tmp_path: Path,
) -> None:
    clip = add_blackvue_gps(
        write_plain(tmp_path / "20260210_120000_NF.mp4"),
        NORTHWARDS,
        gps_at=NOON,
        clock_at=NOON + timedelta(hours=1),
    )

    samples, device = read_telemetry(clip)
    found = as_recording(samples, device=device)

    assert [f.taken_at for f in found.fixes] == [NOON + timedelta(seconds=i) for i in range(6)]
    assert found.started_at == NOON
    assert found.fixes[-1].place.lat_deg == pytest.approx(NORTHWARDS[-1][0])


def test_footage_without_positions_has_none(tmp_path: Path) -> None:
    assert read_telemetry(write_plain(tmp_path / "a.mp4"))[0] == ()


CSV = "Zeit;Breite;Laenge\n2026-02-10 12:00:00;51.5;-0.1\n2026-02-10 12:00:01;51.5001;-0.1\n"


def test_a_table_is_read_by_a_map_of_columns_in_its_zone(tmp_path: Path) -> None:
    columns = parse_columns("time=Zeit,lat=Breite,lon=Laenge,zone=Europe/Paris")

    found = read_track(written(tmp_path, "t.csv", CSV), columns=columns)

    assert [f.taken_at.hour for f in found] == [11, 11]
    assert found[1].place.lat_deg == pytest.approx(51.5001)


def test_a_table_with_usual_headers_needs_no_map(tmp_path: Path) -> None:
    text = "Timestamp,Latitude,Longitude\n1770724800,51.5,-0.1\n1770724801000,51.6,-0.1\n"

    found = read_track(written(tmp_path, "t.csv", text))

    assert [f.taken_at for f in found] == [NOON, NOON + timedelta(seconds=1)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (CSV, "which column is time and lat and lon"),
        (CSV.replace("Zeit;Breite;Laenge", "time;lat;lon"), "carry no time zone"),
        ("time,lat,lon\nyesterday,51,0\n", "'yesterday' is no time"),
        ("time,lat,lon\n2026-02-10T12:00:00Z,151,0\n", "no row of the table"),
        ("time,lat,lon\n", "no row of the table"),
    ],
)
def test_a_table_that_cannot_be_used_says_why(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_track(written(tmp_path, "t.csv", text))


def test_times_that_count_from_the_start_need_to_know_when_that_was(tmp_path: Path) -> None:
    path = written(tmp_path, "t.csv", "Time(seconds),Latitude,Longitude\n1.5,51.5,-0.1\n")

    with pytest.raises(CountedTimesError, match="--started-at"):
        read_track(path)
    assert read_track(path, starts_at=NOON)[0].taken_at == NOON + timedelta(seconds=1.5)


KML = """<kml xmlns="http://www.opengis.net/kml/2.2" xmlns:gx="http://www.google.com/kml/ext/2.2">
<Document><Placemark><gx:Track>
<when>2026-02-10T12:00:00Z</when><when>2026-02-10T13:00:01+01:00</when>
<gx:coord>-0.1 51.5 10</gx:coord><gx:coord>-0.1 51.6 10</gx:coord></gx:Track></Placemark>
<Placemark><TimeStamp><when>2026-02-10T12:00:02Z</when></TimeStamp>
<Point><coordinates>-0.1,51.7,0</coordinates></Point></Placemark></Document></kml>"""


def test_kml_is_read_as_track_and_as_placemarks(tmp_path: Path) -> None:
    found = read_track(written(tmp_path, "t.kml", KML))

    assert [f.place.lat_deg for f in found] == [51.5, 51.6, 51.7]
    assert [f.taken_at for f in found] == [NOON + timedelta(seconds=i) for i in range(3)]


def test_kml_that_would_blow_up_is_refused(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE kml [<!ENTITY a "aaaa">]><kml>&a;</kml>'

    with pytest.raises(InputError, match="not a KML track"):
        read_track(written(tmp_path, "t.kml", bomb))


def test_fit_is_read_also_when_it_is_cut_short(tmp_path: Path) -> None:
    content = fit([(NOON + timedelta(seconds=i), p) for i, p in enumerate(NORTHWARDS)])

    whole = read_track(written(tmp_path, "a.fit", content))
    cut = read_track(written(tmp_path, "b.fit", content[:-20]))

    assert [f.taken_at for f in whole] == [NOON + timedelta(seconds=i) for i in range(6)]
    assert whole[5].place.lat_deg == pytest.approx(NORTHWARDS[5][0], abs=1e-6)
    assert 3 <= len(cut) < 6


@with_shared
@pytest.mark.parametrize("name", ["hero05", "hero07", "hero11"])
def test_gopro_streams_agree_with_what_another_tool_made_of_them(name: str) -> None:
    ours = read_track(SHARED / f"{name}.bin")
    gpx = gpxpy.parse((SHARED / f"{name}.gpx").read_text("utf-8"))
    theirs = [(p.time, LonLat(lon_deg=p.longitude, lat_deg=p.latitude))
              for t in gpx.tracks for s in t.segments for p in s.points]  # fmt: skip

    def off_m(fix_at: datetime, place: LonLat) -> float:
        near = [p for at, p in theirs if at and abs((at - fix_at).total_seconds()) <= 0.1]
        return min((distance_m(place, p) for p in near), default=math.inf)

    assert len(ours) > 600
    assert max(off_m(fix.taken_at, fix.place) for fix in ours) < 1.0


@with_shared
def test_the_track_of_a_real_gopro_clip_is_right() -> None:
    samples, device = read_telemetry(SHARED / "gopro-max-gps5.mp4")
    found = as_recording(samples, device=device)

    assert device.words == "GoPro GoPro Max" and device.serial
    assert len(found.fixes) == 191
    assert found.notes == ("17 of 191 GPS times did not fit the footage and were mended",)
    steps = [(b.taken_at - a.taken_at).total_seconds()
             for a, b in zip(found.fixes, found.fixes[1:], strict=False)]  # fmt: skip
    assert min(steps) > 0 and max(steps) < 0.2
    assert max(distance_m(a.place, b.place)
               for a, b in zip(found.fixes, found.fixes[1:], strict=False)) < 0.2  # fmt: skip


@with_shared
@pytest.mark.parametrize(
    ("name", "fixes"),
    [("Geotag.gpx", 9), ("Geotag2.log", 3), ("Garmin.fit", 4), ("sf_30km_h.gpx", 49)],
)
def test_real_track_files_are_read_as_what_they_are(name: str, fixes: int) -> None:
    assert len(read_track(SHARED / name)) == fixes
