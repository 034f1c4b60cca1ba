"""The queue, a page at a time: what is wanted of it, and how much there is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pipeline.adapters.postgres.database import Connection
from pipeline.adapters.postgres.queue_entries import entries_with_defects
from pipeline.domain.defects import Defect
from pipeline.domain.ids import DefectId, OrganisationId, PersonId
from pipeline.domain.looks import DefectKind
from pipeline.domain.queue import QueueEntry
from pipeline.domain.roads import Box, Hierarchy

PAGE_ROWS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is wanted of a queue; nothing set is all of it.

    Attributes:
        category: That is proposed.
        kind: Of the possible defect.
        text: Part of a street's name, a USRN, or the beginning of a reference.
        late_before: By category: detected before this instant it should have been decided by now.
        only_late: Those alone.
        hierarchy: Of the road that it lies on.
        detected: Detected from the first instant on, and before the second one; None for no end.
        confidence: From the first to the second.
        box: On the National Grid.
        vehicle: Seen by this vehicle, by its fleet number.
        since: Detected since this instant, to count what is new.
        page: From 1 on.
    """

    category: str = ""
    kind: DefectKind | None = None
    text: str = ""
    late_before: Mapping[str, datetime] = field(default_factory=dict)
    only_late: bool = False
    hierarchy: Hierarchy | None = None
    detected: tuple[datetime | None, datetime | None] = (None, None)
    confidence: tuple[float, float] = (0.0, 1.0)
    box: Box | None = None
    vehicle: str = ""
    since: datetime | None = None
    page: int = 1

    @property
    def is_all(self) -> bool:
        """Whether all of the queue is wanted."""
        return self == Wanted(late_before=self.late_before, since=self.since, page=self.page)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePage:
    """A page of a queue.

    Attributes:
        rows: The most urgent first.
        total: How many are as wanted.
        waiting: How many wait, whatever is wanted.
        late: How many of these should have been decided by now.
        fresh: How many of these were detected since the instant that was asked for.
        by_category: How many wait in each category.
    """

    rows: tuple[tuple[QueueEntry, Defect], ...]
    total: int
    waiting: int
    late: int
    fresh: int
    by_category: Mapping[str, int]

    @property
    def pages(self) -> int:
        """How many pages there are of what is wanted; 1 at least."""
        return max(1, -(-self.total // PAGE_ROWS))


def load_page(connection: Connection, authority: OrganisationId, wanted: Wanted) -> QueuePage:
    """Return a page of an authority's queue."""
    values = _values(authority, wanted)
    source, where = _asked(wanted)
    rows = connection.execute(
        f"select q.* {source} where {where} order by q.score desc, q.defect_id "
        "limit %(rows)s offset %(offset)s",
        values,
    ).fetchall()
    counted = connection.execute(
        "select q.category, count(*) as waiting, "
        "count(*) filter (where q.detected_at < l.before) as late, "
        "count(*) filter (where q.detected_at >= %(since)s) as fresh from roadwear.queue_entry q "
        "left join unnest(%(late_categories)s::text[], %(late_instants)s::timestamptz[]) "
        "as l (category, before) on l.category = q.category "
        "where q.authority_id = %(authority)s group by q.category",
        values,
    ).fetchall()
    waiting = sum(row["waiting"] for row in counted)
    return QueuePage(
        rows=entries_with_defects(connection, rows),
        total=waiting if wanted.is_all else _count(connection, f"{source} where {where}", values),
        waiting=waiting,
        late=sum(row["late"] for row in counted),
        fresh=sum(row["fresh"] for row in counted),
        by_category={row["category"]: row["waiting"] for row in counted},
    )


def beside(
    connection: Connection,
    authority: OrganisationId,
    entry: QueueEntry | None,
    *,
    person: PersonId,
    now: datetime,
) -> tuple[DefectId | None, DefectId | None]:
    """Return what stands before and after a place in an authority's queue.

    Of what is not in the queue any more, nothing stands before, and the most urgent follows. What
    somebody else has open is passed over on the way on.
    """
    values = {"o": authority, "person": person, "now": now}
    if entry is None:
        first = connection.execute(
            f"select defect_id from roadwear.queue_entry q where authority_id = %(o)s and {_FREE} "  # noqa: S608
            "order by score desc, defect_id limit 1",
            values,
        ).fetchone()
        return None, None if first is None else DefectId(first["defect_id"])
    values |= {"score": entry.score, "id": entry.defect_id}
    before = connection.execute(
        "select defect_id from roadwear.queue_entry where authority_id = %(o)s "
        "and (score > %(score)s or score = %(score)s and defect_id < %(id)s) "
        "order by score, defect_id desc limit 1",
        values,
    ).fetchone()
    after = connection.execute(
        f"select defect_id from roadwear.queue_entry q where authority_id = %(o)s and {_FREE} "  # noqa: S608
        "and (score < %(score)s or score = %(score)s and defect_id > %(id)s) "
        "order by score desc, defect_id limit 1",
        values,
    ).fetchone()
    return (
        None if before is None else DefectId(before["defect_id"]),
        None if after is None else DefectId(after["defect_id"]),
    )


_FREE = (
    "not exists (select 1 from roadwear.claim c where c.defect_id = q.defect_id "
    "and c.until > %(now)s and c.person_id <> %(person)s)"
)
_LATE = (
    "exists (select 1 from unnest(%(late_categories)s::text[], %(late_instants)s::timestamptz[]) "
    "as l (category, before) where l.category = q.category and q.detected_at < l.before)"
)
_OF_STREET = (
    "(starts_with(q.defect_id::text, lower(%(text)s)) "
    "or strpos(lower(q.street), lower(%(text)s)) > 0 or q.usrn::text = %(text)s)"
)
_OF_VEHICLE = (
    "q.defect_id in (select m.defect_id from roadwear.vehicle v "
    "join roadwear.drive r using (vehicle_id) join roadwear.observation o using (drive_id) "
    "join roadwear.current_membership m using (observation_id) "
    "where lower(v.fleet_number) = lower(%(vehicle)s))"
)
_IN_BOX = "(d.at_e between %(west)s and %(east)s and d.at_n between %(south)s and %(north)s)"


def _asked(wanted: Wanted) -> tuple[str, str]:
    """Return from what is read, and where: what is not asked is not read either."""
    of_entry = {
        "q.category = %(category)s": wanted.category,
        _LATE: wanted.only_late,
        _OF_STREET: wanted.text.strip(),
        "q.hierarchy = %(hierarchy)s": wanted.hierarchy,
        "q.detected_at >= %(after)s": wanted.detected[0],
        "q.detected_at < %(before)s": wanted.detected[1],
        _OF_VEHICLE: wanted.vehicle.strip(),
    }
    of_defect = {
        "d.kind = %(kind)s": wanted.kind,
        "d.confidence between %(surest_from)s and %(surest_to)s": wanted.confidence != (0.0, 1.0),
        _IN_BOX: wanted.box,
    }
    asked = [condition for condition, value in (of_entry | of_defect).items() if value]
    joined = " join roadwear.defect d using (defect_id)" if any(of_defect.values()) else ""
    return (
        f"from roadwear.queue_entry q{joined}",
        " and ".join(["q.authority_id = %(authority)s", *asked]),
    )


def _values(authority: OrganisationId, wanted: Wanted) -> dict[str, object]:
    late: Sequence[tuple[str, datetime]] = list(wanted.late_before.items())
    box = wanted.box
    return {
        "authority": authority,
        "category": wanted.category,
        "kind": wanted.kind or "",
        "text": wanted.text.strip(),
        "only_late": wanted.only_late,
        "late_categories": [category for category, _ in late],
        "late_instants": [before for _, before in late],
        "hierarchy": wanted.hierarchy or "",
        "after": wanted.detected[0],
        "before": wanted.detected[1],
        "surest_from": wanted.confidence[0],
        "surest_to": wanted.confidence[1],
        "west": box.west_m if box else None,
        "east": box.east_m if box else None,
        "south": box.south_m if box else None,
        "north": box.north_m if box else None,
        "vehicle": wanted.vehicle.strip(),
        "since": wanted.since,
        "rows": PAGE_ROWS,
        "offset": (wanted.page - 1) * PAGE_ROWS,
    }


def _count(connection: Connection, asked: str, values: Mapping[str, object]) -> int:
    row = connection.execute(f"select count(*) as n {asked}", values).fetchone()
    return int(row["n"]) if row else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """What came into the queue of late, from one street or one camera pass.

    Attributes:
        name: The street's name, or the vehicle's number.
        key: The USRN, or the camera pass; "" where the street is not known.
        count: How many wait that came since.
        category: Proposed for the most urgent of them.
    """

    name: str
    key: str
    count: int
    category: str


def load_arrived(
    connection: Connection, authority: OrganisationId, since: datetime
) -> tuple[tuple[Arrived, ...], tuple[Arrived, ...]]:
    """Return what came since an instant, by street and by camera pass, the most first."""
    values = {"a": authority, "since": since, "most": PAGE_ROWS}
    streets = connection.execute(
        "select street as name, coalesce(usrn::text, '') as key, count(*) as count, "
        "(array_agg(category order by score desc))[1] as category from roadwear.queue_entry "
        "where authority_id = %(a)s and detected_at >= %(since)s group by street, usrn "
        "order by count(*) desc, street limit %(most)s",
        values,
    ).fetchall()
    passes = connection.execute(
        "select coalesce((select v.fleet_number from roadwear.drive d "
        "join roadwear.vehicle v using (vehicle_id) where d.drive_id = o.drive_id), '') as name, "
        "o.drive_id::text as key, count(distinct q.defect_id) as count, "
        "(array_agg(q.category order by q.score desc))[1] as category from roadwear.queue_entry q "
        "join roadwear.current_membership m on m.defect_id = q.defect_id "
        "join roadwear.observation o using (observation_id) where q.authority_id = %(a)s "
        "and q.detected_at >= %(since)s group by o.drive_id "
        "order by count(distinct q.defect_id) desc, o.drive_id limit %(most)s",
        values,
    ).fetchall()
    return tuple(Arrived(**row) for row in streets), tuple(Arrived(**row) for row in passes)


def usual_day(connection: Connection, authority: OrganisationId, now: datetime) -> float:
    """Return how many possible defects are detected on a usual day: the median of four weeks."""
    row = connection.execute(
        "select percentile_cont(0.5) within group (order by coalesce(n, 0)) as usual from "
        "generate_series(2, 29) g left join (select floor(extract(epoch from %(now)s - detected_at)"
        " / 86400)::int + 1 as day, count(*) as n from roadwear.defect where authority_id = %(a)s "
        "and detected_at >= %(now)s - interval '30 days' group by 1) d on d.day = g",
        {"a": authority, "now": now},
    ).fetchone()
    return float(row["usual"]) if row else 0.0
