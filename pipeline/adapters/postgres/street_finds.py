"""What camera passes saw of a street, what was found on it, and what became of that."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

from pipeline.adapters.postgres.database import Connection
from pipeline.adapters.postgres.decisions import load_decisions
from pipeline.adapters.postgres.defects import load_defects, load_evidence
from pipeline.adapters.postgres.duty import load_alerts_on
from pipeline.adapters.postgres.identity import load_words
from pipeline.adapters.postgres.instants import load_instants
from pipeline.adapters.postgres.orders import load_events, orders_of
from pipeline.adapters.postgres.people import load_qualifications
from pipeline.adapters.postgres.roads import facts_of_row
from pipeline.adapters.postgres.site_entries import load_entries
from pipeline.adapters.postgres.voiding import SaidOfDrive, load_drives_of, load_words_on
from pipeline.domain.defects import Defect
from pipeline.domain.ids import DefectId, DriveId, OrganisationId
from pipeline.domain.looks import NotLookedReason
from pipeline.domain.roads import RoadFacts, road_of
from pipeline.domain.street import Claim, StreetDefect, StreetPass, StreetPicture
from pipeline.domain.uk_time import LONDON

# A pass that is less likely to have been here than not is none of this street's.
_LIKELY = 0.5
# What a camera looked at along a street lies so near to its line.
_BESIDE_M = 15.0
# The speed of a pass is taken from its track so long before and after.
_AROUND = timedelta(seconds=3)
# Who comes by again after so long has made another visit.
_ANOTHER = timedelta(minutes=5)
_M_PER_MILE = 1609.344


def load_passes_of(
    connection: Connection, claim: Claim, views: Sequence[tuple[str, StreetPicture]]
) -> tuple[StreetPass, ...]:
    """Return what each camera pass of the time saw of each section, each time that it came by.

    Of each run the newest network counts on which it was laid: one that was loaded later does not
    make it vanish.
    """
    rows = connection.execute(
        "select r.drive_id, r.run_id, r.state = 'void' as is_void, s.network_id, s.section_id, "
        "s.along, s.passed_at, s.reason, s.to_m - s.from_m as metres, "
        "st_length(x.line) as length_m "
        "from roadwear.section_span s join roadwear.road_section x using (network_id, section_id) "
        "join roadwear.run r using (run_id) where x.authority_id = roadwear.acting_for() "
        "and x.usrn = %s and s.probability >= %s and r.mark = 'live' "
        "and r.state in ('current', 'void') and s.passed_at >= %s and s.passed_at < %s "
        "and s.network_id = (select n.network_id from roadwear.road_network n "
        "where exists (select 1 from roadwear.section_span y where y.network_id = n.network_id "
        "and y.run_id = s.run_id) order by n.loaded_at desc limit 1) "
        "order by s.passed_at, r.drive_id, s.section_id, s.ordinal",
        (claim.usrn, _LIKELY, claim.begins_at, claim.ends_at),
    ).fetchall()
    words = load_words_on(connection, sorted({row["drive_id"] for row in rows}))
    counted = Counter((view.drive_id, section) for section, view in views)
    found = [
        replace(
            _pass(spans, words.get(spans[0]["drive_id"], ())),
            width_m=_width_in_view(connection, spans),
            speed_mph=_speed(connection, spans),
            road_views=counted[spans[0]["drive_id"], spans[0]["section_id"]],
        )
        for spans in _visits(rows)
    ]
    return tuple(sorted(found, key=lambda one: (one.at, str(one.drive_id), one.section_id)))


def _visits(rows: Sequence[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """Yield the spans of each time that a vehicle came by a section in one direction."""
    together: dict[tuple[Any, ...], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        together[row["drive_id"], row["section_id"], row["along"]].append(row)
    for spans in together.values():
        visit = [spans[0]]
        for before, after in pairwise(spans):
            if after["passed_at"] - before["passed_at"] > _ANOTHER:
                yield visit
                visit = []
            visit.append(after)
        yield visit


def _pass(spans: Sequence[Mapping[str, Any]], words: Sequence[SaidOfDrive]) -> StreetPass:
    looked_m = 0.0
    not_looked: dict[NotLookedReason, float] = defaultdict(float)
    for span in spans:
        if span["reason"] is None:
            looked_m += span["metres"]
        else:
            not_looked[NotLookedReason(span["reason"])] += span["metres"]
    first = spans[0]
    void = words[-1].reason if first["is_void"] and words else None
    return StreetPass(
        drive_id=first["drive_id"],
        section_id=first["section_id"],
        along=first["along"],
        at=first["passed_at"],
        length_m=first["length_m"],
        looked_m=looked_m,
        not_looked_m=dict(not_looked),
        void="" if void is None else void.words,
    )


def _width_in_view(connection: Connection, spans: Sequence[Mapping[str, Any]]) -> float | None:
    """Return how wide a strip was in view along the section, the mean by metres driven."""
    found = connection.execute(
        "select sum((c.left_m + c.right_m) * (c.to_m - c.from_m)) / sum(c.to_m - c.from_m) "
        "as width_m from roadwear.coverage c, roadwear.road_section s "
        "where c.run_id = any(%s) and c.reason is null and c.to_m > c.from_m "
        "and s.network_id = %s and s.section_id = %s and st_dwithin(c.line, s.line, %s)",
        (
            [span["run_id"] for span in spans], spans[0]["network_id"], spans[0]["section_id"],
            _BESIDE_M,
        ),
    ).fetchone()  # fmt: skip
    return None if found is None else found["width_m"]


def _speed(connection: Connection, spans: Sequence[Mapping[str, Any]]) -> float | None:
    """Return how fast the vehicle was: as its receiver said, or from the places of its track."""
    found = connection.execute(
        "with fix as (select taken_at, speed_mps, st_setsrid(st_makepoint(lon_deg, lat_deg), 4326) "
        "as at from roadwear.drive_fix where drive_id = %s and taken_at between %s and %s), "
        "leg as (select st_distancesphere(at, lag(at) over (order by taken_at)) as metres "
        "from fix) "
        "select avg(speed_mps) as told_mps, (select sum(metres) from leg) as metres, "
        "extract(epoch from max(taken_at) - min(taken_at)) as seconds from fix",
        (
            spans[0]["drive_id"], spans[0]["passed_at"] - _AROUND,
            spans[-1]["passed_at"] + _AROUND,
        ),
    ).fetchone()  # fmt: skip
    if found is None or found["seconds"] is None:
        return None
    if found["told_mps"] is not None:
        return float(found["told_mps"]) * 3600 / _M_PER_MILE
    seconds = float(found["seconds"])
    return float(found["metres"]) / seconds * 3600 / _M_PER_MILE if seconds else None


def load_defects_of(
    connection: Connection, authority: OrganisationId, claim: Claim
) -> tuple[StreetDefect, ...]:
    """Return what was seen on the street till the day, but for what was mended long before.

    What was joined into another later is there too: what was decided of it was decided.
    """
    rows = connection.execute(
        "select distinct m.defect_id from roadwear.observation_road p "
        "join roadwear.road_section x using (network_id, section_id) "
        "join roadwear.membership m using (observation_id) "
        "where x.authority_id = roadwear.acting_for() and x.usrn = %s",
        (claim.usrn,),
    )
    near = [DefectId(row["defect_id"]) for row in rows]
    roads = {
        name: road for name, road in _roads(connection, near).items() if road.usrn == claim.usrn
    }
    defects = [
        defect
        for defect in load_defects(connection, list(roads)).values()
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
            heirs=_heirs(connection, defect.defect_id),
            decisions=_decisions(connection, defect),
            identity=load_words(connection, defect.defect_id),
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


def _roads(connection: Connection, defects: Sequence[DefectId]) -> dict[DefectId, RoadFacts]:
    """Return the road of each, by all that it was ever seen by, each on the newest network."""
    rows = connection.execute(
        "select distinct on (m.defect_id, m.observation_id) m.defect_id, p.section_id, "
        "p.chainage_m, p.probability, s.usrn, s.name, s.road_class, s.hierarchy, "
        "s.speed_limit_mph, s.ways from roadwear.membership m "
        "join roadwear.observation_road p using (observation_id) "
        "join roadwear.road_network n on n.network_id = p.network_id "
        "left join roadwear.road_section s on s.network_id = p.network_id "
        "and s.section_id = p.section_id where m.defect_id = any(%s) "
        "order by m.defect_id, m.observation_id, n.loaded_at desc",
        (list(defects),),
    )
    sightings: dict[DefectId, list[RoadFacts | None]] = defaultdict(list)
    for row in rows:
        known = row["section_id"] is not None
        sightings[DefectId(row["defect_id"])].append(facts_of_row(row) if known else None)
    roads = {defect: road_of(seen) for defect, seen in sightings.items()}
    return {defect: road for defect, road in roads.items() if road is not None}


def _heirs(connection: Connection, defect_id: DefectId) -> tuple[DefectId, ...]:
    """Return what a defect's sightings belong to now, where that is another."""
    rows = connection.execute(
        "select distinct c.defect_id from roadwear.membership m "
        "join roadwear.current_membership c using (observation_id) "
        "where m.defect_id = %(d)s and c.defect_id <> %(d)s order by c.defect_id",
        {"d": defect_id},
    )
    return tuple(DefectId(row["defect_id"]) for row in rows)


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


def load_pictures_of(
    connection: Connection, defects: Sequence[DefectId]
) -> tuple[StreetPicture, ...]:
    """Return the pictures of defects."""
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
            is_void=still["is_void"],
        )
        for defect, stills in sorted(
            load_evidence(connection, defects).items(), key=lambda item: str(item[0])
        )
        for still in stills
    )


def load_road_views(connection: Connection, claim: Claim) -> tuple[tuple[str, StreetPicture], ...]:
    """Return views of the road with the section of each: by where on the drive they were taken."""
    rows = connection.execute(
        "select distinct v.blob_key, v.kind, v.taken_at, r.drive_id, s.section_id, "
        "r.state = 'void' as is_void from roadwear.run r join roadwear.still v using (run_id) "
        "join roadwear.coverage c on c.run_id = v.run_id "
        "and v.chainage_m between c.from_m and c.to_m and c.to_m > c.from_m "
        "join roadwear.road_section s on st_dwithin(s.line, st_lineinterpolatepoint(c.line, "
        "(v.chainage_m - c.from_m) / (c.to_m - c.from_m)), %s) "
        "where r.run_id in (select p.run_id from roadwear.section_span p "
        "join roadwear.road_section x using (network_id, section_id) "
        "where x.authority_id = roadwear.acting_for() and x.usrn = %s "
        "and p.passed_at >= %s and p.passed_at < %s) and r.mark = 'live' "
        "and r.state in ('current', 'void') and v.kind = 'road_view' "
        "and s.authority_id = roadwear.acting_for() and s.usrn = %s "
        "order by v.taken_at, v.blob_key, s.section_id",
        (_BESIDE_M, claim.usrn, claim.begins_at, claim.ends_at, claim.usrn),
    )
    return tuple((row.pop("section_id"), StreetPicture(**row, defect_id=None)) for row in rows)
