"""The tables of a bundle of evidence. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pipeline.domain.orders import EventKind, OrderEvent
from pipeline.domain.policy import CouncilPolicy, InvestigatoryLevel
from pipeline.domain.street import StreetDefect, StreetFacts, StreetPass
from pipeline.domain.uk_time import LONDON
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
        "0 m: void" if one.void else f"{one.looked_m:.0f} m of {one.length_m:.0f} m",
        "all of it" if one.void else reasons or "nothing",
        f"No. {', '.join(seen)}" if seen else "nothing",
        "" if one.speed_mph is None else f"{one.speed_mph:.0f}",
        "" if one.width_m is None else f"{one.width_m:.1f}",
        "" if one.light is None else one.light.value,
        str(one.road_views),
        f"no: {one.void}" if one.void else "yes",
        str(one.drive_id),
    )


def defect_row(facts: StreetFacts, number: int, one: StreetDefect) -> tuple[str, ...]:
    """Return a defect, or a possible one, with its instants and sizes."""
    defect, instants = one.defect, one.instants
    kind = defect.kind.words
    what = kind.capitalize() if one.is_confirmed else f"Possible {kind}"
    notes = [defect.state.words.lower()]
    if one.heirs:
        numbers = {found.defect.defect_id: n for n, found in enumerate(facts.defects, 1)}
        told = ", ".join(f"No. {numbers[h]}" if h in numbers else "another" for h in one.heirs)
        notes.append(f"joined into {told}")
    elif one.is_emptied:
        notes.append("no camera pass that counts shows it any more")
    if defect.last_seen_at >= facts.claim.ends_at:
        notes.append("seen after the day in question too: its size is also of then")
    depth = defect.depth_mm
    return (
        str(number),
        f"{what} ({'; '.join(notes)})",
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
        of_it = [e for e in events if e.defect_id in {None, one.defect.defect_id}]
        when = {event.kind: event for event in of_it}
        safe, repaired = when.get(EventKind.MADE_SAFE), when.get(EventKind.REPAIRED)
        rows.append(
            (
                str(number), f"{order.number}{' (cancelled)' if order.cancelled else ''}",
                words.instant_words(line.detected_at), words.instant_words(line.decided_at),
                words.instant_words(order.ordered_at), _told(safe), _told(repaired),
                _between(line.detected_at, safe), _between(line.detected_at, repaired),
                "; ".join(
                    f"{event.kind.words}: {_told(event)}" for event in of_it
                    if event.kind not in {EventKind.MADE_SAFE, EventKind.REPAIRED}
                ),
            )
        )  # fmt: skip
    if not rows and one.is_confirmed:
        rows.append(
            (
                str(number), "none", words.instant_words(one.instants.detected),
                _instant(one.instants.decided), "", "", "", "", "", "",
            )
        )  # fmt: skip
    return rows


def _told(event: OrderEvent | None) -> str:
    """Return when something happened; and when it was told, where that was another day."""
    if event is None:
        return ""
    at, told_at = event.happened_at, event.recorded_at
    if told_at is None or at.astimezone(LONDON).date() == told_at.astimezone(LONDON).date():
        return words.instant_words(at)
    return f"{words.instant_words(at)}, told on {words.instant_words(told_at)}"


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
    rows += [
        (one.said_at, str(number), words.word_words(one), "", "")
        for number, found in enumerate(facts.defects, 1)
        for one in found.identity
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
            alert.note,
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


def _between(begins: datetime, event: OrderEvent | None) -> str:
    if event is None:
        return ""
    hours = (event.happened_at - begins) / timedelta(hours=1)
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} days"  # noqa: PLR2004
