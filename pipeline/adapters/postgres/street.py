"""What is held of a street over a time: for a bundle of evidence."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pipeline.adapters.policy_toml import parse_policy
from pipeline.adapters.postgres.council_records import load_imports, load_records
from pipeline.adapters.postgres.database import Connection
from pipeline.adapters.postgres.decisions import load_decisions
from pipeline.adapters.postgres.defects import load_defects, load_evidence
from pipeline.adapters.postgres.duty import load_alerts_on
from pipeline.adapters.postgres.instants import load_instants
from pipeline.adapters.postgres.log import log_head
from pipeline.adapters.postgres.orders import load_events, orders_of
from pipeline.adapters.postgres.people import load_qualifications
from pipeline.adapters.postgres.roads import load_road_facts, network_in_use, section_of
from pipeline.adapters.postgres.site_entries import load_entries
from pipeline.adapters.postgres.voiding import SaidOfDrive, load_drives_of, load_words_on
from pipeline.domain.chain import FIRST, sha256_of
from pipeline.domain.defects import Defect
from pipeline.domain.ids import DefectId, DriveId, NetworkId, OrganisationId
from pipeline.domain.looks import NotLookedReason
from pipeline.domain.records import RecordKind
from pipeline.domain.roads import RoadSection
from pipeline.domain.street import (
    Claim,
    GivenOut,
    LogExcerpt,
    PolicyThen,
    StreetDefect,
    StreetFacts,
    StreetPass,
    StreetPicture,
)
from pipeline.domain.uk_time import LONDON

# A pass that is less likely to have been here than not is none of this street's.
_LIKELY = 0.5
# What a camera looked at along a street lies so near to its line.
_BESIDE_M = 15.0
# The speed of a pass is taken from its track so long before and after.
_AROUND = timedelta(seconds=3)
_M_PER_MILE = 1609.344


def load_street(connection: Connection, authority: OrganisationId, claim: Claim) -> StreetFacts:
    """Return all that is held of a street over a time.

    Args:
        connection: A transaction that acts for the authority.
        authority: Whose streets.
        claim: Which street and time.
    """
    network_id = network_in_use(connection, authority)
    sections, lengths_m, network = _sections(connection, network_id, claim.usrn)
    names = [section.section_id for section in sections]
    views = _road_views(connection, network_id, names, claim)
    passes = _passes(connection, (network_id, names), claim, views)
    defects = _defects(connection, authority, (network_id, names), claim)
    asked = (claim.usrn, claim.begins_on, claim.incident_on)
    return StreetFacts(
        claim=claim,
        authority=_slug(connection, authority),
        sections=sections,
        lengths_m=lengths_m,
        network=network,
        passes=passes,
        defects=defects,
        pictures=(
            *_pictures(connection, [one.defect.defect_id for one in defects]),
            *{view.blob_key: view for _, view in views}.values(),
        ),
        policy=_policy_then(connection, authority, claim),
        imports={kind: load_imports(connection, authority, kind) for kind in RecordKind},
        records={kind: load_records(connection, authority, kind, asked) for kind in RecordKind},
        log=_excerpt(connection, authority, passes, defects),
    )


def save_given_out(
    connection: Connection, authority: OrganisationId, bundle_id: UUID, note: GivenOut
) -> None:
    """Keep that an evidence bundle was given out."""
    connection.execute(
        "insert into roadwear.evidence_bundle (bundle_id, authority_id, usrn, incident_on, "
        "months, made_by, sums_sha256, made_at) values (%s, %s, %s, %s, %s, %s, %s, %s)",
        (
            bundle_id, authority, note.claim.usrn, note.claim.incident_on, note.claim.months,
            note.made_by, note.sums_sha256, note.made_at,
        ),
    )  # fmt: skip


def _slug(connection: Connection, authority: OrganisationId) -> str:
    row = connection.execute(
        "select slug from roadwear.organisation where organisation_id = %s", (authority,)
    ).fetchone()
    return str(row["slug"]) if row else ""


def _sections(
    connection: Connection, network_id: NetworkId | None, usrn: int
) -> tuple[tuple[RoadSection, ...], dict[str, float], tuple[str, datetime] | None]:
    if network_id is None:
        return (), {}, None
    of = connection.execute(
        "select name, loaded_at from roadwear.road_network where network_id = %s", (network_id,)
    ).fetchone()
    rows = connection.execute(
        "select s.*, st_asbinary(s.line) as wkb, st_length(s.line) as length_m "
        "from roadwear.road_section s where s.network_id = %s and s.usrn = %s "
        "and s.authority_id = roadwear.acting_for() order by s.section_id",
        (network_id, usrn),
    ).fetchall()
    return (
        tuple(section_of(row) for row in rows),
        {row["section_id"]: row["length_m"] for row in rows},
        None if of is None else (of["name"], of["loaded_at"]),
    )


def _passes(
    connection: Connection,
    street: tuple[NetworkId | None, Sequence[str]],
    claim: Claim,
    views: Sequence[tuple[str, StreetPicture]],
) -> tuple[StreetPass, ...]:
    """Return what each camera pass of the time saw of each section and direction."""
    network_id, sections = street
    rows = connection.execute(
        "select r.drive_id, s.section_id, s.along, min(s.passed_at) as at, "
        "max(s.passed_at) as until, min(s.probability) as probability, "
        "bool_or(r.state = 'void') as is_void, array_agg(distinct s.run_id) as runs, "
        "json_agg(json_build_array(s.reason, s.to_m - s.from_m)) as spans, "
        "(select v.fleet_number from roadwear.drive d join roadwear.vehicle v using (vehicle_id) "
        "where d.drive_id = r.drive_id) as vehicle "
        "from roadwear.section_span s join roadwear.run r using (run_id) "
        "where s.network_id = %s and s.section_id = any(%s) and s.probability >= %s "
        "and r.mark = 'live' and r.state in ('current', 'void') "
        "and s.passed_at >= %s and s.passed_at < %s "
        "group by r.drive_id, s.section_id, s.along order by at, r.drive_id, s.section_id",
        (network_id, list(sections), _LIKELY, claim.begins_at, claim.ends_at),
    ).fetchall()
    words = load_words_on(connection, sorted({row["drive_id"] for row in rows}))
    counted = Counter((view.drive_id, section) for section, view in views)
    return tuple(
        replace(
            _pass(row, words.get(row["drive_id"], ())),
            width_m=_width_in_view(connection, network_id, row),
            speed_mph=_speed(connection, row),
            road_views=counted[row["drive_id"], row["section_id"]],
        )
        for row in rows
    )


def _pass(row: Mapping[str, Any], words: Sequence[SaidOfDrive]) -> StreetPass:
    looked_m = 0.0
    not_looked: dict[NotLookedReason, float] = defaultdict(float)
    for reason, metres in row["spans"]:
        if reason is None:
            looked_m += metres
        else:
            not_looked[NotLookedReason(reason)] += metres
    void = words[-1].reason if row["is_void"] and words else None
    return StreetPass(
        drive_id=row["drive_id"],
        section_id=row["section_id"],
        along=row["along"],
        at=row["at"],
        looked_m=looked_m,
        not_looked_m=dict(not_looked),
        probability=row["probability"],
        vehicle=row["vehicle"] or "",
        void="" if void is None else void.words,
    )


def _width_in_view(
    connection: Connection, network_id: NetworkId | None, row: Mapping[str, Any]
) -> float | None:
    """Return how wide a strip was in view along the section, the mean by metres driven."""
    found = connection.execute(
        "select sum((c.left_m + c.right_m) * (c.to_m - c.from_m)) / sum(c.to_m - c.from_m) "
        "as width_m from roadwear.coverage c, roadwear.road_section s "
        "where c.run_id = any(%s) and c.reason is null and c.to_m > c.from_m "
        "and s.network_id = %s and s.section_id = %s and st_dwithin(c.line, s.line, %s)",
        (row["runs"], network_id, row["section_id"], _BESIDE_M),
    ).fetchone()
    return None if found is None else found["width_m"]


def _speed(connection: Connection, row: Mapping[str, Any]) -> float | None:
    """Return how fast the vehicle was: as its receiver said, or from the places of its track."""
    found = connection.execute(
        "with fix as (select taken_at, speed_mps, st_setsrid(st_makepoint(lon_deg, lat_deg), 4326) "
        "as at from roadwear.drive_fix where drive_id = %s and taken_at between %s and %s), "
        "leg as (select st_distancesphere(at, lag(at) over (order by taken_at)) as metres "
        "from fix) "
        "select avg(speed_mps) as told_mps, (select sum(metres) from leg) as metres, "
        "extract(epoch from max(taken_at) - min(taken_at)) as seconds from fix",
        (row["drive_id"], row["at"] - _AROUND, row["until"] + _AROUND),
    ).fetchone()
    if found is None or found["seconds"] is None:
        return None
    if found["told_mps"] is not None:
        return float(found["told_mps"]) * 3600 / _M_PER_MILE
    seconds = float(found["seconds"])
    return float(found["metres"]) / seconds * 3600 / _M_PER_MILE if seconds else None


def _defects(
    connection: Connection,
    authority: OrganisationId,
    street: tuple[NetworkId | None, Sequence[str]],
    claim: Claim,
) -> tuple[StreetDefect, ...]:
    """Return what was seen on the street till the day, but for what was mended long before."""
    network_id, sections = street
    rows = connection.execute(
        "select distinct m.defect_id from roadwear.observation_road p "
        "join roadwear.current_membership m using (observation_id) "
        "where p.network_id = %s and p.section_id = any(%s)",
        (network_id, list(sections)),
    )
    near = [DefectId(row["defect_id"]) for row in rows]
    roads = load_road_facts(connection, authority, near)
    here = [name for name in near if name in roads and roads[name].section_id in set(sections)]
    defects = [
        defect
        for defect in load_defects(connection, here).values()
        if defect.first_seen_at < claim.ends_at
        and (defect.repaired_at is None or defect.repaired_at >= claim.begins_at
             or defect.last_seen_at >= claim.begins_at)
    ]  # fmt: skip
    names = [defect.defect_id for defect in defects]
    instants = load_instants(connection, names)
    alerts = load_alerts_on(connection, authority, names)
    emptied = connection.execute(
        "select defect_id from roadwear.defect where defect_id = any(%s) "
        "and emptied_at is not null",
        (names,),
    ).fetchall()
    gone = {row["defect_id"] for row in emptied}
    return tuple(
        StreetDefect(
            defect=defect,
            road=roads[defect.defect_id],
            drives=frozenset(load_drives_of(connection, defect.defect_id)),
            instants=instants[defect.defect_id],
            decisions=_decisions(connection, defect),
            on_site=load_entries(connection, defect.defect_id),
            measured=_measured(connection, defect),
            orders=tuple(
                (order, load_events(connection, order.order_id))
                for order in orders_of(connection, defect.defect_id)
            ),
            alerts=tuple(one for one in alerts if one.defect_id == defect.defect_id),
            is_emptied=defect.defect_id in gone,
        )
        for defect in sorted(defects, key=lambda one: (one.first_seen_at, str(one.defect_id)))
    )


def _decisions(connection: Connection, defect: Defect) -> tuple[Mapping[str, Any], ...]:
    """Return what was decided, each with what entitled who decided on that day."""
    return tuple(
        {
            **one,
            "entitled": [
                entry.what
                for entry in load_qualifications(
                    connection, one["person_id"], one["decided_at"].astimezone(LONDON).date()
                )
            ],
        }
        for one in load_decisions(connection, defect.defect_id)
    )


def _measured(connection: Connection, defect: Defect) -> tuple[Mapping[str, Any], ...]:
    rows = connection.execute(
        "select m.measured_at, m.depth_mm, m.sigma_mm, m.how, p.name from roadwear.measured m "
        "join roadwear.person p using (person_id) where m.defect_id = %s and not exists "
        "(select 1 from roadwear.site_entry e where e.entry_id = m.measured_id) "
        "order by m.measured_at",
        (defect.defect_id,),
    )
    return tuple(rows)


def _pictures(connection: Connection, defects: Sequence[DefectId]) -> tuple[StreetPicture, ...]:
    rows = connection.execute(
        "select observation_id, drive_id from roadwear.observation where observation_id in "
        "(select observation_id from roadwear.current_membership where defect_id = any(%s))",
        (list(defects),),
    )
    drives = {row["observation_id"]: DriveId(row["drive_id"]) for row in rows}
    return tuple(
        StreetPicture(
            blob_key=still["blob_key"],
            kind=still["kind"],
            taken_at=still["taken_at"],
            drive_id=drives[still["observation_id"]],
            defect_id=defect,
        )
        for defect, stills in sorted(
            load_evidence(connection, defects).items(), key=lambda item: str(item[0])
        )
        for still in stills
    )


def _road_views(
    connection: Connection, network_id: NetworkId | None, sections: Sequence[str], claim: Claim
) -> tuple[tuple[str, StreetPicture], ...]:
    """Return views of the road with the section of each: by where on the drive they were taken."""
    rows = connection.execute(
        "select distinct v.blob_key, v.kind, v.taken_at, r.drive_id, s.section_id "
        "from roadwear.run r join roadwear.still v using (run_id) "
        "join roadwear.coverage c on c.run_id = v.run_id "
        "and v.chainage_m between c.from_m and c.to_m and c.to_m > c.from_m "
        "join roadwear.road_section s on st_dwithin(s.line, st_lineinterpolatepoint(c.line, "
        "(v.chainage_m - c.from_m) / (c.to_m - c.from_m)), %s) "
        "where r.run_id in (select run_id from roadwear.section_span where network_id = %s "
        "and section_id = any(%s) and passed_at >= %s and passed_at < %s) and r.mark = 'live' "
        "and r.state in ('current', 'void') and v.kind = 'road_view' and s.network_id = %s "
        "and s.section_id = any(%s) order by v.taken_at, v.blob_key, s.section_id",
        (
            _BESIDE_M, network_id, list(sections), claim.begins_at, claim.ends_at,
            network_id, list(sections),
        ),
    )  # fmt: skip
    return tuple((row.pop("section_id"), StreetPicture(**row, defect_id=None)) for row in rows)


def _policy_then(
    connection: Connection, authority: OrganisationId, claim: Claim
) -> PolicyThen | None:
    """Return the policy that was in force on the day: the latest that was valid by then."""
    row = connection.execute(
        "select content, recorded_at from roadwear.policy where authority_id = %s "
        "and valid_from <= %s order by valid_from desc, recorded_at desc limit 1",
        (authority, claim.incident_on),
    ).fetchone()
    if row is None:
        return None
    content = bytes(row["content"])
    return PolicyThen(
        policy=parse_policy(content, name="policy"), content=content, kept_at=row["recorded_at"]
    )


def _excerpt(
    connection: Connection,
    authority: OrganisationId,
    passes: Sequence[StreetPass],
    defects: Sequence[StreetDefect],
) -> LogExcerpt:
    """Return the lines that concern a street, in the chain from the first of them to the last."""
    rows = connection.execute(
        "select l.ordinal from roadwear.log_line l where l.organisation_id = %(a)s "
        "and l.subject in (select decision_id::text from roadwear.decision "
        "  where defect_id = any(%(d)s) union select measured_id::text from roadwear.measured "
        "  where defect_id = any(%(d)s) union select entry_id::text from roadwear.site_entry "
        "  where defect_id = any(%(d)s) union select unnest(%(o)s::text[]) "
        "  union select event_id::text from roadwear.order_event where order_id::text = any(%(o)s) "
        "  union select alert_id::text from roadwear.alert where defect_id = any(%(d)s) "
        "  union select t.told_id::text from roadwear.alert_told t join roadwear.alert a "
        "  using (alert_id) where a.defect_id = any(%(d)s) "
        "  union select word_id::text from roadwear.drive_word where drive_id = any(%(p)s)) "
        "order by l.ordinal",
        {
            "a": authority,
            "d": [one.defect.defect_id for one in defects],
            "o": [str(order.order_id) for one in defects for order, _ in one.orders],
            "p": [one.drive_id for one in passes],
        },
    ).fetchall()
    deposited = connection.execute(
        "select head_ordinal, head_sha256, deposited_with, deposited_at from "
        "roadwear.head_deposited where authority_id = %s order by deposited_at desc limit 10",
        (authority,),
    ).fetchall()
    wanted = {row["ordinal"] for row in rows}
    first = min(wanted, default=1)
    chain = connection.execute(
        "select ordinal, line, sha256 from roadwear.log_line where organisation_id = %s "
        "and ordinal >= %s order by ordinal",
        (authority, first - 1),
    ).fetchall()
    before = chain[0]["sha256"] if chain and chain[0]["ordinal"] < first else FIRST
    return LogExcerpt(
        before_sha256=before,
        lines=tuple(
            (
                row["ordinal"],
                sha256_of(row["line"]),
                row["line"] if row["ordinal"] in wanted else "",
            )
            for row in chain
            if row["ordinal"] >= first
        ),
        head=log_head(connection, authority),
        deposited=tuple(
            (row["head_ordinal"], row["head_sha256"], row["deposited_with"], row["deposited_at"])
            for row in deposited
        ),
    )
