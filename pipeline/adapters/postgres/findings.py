"""What a run found: one transaction a piece of footage, bulk rows by COPY."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from pipeline.adapters.postgres.database import Connection, copy_rows
from pipeline.adapters.postgres.drive_words import is_void, lock_drive
from pipeline.domain.camera import CameraRig
from pipeline.domain.errors import InputError
from pipeline.domain.evidence import Still, StillKind
from pipeline.domain.findings import Findings
from pipeline.domain.footage import Drive, FrameRef, Piece
from pipeline.domain.ids import ClipSha256, DriveId, OrganisationId, RunId, VehicleId
from pipeline.domain.looks import DefectKind, NotLooked, NotLookedReason, PixelBox
from pipeline.domain.observations import Coverage, Measurement, Observation
from pipeline.domain.places import GridRef, GroundError
from pipeline.domain.runs import DetectorIdentity, Run, RunMark
from pipeline.domain.track import ClockOffset

_OBSERVATION = (
    "observation_id", "owner_id", "authority_id", "run_id", "drive_id", "clip_sha256", "pts",
    "seen_at", "kind", "confidence", "left_px", "top_px", "right_px", "bottom_px", "at",
    "var_e", "var_n", "cov_en", "shared_var_e", "shared_var_n", "shared_cov_en", "heading_deg",
    "chainage_m", "range_m", "offset_m", "width_m", "width_sigma_m", "length_m",
    "length_sigma_m", "size_how",
)  # fmt: skip
_COVERAGE = (
    "run_id", "owner_id", "authority_id", "ordinal", "from_m", "to_m", "reason", "left_m",
    "right_m", "line",
)  # fmt: skip
_REFUSED = (
    "run_id", "owner_id", "authority_id", "ordinal", "pts", "chainage_m", "reason", "detail",
)  # fmt: skip
_STILL = (
    "run_id", "owner_id", "authority_id", "pts", "kind", "ordinal", "observation_id", "taken_at",
    "chainage_m", "width_px", "height_px", "bystanders", "blob_key",
)  # fmt: skip


def is_done(connection: Connection, run_id: RunId) -> bool:
    """Return whether a run's findings are stored, whole, and are the current ones.

    They are so too where a person voided the drive.
    """
    row = connection.execute(
        "select 1 from roadwear.run where run_id = %s and state in ('current', 'void')", (run_id,)
    ).fetchone()
    return row is not None


def has_findings(connection: Connection, drive_id: DriveId) -> bool:
    """Return whether anything of a drive was looked at already."""
    row = connection.execute(
        "select 1 from roadwear.run where drive_id = %s limit 1", (drive_id,)
    ).fetchone()
    return row is not None


def save_findings(
    connection: Connection,
    drive: Drive,
    findings: Findings,
    still_keys: Sequence[str],
    *,
    kept_since: datetime | None = None,
) -> bool:
    """Store all that a run found, and make it the current one of its piece.

    Args:
        connection: A transaction that acts for the drive's owner or authority.
        drive: Whose it is.
        findings: What was found.
        still_keys: Where each still lies in the store.
        kept_since: When the stills were made, which starts their clock; None for now.

    Live runs of the same clip that overlap a live one are superseded; a superseded run that comes
    back is made current again, and its rows, which are still there, are not written twice. A
    study's run supersedes nothing.

    Returns:
        False if the run is stored and current, in which case nothing was written.
    """
    run = findings.run
    lock_drive(connection, drive.drive_id)
    connection.execute(
        "select pg_advisory_xact_lock(hashtextextended('run ' || %s || %s, 0))",
        (str(drive.owner_id), run.piece.clip_sha256),
    )
    if is_done(connection, run.run_id):
        return False
    if run.mark is RunMark.LIVE:
        connection.execute(
            "update roadwear.run set state = 'superseded' where owner_id = %s and clip_sha256 = %s "
            "and from_pts < %s and to_pts > %s and state in ('current', 'void') and mark = 'live'",
            (drive.owner_id, run.piece.clip_sha256, run.piece.to_pts, run.piece.from_pts),
        )
    state = "void" if is_void(connection, drive.drive_id, drive.authority_id) else "current"
    restored = connection.execute(
        "update roadwear.run set state = %s where run_id = %s and state = 'superseded'",
        (state, run.run_id),
    )
    if restored.rowcount:
        return True
    connection.execute(
        "insert into roadwear.run (run_id, owner_id, authority_id, drive_id, clip_sha256, "
        "from_pts, to_pts, detector, rig, clock, settings_sha256, mark, looked, decoded, "
        "not_looked, cut_at_s, state) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, "
        "%s, %s, %s, %s, %s)",
        (
            run.run_id,
            drive.owner_id,
            drive.authority_id,
            drive.drive_id,
            run.piece.clip_sha256,
            run.piece.from_pts,
            run.piece.to_pts,
            json.dumps(asdict(run.detector)),
            json.dumps(asdict(run.rig)),
            json.dumps(asdict(run.clock)),
            run.settings_sha256,
            run.mark,
            findings.looked,
            findings.decoded,
            json.dumps(dict(findings.not_looked)),
            findings.cut_at_s,
            state,
        ),
    )
    owners = (drive.owner_id, drive.authority_id)
    copy_rows(
        connection, "observation", _OBSERVATION, (_row(o, owners) for o in findings.observations)
    )
    copy_rows(
        connection,
        "coverage",
        _COVERAGE,
        (
            (
                run.run_id,
                *owners,
                n,
                c.from_m,
                c.to_m,
                c.reason,
                c.left_m,
                c.right_m,
                line_ewkt(c.line),
            )
            for n, c in enumerate(findings.coverage)
        ),
    )
    copy_rows(
        connection,
        "look_refused",
        _REFUSED,
        (
            (run.run_id, *owners, n, ref.pts if ref else None, at, look.reason, look.detail)
            for n, (ref, at, look) in enumerate(findings.refused)
        ),
    )
    copy_rows(
        connection,
        "still",
        _STILL if kept_since is None else (*_STILL, "recorded_at"),
        (
            (
                run.run_id, *owners, s.frame.pts, s.kind, n, s.observation_id, s.taken_at,
                s.chainage_m, s.width_px, s.height_px, s.bystanders, key,
                *(() if kept_since is None else (kept_since,)),
            )
            for n, (s, key) in enumerate(zip(findings.stills, still_keys, strict=True))
        ),
    )  # fmt: skip
    return True


def load_findings(
    connection: Connection, run_id: RunId
) -> tuple[Drive, Findings, tuple[str, ...], datetime]:
    """Return what a run found, where each of its stills lies, and when it was stored.

    The pictures themselves stay where they are.

    Args:
        connection: A transaction that acts for the drive's owner or authority.
        run_id: The run.

    Raises:
        InputError: The organisation has no such run.
    """
    row = connection.execute(
        "select r.*, d.vehicle_id from roadwear.run r join roadwear.drive d using (drive_id) "
        "where r.run_id = %s",
        (run_id,),
    ).fetchone()
    if row is None:
        raise InputError(f"there is no run {run_id} of this organisation")
    seen = connection.execute(
        "select o.*, st_x(o.at) as easting_m, st_y(o.at) as northing_m "
        "from roadwear.observation o where o.run_id = %s order by o.pts, o.observation_id",
        (run_id,),
    )
    covered = connection.execute(
        "select c.*, (select array_agg(array[st_x(p.geom), st_y(p.geom)] order by p.path) "
        "from st_dumppoints(c.line) p) as points from roadwear.coverage c where c.run_id = %s "
        "order by c.ordinal",
        (run_id,),
    )
    refused = connection.execute(
        "select pts, chainage_m, reason, detail from roadwear.look_refused where run_id = %s "
        "order by ordinal",
        (run_id,),
    )
    stills = connection.execute(
        "select * from roadwear.still where run_id = %s order by ordinal, pts, kind", (run_id,)
    ).fetchall()
    clip = ClipSha256(row["clip_sha256"])
    drive = Drive(
        drive_id=DriveId(row["drive_id"]),
        owner_id=OrganisationId(row["owner_id"]),
        authority_id=OrganisationId(row["authority_id"]),
        vehicle_id=VehicleId(row["vehicle_id"]),
    )
    findings = Findings(
        run=_run(row),
        observations=tuple(map(observation_from_row, seen)),
        coverage=tuple(_coverage(one) for one in covered),
        refused=tuple(
            (
                None if one["pts"] is None else FrameRef(clip_sha256=clip, pts=one["pts"]),
                one["chainage_m"],
                NotLooked(reason=NotLookedReason(one["reason"]), detail=one["detail"]),
            )
            for one in refused
        ),
        stills=tuple(_still(one, clip) for one in stills),
        looked=row["looked"],
        decoded=row["decoded"],
        cut_at_s=row["cut_at_s"],
        stage_s={},
    )
    return drive, findings, tuple(one["blob_key"] for one in stills), row["recorded_at"]


def detector_of(stored: Mapping[str, Any]) -> DetectorIdentity:
    """Return the detector of a run as it is stored."""
    thresholds = tuple((DefectKind(kind), at) for kind, at in stored["thresholds"])
    return DetectorIdentity(**{**stored, "thresholds": thresholds})


def _run(row: Mapping[str, Any]) -> Run:
    return Run(
        drive_id=DriveId(row["drive_id"]),
        piece=Piece(
            clip_sha256=ClipSha256(row["clip_sha256"]),
            from_pts=row["from_pts"],
            to_pts=row["to_pts"],
        ),
        detector=detector_of(row["detector"]),
        rig=CameraRig(**row["rig"]),
        clock=ClockOffset(**row["clock"]),
        settings_sha256=row["settings_sha256"],
        mark=RunMark(row["mark"]),
    )


def _coverage(row: Mapping[str, Any]) -> Coverage:
    return Coverage(
        run_id=RunId(row["run_id"]),
        from_m=row["from_m"],
        to_m=row["to_m"],
        reason=None if row["reason"] is None else NotLookedReason(row["reason"]),
        left_m=row["left_m"],
        right_m=row["right_m"],
        line=tuple(GridRef(easting_m=east, northing_m=north) for east, north in row["points"]),
    )


def _still(row: Mapping[str, Any], clip: ClipSha256) -> Still:
    return Still(
        kind=StillKind(row["kind"]),
        frame=FrameRef(clip_sha256=clip, pts=row["pts"]),
        observation_id=row["observation_id"],
        taken_at=row["taken_at"],
        chainage_m=row["chainage_m"],
        width_px=row["width_px"],
        height_px=row["height_px"],
        bystanders=row["bystanders"],
        jpeg=b"",
    )


def observation_from_row(row: Mapping[str, Any]) -> Observation:
    """Return the observation of a row that also carries easting_m and northing_m."""
    how = row["size_how"]
    return Observation(
        observation_id=row["observation_id"],
        run_id=row["run_id"],
        drive_id=row["drive_id"],
        frame=FrameRef(clip_sha256=ClipSha256(row["clip_sha256"]), pts=row["pts"]),
        seen_at=row["seen_at"],
        kind=DefectKind(row["kind"]),
        confidence=row["confidence"],
        box=PixelBox(
            left_px=row["left_px"],
            top_px=row["top_px"],
            right_px=row["right_px"],
            bottom_px=row["bottom_px"],
        ),
        at=GridRef(easting_m=row["easting_m"], northing_m=row["northing_m"]),
        error=GroundError(var_e=row["var_e"], var_n=row["var_n"], cov_en=row["cov_en"]),
        shared_error=GroundError(
            var_e=row["shared_var_e"], var_n=row["shared_var_n"], cov_en=row["shared_cov_en"]
        ),
        heading_deg=row["heading_deg"],
        chainage_m=row["chainage_m"],
        range_m=row["range_m"],
        offset_m=row["offset_m"],
        width_m=Measurement(value=row["width_m"], sigma=row["width_sigma_m"], how=how),
        length_m=Measurement(value=row["length_m"], sigma=row["length_sigma_m"], how=how),
    )


def _row(o: Observation, owners: tuple[UUID, UUID]) -> Sequence[Any]:
    return (
        o.observation_id, *owners, o.run_id, o.drive_id, o.frame.clip_sha256, o.frame.pts,
        o.seen_at, o.kind, o.confidence, o.box.left_px, o.box.top_px, o.box.right_px,
        o.box.bottom_px, point_ewkt(o.at), o.error.var_e, o.error.var_n, o.error.cov_en,
        o.shared_error.var_e, o.shared_error.var_n, o.shared_error.cov_en, o.heading_deg,
        o.chainage_m, o.range_m, o.offset_m, o.width_m.value, o.width_m.sigma, o.length_m.value,
        o.length_m.sigma, o.width_m.how,
    )  # fmt: skip


def point_ewkt(at: GridRef) -> str:
    """Return a grid reference as PostGIS reads it."""
    return f"SRID=27700;POINT({at.easting_m!r} {at.northing_m!r})"


def line_ewkt(line: Iterable[GridRef]) -> str:
    """Return a line as PostGIS reads it."""
    points = ", ".join(f"{p.easting_m!r} {p.northing_m!r}" for p in line)
    return f"SRID=27700;LINESTRING({points})"
