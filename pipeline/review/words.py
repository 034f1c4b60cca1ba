"""What the pages say: view models made of domain types. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.adapters.policy_toml import calendar_of
from pipeline.adapters.postgres.identity import SaidWord, Sighting
from pipeline.adapters.postgres.voiding import CameraPass, SaidOfDrive
from pipeline.domain.condition import PassOver
from pipeline.domain.decisions import ChangeReason, Move, RejectReason
from pipeline.domain.defects import Defect
from pipeline.domain.evidence import StillKind
from pipeline.domain.instants import Instants
from pipeline.domain.looks import DefectKind
from pipeline.domain.observations import Measurement
from pipeline.domain.places import LonLat
from pipeline.domain.policy import CouncilPolicy
from pipeline.domain.queue import QueueEntry
from pipeline.domain.responding import due_at
from pipeline.domain.roads import RoadFacts
from pipeline.domain.uk_time import LONDON
from pipeline.domain.visits import VisitOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRow:
    """One line of the queue."""

    place: int
    defect_id: str
    what: str
    category: str
    size: str
    street: str
    where: str
    why: str
    decide_by: str = ""
    is_late: bool = False
    lon: str = ""
    lat: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideBy:
    """By when an engineer is to decide: the only clock that a possible defect has."""

    words: str
    is_late: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One still on the page."""

    number: int
    caption: str
    alternative: str
    width_px: int
    height_px: int


def queue_row(
    place: int,
    entry: QueueEntry,
    defect: Defect,
    road: RoadFacts | None = None,
    due: DecideBy | None = None,
    at: LonLat | None = None,
) -> QueueRow:
    """Return a line of the queue; with its place, where a map is beside it."""
    return QueueRow(
        place=place,
        defect_id=str(defect.defect_id),
        what=f"Possible {defect.kind.words}",
        category=entry.category,
        size=f"{defect.width_m.value:.2f} m wide, {defect.length_m.value:.2f} m long",
        street=road.street if road else "",
        where=where_words(defect),
        why=entry.reasons[-2] if len(entry.reasons) > 1 else entry.reasons[0],
        decide_by=due.words if due else "",
        is_late=due is not None and due.is_late,
        lon="" if at is None else f"{at.lon_deg:.7f}",
        lat="" if at is None else f"{at.lat_deg:.7f}",
    )


def decide_by(
    category: str, instants: Instants, policy: CouncilPolicy, now: datetime
) -> DecideBy | None:
    """Return by when an engineer is to decide; None where the policy says nothing.

    Args:
        category: That is proposed.
        instants: Of the possible defect.
        policy: The council's.
        now: The present.
    """
    band = policy.band_called(category)
    if band is None or band.decide is None:
        return None
    due = due_at(band.decide, instants.detected, calendar_of(policy))
    return DecideBy(words=due.words, is_late=due.is_late(now))


def instant_rows(instants: Instants) -> list[tuple[str, str]]:
    """Return what happened when, line by line."""
    return [
        (what, "not yet" if instant is None else instant_words(instant))
        for what, instant in instants
    ]


def where_words(defect: Defect) -> str:
    """Return the place with its uncertainty."""
    return (
        f"{defect.at.easting_m:.1f} E, {defect.at.northing_m:.1f} N, "
        f"within {2 * defect.error.sigma_m:.1f} m"
    )


def facts(
    defect: Defect, entry: QueueEntry | None, road: RoadFacts | None = None
) -> list[tuple[str, str]]:
    """Return what is known of a defect, line by line; what is not known is said."""
    lines = [
        ("Status", defect.state.words),
        ("Place (National Grid)", where_words(defect)),
        ("Road", road_words(road)),
        ("Width, across the lane", _size_words(defect.width_m)),
        ("Length, along the lane", _size_words(defect.length_m)),
        ("Area", f"{defect.area_m2.value:.2f} m² ± {2 * defect.area_m2.sigma:.2f} m²"),
        ("Depth", _depth_words(defect)),
        ("Direction of travel", f"{defect.heading_deg:.0f}° from grid north"),
        ("Seen", f"{_counted(defect.sightings, 'picture')} on {_counted(defect.drives, 'drive')}"),
        ("First seen", instant_words(defect.first_seen_at)),
        ("Last seen", instant_words(defect.last_seen_at)),
        ("Detector's confidence", f"{defect.confidence:.0%}"),
    ]
    if entry is not None:
        lines.insert(1, ("Proposed category", f"{entry.category} (risk {entry.score:.1f})"))
    return lines


def road_words(road: RoadFacts | None) -> str:
    """Return the road with its class, the place along it, and how sure that is."""
    if road is None or not road.section_id:
        return "Not known: no road of a loaded network was matched"
    parts = [road.street, road.road_class]
    if road.hierarchy is not None:
        parts.append(road.hierarchy.words)
    if road.chainage_m is not None:
        parts.append(f"{road.chainage_m:.0f} m along section {road.section_id}")
    parts.append(road.certainty)
    return ", ".join(part for part in parts if part)


def pictures(stills: Sequence[Mapping[str, Any]]) -> list[Picture]:
    """Return the stills of a defect with captions."""
    shown = []
    for number, still in enumerate(stills):
        kind = StillKind(still["kind"])
        hidden = still["bystanders"]
        void = "; of a camera pass that does not count" if still["is_void"] else ""
        gone = f"; {hidden} people or vehicles painted over" if hidden else ""
        shown.append(
            Picture(
                number=number,
                caption=f"Picture {number + 1}. {kind.words}, "
                f"{instant_words(still['taken_at'])}{gone}{void}",
                alternative=f"{kind.words}, taken {still['range_m']:.0f} m before the place",
                width_px=still["width_px"],
                height_px=still["height_px"],
            )
        )
    return shown


def pass_rows(passes: Sequence[PassOver]) -> list[tuple[str, str, str, str]]:
    """Return drive, date, width and length of each pass that looked at a place, newest first."""
    return [
        (
            str(one.drive_id),
            instant_words(one.at),
            "not seen" if one.width_m is None else _short_size(one.width_m),
            "" if one.length_m is None else _short_size(one.length_m),
        )
        for one in sorted(passes, key=lambda one: (one.at, str(one.drive_id)), reverse=True)
    ]


def pass_facts(found: CameraPass) -> list[tuple[str, str]]:
    """Return what a camera pass brought, line by line."""
    lines = [
        ("Status", "Void: nothing of it counts" if found.is_void else "It counts"),
        ("Vehicle", found.vehicle or "of another organisation"),
        ("Began", instant_words(found.began_at) if found.began_at else "not known"),
        ("Footage received", instant_words(found.received_at) if found.received_at else "not yet"),
        ("Road looked at", _metres(found.looked_m)),
    ]
    lines += [
        (f"Not looked at: {reason.words}", _metres(metres))
        for reason, metres in sorted(found.not_looked_m.items())
    ]
    return [*lines, ("Sightings", str(found.sightings))]


def drive_word_words(said: SaidOfDrive) -> str:
    """Return what a person said of a drive as a sentence."""
    note = f" Note: {said.note}" if said.note else ""
    when = instant_words(said.said_at)
    if said.reason is None:
        return f"{said.by} restored this camera pass on {when}.{note}"
    return f"{said.by} voided this camera pass on {when}: {said.reason.words}.{note}"


def _metres(metres: float) -> str:
    return f"{metres / 1000:.2f} km" if metres >= 1000 else f"{metres:.0f} m"  # noqa: PLR2004


def site_words(entry: Mapping[str, Any]) -> str:
    """Return what was found on site as a sentence."""
    depth = f": {entry['depth_mm']:.0f} mm deep ({entry['how']})" if entry["how"] else ""
    note = f" Note: {entry['note']}" if entry["note"] else ""
    return (
        f"{entry['name']} was there on {instant_words(entry['happened_at'])}. "
        f"{VisitOutcome(entry['outcome']).words}{depth}.{note}"
    )


def decision_words(decision: Mapping[str, Any]) -> str:
    """Return a past decision as a sentence."""
    move = Move(decision["move"])
    why = f" because: {RejectReason(decision['reason']).words}" if decision["reason"] else ""
    note = f" Note: {decision['note']}" if decision["note"] else ""
    gone = "" if decision["holds"] or move is Move.UNDO else " This was taken back."
    return (
        f"{decision['name']} {move.words} on {instant_words(decision['decided_at'])}, "
        f"having seen version {decision['seen_version']}{_moved_to(decision)}{why}.{note}{gone}"
    )


def _moved_to(decision: Mapping[str, Any]) -> str:
    if decision["watch_until"]:
        return f", until {decision['watch_until']:%d %B %Y}"
    if decision["said_kind"]:
        was = DefectKind(decision["seen_kind"]).words
        return f": {DefectKind(decision['said_kind']).words}, shown as {was}"
    if not decision["category"]:
        return ""
    risk = (
        f", as {decision['category']} (impact {decision['impact']}, likelihood "
        f"{decision['likelihood']})"
    )
    if not decision["because"]:
        return risk
    proposed = decision["shown"]["proposed"]
    return (
        f"{risk}; proposed was {proposed['category']} (impact {proposed['impact']}, likelihood "
        f"{proposed['likelihood']}). {ChangeReason(decision['because']).words}"
    )


def neighbour_words(other: Defect, here: Defect) -> str:
    """Return how a possible defect near another is told from it."""
    return (
        f"Possible {other.kind.words}, {other.at.distance_m(here.at):.1f} m away, "
        f"{other.width_m.value:.2f} m wide, seen in {_many(other.sightings, 'picture')}, "
        f"last {instant_words(other.last_seen_at)}"
    )


def nearby_words(other: Defect, here: Defect) -> str:
    """Return what else lies near by, for one visit."""
    possible = "" if other.state.confirmed else "Possible "
    return (
        f"{possible}{other.kind.words}, {other.at.distance_m(here.at):.0f} m away: "
        f"{other.state.words.lower()}".capitalize()
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleView:
    """A size drawn to scale, in millimetres: an ellipse and those of its 95 % interval.

    Attributes:
        side: Of the square picture.
        radii: Across and along, of the smallest, the likeliest and the largest.
        bar: How long the scale's bar is, and how it is called.
        words: The same for who does not see it.
    """

    side: int
    radii: tuple[tuple[int, int], ...]
    bar: tuple[int, str]
    words: str


def scale_view(defect: Defect) -> ScaleView:
    """Return a defect's size as a drawing."""
    sizes = (defect.width_m, defect.length_m)
    low, high = zip(*(size.interval for size in sizes), strict=True)
    radii = tuple(
        (round(500 * max(across, 0.0)), round(500 * max(along, 0.0)))
        for across, along in (low, tuple(size.value for size in sizes), high)
    )
    side = max(round(1150 * max(*high, 0.1)), 200)
    bar_m = next(bar for bar in (2.0, 1.0, 0.5, 0.2, 0.1, 0.05) if 1000 * bar <= side / 2)
    return ScaleView(
        side=side,
        radii=radii,
        bar=(round(1000 * bar_m), f"{bar_m:g} m"),
        words=f"Drawn to scale: {_short_size(defect.width_m)} across the lane, "
        f"{_short_size(defect.length_m)} along it. The dashed lines are the smallest and the "
        "largest that it is 95 in 100 times.",
    )


def sighting_words(one: Sighting) -> str:
    """Return when and how one look saw a defect."""
    picture = "" if one.picture is None else f", picture {one.picture + 1}"
    return (
        f"{instant_words(one.seen_at)}, {one.range_m:.0f} m ahead, "
        f"{one.width_m:.2f} m wide{picture}"
    )


def word_words(word: SaidWord) -> str:
    """Return what a person said of identity as a sentence."""
    note = f" Note: {word.note}" if word.note else ""
    gone = "" if word.holds else " This was taken back."
    return f"{word.by} {word.move.words} on {instant_words(word.said_at)}.{note}{gone}"


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def instant_words(instant: datetime) -> str:
    """Return an instant as a page writes it, in British time."""
    local = instant.astimezone(LONDON)
    return f"{local.day} {local:%B %Y, %H:%M:%S} ({local.tzname()})"


def _size_words(size: Measurement) -> str:
    low, high = size.interval
    return f"{size.value:.2f} m (95 in 100 times between {low:.2f} and {high:.2f} m)"


def _short_size(size: Measurement) -> str:
    low, high = size.interval
    return f"{size.value:.2f} m ({low:.2f} to {high:.2f} m)"


def _depth_words(defect: Defect) -> str:
    if defect.depth_mm is None:
        return "Unknown: one camera cannot measure it"
    return f"{defect.depth_mm.value:.0f} mm ({defect.depth_mm.how})"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
