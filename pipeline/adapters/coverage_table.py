"""The coverage of roads as a table, as sentences, and as a CSV file."""

import csv
import io
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from pipeline.adapters.csv_cells import harmless
from pipeline.domain.coverage import PassState, SectionPass, SectionStanding
from pipeline.domain.errors import InputError
from pipeline.domain.roads import Hierarchy

_COLUMNS = (
    "section_id", "street", "hierarchy", "direction", "length_m", "state", "due_at",
    "last_pass_at", "last_pass_drive", "newest_pass_at", "newest_looked_m", "newest_not_looked",
)  # fmt: skip
_UNKNOWN = "not known"


def coverage_sums(rows: Sequence[SectionStanding]) -> list[tuple[str, dict[PassState, float]]]:
    """Return kilometres by hierarchy and state, each direction counted."""
    sums: dict[Hierarchy | None, dict[PassState, float]] = {}
    for row in rows:
        ours = sums.setdefault(row.hierarchy, dict.fromkeys(PassState, 0.0))
        ours[row.state] += row.length_m / 1000
    return [
        (_UNKNOWN if one is None else f"{one.value} {one.words}", sums[one])
        for one in sorted(sums, key=lambda h: "~" if h is None else h)
    ]


def coverage_table(rows: Sequence[SectionStanding]) -> str:
    """Return kilometres by hierarchy and state, each direction counted, in Markdown."""
    lines = [
        "| hierarchy | " + " | ".join(f"{state.value}, km" for state in PassState) + " |",
        "|---|" + "---|" * len(PassState),
    ]
    for name, by_state in coverage_sums(rows):
        cells = " | ".join(f"{by_state[state]:.1f}" for state in PassState)
        lines.append(f"| {name} | {cells} |")
    return "\n".join(lines)


def latest_of(rows: Sequence[SectionStanding], count: int) -> list[SectionStanding]:
    """Return the directions that are latest: longest overdue first, then never passed by length."""
    late = sorted(
        (row for row in rows if row.state in {PassState.LATE, PassState.DUE}),
        key=lambda row: (row.due_at is None, row.due_at),
    )
    never = sorted(
        (row for row in rows if row.state is PassState.NEVER), key=lambda row: -row.length_m
    )
    return [*late, *never][:count]


def sentence_of(row: SectionStanding, now: datetime) -> str:
    """Return how one direction of a section stands, as a person would say it."""
    what = f"{row.street or row.section_id}, {_direction(row)} ({row.length_m:.0f} m)"
    if row.due_at is not None:
        days = (now - row.due_at).days
        return f"{what}: {row.state.value}, due {row.due_at:%d %B %Y}, {days} days ago."
    if row.newest is None:
        return f"{what}: no camera came past."
    return (
        f"{what}: a camera came past on {row.newest.at:%d %B %Y} and looked at "
        f"{row.newest.looked_m:.0f} m{_why(row.newest)}, or it is not sure that it was here."
    )


def write_standings(rows: Sequence[SectionStanding], path: Path) -> None:
    """Write one row for each direction of each section.

    Raises:
        InputError: The file cannot be written.
    """
    try:
        path.write_text(standings_csv(rows), "utf-8", newline="")
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error


def standings_csv(rows: Sequence[SectionStanding]) -> str:
    """Return one row for each direction of each section, as CSV."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(_COLUMNS)
    writer.writerows([harmless(cell) for cell in _row(row)] for row in rows)
    return out.getvalue()


def _row(row: SectionStanding) -> tuple[object, ...]:
    last, newest = row.last, row.newest
    return (
        row.section_id,
        row.street,
        "" if row.hierarchy is None else row.hierarchy.value,
        _direction(row),
        round(row.length_m, 1),
        row.state.value,
        "" if row.due_at is None else row.due_at.isoformat(timespec="seconds"),
        "" if last is None else last.at.isoformat(timespec="seconds"),
        "" if last is None else last.drive_id,
        "" if newest is None else newest.at.isoformat(timespec="seconds"),
        "" if newest is None else round(newest.looked_m, 1),
        "" if newest is None else _reasons(newest),
    )


def _direction(row: SectionStanding) -> str:
    return "along its line" if row.along else "against its line"


def _why(one: SectionPass) -> str:
    return f" ({_reasons(one)})" if one.reasons else ""


def _reasons(one: SectionPass) -> str:
    return ", ".join(
        f"{reason.value.replace('_', ' ')} {metres:.0f} m"
        for reason, metres in sorted(one.reasons.items(), key=lambda item: -item[1])
    )
