"""The tables of a bundle of evidence. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pipeline.domain.orders import EventKind
from pipeline.domain.policy import CouncilPolicy, InvestigatoryLevel
from pipeline.domain.street import StreetDefect, StreetFacts, StreetPass
from pipeline.review import words


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows under headings; `name` is that of its file."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def pass_row(facts: StreetFacts, one: StreetPass) -> tuple[str, ...]:
    """Return what a camera pass saw of one direction of one section."""
    length_m = facts.lengths_m.get(one.section_id, 0.0)
    seen = [
        str(number)
        for number, found in enumerate(facts.defects, 1)
        if found.road.section_id == one.section_id and one.drive_id in found.drives
    ]
    reasons = ", ".join(
        f"{reason.words} {metres:.0f} m" for reason, metres in sorted(one.not_looked_m.items())
    )
    return (
        words.instant_words(one.at),
        f"{one.section_id}, {'along' if one.along else 'against'} its line",
        "0 m: void" if one.void else f"{one.looked_m:.0f} m of {length_m:.0f} m",
        "all of it" if one.void else reasons or "nothing",
        f"No. {', '.join(seen)}" if seen else "nothing",
        "" if one.speed_mph is None else f"{one.speed_mph:.0f}",
        "" if one.width_m is None else f"{one.width_m:.1f}",
        "" if one.light is None else one.light.value,
        str(one.road_views),
        f"no: {one.void}" if one.void else "yes",
    )


def defect_row(number: int, one: StreetDefect) -> tuple[str, ...]:
    """Return a defect, or a possible one, with its instants and sizes."""
    defect, instants = one.defect, one.instants
    kind = defect.kind.words
    what = kind.capitalize() if defect.state.confirmed else f"Possible {kind}"
    gone = "; no camera pass that counts shows it any more" if one.is_emptied else ""
    depth = defect.depth_mm
    return (
        str(number),
        f"{what} ({defect.state.words.lower()}{gone})",
        f"{words.where_words(defect)}; section {one.road.section_id}"
        + (f" at {one.road.chainage_m:.0f} m" if one.road.chainage_m is not None else "")
        + (f", {one.road.certainty}" if one.road.certainty else ""),
        words.instant_words(defect.first_seen_at),
        words.instant_words(instants.detected),
        _instant(instants.first_shown),
        _instant(instants.decided),
        f"{defect.width_m.value:.2f} ± {2 * defect.width_m.sigma:.2f}",
        f"{defect.length_m.value:.2f} ± {2 * defect.length_m.sigma:.2f}",
        "not known" if depth is None else f"{depth.value:.0f} ({depth.how})",
    )


def repair_rows(number: int, one: StreetDefect) -> list[tuple[str, ...]]:
    """Return, for each order that a defect was part of, how long it was till it was repaired."""
    rows: list[tuple[str, ...]] = []
    for order, events in one.orders:
        line = next(line for line in order.lines if line.defect_id == one.defect.defect_id)
        when = {
            event.kind: event.happened_at
            for event in events
            if event.defect_id in {None, one.defect.defect_id}
        }
        safe, repaired = when.get(EventKind.MADE_SAFE), when.get(EventKind.REPAIRED)
        rows.append(
            (
                str(number), f"{order.number}{' (cancelled)' if order.cancelled else ''}",
                words.instant_words(line.detected_at), words.instant_words(line.decided_at),
                words.instant_words(order.ordered_at), _instant(safe), _instant(repaired),
                _between(line.detected_at, safe), _between(line.detected_at, repaired),
            )
        )  # fmt: skip
    return rows


def decision_rows(facts: StreetFacts) -> tuple[tuple[str, ...], ...]:
    """Return what was decided and measured, by time."""
    rows = [
        (
            one["decided_at"], str(number), words.decision_words(one),
            "; ".join(one["entitled"]) or "nothing was recorded", one["policy_sha256"][:12],
        )
        for number, found in enumerate(facts.defects, 1)
        for one in found.decisions
    ]  # fmt: skip
    rows += [
        (
            one["measured_at"], str(number),
            _measured_words(one), "", "",
        )
        for number, found in enumerate(facts.defects, 1)
        for one in found.measured
    ]  # fmt: skip
    rows += [
        (one["happened_at"], str(number), words.site_words(one), "", "")
        for number, found in enumerate(facts.defects, 1)
        for one in found.on_site
    ]
    return tuple(row[1:] for row in sorted(rows))


def _measured_words(one: Mapping[str, Any]) -> str:
    return (
        f"{one['name']} gave a depth of {one['depth_mm']:.0f} ± {2 * one['sigma_mm']:.0f} mm "
        f"({one['how']}) on {words.instant_words(one['measured_at'])}."
    )


def alert_rows(facts: StreetFacts) -> tuple[tuple[str, ...], ...]:
    """Return what was raised as a possible emergency, who was told, and who acknowledged it."""
    return tuple(
        (
            str(number), alert.category, words.instant_words(alert.raised_at),
            "; ".join(f"{name}, {words.instant_words(at)}" for name, at in alert.told) or "nobody",
            "nobody" if alert.acknowledged is None
            else f"{alert.acknowledged[0]}, {words.instant_words(alert.acknowledged[1])}",
        )
        for number, found in enumerate(facts.defects, 1)
        for alert in found.alerts
    )  # fmt: skip


def levels_table(policy: CouncilPolicy) -> Table:
    """Return from which size on a policy has a defect looked into."""
    return Table(
        name="investigatory-levels",
        title="Investigatory levels",
        columns=("Kind", "Roads", "Width from, m", "Depth from, mm"),
        rows=tuple(
            (
                level.kind.words, _roads(level), f"{level.width_m:g}",
                "" if level.depth_mm is None else f"{level.depth_mm:g}",
            )
            for level in policy.investigatory_levels
        ),
    )  # fmt: skip


def _roads(level: InvestigatoryLevel) -> str:
    return "every other" if level.hierarchy is None else level.hierarchy.value


def bands_table(policy: CouncilPolicy) -> Table:
    """Return how soon a policy has it answered, by category."""
    return Table(
        name="response-times",
        title=f"Response categories, by impact times likelihood on a scale of {policy.matrix_size}",
        columns=("Category", "Risk", "Response", "Time to a decision", "What is done"),
        rows=tuple(
            (
                band.category, f"{band.min_score} to {band.max_score}",
                band.respond.words if band.respond else "none",
                band.decide.words if band.decide else "none", band.words,
            )
            for band in sorted(policy.bands, key=lambda one: -one.max_score)
        ),
    )  # fmt: skip


def _instant(at: datetime | None) -> str:
    return "" if at is None else words.instant_words(at)


def _between(begins: datetime, ends: datetime | None) -> str:
    if ends is None:
        return ""
    hours = (ends - begins) / timedelta(hours=1)
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} days"  # noqa: PLR2004
