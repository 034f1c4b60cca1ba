"""Drives that persons voided, and restored."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from pipeline.adapters.postgres.database import Connection
from pipeline.adapters.postgres.drive_words import is_void, lock_drive
from pipeline.adapters.postgres.orders import save_event
from pipeline.domain.defects import DefectState
from pipeline.domain.errors import RuleError
from pipeline.domain.ids import DefectId, DriveId, EventId, OrganisationId
from pipeline.domain.looks import NotLookedReason
from pipeline.domain.orders import EventKind, OrderEvent
from pipeline.domain.voiding import DriveWord, VoidReason

# What two pieces of footage both looked at, where they meet, counts once.
_SPANS = "range_agg(numrange(c.from_m::numeric, c.to_m::numeric))"
# A drive that is shared is on the roads of those that have a share, and on nobody else's.
_ON_ITS_ROADS = """
  case when exists (select 1 from roadwear.drive_share s where s.drive_id = d.drive_id)
    then exists (select 1 from roadwear.drive_share s
                 where s.drive_id = d.drive_id and s.authority_id = %s)
    else d.authority_id = %s end"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidOfDrive:
    """What was said of a drive, and by whom."""

    by: str
    reason: VoidReason | None
    note: str
    said_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraPass:
    """What a drive brought.

    Attributes:
        looked_m: Metres looked at.
        not_looked_m: Metres not looked at, by reason.
        sightings: How many it made.
        defects: Which possible defects they belong to, and the state of each.
        said: What persons said of it, the first first.
    """

    drive_id: DriveId
    vehicle: str
    began_at: datetime | None
    received_at: datetime | None
    looked_m: float
    not_looked_m: dict[NotLookedReason, float]
    sightings: int
    defects: tuple[tuple[DefectId, str], ...]
    said: tuple[SaidOfDrive, ...]

    @property
    def is_void(self) -> bool:
        """Whether it does not count."""
        return bool(self.said) and self.said[-1].reason is not None


def save_drive_word(connection: Connection, authority: OrganisationId, word: DriveWord) -> None:
    """Keep a word, and let what the drive showed count or not; gathering has to follow.

    Raises:
        RuleError: The drive is so already, or there is none.
    """
    lock_drive(connection, word.drive_id)
    drive = connection.execute(
        f"select d.owner_id from roadwear.drive d where d.drive_id = %s and {_ON_ITS_ROADS}",  # noqa: S608 - our own words
        (word.drive_id, authority, authority),
    ).fetchone()
    if drive is None:
        raise RuleError("There is no such camera pass on your roads.")
    if is_void(connection, word.drive_id, authority) is word.is_void:
        raise RuleError("It is so already: somebody was quicker. Nothing was recorded.")
    connection.execute(
        "insert into roadwear.drive_word (word_id, owner_id, authority_id, drive_id, person_id, "
        "is_void, reason, note, said_at) values (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            word.word_id, drive["owner_id"], authority, word.drive_id, word.person_id,
            word.is_void, word.reason, word.note, word.said_at,
        ),
    )  # fmt: skip
    before, after = ("current", "void") if word.is_void else ("void", "current")
    connection.execute(
        "update roadwear.run set state = %s "
        "where drive_id = %s and authority_id = %s and state = %s",
        (after, word.drive_id, authority, before),
    )


def doubt_verified(
    connection: Connection, authority: OrganisationId, drive_id: DriveId, now: datetime
) -> None:
    """Take back that a drive bore out repairs: it does not count any more."""
    rows = connection.execute(
        "select l.order_id, l.defect_id from roadwear.works_order_line l "
        "join roadwear.defect d using (defect_id) where l.authority_id = %s "
        "and d.state = 'verified' and (select e.said_by from roadwear.order_event e "
        "where e.order_id = l.order_id and e.defect_id = l.defect_id and e.kind = 'verified' "
        "order by e.ordinal desc limit 1) = %s order by l.defect_id",
        (authority, camera_pass_words(drive_id)),
    ).fetchall()
    for row in rows:
        event = OrderEvent(
            event_id=EventId(uuid4()),
            order_id=row["order_id"],
            defect_id=row["defect_id"],
            kind=EventKind.DOUBTED,
            happened_at=now,
            said_by=camera_pass_words(drive_id),
        )
        save_event(connection, authority, event, {row["defect_id"]: DefectState.REPAIRED})


def camera_pass_words(drive_id: DriveId) -> str:
    """Return how a camera pass is called where it says something of an order."""
    return f"camera pass {drive_id}"


def load_drives_of(connection: Connection, defect_id: DefectId) -> tuple[DriveId, ...]:
    """Return the drives that ever showed a defect."""
    rows = connection.execute(
        "select distinct o.drive_id from roadwear.membership m join roadwear.observation o "
        "using (observation_id) where m.defect_id = %s order by o.drive_id",
        (defect_id,),
    )
    return tuple(DriveId(row["drive_id"]) for row in rows)


def load_words_on(
    connection: Connection, drives: Sequence[DriveId]
) -> dict[DriveId, tuple[SaidOfDrive, ...]]:
    """Return what was said of drives, the first first."""
    rows = connection.execute(
        "select w.drive_id, p.name, w.reason, w.note, w.said_at from roadwear.drive_word w "
        "join roadwear.person p using (person_id) where w.drive_id = any(%s) "
        "and w.authority_id = roadwear.acting_for() order by w.ordinal",
        (list(drives),),
    )
    found: dict[DriveId, tuple[SaidOfDrive, ...]] = {}
    for row in rows:
        reason = None if row["reason"] is None else VoidReason(row["reason"])
        said = SaidOfDrive(by=row["name"], reason=reason, note=row["note"], said_at=row["said_at"])
        found[row["drive_id"]] = (*found.get(row["drive_id"], ()), said)
    return found


def load_camera_pass(
    connection: Connection, authority: OrganisationId, drive_id: DriveId
) -> CameraPass | None:
    """Return what a drive on an authority's roads brought; None if there is no such drive."""
    drive = connection.execute(
        f"""
        select coalesce(v.fleet_number, '') as vehicle,
          coalesce(
            (select min(s.from_at) from roadwear.drive_share s
             where s.drive_id = d.drive_id and s.authority_id = %s),
            d.started_at,
            roadwear.began_at(d.drive_id)) as began_at,
          (select min(c.received_at) from roadwear.clip c
           where c.drive_id = d.drive_id) as received_at
        from roadwear.drive d left join roadwear.vehicle v using (vehicle_id)
        where d.drive_id = %s and {_ON_ITS_ROADS}""",  # noqa: S608 - our own words
        (authority, drive_id, authority, authority),
    ).fetchone()
    if drive is None:
        return None
    covered = connection.execute(
        f"""
        select c.reason, (select sum(upper(one) - lower(one)) from unnest({_SPANS}) one) as metres
        from roadwear.coverage c join roadwear.run r using (run_id)
        where r.drive_id = %s and r.authority_id = %s and r.mark = 'live'
          and r.state in ('current', 'void') group by c.reason""",  # noqa: S608 - our own words
        (drive_id, authority),
    ).fetchall()
    seen = connection.execute(
        "select count(*) as n from roadwear.observation o join roadwear.run r using (run_id) "
        "where r.drive_id = %s and r.authority_id = %s and r.mark = 'live' "
        "and r.state in ('current', 'void')",
        (drive_id, authority),
    ).fetchone()
    defects = connection.execute(
        "select distinct d.defect_id, case when d.emptied_at is null then d.state else 'gone' end "
        "as state from roadwear.observation o join roadwear.current_membership m "
        "using (observation_id) join roadwear.defect d using (defect_id) where o.drive_id = %s "
        "order by d.defect_id",
        (drive_id,),
    )
    return CameraPass(
        drive_id=drive_id,
        vehicle=drive["vehicle"],
        began_at=drive["began_at"],
        received_at=drive["received_at"],
        looked_m=float(sum(row["metres"] or 0 for row in covered if row["reason"] is None)),
        not_looked_m={
            NotLookedReason(row["reason"]): float(row["metres"] or 0)
            for row in covered
            if row["reason"] is not None
        },
        sightings=seen["n"] if seen else 0,
        defects=tuple((DefectId(row["defect_id"]), row["state"]) for row in defects),
        said=load_words_on(connection, [drive_id]).get(drive_id, ()),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PassLine:
    """A camera pass as a line of a list.

    Attributes:
        looked_m: Metres looked at.
        missed_m: Metres not looked at, for whatever reason.
    """

    drive_id: DriveId
    vehicle: str
    processed_at: datetime
    looked_m: float
    missed_m: float
    sightings: int
    is_void: bool


def load_recent_passes(
    connection: Connection, authority: OrganisationId, most: int
) -> tuple[PassLine, ...]:
    """Return the camera passes of an authority that were looked at last, the newest first."""
    rows = connection.execute(
        f"""
        with last as (
          select r.drive_id, max(r.recorded_at) as processed_at, bool_and(r.state = 'void') as void
          from roadwear.run r where r.authority_id = %(a)s and r.mark = 'live'
            and r.state in ('current', 'void')
          group by r.drive_id order by processed_at desc limit %(most)s)
        select l.*, coalesce(v.fleet_number, '') as vehicle, coalesce(c.looked_m, 0) as looked_m,
          coalesce(c.missed_m, 0) as missed_m, (
            select count(*) from roadwear.observation o join roadwear.run r using (run_id)
            where o.drive_id = l.drive_id and r.authority_id = %(a)s and r.mark = 'live'
              and r.state in ('current', 'void')) as sightings
        from last l join roadwear.drive d using (drive_id)
        left join roadwear.vehicle v using (vehicle_id)
        left join lateral (
          select (select sum(upper(one) - lower(one)) from unnest(
              {_SPANS} filter (where c.reason is null)) one) as looked_m,
            (select sum(upper(one) - lower(one)) from unnest(
              {_SPANS} filter (where c.reason is not null)) one) as missed_m
          from roadwear.coverage c join roadwear.run r using (run_id)
          where r.drive_id = l.drive_id and r.authority_id = %(a)s and r.mark = 'live'
            and r.state in ('current', 'void')) c on true
        order by l.processed_at desc""",  # noqa: S608 - our own words
        {"a": authority, "most": most},
    )
    return tuple(
        PassLine(
            drive_id=DriveId(row["drive_id"]),
            vehicle=row["vehicle"],
            processed_at=row["processed_at"],
            looked_m=float(row["looked_m"]),
            missed_m=float(row["missed_m"]),
            sightings=row["sightings"],
            is_void=row["void"],
        )
        for row in rows
    )
