"""The smallest honest values; a test names only its subject."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from uuid import UUID

from pipeline.adapters.policy_toml import default_policy
from pipeline.domain.camera import CameraRig
from pipeline.domain.defects import Defect, DefectState
from pipeline.domain.footage import Clip, Drive, FrameRef
from pipeline.domain.ids import (
    ClipSha256,
    DefectId,
    DriveId,
    ObservationId,
    RunId,
    natural_uuid,
    organisation_id,
    vehicle_id,
)
from pipeline.domain.looks import DefectKind, PixelBox
from pipeline.domain.observations import Measurement, Observation, ellipse_area
from pipeline.domain.places import GridRef, GroundError, LonLat
from pipeline.domain.policy import CouncilPolicy
from pipeline.domain.track import Fix, RawFix, Track
from pipeline.simulator.drive import simulated_rig

NOON = datetime(2026, 2, 10, 12, 0, tzinfo=UTC)
TODAY = date(2026, 2, 10)
SHA = ClipSha256("a" * 64)
E0, N0 = 530_000.0, 180_000.0


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def a_policy() -> CouncilPolicy:
    return default_policy()[0]


def a_rig(**changes: float | str) -> CameraRig:
    return replace(simulated_rig(), **changes)  # type: ignore[arg-type]


def a_clip(*, duration_s: float = 60.0, started_at: datetime | None = NOON) -> Clip:
    return Clip(
        sha256=SHA,
        width_px=1280,
        height_px=720,
        time_base=Fraction(1, 12_800),
        first_pts=0,
        duration_s=duration_s,
        started_at=started_at,
    )


def a_track(*points: tuple[float, float, float], sigma_m: float = 2.0) -> Track:
    """Build a track of (seconds, metres east, metres north)."""
    return Track(
        fixes=tuple(
            Fix(
                taken_at=after(t),
                at=GridRef(easting_m=E0 + e, northing_m=N0 + n),
                sigma_m=sigma_m,
            )
            for t, e, n in points
        )
    )


def raw_fixes(*points: tuple[float, float, float]) -> list[RawFix]:
    """Build raw fixes of (seconds, longitude, latitude)."""
    return [
        RawFix(taken_at=after(t), place=LonLat(lon_deg=lon, lat_deg=lat)) for t, lon, lat in points
    ]


def a_road_line(*points: tuple[float, float]) -> tuple[GridRef, ...]:
    """Build a line of (metres east, metres north)."""
    return tuple(GridRef(easting_m=E0 + e, northing_m=N0 + n) for e, n in points)


def natural_drive(name: str) -> DriveId:
    """Return the id of a drive of that name."""
    return DriveId(natural_uuid("drive", name))


def a_drive(name: str = "one") -> Drive:
    owner = organisation_id("tests")
    return Drive(
        drive_id=DriveId(natural_uuid("drive", name)),
        owner_id=owner,
        authority_id=owner,
        vehicle_id=vehicle_id(owner, "1"),
    )


def an_observation(
    east_m: float = 0.0,
    north_m: float = 0.0,
    *,
    drive: str = "one",
    second: float = 0.0,
    pts: int | None = None,
    kind: DefectKind = DefectKind.POTHOLE,
    own_m: float = 0.1,
    shared_m: float = 2.0,
    confidence: float = 0.7,
    width_m: float = 0.5,
) -> Observation:
    own, shared = GroundError.from_sigma_m(own_m), GroundError.from_sigma_m(shared_m)
    ticks = round(second * 1000) if pts is None else pts
    key = natural_uuid("test", drive, second, east_m, north_m, kind, pts)
    size = Measurement(value=width_m, sigma=0.05, how="test")
    return Observation(
        observation_id=ObservationId(key),
        run_id=RunId(natural_uuid("run", drive)),
        drive_id=DriveId(natural_uuid("drive", drive)),
        frame=FrameRef(clip_sha256=SHA, pts=ticks),
        seen_at=after(second),
        kind=kind,
        confidence=confidence,
        box=PixelBox(left_px=600, top_px=500, right_px=680, bottom_px=530),
        at=GridRef(easting_m=E0 + east_m, northing_m=N0 + north_m),
        error=own + shared,
        shared_error=shared,
        heading_deg=0.0,
        chainage_m=second * 10,
        range_m=7.0,
        offset_m=-0.8,
        width_m=size,
        length_m=size,
    )


def a_defect(
    *,
    state: DefectState = DefectState.QUEUED,
    kind: DefectKind = DefectKind.POTHOLE,
    width_m: float = 0.5,
    offset_m: float = -0.8,
    version: int = 1,
    sightings: Sequence[UUID] = (),
) -> Defect:
    width = Measurement(value=width_m, sigma=0.03, how="test")
    return Defect(
        defect_id=DefectId(natural_uuid("defect", "test")),
        kind=kind,
        state=state,
        at=GridRef(easting_m=E0, northing_m=N0),
        error=GroundError.from_sigma_m(2.0),
        confidence=0.8,
        observation_ids=tuple(ObservationId(s) for s in sightings)
        or (ObservationId(natural_uuid("observation", "test")),),
        sightings=3,
        drives=1,
        first_seen_at=NOON,
        last_seen_at=NOON,
        heading_deg=0.0,
        offset_m=offset_m,
        width_m=width,
        length_m=width,
        area_m2=ellipse_area(width, width),
        version=version,
    )
