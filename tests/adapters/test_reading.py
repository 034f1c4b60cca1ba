"""Footage, tracks, rigs and policies as they really come: odd, cut, wrong."""

from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.adapters.policy_toml import default_policy, parse_policy
from pipeline.adapters.rig_toml import default_rig, parse_rig, rig_for, rig_text
from pipeline.adapters.tracks import read_track
from pipeline.adapters.tracks_gpx import parse_gpx
from pipeline.adapters.tracks_nmea import parse_nmea
from pipeline.adapters.video_pyav import PyAvFootage
from pipeline.domain.errors import InputError
from pipeline.domain.footage import WantedFrame
from pipeline.simulator.cards import write_sound
from tests.builders import a_clip, a_rig
from tests.footage import write_plain


def seconds_of(path: Path, wanted: list[float]) -> list[float]:
    with PyAvFootage().open(str(path)) as reader:
        clip = reader.clip
        frames = reader.frames(at(clip.pts_at(s)) for s in wanted)
        return [round(clip.seconds_at(f.ref.pts), 3) for f in frames]


def at(pts: int) -> WantedFrame:
    return WantedFrame(pts=pts, latest_pts=pts)


def test_the_first_frame_at_or_after_each_wanted_time_comes_once(tmp_path: Path) -> None:
    clip = write_plain(tmp_path / "a.mp4")

    assert seconds_of(clip, [0.0, 0.05, 0.06, 1.0, 5.9, 99.0]) == [0.0, 0.1, 1.0, 5.9]


def test_presentation_times_count_and_not_the_frame_rate(tmp_path: Path) -> None:
    times = [0, 1, 2, 30, 31, 60, 90, 91]
    clip = write_plain(tmp_path / "vfr.mp4", frames=8, pts=times)

    assert seconds_of(clip, [0.0, 2.5, 3.05, 5.0]) == [0.0, 3.0, 3.1, 6.0]


def test_footage_that_nobody_wants_is_not_decoded(tmp_path: Path) -> None:
    clip = write_plain(tmp_path / "long.mp4", frames=600)

    with PyAvFootage().open(str(clip)) as reader:
        wanted = [at(reader.clip.pts_at(s)) for s in (0.5, 55.0)]
        found = [reader.clip.seconds_at(f.ref.pts) for f in reader.frames(wanted)]

        assert found == pytest.approx([0.5, 55.0])
        assert reader.decoded < 120


def test_what_may_wait_for_a_key_frame_does_and_less_is_decoded(tmp_path: Path) -> None:
    clip = write_plain(tmp_path / "a.mp4", frames=100)

    def decoded(latest_s: float) -> tuple[list[float], int]:
        with PyAvFootage().open(str(clip)) as reader:
            spans = ((s, s + latest_s) for s in (0.0, 0.4, 0.8, 1.2))
            wanted = [
                WantedFrame(pts=reader.clip.pts_at(a), latest_pts=reader.clip.pts_at(b))
                for a, b in spans
            ]
            frames = list(reader.frames(wanted))
            return [round(reader.clip.seconds_at(f.ref.pts), 1) for f in frames], reader.decoded

    at_once, all_decoded = decoded(0.0)
    waiting, fewer_decoded = decoded(0.25)

    assert at_once == [0.0, 0.4, 0.8, 1.2]
    assert waiting == [0.0, 0.4, 1.0, 1.2]
    assert fewer_decoded < all_decoded


def test_a_rotated_picture_comes_upright(tmp_path: Path) -> None:
    """A display matrix of a quarter turn clockwise, as phones held upright write it."""
    plain = write_plain(tmp_path / "a.mp4", frames=20)
    turned = tmp_path / "turned.mp4"
    turned.write_bytes(_with_quarter_turn(plain.read_bytes()))

    with PyAvFootage().open(str(plain)) as before, PyAvFootage().open(str(turned)) as reader:
        (lying,), (frame,) = before.frames([at(0)]), reader.frames([at(0)])

        assert (reader.clip.width_px, reader.clip.height_px) == (128, 192)
        assert (frame.pixels == np.rot90(lying.pixels, -1)).all()


def _with_quarter_turn(content: bytes) -> bytes:
    """Put a display matrix of 90° into the track header (tkhd) of an MP4."""
    at = content.index(b"tkhd") + 4 + 4 + 20 + 16
    one, none = (0x10000).to_bytes(4, "big"), bytes(4)
    minus = (0xFFFF0000).to_bytes(4, "big")
    matrix = none + one + none + minus + none + none + none + none + (1 << 30).to_bytes(4, "big")
    return content[:at] + matrix + content[at + 36 :]


def test_missing_and_impossible_dates_are_unknown_and_not_1970(tmp_path: Path) -> None:
    for created in (None, "1970-01-01T00:00:00Z", "1904-01-01T00:00:00Z"):
        clip = write_plain(tmp_path / "a.mp4", frames=5, created=created)
        with PyAvFootage().open(str(clip)) as reader:
            assert reader.clip.started_at is None


def test_a_damaged_clip_with_its_index_gives_its_good_part(tmp_path: Path) -> None:
    clip = write_plain(tmp_path / "a.mp4", frames=200)
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])

    with PyAvFootage().open(str(clip)) as reader:
        wanted = [at(reader.clip.pts_at(s)) for s in range(20)]
        found = list(reader.frames(wanted))

        assert 3 < len(found) < 17
        assert reader.cut_at_pts is not None


def test_after_damage_nothing_is_shown_until_a_key_frame(tmp_path: Path) -> None:
    """Eight pictures are lost; those that lean on them would be patched together from others."""
    clip = write_plain(tmp_path / "a.mp4", frames=100)
    with av.open(str(clip)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
        spoilt = [(p.pos or 0, p.size) for p in packets if p.pts is not None][33:36]
    content = bytearray(clip.read_bytes())
    for start, size in spoilt:
        content[start + 4 : start + size] = bytes(size - 4)
    clip.write_bytes(content)

    with PyAvFootage().open(str(clip)) as reader:
        frames = list(reader.frames(at(reader.clip.pts_at(s / 10)) for s in range(100)))
        seconds = [round(reader.clip.seconds_at(f.ref.pts), 1) for f in frames]

    assert 2.9 in seconds
    assert not [s for s in seconds if 3.6 <= s < 3.95]
    assert {4.0, 5.0, 9.9} <= set(seconds)


def test_a_fragmented_clip_that_was_cut_off_gives_its_good_part(tmp_path: Path) -> None:
    clip = write_plain(
        tmp_path / "f.mp4",
        frames=200,
        options={"movflags": "+frag_keyframe+empty_moov+default_base_moof"},
    )
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size * 2 // 3])

    assert 5 < len(seconds_of(clip, [float(s) for s in range(20)])) < 18


def test_what_is_no_footage_is_refused_in_a_sentence(tmp_path: Path) -> None:
    no_index = write_plain(tmp_path / "noindex.mp4", frames=100, faststart=False)
    no_index.write_bytes(no_index.read_bytes()[: no_index.stat().st_size * 2 // 3])
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("this is no video")
    write_sound(tmp_path / "sound.mp4")
    for name, words in [
        ("absent.mp4", "no such file"),
        ("empty.mp4", "empty"),
        ("text.mp4", "not footage"),
        ("noindex.mp4", "index is missing"),
        ("sound.mp4", "no pictures"),
    ]:
        with pytest.raises(InputError, match=words), PyAvFootage().open(str(tmp_path / name)):
            pass


def gpx(*points: str) -> bytes:
    segments = "".join(f"<trkseg>{point}</trkseg>" for point in points)
    return f'<gpx version="1.1" creator="t"><trk>{segments}</trk></gpx>'.encode()


def point(lat: float, lon: float, time: str | None, more: str = "") -> str:
    inner = (f"<time>{time}</time>" if time else "") + more
    return f'<trkpt lat="{lat}" lon="{lon}">{inner}</trkpt>'


def test_gpx_gives_every_segment_and_leaves_out_points_without_time() -> None:
    fixes = parse_gpx(
        gpx(
            point(52.4, -1.5, "2026-02-10T10:00:05Z"),
            point(52.5, -1.5, None) + point(52.4, -1.4, "2026-02-10T11:00:00+01:00"),
        ),
        name="t.gpx",
    )

    assert [(f.taken_at.isoformat(), f.place.lon_deg) for f in fixes] == [
        ("2026-02-10T10:00:05+00:00", -1.5),
        ("2026-02-10T10:00:00+00:00", -1.4),
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (gpx(point(52.4, -1.5, "2026-02-10T10:00:00")), "no time zone"),
        (gpx(point(52.4, -1.5, None)), "no points with a time"),
        (b"<gpx><trk>", "not a GPX"),
        (b"<html></html>", "not a GPX|no points"),
    ],
)
def test_gpx_that_cannot_be_used_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse_gpx(content, name="t.gpx")


def nmea(body: str) -> str:
    check = 0
    for letter in body:
        check ^= ord(letter)
    return f"${body}*{check:02X}"


RMC = "GPRMC,100000.00,A,5224.0000,N,00130.0000,W,010.0,090.0,100226,,,A"
GGA = "GPGGA,100000.00,5224.0000,N,00130.0000,W,1,08,1.2,100.0,M,,M,,"


def test_nmea_joins_date_and_quality_and_leaves_out_bad_checksums() -> None:
    text = "\r\n".join(
        [nmea(GGA), nmea(RMC), nmea(RMC)[:-2] + "00", nmea(RMC.replace(",A,52", ",V,52")), "junk"]
    )

    (fix,) = parse_nmea(text.encode(), name="t.nmea")

    assert fix.taken_at.isoformat() == "2026-02-10T10:00:00+00:00"
    assert (fix.place.lat_deg, fix.place.lon_deg) == pytest.approx((52.4, -1.5))
    assert fix.sigma_m == pytest.approx(3.0)
    assert fix.speed_mps == pytest.approx(10 * 1852 / 3600)
    assert fix.course_deg == pytest.approx(90)


def test_nmea_without_speed_or_course_says_nothing_of_them() -> None:
    silent = nmea(RMC.replace(",010.0,090.0,", ",,,"))

    (fix,) = parse_nmea(silent.encode(), name="t.nmea")

    assert (fix.speed_mps, fix.course_deg) == (None, None)


GARMIN = (
    '<extensions><g:TrackPointExtension xmlns:g="http://www.garmin.com/xmlschemas/'
    'TrackPointExtension/v2"><g:speed>{}</g:speed><g:course>{}</g:course>'
    "</g:TrackPointExtension></extensions>"
)


@pytest.mark.parametrize(
    ("written", "read"),
    [(("8.5", "271"), (8.5, 271.0)), (("-1", "-1"), (None, None)), (("fast", ""), (None, None))],
)
def test_gpx_gives_speed_and_course_where_a_device_knows_them(
    written: tuple[str, str], read: tuple[float | None, float | None]
) -> None:
    content = gpx(point(52.4, -1.5, "2026-02-10T10:00:00Z", GARMIN.format(*written)))

    (fix,) = parse_gpx(content, name="t.gpx")

    assert (fix.speed_mps, fix.course_deg) == read


def test_nmea_without_dates_says_so() -> None:
    with pytest.raises(InputError, match="no dates"):
        parse_nmea(nmea(GGA).encode(), name="t.nmea")


def test_a_track_is_read_by_what_is_in_it_and_not_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "track.txt"
    path.write_bytes(gpx(point(52.4, -1.5, "2026-02-10T10:00:05Z")))
    assert len(read_track(path)) == 1
    path.write_text(nmea(RMC))
    assert len(read_track(path)) == 1
    path.write_text("Monday: drove to the tip")
    with pytest.raises(InputError, match="no track that is known"):
        read_track(path)


RIG = "width_px = 1280\nheight_px = 720\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("width_px = ", "TOML"),
        (RIG, "either hfov_deg or focal_px"),
        (RIG + "hfov_deg = 70\nfocal_px = 900", "either"),
        (RIG + "hfov_deg = 70\nhight_m = 1", "unknown key hight_m"),
        (RIG + 'hfov_deg = "wide"', "must be a number"),
        (RIG + "hfov_deg = 400", "10…150"),
        (RIG + "hfov_deg = 70\npitch_deg = 80", "pitch_deg"),
        ("hfov_deg = 70", "lacks width_px and height_px"),
    ],
)
def test_a_rig_file_that_cannot_be_right_is_refused(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse_rig(text, name="rig.toml")


def test_what_a_rig_file_leaves_out_is_assumed_and_said() -> None:
    rig = parse_rig(RIG + "hfov_deg = 90\npitch_deg = 4", name="rig.toml").rig

    assert rig.focal_px == pytest.approx(640)
    assert (rig.pitch_deg, rig.pitch_sigma_deg) == (4.0, 0.2)
    assert rig.how == "assumed: mount height, yaw, roll"
    assert rig.mount_height_sigma_m == default_rig(a_clip()).mount_height_sigma_m


def test_a_rig_for_another_picture_size_is_refused() -> None:
    rig = parse_rig("width_px = 640\nheight_px = 480\nhfov_deg = 70", name="rig.toml").rig

    with pytest.raises(InputError, match="640×480"):
        rig_for(rig, a_clip())


def test_a_policy_that_leaves_a_risk_without_an_answer_is_refused() -> None:
    text = default_policy()[1].decode()

    with pytest.raises(InputError, match="risk score 25 falls into 0 bands"):
        parse_policy(text.replace("max_score = 25", "max_score = 24").encode(), name="p.toml")
    with pytest.raises(InputError, match="lacks 'bands'"):
        parse_policy(text.replace("[[bands]]", "[[bends]]").encode(), name="p.toml")


def test_a_rig_that_was_found_is_read_as_it_was_written() -> None:
    found = a_rig(distortion=-0.183, dive_deg_s2_m=0.31, yaw_deg=-2.5)

    again = parse_rig(rig_text(found), name="rig.toml").rig

    assert (again.distortion, again.dive_deg_s2_m) == (-0.183, 0.31)
    assert again.pitch_deg == pytest.approx(found.pitch_deg, abs=1e-3)
    assert "distortion" not in rig_text(a_rig())
    with pytest.raises(InputError, match="distortion must lie within"):
        parse_rig(f"{rig_text(a_rig())}distortion = 3.0", name="rig.toml")
