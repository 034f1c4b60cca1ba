"""What was looked at, section by section."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from pipeline.adapters.postgres.database import Connection, copy_rows
from pipeline.adapters.postgres.roads import section_of
from pipeline.domain.coverage import SectionSpan, Stretch
from pipeline.domain.footage import Drive
from pipeline.domain.ids import DriveId, NetworkId, OrganisationId, RunId
from pipeline.domain.looks import NotLookedReason
from pipeline.domain.roads import RoadSection

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


def load_spans(
    connection: Connection, network_id: NetworkId
) -> tuple[tuple[DriveId, SectionSpan], ...]:
    """Return what was looked at on a network by the runs that count."""
    rows = connection.execute(
        "select r.drive_id, s.* from roadwear.section_span s join roadwear.run r using (run_id) "
        "where s.network_id = %s and r.state = 'current' and r.mark = 'live' "
        "order by s.passed_at, s.run_id, s.ordinal",
        (network_id,),
    )
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


def load_lengths(
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


def _reason(word: str | None) -> NotLookedReason | None:
    return None if word is None else NotLookedReason(word)
