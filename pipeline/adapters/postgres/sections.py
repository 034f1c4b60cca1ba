"""What was looked at, section by section."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any
from uuid import UUID

from pipeline.adapters.postgres.database import Connection, copy_rows
from pipeline.adapters.postgres.roads import section_of
from pipeline.domain.coverage import SectionSpan, Stretch
from pipeline.domain.footage import Drive
from pipeline.domain.ids import DriveId, NetworkId, OrganisationId, RunId
from pipeline.domain.looks import NotLookedReason
from pipeline.domain.roads import RoadSection

# Of a direction so many spans are read first.
_NEWEST = 3
_LATEST = """
  select s.* from (select x.section_id, w.along from roadwear.road_section x,
    (values (true), (false)) w (along) where x.network_id = %(network)s) d
  cross join lateral (
    select r.drive_id, s.* from roadwear.section_span s join roadwear.run r using (run_id)
    where s.network_id = %(network)s and s.section_id = d.section_id and s.along = d.along
      and r.state = 'current' and r.mark = 'live'
    order by s.passed_at desc limit %(newest)s) s
  order by s.section_id, s.along, s.passed_at, s.run_id, s.ordinal"""
# A drive whose spans together are shorter than the whole has not looked at the whole.
_OLDER = """
  with wanted as (select * from unnest(%(sections)s::text[], %(alongs)s::bool[],
    %(drives)s::uuid[], %(wholes)s::float8[]) w (section_id, along, newest, whole_m))
  select s.* from wanted w cross join lateral (
    select r.drive_id, s.*, sum(s.to_m - s.from_m) filter (where s.reason is null
      and s.probability >= %(sure)s) over (partition by r.drive_id) as sum_m
    from roadwear.section_span s join roadwear.run r using (run_id)
    where s.network_id = %(network)s and s.section_id = w.section_id and s.along = w.along
      and r.state = 'current' and r.mark = 'live') s
  where s.sum_m >= w.whole_m or s.drive_id = w.newest
  order by s.section_id, s.along, s.passed_at, s.run_id, s.ordinal"""
_SPAN = (
    "network_id", "run_id", "ordinal", "authority_id", "section_id", "along", "from_m", "to_m",
    "reason", "passed_at", "probability",
)  # fmt: skip


def load_unlaid(
    connection: Connection, drive: Drive, network_id: NetworkId, settings_sha256: str
) -> dict[RunId, tuple[Stretch, ...]]:
    """Return what a drive's runs on its authority's roads looked at, not laid on a network yet.

    Only runs of these settings: under others the metres driven may be others.
    """
    rows = connection.execute(
        "select c.run_id, c.from_m, c.to_m, c.reason from roadwear.coverage c "
        "join roadwear.run r using (run_id) where r.drive_id = %s and r.authority_id = %s "
        "and r.state = 'current' "
        "and r.mark = 'live' and r.settings_sha256 = %s and not exists "
        "(select 1 from roadwear.section_span s "
        "where s.run_id = c.run_id and s.network_id = %s) order by c.run_id, c.ordinal",
        (drive.drive_id, drive.authority_id, settings_sha256, network_id),
    )
    found: dict[RunId, list[Stretch]] = defaultdict(list)
    for row in rows:
        found[RunId(row["run_id"])].append(
            Stretch(from_m=row["from_m"], to_m=row["to_m"], reason=_reason(row["reason"]))
        )
    return {run: tuple(stretches) for run, stretches in found.items()}


def save_spans(
    connection: Connection,
    authority: OrganisationId,
    network_id: NetworkId,
    spans: Mapping[RunId, Sequence[SectionSpan]],
) -> None:
    """Store what runs looked at; what is there already stays."""
    copy_rows(
        connection,
        "section_span",
        _SPAN,
        (
            (
                network_id, run, number, authority, one.section_id, one.along, one.from_m, one.to_m,
                one.reason, one.at, one.probability,
            )
            for run, some in spans.items()
            for number, one in enumerate(some)
        ),
    )  # fmt: skip


def _load_spans(
    connection: Connection,
    network_id: NetworkId,
    wholes: Mapping[str, float],
    *,
    sure: float,
    now: datetime,
) -> tuple[tuple[DriveId, SectionSpan], ...]:
    """Return what the runs that count looked at, of each direction as much as says how it stands.

    That is the newest drive that came by, and the newest that surely looked at the whole section.
    A county's year has millions of spans: the newest few of each direction are read, and more
    only where there is no such drive among them.

    Args:
        connection: A transaction that acts for the authority.
        network_id: The network.
        wholes: Of each section, how many metres are the whole of it.
        sure: How likely it must be that a drive was on the section.
        now: The present: a pass whose clock is ahead of it does not count.
    """
    found = connection.execute(_LATEST, {"network": network_id, "newest": _NEWEST}).fetchall()
    open_ones: list[tuple[str, bool, UUID, float]] = []
    rows: list[dict[str, Any]] = []
    for (section, along), some in groupby(found, key=itemgetter("section_id", "along")):
        spans = list(some)
        telling = _telling(spans, wholes[section], sure=sure, now=now)
        rows += telling
        if not telling:
            open_ones.append((section, along, spans[-1]["drive_id"], wholes[section]))
    rows += connection.execute(
        _OLDER,
        {
            "network": network_id, "sure": sure, "sections": [one[0] for one in open_ones],
            "alongs": [one[1] for one in open_ones], "drives": [one[2] for one in open_ones],
            "wholes": [one[3] for one in open_ones],
        },
    ).fetchall()  # fmt: skip
    return tuple(
        (
            DriveId(row["drive_id"]),
            SectionSpan(
                section_id=row["section_id"],
                along=row["along"],
                from_m=row["from_m"],
                to_m=row["to_m"],
                reason=_reason(row["reason"]),
                at=row["passed_at"],
                probability=row["probability"],
            ),
        )
        for row in rows
    )


def _telling(
    spans: Sequence[dict[str, Any]], whole_m: float, *, sure: float, now: datetime
) -> Sequence[dict[str, Any]]:
    """Return those of the newest spans of a direction that say how it stands; none if they do not.

    They are those of the newest drive that surely looked at the whole, and of what came after it.
    """
    if len(spans) < _NEWEST:
        return spans
    looked: dict[UUID, list[Mapping[str, Any]]] = defaultdict(list)
    for span in spans:
        # Of the first drive there may be more that was not read.
        if (
            span["drive_id"] != spans[0]["drive_id"]
            and span["reason"] is None
            and span["probability"] >= sure
        ):
            looked[span["drive_id"]].append(span)
    whole_at = [
        some[-1]["passed_at"]
        for some in looked.values()
        if _metres(some) >= whole_m and some[-1]["passed_at"] <= now
    ]
    if not whole_at:
        return ()
    later = {span["drive_id"] for span in spans if span["passed_at"] >= max(whole_at)}
    return [span for span in spans if span["drive_id"] in later]


def _metres(spans: Sequence[Mapping[str, Any]]) -> float:
    """Return what spans make up; 0 where some lie over others, which is for others to tell."""
    ordered = sorted((span["from_m"], span["to_m"]) for span in spans)
    if any(after[0] < before[1] for before, after in pairwise(ordered)):
        return 0.0
    return float(sum(to_m - from_m for from_m, to_m in ordered))


def _load_lengths(
    connection: Connection, network_id: NetworkId
) -> Iterator[tuple[RoadSection, float]]:
    """Yield every section of a network with its length, by street and section."""
    rows = connection.execute(
        "select s.*, st_asbinary(s.line) as wkb, st_length(s.line) as length_m "
        "from roadwear.road_section s where s.network_id = %s order by s.name, s.section_id",
        (network_id,),
    )
    for row in rows:
        yield section_of(row), float(row["length_m"])


def load_coverage(
    connection: Connection,
    network_id: NetworkId,
    *,
    whole_of: Callable[[float], float],
    sure: float,
    now: datetime,
) -> tuple[tuple[tuple[RoadSection, float], ...], tuple[tuple[DriveId, SectionSpan], ...]]:
    """Return every section of a network with its length, and what says how each stands.

    Args:
        connection: A transaction that acts for the authority.
        network_id: The network.
        whole_of: How many metres of a section of some length are the whole of it.
        sure: How likely it must be that a drive was on the section.
        now: The present.
    """
    lengths = tuple(_load_lengths(connection, network_id))
    wholes = {section.section_id: whole_of(length_m) for section, length_m in lengths}
    return lengths, _load_spans(connection, network_id, wholes, sure=sure, now=now)


def _reason(word: str | None) -> NotLookedReason | None:
    return None if word is None else NotLookedReason(word)
