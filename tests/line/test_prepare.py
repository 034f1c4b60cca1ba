"""Footage and track that meet only when a clock is mended."""

from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.adapters.grid_ostn15 import Ostn15Grid
from pipeline.adapters.rig_toml import rig_for
from pipeline.domain.errors import InputError
from pipeline.domain.footage import Drive
from pipeline.domain.ids import DriveId, natural_uuid, organisation_id, vehicle_id
from pipeline.domain.intake import ReceivedDrive
from pipeline.domain.places import LonLat
from pipeline.domain.track import ClockOffset, RawFix
from pipeline.line import LineSettings, PreparedDrive, prepare_drive
from tests.builders import NOON, a_clip

DEPOT = organisation_id("depot")
HOUR = timedelta(hours=1)


def received(*, clip_late: timedelta, track_s: int = 120) -> ReceivedDrive:
    """Return a minute of footage, so much later by its clock than its track."""
    fixes = tuple(
        RawFix(
            taken_at=NOON + timedelta(seconds=second - 20),
            place=LonLat(lon_deg=-1.5, lat_deg=52.4 + second * 8e-5),
        )
        for second in range(0, track_s, 1)
    )
    return ReceivedDrive(
        drive=Drive(
            drive_id=DriveId(natural_uuid("drive", "a")),
            owner_id=DEPOT,
            authority_id=DEPOT,
            vehicle_id=vehicle_id(DEPOT, "1"),
        ),
        clips=(("a.mp4", a_clip(started_at=NOON + clip_late)),),
        fixes=fixes,
        rig=None,
        clock=None,
        started_at=None,
    )


def prepared(drive: ReceivedDrive) -> PreparedDrive:
    return prepare_drive(
        drive, rig_for=rig_for, grid=Ostn15Grid(epoch_year=2026.1), settings=LineSettings()
    )


@pytest.mark.parametrize(
    ("hours", "words"), [(1, "1 h ahead of"), (-1, "1 h behind"), (5, "5 h ahead of")]
)
def test_a_clock_in_another_time_zone_is_recognised(hours: int, words: str) -> None:
    drive = prepared(received(clip_late=hours * HOUR))

    clock = drive.clips[0].clock
    assert clock.offset_s == -3600.0 * hours
    assert words in clock.how
    assert drive.clips[0].begins_at == NOON


def test_footage_of_another_day_or_half_an_hour_off_is_refused() -> None:
    for late in (timedelta(days=3), timedelta(minutes=31)):
        with pytest.raises(InputError, match="does not overlap"):
            prepared(received(clip_late=late))


def test_where_several_hours_would_fit_none_is_chosen_but_summer_time() -> None:
    one = prepared(received(clip_late=-HOUR, track_s=4 * 3600))
    assert one.clips[0].clock.offset_s == 3600.0
    with pytest.raises(InputError, match="does not overlap"):
        prepared(received(clip_late=-3 * HOUR, track_s=4 * 3600))


def test_a_clock_that_was_given_is_not_mended() -> None:
    drive = received(clip_late=HOUR)
    given = ClockOffset(offset_s=0.0, sigma_s=0.1, how="given")

    with pytest.raises(InputError, match="does not overlap"):
        prepared(replace(drive, clock=given))
