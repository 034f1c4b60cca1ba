"""What fleet staff ask: what became of a drive, and how the cameras of vehicles are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pipeline.adapters.postgres.database import Connection
from pipeline.adapters.postgres.intake import load_quality
from pipeline.domain.ids import BatchId, ClipSha256, DriveId, OrganisationId
from pipeline.domain.looks import NotLookedReason
from pipeline.domain.places import LonLat
from pipeline.domain.quality import ClipQuality
from pipeline.domain.track import RawFix

_AROUND_M = 200.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedIn:
    """A drive as fleet staff see it: never when or how fast it was somewhere."""

    drive_id: DriveId
    vehicle: str
    received_at: datetime
    clips: tuple[ClipQuality, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleHealth:
    """How much of a vehicle's footage could be used, and why not.

    Attributes:
        seconds: Of footage that was judged.
        lost_s: Seconds that could not be used, by reason.
    """

    vehicle: str
    last_heard_at: datetime | None
    seconds: float
    lost_s: dict[NotLookedReason, float]


def load_handed_in(
    connection: Connection, owner: OrganisationId, drives: Sequence[DriveId]
) -> tuple[HandedIn, ...]:
    """Return an organisation's drives with what each minute of them is worth."""
    rows = connection.execute(
        "select d.drive_id, v.fleet_number, min(c.received_at) as received_at, "
        "array_agg(c.clip_sha256 order by c.started_at nulls last, c.clip_sha256) as clips "
        "from roadwear.drive d join roadwear.vehicle v using (vehicle_id) "
        "join roadwear.clip c using (drive_id) where d.owner_id = %s and d.drive_id = any(%s) "
        "group by d.drive_id, v.fleet_number order by received_at, d.drive_id",
        (owner, list(drives)),
    ).fetchall()
    quality = load_quality(connection, [ClipSha256(sha) for row in rows for sha in row["clips"]])
    return tuple(
        HandedIn(
            drive_id=DriveId(row["drive_id"]),
            vehicle=row["fleet_number"],
            received_at=row["received_at"],
            clips=tuple(quality[sha] for sha in row["clips"] if sha in quality),
        )
        for row in rows
    )


def drives_of_batch(connection: Connection, batch_id: BatchId) -> tuple[DriveId, ...]:
    """Return the drives that the files of a batch became part of."""
    rows = connection.execute(
        "select distinct drive_id from roadwear.batch_file where batch_id = %s "
        "and drive_id is not null order by drive_id",
        (batch_id,),
    )
    return tuple(DriveId(UUID(str(row["drive_id"]))) for row in rows)


def load_roads_around(
    connection: Connection, fixes: Sequence[RawFix], *, most: int
) -> tuple[tuple[LonLat, ...], ...]:
    """Return the lines of the network in use around a drive; none where there is no network.

    Args:
        connection: Acting for whom the network belongs to; others see none.
        fixes: Of the drive.
        most: Lines; where there are more, the longest ones.
    """
    if not fixes:
        return ()
    lons, lats = [f.place.lon_deg for f in fixes], [f.place.lat_deg for f in fixes]
    rows = connection.execute(
        "with box as (select ST_Transform(ST_MakeEnvelope(%s, %s, %s, %s, 4326), 27700) as area) "
        "select ST_AsGeoJSON(ST_Transform(s.line, 4326), 6)::json as line "
        "from roadwear.road_section s, box where s.network_id = ("
        "select network_id from roadwear.road_network where authority_id = roadwear.acting_for() "
        "order by loaded_at desc limit 1) and s.line && ST_Expand(box.area, %s) "
        "order by ST_Length(s.line) desc limit %s",
        (min(lons), min(lats), max(lons), max(lats), _AROUND_M, most),
    )
    return tuple(
        tuple(LonLat(lon_deg=lon, lat_deg=lat) for lon, lat, *_ in row["line"]["coordinates"])
        for row in rows
    )


def load_health(
    connection: Connection, owner: OrganisationId, since: datetime
) -> tuple[VehicleHealth, ...]:
    """Return how an organisation's cameras have been since an instant, vehicle by vehicle."""
    rows = connection.execute(
        "select v.fleet_number, q.reason, sum(q.to_s - q.from_s) as seconds, "
        "max(c.received_at) as heard_at from roadwear.vehicle v "
        "left join roadwear.drive d using (vehicle_id) "
        "left join roadwear.clip c on c.drive_id = d.drive_id and c.received_at >= %s "
        "left join roadwear.clip_quality q on q.owner_id = c.owner_id "
        "and q.clip_sha256 = c.clip_sha256 where v.owner_id = %s "
        "group by v.fleet_number, q.reason order by v.fleet_number",
        (since, owner),
    )
    found: dict[str, VehicleHealth] = {}
    for row in rows:
        known = found.get(row["fleet_number"])
        heard = [at for at in (row["heard_at"], known and known.last_heard_at) if at]
        lost = dict(known.lost_s) if known else {}
        if row["reason"] is not None:
            lost[NotLookedReason(row["reason"])] = float(row["seconds"])
        found[row["fleet_number"]] = VehicleHealth(
            vehicle=row["fleet_number"],
            last_heard_at=max(heard, default=None),
            seconds=(known.seconds if known else 0.0) + float(row["seconds"] or 0.0),
            lost_s=lost,
        )
    return tuple(found.values())
