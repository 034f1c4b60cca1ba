"""Who sent what: organisations, vehicles, drives, their tracks and clips."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from fractions import Fraction
from typing import Any

from pipeline.adapters.postgres.database import Connection
from pipeline.domain.camera import CameraRig, DrivenCamera, FoundCamera
from pipeline.domain.footage import Clip, Drive
from pipeline.domain.ids import (
    ClipSha256,
    DriveId,
    OrganisationId,
    VehicleId,
    organisation_id,
    vehicle_id,
)
from pipeline.domain.intake import ReceivedDrive
from pipeline.domain.looks import NotLookedReason
from pipeline.domain.places import LonLat
from pipeline.domain.quality import ClipQuality, MinuteQuality
from pipeline.domain.track import ClockOffset, RawFix


def slug_of(connection: Connection, organisation: OrganisationId) -> str:
    """Return what an organisation is called in commands; "" if there is none."""
    row = connection.execute(
        "select slug from roadwear.organisation where organisation_id = %s", (organisation,)
    ).fetchone()
    return str(row["slug"]) if row else ""


def save_organisation(connection: Connection, slug: str) -> OrganisationId:
    """Make an organisation known by its short name, once."""
    name = slug.strip().lower()
    connection.execute(
        "insert into roadwear.organisation (organisation_id, slug) values (%s, %s) "
        "on conflict do nothing",
        (organisation_id(name), name),
    )
    return organisation_id(name)


def save_vehicle(connection: Connection, owner: OrganisationId, fleet_number: str) -> VehicleId:
    """Make a vehicle known by its owner's fleet number, once."""
    vehicle = vehicle_id(owner, fleet_number)
    connection.execute(
        "insert into roadwear.vehicle (vehicle_id, owner_id, fleet_number) values (%s, %s, %s) "
        "on conflict do nothing",
        (vehicle, owner, fleet_number.strip().lower()),
    )
    return vehicle


def fix_of_row(row: Mapping[str, Any]) -> RawFix:
    """Return a position from its row."""
    return RawFix(
        taken_at=row["taken_at"],
        place=LonLat(lon_deg=row["lon_deg"], lat_deg=row["lat_deg"]),
        sigma_m=row["sigma_m"],
        speed_mps=row["speed_mps"],
        course_deg=row["course_deg"],
    )


def drive_of_clip(
    connection: Connection, owner: OrganisationId, sha256: ClipSha256
) -> DriveId | None:
    """Return the drive that a clip already belongs to, or None for a new clip."""
    row = connection.execute(
        "select drive_id from roadwear.clip where owner_id = %s and clip_sha256 = %s",
        (owner, sha256),
    ).fetchone()
    return None if row is None else DriveId(row["drive_id"])


def save_drive(connection: Connection, stored: ReceivedDrive) -> None:
    """Store a drive with its track and clips; what is there already stays as it is."""
    drive = stored.drive
    connection.execute(
        "insert into roadwear.drive (drive_id, owner_id, authority_id, vehicle_id, rig, clock, "
        "started_at) values (%s, %s, %s, %s, %s, %s, %s) on conflict do nothing",
        (
            drive.drive_id,
            drive.owner_id,
            drive.authority_id,
            drive.vehicle_id,
            _json(stored.rig),
            _json(stored.clock),
            stored.started_at,
        ),
    )
    _copy_fixes(connection, drive, stored.fixes)
    for location, clip in stored.clips:
        connection.execute(
            "insert into roadwear.clip (owner_id, clip_sha256, authority_id, drive_id, location, "
            "width_px, height_px, time_base_num, time_base_den, first_pts, duration_s, started_at) "
            "values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing",
            (
                drive.owner_id,
                clip.sha256,
                drive.authority_id,
                drive.drive_id,
                location,
                clip.width_px,
                clip.height_px,
                clip.time_base.numerator,
                clip.time_base.denominator,
                clip.first_pts,
                clip.duration_s,
                clip.started_at,
            ),
        )

    _save_quality(connection, stored)


def _save_quality(connection: Connection, stored: ReceivedDrive) -> None:
    drive = stored.drive
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into roadwear.clip_quality (owner_id, clip_sha256, authority_id, from_s, to_s, "
            "frames, usable, reason) values (%s, %s, %s, %s, %s, %s, %s, %s) "
            "on conflict do nothing",
            [
                (
                    drive.owner_id, sha256, drive.authority_id, minute.from_s, minute.to_s,
                    minute.frames, minute.usable, minute.reason,
                )
                for sha256, quality in stored.quality.items()
                for minute in quality.minutes
            ],
        )  # fmt: skip


def load_quality(
    connection: Connection, clips: Sequence[ClipSha256]
) -> dict[ClipSha256, ClipQuality]:
    """Return what clips are worth, of those that were judged when they came in."""
    minutes: dict[ClipSha256, list[MinuteQuality]] = {}
    for row in connection.execute(
        "select clip_sha256, from_s, to_s, frames, usable, reason from roadwear.clip_quality "
        "where clip_sha256 = any(%s) order by clip_sha256, from_s",
        (list(clips),),
    ):
        minutes.setdefault(ClipSha256(row["clip_sha256"]), []).append(
            MinuteQuality(
                from_s=row["from_s"],
                to_s=row["to_s"],
                frames=row["frames"],
                usable=row["usable"],
                reason=None if row["reason"] is None else NotLookedReason(row["reason"]),
            )
        )
    return {sha256: ClipQuality(minutes=tuple(found)) for sha256, found in minutes.items()}


def load_drive(connection: Connection, drive_id: DriveId) -> ReceivedDrive | None:
    """Return a drive as it was received, or None if the organisation has none of that id."""
    row = connection.execute(
        "select * from roadwear.drive where drive_id = %s", (drive_id,)
    ).fetchone()
    if row is None:
        return None
    clips = connection.execute(
        "select * from roadwear.clip where drive_id = %s "
        "order by started_at nulls last, clip_sha256",
        (drive_id,),
    ).fetchall()
    fixes = connection.execute(
        "select taken_at, lon_deg, lat_deg, sigma_m, speed_mps, course_deg from roadwear.drive_fix "
        "where drive_id = %s order by ordinal",
        (drive_id,),
    )
    return ReceivedDrive(
        drive=Drive(
            drive_id=drive_id,
            owner_id=row["owner_id"],
            authority_id=row["authority_id"],
            vehicle_id=row["vehicle_id"],
        ),
        clips=tuple((clip["location"], _clip(clip)) for clip in clips),
        fixes=tuple(fix_of_row(fix) for fix in fixes),
        rig=None if row["rig"] is None else CameraRig(**row["rig"]),
        clock=None if row["clock"] is None else ClockOffset(**row["clock"]),
        started_at=row["started_at"],
        quality=load_quality(connection, [ClipSha256(clip["clip_sha256"]) for clip in clips]),
    )


def owner_of_drive(connection: Connection, drive_id: DriveId) -> OrganisationId | None:
    """Return whose footage a drive is; None if who is acted for has nothing to do with it."""
    row = connection.execute(
        "select owner_id from roadwear.drive where drive_id = %s", (drive_id,)
    ).fetchone()
    return None if row is None else OrganisationId(row["owner_id"])


def drives_of(connection: Connection, authority: OrganisationId) -> tuple[DriveId, ...]:
    """Return all drives on an authority's roads, in order of their ids."""
    rows = connection.execute(
        "select drive_id from roadwear.drive where authority_id = %s union "
        "select drive_id from roadwear.drive_share where authority_id = %s order by drive_id",
        (authority, authority),
    )
    return tuple(DriveId(row["drive_id"]) for row in rows)


def load_camera(connection: Connection, drive_id: DriveId) -> FoundCamera | None:
    """Return what was found of a drive's camera, or None."""
    row = connection.execute(
        "select rig, clock, pairs, refused, moved, words from roadwear.camera_in_use "
        "where drive_id = %s",
        (drive_id,),
    ).fetchone()
    if row is None:
        return None
    return FoundCamera(
        rig=CameraRig(**row["rig"]),
        clock=None if row["clock"] is None else ClockOffset(**row["clock"]),
        pairs=row["pairs"],
        refused=row["refused"],
        moved=tuple(row["moved"]),
        words=tuple(row["words"]),
    )


def load_driven_cameras(
    connection: Connection, owner: OrganisationId, fleet_number: str
) -> tuple[DrivenCamera, ...]:
    """Return what was found of the cameras of an owner's vehicles, by vehicle and time.

    Args:
        connection: Acting for the owner.
        owner: Whose vehicles.
        fleet_number: Of one vehicle; "" for all.
    """
    rows = connection.execute(
        "select v.fleet_number, d.drive_id, c.rig, "
        "roadwear.began_at(d.drive_id) as driven_at "
        "from roadwear.camera_in_use c "
        "join roadwear.drive d using (drive_id) join roadwear.vehicle v using (vehicle_id) "
        "where d.owner_id = %s and (%s = '' or v.fleet_number = %s) "
        "order by v.fleet_number, driven_at, d.drive_id",
        (owner, fleet_number, fleet_number),
    )
    return tuple(
        DrivenCamera(
            vehicle=row["fleet_number"],
            drive_id=DriveId(row["drive_id"]),
            driven_at=row["driven_at"],
            rig=CameraRig(**row["rig"]),
        )
        for row in rows
    )


def save_camera(connection: Connection, drive: Drive, found: FoundCamera) -> None:
    """Store what was found of a drive's camera; what is there already stays, unless set aside."""
    connection.execute(
        "insert into roadwear.camera_found (drive_id, attempt, owner_id, authority_id, rig, clock, "
        "pairs, refused, moved, words) select %s, "
        "1 + (select count(*) from roadwear.camera_set_aside where drive_id = %s), "
        "%s, %s, %s, %s, %s, %s, %s, %s on conflict do nothing",
        (
            drive.drive_id,
            drive.drive_id,
            drive.owner_id,
            drive.authority_id,
            _json(found.rig),
            _json(found.clock),
            found.pairs,
            found.refused,
            list(found.moved),
            list(found.words),
        ),
    )


def set_camera_aside(connection: Connection, drive: Drive, *, said_by: str, reason: str) -> bool:
    """Set aside what is in use of a drive's camera; False if nothing is."""
    done = connection.execute(
        "insert into roadwear.camera_set_aside (drive_id, attempt, owner_id, authority_id, "
        "said_by, reason) select drive_id, attempt, owner_id, authority_id, %s, %s "
        "from roadwear.camera_in_use where drive_id = %s",
        (said_by, reason, drive.drive_id),
    )
    return done.rowcount > 0


def _copy_fixes(connection: Connection, drive: Drive, fixes: Sequence[RawFix]) -> None:
    connection.execute("create temporary table fresh_fix (like roadwear.drive_fix) on commit drop")
    with connection.cursor().copy(
        "copy fresh_fix (drive_id, owner_id, authority_id, ordinal, taken_at, lon_deg, lat_deg, "
        "sigma_m, speed_mps, course_deg) from stdin"
    ) as copy:
        for ordinal, fix in enumerate(fixes):
            copy.write_row(
                (
                    drive.drive_id,
                    drive.owner_id,
                    drive.authority_id,
                    ordinal,
                    fix.taken_at,
                    fix.place.lon_deg,
                    fix.place.lat_deg,
                    fix.sigma_m,
                    fix.speed_mps,
                    fix.course_deg,
                )
            )
    connection.execute(
        "insert into roadwear.drive_fix select * from fresh_fix on conflict do nothing"
    )
    connection.execute("drop table fresh_fix")


def _clip(row: dict[str, Any]) -> Clip:
    return Clip(
        sha256=ClipSha256(row["clip_sha256"]),
        width_px=row["width_px"],
        height_px=row["height_px"],
        time_base=Fraction(row["time_base_num"], row["time_base_den"]),
        first_pts=row["first_pts"],
        duration_s=row["duration_s"],
        started_at=row["started_at"],
    )


def _json(value: CameraRig | ClockOffset | None) -> str | None:
    return None if value is None else json.dumps(asdict(value))
