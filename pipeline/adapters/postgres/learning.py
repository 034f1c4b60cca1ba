"""What was decided, sighting by sighting, and what was not: for learning."""

from collections.abc import Mapping
from typing import Any

from pipeline.adapters.postgres.database import Connection
from pipeline.adapters.postgres.findings import observation_from_row
from pipeline.domain.decisions import Move, RejectReason
from pipeline.domain.ids import DefectId, OrganisationId
from pipeline.domain.learning import JudgedSighting, Unreviewed, WideView
from pipeline.domain.looks import DefectKind
from pipeline.domain.places import GridRef

_LOOKED_WITHIN_M = 4.0


def load_judged(connection: Connection, authority: OrganisationId) -> tuple[JudgedSighting, ...]:
    """Return every sighting of an authority's decided defects; the last decision counts."""
    rows = connection.execute(
        """
        with last as (
          select distinct on (defect_id) defect_id, move, reason, decided_at
          from roadwear.decision where authority_id = %(authority)s
          order by defect_id, decided_at desc, decision_id)
        select o.*, st_x(o.at) as easting_m, st_y(o.at) as northing_m, last.defect_id, last.move,
               last.reason, last.decided_at, d.said_kind, r.detector ->> 'model_id' as model_id,
               coalesce(f.fleet_number, v.vehicle_id::text) as vehicle,
               s.blob_key, s.width_px as view_width_px, s.height_px as view_height_px,
               c.width_px as frame_width_px
        from last join roadwear.defect d using (defect_id)
        join roadwear.current_membership m using (defect_id)
        join roadwear.observation o using (observation_id)
        join roadwear.run r on r.run_id = o.run_id and r.state <> 'void'
        join roadwear.drive v on v.drive_id = o.drive_id
        left join roadwear.vehicle f on f.vehicle_id = v.vehicle_id
        join roadwear.clip c on c.owner_id = o.owner_id and c.clip_sha256 = o.clip_sha256
        left join lateral (
          select blob_key, width_px, height_px from roadwear.still
          where run_id = o.run_id and pts = o.pts and kind = 'place_view'
          order by ordinal limit 1) s on true
        order by o.seen_at, o.observation_id""",
        {"authority": authority},
    )
    return tuple(_judged(row) for row in rows)


def load_unreviewed(connection: Connection, authority: OrganisationId) -> tuple[Unreviewed, ...]:
    """Return the authority's possible defects that wait, and how many passes saw and looked."""
    rows = connection.execute(
        """
        select d.defect_id, d.kind, d.confidence, st_x(d.at) as easting_m,
               st_y(d.at) as northing_m, d.drives as seen,
               (select count(distinct r.drive_id) from roadwear.coverage c
                join roadwear.run r using (run_id)
                where c.reason is null and r.state = 'current' and r.mark = 'live'
                  and c.authority_id = d.authority_id
                  and st_dwithin(c.line, d.at, %(near)s)) as looked
        from roadwear.defect d
        where d.authority_id = %(authority)s and d.state in ('queued', 'candidate')
          and d.emptied_at is null
        order by d.defect_id""",
        {"authority": authority, "near": _LOOKED_WITHIN_M},
    )
    return tuple(
        Unreviewed(
            defect_id=DefectId(row["defect_id"]),
            kind=DefectKind(row["kind"]),
            confidence=row["confidence"],
            at=GridRef(easting_m=row["easting_m"], northing_m=row["northing_m"]),
            passes_seen=row["seen"],
            passes_looked=row["looked"],
        )
        for row in rows
    )


def _judged(row: Mapping[str, Any]) -> JudgedSighting:
    view = None
    if row["blob_key"] is not None:
        view = WideView(
            key=row["blob_key"],
            width_px=row["view_width_px"],
            height_px=row["view_height_px"],
            frame_width_px=row["frame_width_px"],
        )
    seen = observation_from_row(row)
    return JudgedSighting(
        observation_id=seen.observation_id,
        defect_id=DefectId(row["defect_id"]),
        kind=DefectKind(row["said_kind"]) if row["said_kind"] else seen.kind,
        confidence=seen.confidence,
        box=seen.box,
        model_id=row["model_id"],
        vehicle=row["vehicle"],
        at=seen.at,
        move=Move(row["move"]),
        reason=RejectReason(row["reason"]) if row["reason"] else None,
        decided_at=row["decided_at"],
        view=view,
    )
