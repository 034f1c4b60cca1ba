"""Files of cards become drives: joined, paired, on the right clock, or refused in words."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from pipeline.domain.channels import Facing, channel_of
from pipeline.domain.ids import ClipSha256
from pipeline.domain.places import LonLat
from pipeline.domain.receiving import Assembled, FileFacts
from pipeline.domain.telemetry import Device, Recording
from pipeline.domain.track import RawFix
from pipeline.stages.assemble import AssembleSettings, assemble, refuse_unseen
from tests.builders import NOON, a_clip, after

DAY = timedelta(days=1)


def fixes(begins: datetime, seconds: int = 60) -> tuple[RawFix, ...]:
    return tuple(
        RawFix(taken_at=begins + timedelta(seconds=i), place=LonLat(lon_deg=-0.1, lat_deg=51.5))
        for i in range(seconds + 1)
    )


def footage(
    path: str,
    at: datetime | None = NOON,
    *,
    gps_at: datetime | None = None,
    serial: str = "",
    duration_s: float = 60.0,
) -> FileFacts:
    sha256 = ClipSha256(f"{abs(hash(path)):064x}"[-64:])
    inside = fixes(gps_at) if gps_at is not None else ()
    recording = Recording(
        fixes=inside,
        started_at=gps_at,
        started_sigma_s=None if gps_at is None else 1.0,
        device=Device(serial=serial),
    )
    clip = replace(a_clip(duration_s=duration_s, started_at=at), sha256=sha256)
    return FileFacts(path=path, size_bytes=9, sha256=sha256, clip=clip, recording=recording)


def track(path: str, begins: datetime, seconds: int = 60, *, counted: bool = False) -> FileFacts:
    return FileFacts(
        path=path,
        size_bytes=9,
        sha256=ClipSha256("b" * 64),
        fixes=fixes(begins, seconds),
        counted=counted,
    )


def put_together(
    *files: FileFacts, began: dict[str, datetime] | None = None, **changes: float
) -> Assembled:
    return assemble(
        files, settings=AssembleSettings(**changes), vehicle_of_camera={"S7": "1142"},  # type: ignore[arg-type]
        vehicles=frozenset({"2001"}), began=began,
    )  # fmt: skip


def clips_of(found: Assembled) -> list[list[str]]:
    return [[path for path, _ in drive.clips] for drive in found.drives]


def test_loop_files_that_follow_one_another_are_one_drive_and_a_long_pause_makes_two() -> None:
    found = put_together(
        footage("c.mp4", gps_at=after(3600)),
        footage("b.mp4", gps_at=after(61)),
        footage("a.mp4", gps_at=after(0)),
    )

    assert clips_of(found) == [["a.mp4", "b.mp4"], ["c.mp4"]]
    assert found.drives[0].clock is not None
    assert found.drives[0].clock.sigma_s == 1.0


def test_a_copy_that_shows_the_same_minutes_is_set_aside() -> None:
    found = put_together(footage("a.mp4", gps_at=NOON), footage("locked/a.mp4", gps_at=after(20.0)))

    assert clips_of(found) == [["a.mp4"]]
    assert found.refused == {"locked/a.mp4": "it shows the same minutes as a.mp4, which is used"}


@pytest.mark.parametrize(
    ("camera_at", "note"),
    [
        (NOON + timedelta(hours=1), "the camera's clock is 1.0 hours ahead"),
        (NOON - 400 * DAY, "the camera's clock is 400 days behind"),
        (None, "the camera's clock was not set"),
    ],
)
def test_a_clock_that_is_wrong_is_mended_by_the_gps_inside(
    camera_at: datetime | None, note: str
) -> None:
    found = put_together(footage("a.mp4", camera_at, gps_at=NOON))

    assert found.drives[0].clips[0][1].started_at == NOON
    assert note in found.drives[0].notes[0]


def test_a_file_without_gps_is_dated_as_its_neighbours_show() -> None:
    wrong = timedelta(hours=-1)

    found = put_together(
        footage("a.mp4", NOON + wrong, gps_at=NOON), footage("b.mp4", after(60) + wrong)
    )

    assert clips_of(found) == [["a.mp4", "b.mp4"]]
    assert found.drives[0].clips[1][1].started_at == after(60)
    assert "b.mp4 is dated by the camera's clock" in found.drives[0].notes[1]


def test_a_track_goes_with_footage_by_name_then_by_time_then_by_a_wrong_hour() -> None:
    by_name = put_together(footage("a.mp4"), track("x.gpx", NOON), track("A.gpx", after(30)))
    by_time = put_together(footage("a.mp4"), track("x.gpx", after(30)), track("y.gpx", NOON + DAY))
    by_hour = put_together(footage("a.mp4"), track("x.gpx", after(3600)))

    other_day = put_together(footage("a.mp4"), track("x.gpx", NOON), track("A.gpx", NOON - DAY))

    assert by_name.drives[0].tracks == ("A.gpx",)
    assert other_day.drives[0].tracks == ("x.gpx",)
    assert by_time.drives[0].tracks == ("x.gpx",)
    assert "it is a track" in by_time.refused["y.gpx"]
    assert by_hour.drives[0].tracks == ("x.gpx",)


def test_times_that_count_from_the_start_begin_with_their_footage() -> None:
    epoch = datetime(1970, 1, 1, tzinfo=NOON.tzinfo)

    found = put_together(footage("a.mp4"), track("a_track.csv", epoch, counted=True))

    assert found.drives[0].fixes[0].taken_at == NOON
    assert found.drives[0].fixes[-1].taken_at == after(60)


def test_undated_footage_goes_with_the_one_track_that_is_as_long() -> None:
    found = put_together(
        footage("a.mp4", None), track("x.gpx", NOON, 61), track("y.gpx", NOON, 600)
    )

    assert found.drives[0].tracks == ("x.gpx",)
    assert found.drives[0].clips[0][1].started_at is None


def test_what_has_no_positions_is_refused_in_words_and_asked_about_once() -> None:
    alone = put_together(footage("a.mp4"))
    other_day = put_together(footage("a.mp4"), track("x.gpx", NOON + 5 * DAY))
    undated = put_together(footage("a.mp4", None), track("x.gpx", NOON, 600))

    assert "switch the camera's GPS on" in alone.refused["a.mp4"]
    assert "no track on the card is of its time" in other_day.refused["a.mp4"]
    assert "neither a date nor positions" in undated.refused["a.mp4"]
    assert [q.words for q in undated.questions] == ["When did a.mp4 begin?"]
    assert [q.path for q in other_day.questions] == ["a.mp4"]
    assert "It says 10 February 2026, 12:00:00 UTC" in other_day.questions[0].words


def test_an_answer_dates_the_file_and_the_camera_s_others() -> None:
    # The camera's clock stood two days back; a run of two files, of which the first is asked.
    card = (footage("a.mp4"), footage("b.mp4", after(60)), track("x.gpx", NOON + 2 * DAY, 150))
    asked = put_together(*card)
    assert [q.path for q in asked.questions] == ["a.mp4"]

    said = put_together(*card, began={"a.mp4": NOON + 2 * DAY})

    assert said.questions == ()
    (drive,) = said.drives
    assert [clip.started_at for _, clip in drive.clips] == [NOON + 2 * DAY, after(60) + 2 * DAY]
    assert drive.tracks == ("x.gpx",)


def test_the_vehicle_is_known_by_its_camera_or_by_the_folder() -> None:
    found = put_together(
        footage("a.mp4", gps_at=NOON, serial="S7"),
        footage("2001/b.mp4", gps_at=NOON),
        footage("c.mp4", gps_at=after(5)),
    )

    assert [d.vehicle for d in found.drives] == ["2001", "1142", None]


@pytest.mark.parametrize(
    ("path", "facing"),
    [
        ("20260210_100000_NF.mp4", Facing.FORWARD),
        ("20260210_100000_ER.mp4", Facing.REAR),
        ("2026_0210_100000_0001I.MP4", Facing.CABIN),
        ("260210_100000_001_FH.MP4", Facing.FORWARD),
        ("NO20260210-100000-000001B.MP4", Facing.REAR),
        ("Round 4/Cab/0001.avi", Facing.CABIN),
        ("CH03_20260210.mp4", Facing.NUMBERED),
        ("GX010123.MP4", Facing.UNSAID),
        ("backroad.mp4", Facing.UNSAID),
    ],
)
def test_the_name_says_which_way_a_camera_looks(path: str, facing: Facing) -> None:
    assert channel_of(path).facing is facing


def test_tracks_of_two_vehicles_are_not_mixed() -> None:
    found = put_together(
        footage("2001/0001.mp4"),
        footage("2002/0001.mp4"),
        track("2001/0001.gpx", NOON),
        track("2002/0001.gpx", NOON),
    )

    assert [d.tracks for d in found.drives] == [("2001/0001.gpx",), ("2002/0001.gpx",)]


def test_a_track_beside_footage_with_positions_inside_is_no_lonely_one() -> None:
    found = put_together(footage("a.mp4", gps_at=NOON), track("a.gpx", NOON))

    assert found.refused == {}
    assert len(found.drives[0].fixes) == 61


def test_a_track_that_counts_from_the_start_goes_with_the_clip_of_its_name() -> None:
    epoch = datetime(1970, 1, 1, tzinfo=NOON.tzinfo)

    found = put_together(
        footage("1.mp4", NOON),
        footage("10.mp4", after(60)),
        track("10_gps.csv", epoch, counted=True),
    )

    assert {fix.taken_at for fix in found.drives[0].fixes} == {after(60 + i) for i in range(61)}


def said(path: str, forward: str = "") -> str:
    refusal = refuse_unseen(path, forward_channel=forward)
    assert refusal is not None
    return f"{refusal.sentence} {'sure' if refusal.is_sure else 'unsure'}"


def test_only_the_camera_that_looks_ahead_is_opened() -> None:
    assert refuse_unseen("GX010123.MP4", forward_channel="") is None
    assert refuse_unseen("20260210_100000_NF.mp4", forward_channel="") is None
    assert refuse_unseen("CH1/a.mp4", forward_channel="ch1") is None
    assert "small copy" in said("260210_100000_001_FL.MP4")


def test_a_refusal_by_name_lets_the_card_be_wiped_only_where_it_is_sure() -> None:
    assert said("20260210_100000_NR.mp4").endswith("(R); only the road ahead is looked at, "
                                                   "and it was not opened sure")  # fmt: skip
    assert said("Back Lane.mp4").endswith("unsure")
    assert "never said" in said("CH1/a.mp4") and said("CH1/a.mp4").endswith("unsure")
    assert "CH1 looks ahead" in said("CH2/a.mp4", "CH1")
    assert said("CH2/a.mp4", "CH1").endswith(" sure")
