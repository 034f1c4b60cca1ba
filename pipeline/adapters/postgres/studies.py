"""Studies: who asked for what, what was done of it, what it found, and who released it."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pipeline.adapters.postgres.database import Connection, copy_rows
from pipeline.adapters.postgres.findings import detector_of
from pipeline.domain.camera import CameraRig
from pipeline.domain.errors import InputError, RuleError
from pipeline.domain.evidence import StillKind
from pipeline.domain.footage import Piece
from pipeline.domain.ids import ClipSha256, DriveId, PersonId, RunId, StudyId
from pipeline.domain.looks import DefectKind, Detection, PixelBox
from pipeline.domain.runs import DetectorIdentity
from pipeline.domain.studies import (
    FootageCounts,
    KeptPicture,
    LooksAt,
    PartOfStudy,
    PictureCounts,
    Progress,
    SeenInPicture,
    Study,
)

_STUDY = (
    "study_id", "owner_id", "person_id", "looks_at", "model", "why", "from_day", "to_day",
    "asked_at",
)  # fmt: skip
# The runs that counted when it was asked for, and still do: each is a part.
_PARTS = """
  from roadwear.study t join roadwear.run r on r.owner_id = t.owner_id
    and r.state = 'current' and r.mark = 'live' and r.recorded_at <= t.asked_at
  join roadwear.clip c on c.owner_id = r.owner_id and c.clip_sha256 = r.clip_sha256
    and c.received_at >= t.from_day::timestamp at time zone 'UTC'
    and c.received_at < (t.to_day + 1)::timestamp at time zone 'UTC'
  where t.study_id = %(study)s and (t.looks_at = 'footage' or exists (
    select 1 from roadwear.still s where s.run_id = r.run_id
    and s.kind in ('evidence_still', 'road_view')))"""
# An engineer has said that it is there.
_CONFIRMED = ("approved", "ordered", "made_safe", "repaired", "verified", "watched")


def save_study(connection: Connection, study: Study) -> None:
    """Keep what was asked for."""
    connection.execute(
        f"insert into roadwear.study ({', '.join(_STUDY)}) "  # noqa: S608 - our own words
        f"values ({', '.join(['%s'] * len(_STUDY))})",
        tuple(getattr(study, name) for name in _STUDY),
    )


def load_study(connection: Connection, study_id: StudyId) -> Study:
    """Return a study.

    Raises:
        InputError: The organisation has none of that id.
    """
    found = [one for one in load_studies(connection) if one.study_id == study_id]
    if not found:
        raise InputError(f"there is no study {study_id} of this organisation")
    return found[0]


def load_studies(connection: Connection) -> tuple[Study, ...]:
    """Return the acting organisation's studies, the last first."""
    rows = connection.execute(
        f"select {', '.join(_STUDY)} from roadwear.study "  # noqa: S608 - our own words
        "where owner_id = roadwear.acting_for() order by asked_at desc, study_id"
    )
    return tuple(Study(**{**row, "looks_at": LooksAt(row["looks_at"])}) for row in rows)


def parts_left(connection: Connection, study: Study) -> tuple[RunId, ...]:
    """Return the parts that are not done, in the order of their ids; none once it is released."""
    rows = connection.execute(
        f"select r.run_id {_PARTS} and not exists (select 1 from roadwear.study_part p "  # noqa: S608
        "where p.study_id = t.study_id and p.run_id = r.run_id) and not exists (select 1 "
        "from roadwear.study_released x where x.study_id = t.study_id) order by r.run_id",
        {"study": study.study_id},
    )
    return tuple(RunId(row["run_id"]) for row in rows)


def load_parts(
    connection: Connection, study: Study, runs: Sequence[RunId]
) -> tuple[PartOfStudy, ...]:
    """Return those of some parts that are not done."""
    rows = connection.execute(
        "select r.run_id, r.drive_id, r.clip_sha256, r.from_pts, r.to_pts, r.rig "
        "from roadwear.run r where r.run_id = any(%s) and r.owner_id = %s and not exists (select 1 "
        "from roadwear.study_part p where p.study_id = %s and p.run_id = r.run_id) "
        "order by r.run_id",
        (list(runs), study.owner_id, study.study_id),
    )
    return tuple(
        PartOfStudy(
            run_id=RunId(row["run_id"]),
            drive_id=DriveId(row["drive_id"]),
            piece=Piece(
                clip_sha256=ClipSha256(row["clip_sha256"]),
                from_pts=row["from_pts"],
                to_pts=row["to_pts"],
            ),
            rig=CameraRig(**row["rig"]),
        )
        for row in rows
    )


def load_pictures(connection: Connection, run_id: RunId) -> tuple[KeptPicture, ...]:
    """Return a run's close views, and its views of road where nothing was reported."""
    rows = connection.execute(
        "select s.pts, s.kind, s.ordinal, s.blob_key, o.kind as reported, o.confidence, o.left_px, "
        "o.top_px, o.right_px, o.bottom_px "
        "from roadwear.still s left join roadwear.observation o using (observation_id) "
        "where s.run_id = %s and s.kind in ('evidence_still', 'road_view') "
        "order by s.pts, s.kind, s.ordinal",
        (run_id,),
    )
    return tuple(
        KeptPicture(
            pts=row["pts"],
            kind=StillKind(row["kind"]),
            ordinal=row["ordinal"],
            blob_key=row["blob_key"],
            reported=None if row["left_px"] is None else _reported(row),
        )
        for row in rows
    )


def is_kept_here(connection: Connection, part: PartOfStudy) -> bool:
    """Return whether the footage of a part was handed in, and nobody has removed it since."""
    row = connection.execute(
        "select 1 from roadwear.stored_file f where f.owner_id = roadwear.acting_for() "
        "and f.sha256 = %s and f.gone_at is null",
        (part.piece.clip_sha256,),
    ).fetchone()
    return row is not None


def save_part(
    connection: Connection,
    study: Study,
    run_id: RunId,
    *,
    refused: str = "",
    study_run_id: RunId | None = None,
    seen: Sequence[SeenInPicture] = (),
) -> int:
    """Keep that a part is done, and what was seen in its pictures; twice is once.

    Args:
        connection: Acting for the owner of the study.
        study: Which one.
        run_id: The part.
        refused: Why it could not be looked at; "" where it could.
        study_run_id: The study's run of footage.
        seen: In each picture.

    Returns:
        How many looks it took.
    """
    kept = connection.execute(
        "insert into roadwear.study_part (study_id, run_id, owner_id, study_run_id, looked, "
        "refused) values (%(study)s, %(run)s, %(owner)s, %(study_run)s, coalesce((select r.looked "
        "from roadwear.run r where r.run_id = %(study_run)s), %(seen)s), %(refused)s) "
        "on conflict do nothing returning looked",
        {
            "study": study.study_id, "run": run_id, "owner": study.owner_id,
            "study_run": study_run_id, "seen": len(seen), "refused": refused,
        },
    ).fetchone()  # fmt: skip
    if kept is None:
        return 0
    copy_rows(
        connection,
        "study_picture",
        ("study_id", "run_id", "pts", "kind", "ordinal", "owner_id", "again", "other"),
        (
            (
                study.study_id, run_id, one.picture.pts, one.picture.kind, one.picture.ordinal,
                study.owner_id, one.again, json.dumps([_as_json(each) for each in one.other]),
            )
            for one in seen
        ),
    )  # fmt: skip
    return int(kept["looked"])


def load_progress(connection: Connection, study: Study) -> Progress:
    """Return how far a study is."""
    rows = connection.execute(
        "select refused, count(*) as parts, sum(looked) as looked from roadwear.study_part "
        "where study_id = %s group by refused",
        (study.study_id,),
    ).fetchall()
    done = sum(row["parts"] for row in rows)
    return Progress(
        parts=done + len(parts_left(connection, study)),
        done=done,
        looked=int(sum(row["looked"] for row in rows)),
        refused={row["refused"]: row["parts"] for row in rows if row["refused"]},
    )


def count_footage(connection: Connection, study: Study) -> FootageCounts:
    """Return what a study of footage found, beside the runs that it looked at again."""
    looked = connection.execute(
        "select coalesce(sum(p.looked), 0) as study, coalesce(sum(r.looked), 0) as live "
        "from roadwear.study_part p join roadwear.run r using (run_id) "
        "where p.study_id = %s and p.study_run_id is not null",
        (study.study_id,),
    ).fetchone()
    rows = connection.execute(
        "select o.kind, count(*) filter (where o.run_id = p.study_run_id) as study, "
        "count(*) filter (where o.run_id = p.run_id) as live from roadwear.study_part p "
        "join roadwear.observation o on o.run_id in (p.run_id, p.study_run_id) "
        "where p.study_id = %s and p.study_run_id is not null group by o.kind order by o.kind",
        (study.study_id,),
    )
    return FootageCounts(
        looked=(int(looked["study"]), int(looked["live"])) if looked else (0, 0),
        sightings={DefectKind(row["kind"]): (row["study"], row["live"]) for row in rows},
    )


def count_pictures(connection: Connection, study: Study) -> PictureCounts:
    """Return what a study of pictures saw again of what engineers have decided on.

    A defect is seen again if it is in one of its close views.
    """
    rows = connection.execute(
        """
        with shown as (
          select d.defect_id, bool_or(x.again is not null) as again,
            case when d.state = any(%(confirmed)s) then 'confirmed'
              when d.state = 'rejected' then 'rejected' else 'undecided' end as said
          from roadwear.study_picture x
          join roadwear.still s using (run_id, pts, kind, ordinal)
          join roadwear.current_membership m on m.observation_id = s.observation_id
          join roadwear.defect d on d.defect_id = m.defect_id
          where x.study_id = %(study)s and x.kind = 'evidence_still' group by d.defect_id)
        select said, count(*) as shown, count(*) filter (where again) as again
        from shown group by said""",
        {"study": study.study_id, "confirmed": list(_CONFIRMED)},
    ).fetchall()
    views = connection.execute(
        "select count(*) as views, count(*) filter (where jsonb_array_length(other) > 0) as some "
        "from roadwear.study_picture where study_id = %s and kind = 'road_view'",
        (study.study_id,),
    ).fetchone()
    return PictureCounts(
        shown={row["said"]: row["shown"] for row in rows},
        again={row["said"]: row["again"] for row in rows},
        road_views=views["views"] if views else 0,
        road_views_with=views["some"] if views else 0,
    )


def released_by(connection: Connection, study: Study) -> tuple[str, datetime, str] | None:
    """Return who released a study, when and why; None if nobody has."""
    row = connection.execute(
        "select p.name, r.released_at, r.why from roadwear.study_released r "
        "join roadwear.person p using (person_id) where r.study_id = %s",
        (study.study_id,),
    ).fetchone()
    return None if row is None else (row["name"], row["released_at"], row["why"])


def save_release(
    connection: Connection, study: Study, person: PersonId, why: str, now: datetime
) -> None:
    """Keep that a person lets a study count; that it was said once is enough.

    Raises:
        RuleError: It is a study of pictures, from which no defect can be placed.
    """
    if study.looks_at is not LooksAt.FOOTAGE:
        raise RuleError("Only a study of footage can be released: pictures are looked at for study")
    connection.execute(
        "insert into roadwear.study_released (study_id, owner_id, person_id, why, released_at) "
        "values (%s, %s, %s, %s, %s) on conflict do nothing",
        (study.study_id, study.owner_id, person, why, now),
    )


def require_same_line(
    connection: Connection, study: Study, detector: DetectorIdentity, settings_sha256: str
) -> None:
    """Refuse to let a study count that was not made as new footage is looked at.

    What counts would otherwise be looked at once more, by the model that is set, and replaced.

    Raises:
        RuleError: Another model, runtime or setting of the line made a part of it.
    """
    rows = connection.execute(
        "select distinct r.detector, r.settings_sha256 from roadwear.study_part p "
        "join roadwear.run r on r.run_id = p.study_run_id where p.study_id = %s",
        (study.study_id,),
    )
    for row in rows:
        if detector_of(row["detector"]) != detector or row["settings_sha256"] != settings_sha256:
            raise RuleError(
                f"New footage is looked at by {detector.model_id}, with its runtime and settings; "
                "this study was made otherwise. Make its model the one that is set (roadwear "
                "models release, ROADWEAR_MODEL), or ask for the study again."
            )


def study_runs(connection: Connection, study: Study) -> dict[DriveId, list[RunId]]:
    """Return a study's runs of footage, by drive.

    Left out are those of pieces that were voided since, or looked at anew with another camera or
    clock, and those on the roads of another authority, whose queue is not the owner's to change;
    those that count already are not.
    """
    rows = connection.execute(
        "select s.drive_id, s.run_id from roadwear.study_part p "
        "join roadwear.run s on s.run_id = p.study_run_id "
        "join roadwear.run now on now.owner_id = s.owner_id and now.clip_sha256 = s.clip_sha256 "
        "and now.from_pts = s.from_pts and now.to_pts = s.to_pts and now.state = 'current' "
        "and now.mark = 'live' where p.study_id = %s and s.authority_id = s.owner_id "
        "and (now.run_id = p.run_id "
        "or (now.detector, now.rig, now.clock, now.settings_sha256) = "
        "(s.detector, s.rig, s.clock, s.settings_sha256)) order by 1, 2",
        (study.study_id,),
    )
    found: dict[DriveId, list[RunId]] = defaultdict(list)
    for row in rows:
        found[DriveId(row["drive_id"])].append(RunId(row["run_id"]))
    return dict(found)


def _reported(row: Mapping[str, Any]) -> Detection:
    box = PixelBox(
        left_px=row["left_px"],
        top_px=row["top_px"],
        right_px=row["right_px"],
        bottom_px=row["bottom_px"],
    )
    return Detection(kind=DefectKind(row["reported"]), box=box, confidence=row["confidence"])


def _as_json(seen: Detection) -> dict[str, object]:
    box = seen.box
    corners = [round(at, 1) for at in (box.left_px, box.top_px, box.right_px, box.bottom_px)]
    return {"kind": seen.kind, "confidence": round(seen.confidence, 4), "box_px": corners}
