"""The coverage of roads as a table, as sentences, and as a CSV file."""

import csv
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from pipeline.domain.coverage import PassState, SectionPass, SectionStanding
from pipeline.domain.errors import InputError

_COLUMNS = (
    "section_id", "street", "hierarchy", "direction", "length_m", "state", "due_at",
    "last_pass_at", "last_pass_drive", "newest_pass_at", "newest_looked_m", "newest_not_looked",
)  # fmt: skip
_UNKNOWN = "not known"


def coverage_table(rows: Sequence[SectionStanding]) -> str:
    """Return kilometres by hierarchy and state, each direction counted, in Markdown."""
    states = list(PassState)
    lines = [
        "| hierarchy | " + " | ".join(f"{state.value}, km" for state in states) + " |",
        "|---|" + "---|" * len(states),
    ]
    hierarchies = sorted({row.hierarchy for row in rows}, key=lambda h: "~" if h is None else h)
    for hierarchy in hierarchies:
        ours = [row for row in rows if row.hierarchy is hierarchy]
        sums = (sum(r.length_m for r in ours if r.state is state) / 1000 for state in states)
        name = _UNKNOWN if hierarchy is None else f"{hierarchy.value} {hierarchy.words}"
        lines.append(f"| {name} | " + " | ".join(f"{one:.1f}" for one in sums) + " |")
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
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(_COLUMNS)
            writer.writerows(_row(row) for row in rows)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error


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
