"""What is held of a street over a time: for a bundle of evidence."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from pipeline.adapters.policy_toml import parse_policy
from pipeline.adapters.postgres.council_records import load_imports, load_records
from pipeline.adapters.postgres.database import Connection
from pipeline.adapters.postgres.intake import slug_of
from pipeline.adapters.postgres.roads import network_in_use, section_of
from pipeline.adapters.postgres.street_finds import (
    load_defects_of,
    load_passes_of,
    load_pictures_of,
    load_road_views,
)
from pipeline.domain.chain import FIRST
from pipeline.domain.ids import NetworkId, OrganisationId
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
)


def load_street(connection: Connection, authority: OrganisationId, claim: Claim) -> StreetFacts:
    """Return all that is held of a street over a time.

    Args:
        connection: A transaction that acts for the authority.
        authority: Whose streets.
        claim: Which street and time.
    """
    network_id = network_in_use(connection, authority)
    sections, lengths_m, network = _sections(connection, network_id, claim.usrn)
    views = load_road_views(connection, claim)
    passes = load_passes_of(connection, claim, views)
    defects = load_defects_of(connection, authority, claim)
    asked = (claim.usrn, claim.begins_on, claim.incident_on)
    return StreetFacts(
        claim=claim,
        authority=slug_of(connection, authority),
        sections=sections,
        lengths_m=lengths_m,
        network=network,
        passes=passes,
        defects=defects,
        pictures=(
            *load_pictures_of(connection, [one.defect.defect_id for one in defects]),
            *{view.blob_key: view for _, view in views}.values(),
        ),
        unlaid=_unlaid(connection, claim),
        policies=_policies_then(connection, authority, claim),
        imports={kind: load_imports(connection, authority, kind) for kind in RecordKind},
        records={
            kind: load_records(
                connection,
                authority,
                kind,
                (claim.usrn, date.min, claim.incident_on) if kind is RecordKind.WORKS else asked,
            )
            for kind in RecordKind
        },
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


def _unlaid(connection: Connection, claim: Claim) -> int:
    """Return how many drives of the time were laid on no network: where they came by is unknown."""
    row = connection.execute(
        "select count(distinct r.drive_id) as n from roadwear.run r join roadwear.clip c "
        "on c.owner_id = r.owner_id and c.clip_sha256 = r.clip_sha256 "
        "where r.authority_id = roadwear.acting_for() and r.mark = 'live' "
        "and r.state in ('current', 'void') and coalesce(c.started_at, c.received_at) >= %s "
        "and coalesce(c.started_at, c.received_at) < %s and not exists "
        "(select 1 from roadwear.section_span s where s.run_id = r.run_id)",
        (claim.begins_at, claim.ends_at),
    ).fetchone()
    return int(row["n"]) if row else 0


def _policies_then(
    connection: Connection, authority: OrganisationId, claim: Claim
) -> tuple[PolicyThen, ...]:
    """Return the policies that were valid by the day, the one that was in force first.

    What was kept here by then counts before what came later, what somebody adopted before an
    example, and the later first day before the earlier.
    """
    rows = connection.execute(
        "select content, recorded_at from roadwear.policy where authority_id = %s "
        "and valid_from <= %s order by recorded_at desc",
        (authority, claim.incident_on),
    )
    found = []
    for row in rows:
        content = bytes(row["content"])
        policy = parse_policy(content, name="policy")
        found.append(PolicyThen(policy=policy, content=content, kept_at=row["recorded_at"]))
    found.sort(
        key=lambda one: (
            one.kept_at < claim.ends_at,
            bool(one.policy.adopted),
            one.policy.valid_from,
            one.kept_at,
        ),
        reverse=True,
    )
    return tuple(found)


def _excerpt(
    connection: Connection,
    authority: OrganisationId,
    passes: Sequence[StreetPass],
    defects: Sequence[StreetDefect],
) -> LogExcerpt:
    """Return the lines that concern a street, in the chain from the first of them to the last.

    An order that has defects of other streets too is shown as a hash: its line tells of them.
    """
    rows = connection.execute(
        "select l.ordinal from roadwear.log_line l where l.organisation_id = %(a)s "
        "and l.subject in (select decision_id::text from roadwear.decision "
        "  where defect_id = any(%(d)s) union select measured_id::text from roadwear.measured "
        "  where defect_id = any(%(d)s) union select entry_id::text from roadwear.site_entry "
        "  where defect_id = any(%(d)s) union select word_id::text from roadwear.identity_word "
        "  where defects && %(d)s::uuid[] and defects <@ %(d)s::uuid[] "
        "  union select o.order_id::text from roadwear.works_order o "
        "  where o.order_id::text = any(%(o)s) and not exists "
        "  (select 1 from roadwear.works_order_line w where w.order_id = o.order_id "
        "   and not w.defect_id = any(%(d)s)) "
        "  union select event_id::text from roadwear.order_event where order_id::text = any(%(o)s) "
        "  and (defect_id is null or defect_id = any(%(d)s)) "
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
    wanted = [row["ordinal"] for row in rows]
    first = min(wanted, default=1)
    # The hashes are made where the lines are: there may be very many, and few are wanted.
    chain = connection.execute(
        "select ordinal, sha256, encode(sha256(convert_to(line, 'UTF8')), 'hex') as own, "
        "case when ordinal = any(%(wanted)s) then line else '' end as line "
        "from roadwear.log_line where organisation_id = %(a)s and ordinal >= %(from)s "
        "order by ordinal",
        {"a": authority, "wanted": wanted, "from": first - 1},
    ).fetchall()
    before = chain[0]["sha256"] if chain and chain[0]["ordinal"] < first else FIRST
    deposited = connection.execute(
        "select head_ordinal, head_sha256, deposited_with, deposited_at from "
        "roadwear.head_deposited where authority_id = %s order by deposited_at desc limit 10",
        (authority,),
    ).fetchall()
    return LogExcerpt(
        before_sha256=before,
        lines=tuple(
            (row["ordinal"], row["own"], row["line"]) for row in chain if row["ordinal"] >= first
        ),
        head=(chain[-1]["ordinal"], chain[-1]["sha256"]) if chain else None,
        deposited=tuple(
            (row["head_ordinal"], row["head_sha256"], row["deposited_with"], row["deposited_at"])
            for row in deposited
        ),
    )
