"""Defects, what they were gathered from, and their place in the queue."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from pipeline.adapters.postgres.cells import apart, cells_near
from pipeline.adapters.postgres.database import Connection
from pipeline.adapters.postgres.findings import observation_from_row, point_ewkt
from pipeline.adapters.postgres.roads import load_road_places
from pipeline.domain.defects import (
    Area,
    ChangeKind,
    Constraint,
    Defect,
    DefectChange,
    DefectState,
)
from pipeline.domain.ids import DefectId, DriveId, ObservationId, OrganisationId
from pipeline.domain.looks import DefectKind
from pipeline.domain.observations import Measurement, Observation, ellipse_area
from pipeline.domain.places import GridRef, GroundError
from pipeline.domain.policy import CouncilPolicy

NEARBY_M = 150.0
# Passes are laid on each other by what lies within some sixty metres.
_AROUND_M = 60.0

_CURRENT = """
  select o.*, st_x(o.at) as easting_m, st_y(o.at) as northing_m
  from roadwear.observation o join roadwear.run r using (run_id)
  where r.state = 'current' and r.mark = 'live'"""

_DEFECT = """
  select d.*, st_x(d.at) as easting_m, st_y(d.at) as northing_m,
         coalesce((select array_agg(m.observation_id order by m.observation_id)
                   from roadwear.current_membership m where m.defect_id = d.defect_id),
                  (select array_agg(distinct m.observation_id)
                   from roadwear.membership m where m.defect_id = d.defect_id)) as observation_ids
  from roadwear.defect d"""


def lock_authority(connection: Connection, authority: OrganisationId) -> None:
    """Wait until no other transaction gathers for this authority, and hold it off until commit."""
    connection.execute(
        "select pg_advisory_xact_lock(hashtextextended('gather ' || %s, 0))", (str(authority),)
    )


def load_area(connection: Connection, authority: OrganisationId, drive_id: DriveId) -> Area:
    """Return the current live observations near a drive's, with what they were part of."""
    former = connection.execute(
        "select o.observation_id, st_x(o.at) as easting_m, st_y(o.at) as northing_m "
        "from roadwear.observation o join roadwear.run r using (run_id) "
        "where o.drive_id = %s and o.authority_id = %s and r.mark = 'live'",
        (drive_id, authority),
    ).fetchall()
    places = [GridRef(easting_m=row["easting_m"], northing_m=row["northing_m"]) for row in former]
    easts, norths = apart({cell for place in places for cell in cells_near(place, NEARBY_M)})
    rows = connection.execute(
        f"""
        with here as materialized (
          select st_buffer(st_collect(o.at), %(nearby)s) as near
          from roadwear.observation o join roadwear.run r using (run_id)
          where o.drive_id = %(drive)s and o.authority_id = %(authority)s and r.mark = 'live')
        {_CURRENT} and o.authority_id = %(authority)s
          and (o.cell_e, o.cell_n) in (select * from unnest(%(easts)s::int[], %(norths)s::int[]))
          and st_intersects(o.at, (select near from here))
        order by o.seen_at, o.observation_id""",  # noqa: S608 - constants of this module
        {
            "nearby": NEARBY_M, "drive": drive_id, "authority": authority, "easts": easts,
            "norths": norths,
        },
    )  # fmt: skip
    seen = tuple(observation_from_row(row) for row in rows)
    return _area_of(connection, authority, seen, [row["observation_id"] for row in former])


def load_area_around(
    connection: Connection,
    authority: OrganisationId,
    sightings: Sequence[ObservationId],
    former: Collection[DefectId] = (),
) -> Area:
    """Return the defects near some sightings, each with all of its current live observations.

    Args:
        connection: A transaction.
        authority: Whose.
        sightings: Of which a person speaks.
        former: Defects that they belonged to, which may have no sighting left.
    """
    rows = connection.execute(
        f"""
        with near as (
          select m.observation_id from roadwear.defect d
          join roadwear.current_membership m using (defect_id)
          where d.authority_id = %(authority)s and st_dwithin(d.at,
            (select st_collect(o.at) from roadwear.observation o
             where o.observation_id = any(%(sightings)s)), %(nearby)s))
        {_CURRENT} and o.authority_id = %(authority)s
          and (o.observation_id in (select observation_id from near)
               or o.observation_id = any(%(sightings)s))
        order by o.seen_at, o.observation_id""",  # noqa: S608 - constants of this module
        {"nearby": _AROUND_M, "sightings": list(sightings), "authority": authority},
    )
    seen = tuple(observation_from_row(row) for row in rows)
    area = _area_of(connection, authority, seen, sightings)
    return replace(area, before={**load_defects(connection, tuple(former)), **area.before})


def _area_of(
    connection: Connection,
    authority: OrganisationId,
    observations: tuple[Observation, ...],
    former: Sequence[ObservationId],
) -> Area:
    """Return what gathering needs to know of observations, and of former ones near them."""
    seen = [o.observation_id for o in observations]
    ids = [*seen, *(ObservationId(name) for name in former)]
    members = connection.execute(
        "select observation_id, defect_id from roadwear.current_membership "
        "where observation_id = any(%s)",
        (ids,),
    )
    known = {row["observation_id"]: DefectId(row["defect_id"]) for row in members}
    # An engineer who decides meanwhile waits, and is then told that the defect has changed.
    connection.execute(
        "select 1 from roadwear.defect where defect_id = any(%s) order by defect_id for update",
        (list(set(known.values())),),
    )
    return Area(
        observations=observations,
        known=known,
        before=load_defects(connection, tuple(set(known.values()))),
        constraints=_constraints(connection, ids),
        roads=load_road_places(connection, authority, seen),
    )


def save_gathering(
    connection: Connection,
    authority: OrganisationId,
    *,
    changes: Sequence[DefectChange],
    member_of: Mapping[ObservationId, DefectId],
    known: Mapping[ObservationId, DefectId],
    now: datetime,
) -> None:
    """Store what gathering changed; memberships are only ever added."""
    for change in changes:
        if change.defect is None:
            connection.execute(
                "update roadwear.defect set emptied_at = %s, version = version + 1 "
                "where defect_id = %s and emptied_at is null",
                (now, change.defect_id),
            )
        elif change.change is not ChangeKind.UNCHANGED:
            _upsert(connection, authority, change.defect)
    # What was no longer seen and is seen again, by a model that came back, stands as it stood.
    connection.execute(
        "update roadwear.defect set emptied_at = null, version = version + 1 "
        "where emptied_at is not null and defect_id = any(%s)",
        ([c.defect_id for c in changes if c.change is ChangeKind.UNCHANGED],),
    )
    moved = [
        (authority, observation, defect, "gathered")
        for observation, defect in sorted(member_of.items())
        if known.get(observation) != defect
    ]
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into roadwear.membership (authority_id, observation_id, defect_id, reason) "
            "values (%s, %s, %s, %s)",
            moved,
        )


def load_waiting(connection: Connection, authority: OrganisationId) -> tuple[Defect, ...]:
    """Return every possible defect that waits for an engineer."""
    rows = connection.execute(
        f"{_DEFECT} where d.authority_id = %s and d.state = 'queued' and d.emptied_at is null",
        (authority,),
    )
    return tuple(_defect(row) for row in rows)


def load_repaired(
    connection: Connection, authority: OrganisationId, drive_id: DriveId
) -> tuple[Defect, ...]:
    """Return repaired defects around what a drive looked at; nobody has verified them yet."""
    rows = connection.execute(
        f"""
        with looked as (
          select st_extent(c.line) as box from roadwear.coverage c
          join roadwear.run r using (run_id)
          where r.drive_id = %(drive)s and r.authority_id = %(authority)s
            and r.state = 'current' and c.reason is null)
        {_DEFECT}, looked where d.authority_id = %(authority)s and d.state = 'repaired'
          and d.at_e between st_xmin(box) - %(near)s and st_xmax(box) + %(near)s
          and d.at_n between st_ymin(box) - %(near)s and st_ymax(box) + %(near)s""",  # noqa: S608
        {"drive": drive_id, "authority": authority, "near": _AROUND_M},
    )
    return tuple(_defect(row) for row in rows)


def load_defect(
    connection: Connection, defect_id: DefectId, *, lock: bool = False
) -> Defect | None:
    """Return a defect, or None if the organisation has none of that id.

    Args:
        connection: A transaction.
        defect_id: Which one.
        lock: Hold off any other change to it until the end of the transaction.
    """
    if lock:
        connection.execute(
            "select 1 from roadwear.defect where defect_id = %s for update", (defect_id,)
        )
    return load_defects(connection, (defect_id,)).get(defect_id)


def save_policy(
    connection: Connection, authority: OrganisationId, policy: CouncilPolicy, content: bytes
) -> None:
    """Store a version of a policy, once."""
    connection.execute(
        "insert into roadwear.policy (authority_id, policy_sha256, name, version, valid_from, "
        "source, content) values (%s, %s, %s, %s, %s, %s, %s) on conflict do nothing",
        (
            authority,
            policy.sha256,
            policy.name,
            policy.version,
            policy.valid_from,
            policy.source,
            content,
        ),
    )


def load_policies(
    connection: Connection, authority: OrganisationId
) -> tuple[tuple[str, str, str, date, int], ...]:
    """Return the policies that were ever used: hash, name, version, first day, and decisions."""
    rows = connection.execute(
        "select p.policy_sha256, p.name, p.version, p.valid_from, "
        "(select count(*) from roadwear.decision d where d.authority_id = p.authority_id "
        "and d.policy_sha256 = p.policy_sha256) as decisions "
        "from roadwear.policy p where p.authority_id = %s order by p.recorded_at desc",
        (authority,),
    )
    return tuple(
        (r["policy_sha256"], r["name"], r["version"], r["valid_from"], r["decisions"]) for r in rows
    )


def load_evidence(
    connection: Connection, defects: Sequence[DefectId]
) -> dict[DefectId, tuple[dict[str, Any], ...]]:
    """Return the pictures of defects: close views first, the surest first."""
    rows = connection.execute(
        "select m.defect_id, s.observation_id, s.kind, s.blob_key, s.taken_at, s.width_px, "
        "s.height_px, s.bystanders, o.confidence, o.range_m, r.state = 'void' as is_void "
        "from roadwear.current_membership m join roadwear.still s using (observation_id) "
        "join roadwear.observation o using (observation_id) "
        "join roadwear.run r on r.run_id = o.run_id "
        "where m.defect_id = any(%s) order by s.kind, o.range_m, o.confidence desc, s.blob_key",
        (list(defects),),
    )
    found: dict[DefectId, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        found[row["defect_id"]].append(row)
    return {name: tuple(stills) for name, stills in found.items()}


def is_emptied(connection: Connection, defect_id: DefectId) -> bool:
    """Return whether nothing that counts shows a defect any more."""
    row = connection.execute(
        "select emptied_at from roadwear.defect where defect_id = %s", (defect_id,)
    ).fetchone()
    return row is not None and row["emptied_at"] is not None


def mark_shown(connection: Connection, defect_id: DefectId, now: datetime) -> None:
    """Keep when a person was first shown a defect."""
    connection.execute(
        "update roadwear.defect set first_shown_at = %s "
        "where defect_id = %s and first_shown_at is null",
        (now, defect_id),
    )


def load_defects(connection: Connection, ids: Sequence[DefectId]) -> dict[DefectId, Defect]:
    """Return defects by their ids; those that the organisation has not are missing."""
    rows = connection.execute(f"{_DEFECT} where d.defect_id = any(%s)", (list(ids),))
    return {row["defect_id"]: _defect(row) for row in rows}


def _constraints(connection: Connection, ids: Sequence[ObservationId]) -> tuple[Constraint, ...]:
    rows = connection.execute(
        "select distinct on (first_id, second_id) first_id, second_id, together "
        "from roadwear.gather_constraint c where first_id = any(%s) and second_id = any(%s) "
        "and not exists (select 1 from roadwear.identity_word b where b.takes_back = c.word_id) "
        "order by first_id, second_id, constraint_id desc",
        (list(ids), list(ids)),
    )
    return tuple(Constraint(**row) for row in rows if row["together"] is not None)


def _upsert(connection: Connection, authority: OrganisationId, defect: Defect) -> None:
    """Write a defect; its instants are set once, from its sightings."""
    depth = defect.depth_mm
    if defect.state is DefectState.QUEUED and defect.repaired_at is not None:
        _reopen(connection, defect)
    connection.execute(
        """
        insert into roadwear.defect as d (defect_id, authority_id, kind, state, at, var_e,
          var_n, cov_en, confidence, sightings, drives, heading_deg, offset_m, width_m,
          width_sigma_m, length_m, length_sigma_m, size_how, depth_mm, depth_sigma_mm,
          depth_how, version, captured_at, last_seen_at, received_at, detected_at)
        values (%(defect_id)s, %(authority)s, %(kind)s, %(state)s, %(at)s, %(var_e)s,
          %(var_n)s, %(cov_en)s, %(confidence)s, %(sightings)s, %(drives)s, %(heading_deg)s,
          %(offset_m)s, %(width_m)s, %(width_sigma_m)s, %(length_m)s, %(length_sigma_m)s,
          %(size_how)s, %(depth_mm)s, %(depth_sigma_mm)s, %(depth_how)s, %(version)s,
          %(first)s, %(last)s,
          (select min(c.received_at) from roadwear.observation o
           join roadwear.clip c using (owner_id, clip_sha256)
           where o.observation_id = any(%(seen)s)),
          (select min(o.recorded_at) from roadwear.observation o
           where o.observation_id = any(%(seen)s)))
        on conflict (defect_id) do update set kind = excluded.kind, state = excluded.state,
          at = excluded.at, var_e = excluded.var_e, var_n = excluded.var_n,
          cov_en = excluded.cov_en, confidence = excluded.confidence,
          sightings = excluded.sightings, drives = excluded.drives,
          heading_deg = excluded.heading_deg, offset_m = excluded.offset_m,
          width_m = excluded.width_m, width_sigma_m = excluded.width_sigma_m,
          length_m = excluded.length_m, length_sigma_m = excluded.length_sigma_m,
          size_how = excluded.size_how, version = excluded.version, emptied_at = null,
          captured_at = excluded.captured_at, last_seen_at = excluded.last_seen_at,
          depth_mm = excluded.depth_mm, depth_sigma_mm = excluded.depth_sigma_mm,
          depth_how = excluded.depth_how
        """,
        {
            "defect_id": defect.defect_id,
            "authority": authority,
            "kind": defect.kind,
            "state": defect.state,
            "at": point_ewkt(defect.at),
            "var_e": defect.error.var_e,
            "var_n": defect.error.var_n,
            "cov_en": defect.error.cov_en,
            "confidence": defect.confidence,
            "sightings": defect.sightings,
            "drives": defect.drives,
            "heading_deg": defect.heading_deg,
            "offset_m": defect.offset_m,
            "width_m": defect.width_m.value,
            "width_sigma_m": defect.width_m.sigma,
            "length_m": defect.length_m.value,
            "length_sigma_m": defect.length_m.sigma,
            "size_how": defect.width_m.how,
            "depth_mm": depth.value if depth else None,
            "depth_sigma_mm": depth.sigma if depth else None,
            "depth_how": depth.how if depth else None,
            "version": defect.version,
            "first": defect.first_seen_at,
            "last": defect.last_seen_at,
            "seen": list(defect.observation_ids),
        },
    )


def _reopen(connection: Connection, defect: Defect) -> None:
    """Begin anew with what is found again after its repair: its clocks are those of the finding."""
    connection.execute(
        "update roadwear.defect set reopened_at = now(), first_shown_at = null, "
        "decided_at = null, ordered_at = null, accepted_at = null, "
        "detected_at = coalesce((select min(o.recorded_at) from roadwear.observation o "
        "where o.observation_id = any(%(seen)s) and o.seen_at > %(repaired)s), detected_at), "
        "received_at = coalesce((select min(c.received_at) from roadwear.observation o "
        "join roadwear.clip c using (owner_id, clip_sha256) "
        "where o.observation_id = any(%(seen)s) and o.seen_at > %(repaired)s), received_at) "
        "where defect_id = %(name)s and state in ('repaired', 'verified')",
        {
            "name": defect.defect_id,
            "repaired": defect.repaired_at,
            "seen": list(defect.observation_ids),
        },
    )


def _defect(row: Mapping[str, Any]) -> Defect:
    how = row["size_how"]
    width = Measurement(value=row["width_m"], sigma=row["width_sigma_m"], how=how)
    length = Measurement(value=row["length_m"], sigma=row["length_sigma_m"], how=how)
    depth = row["depth_mm"]
    return Defect(
        defect_id=row["defect_id"],
        kind=DefectKind(row["kind"]),
        state=DefectState(row["state"]),
        at=GridRef(easting_m=row["easting_m"], northing_m=row["northing_m"]),
        error=GroundError(var_e=row["var_e"], var_n=row["var_n"], cov_en=row["cov_en"]),
        confidence=row["confidence"],
        observation_ids=tuple(row["observation_ids"]),
        sightings=row["sightings"],
        drives=row["drives"],
        first_seen_at=row["captured_at"],
        last_seen_at=row["last_seen_at"],
        heading_deg=row["heading_deg"],
        offset_m=row["offset_m"],
        width_m=width,
        length_m=length,
        area_m2=ellipse_area(width, length),
        depth_mm=None
        if depth is None
        else Measurement(value=depth, sigma=row["depth_sigma_mm"], how=row["depth_how"]),
        version=row["version"],
        repaired_at=row["repaired_at"],
        said_kind=None if row["said_kind"] is None else DefectKind(row["said_kind"]),
    )
