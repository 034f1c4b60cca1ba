"""The nine questions that claimants ask of a street, answered from what is held. Pure.

The questions are those of claims against Devon County Council that it published (FIELD §4.1). Each
answer says of each of its parts whether it is held here, was imported and when, or is not held, and
then whom to ask.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from pipeline.domain.coverage import PassRule
from pipeline.domain.records import RecordKind, days_not_covered
from pipeline.domain.street import PolicyThen, StreetFacts
from pipeline.domain.uk_time import LONDON
from pipeline.review import words
from pipeline.review.answer_tables import (
    Table,
    alert_rows,
    bands_table,
    decision_rows,
    defect_row,
    levels_table,
    pass_row,
    repair_rows,
)

_NOT_HELD = "Not held: "
_NOT_SEEN = "No camera is known to have looked at this street in that time."
# As roads coverage counts a pass: it looked at nearly all of the section.
_WHOLE_SHARE = 0.9
_ASK = {
    RecordKind.INSPECTIONS: "the highway inspection team",
    RecordKind.DEFECTS: "the highway inspection team, and whoever keeps the works system",
    RecordKind.ENQUIRIES: "whoever takes customers' reports",
    RecordKind.WORKS: "Street Manager, and whoever coordinates street works",
}


class Holding(StrEnum):
    """Where something comes from."""

    HELD = "held here"
    IMPORTED = "imported"
    NOT_HELD = "not held"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of an answer, and where it comes from."""

    holding: Holding
    label: str
    sentences: tuple[str, ...]
    table: Table | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One question with its answer; `number` is 0 for what is told beside the nine."""

    number: int
    question: str
    parts: tuple[Part, ...]


def answers_of(facts: StreetFacts) -> tuple[Answer, ...]:
    """Return the nine answers, and after them what is told beside them."""
    months = facts.claim.months
    questions = (
        (f"When was each safety inspection in the {months} months before?", _inspections(facts)),
        ("Which carriageway defects were found?", _defects(facts)),
        ("How were inspections done: walked or driven, how fast, by how many?", _manner(facts)),
        ("How often were inspections intended, and with what tolerance?", _frequency(facts)),
        ("Which complaints and enquiries were there?", (_imported(facts, RecordKind.ENQUIRIES),)),
        ("What is the road's place in the maintenance hierarchy?", _hierarchy(facts)),
        ("What is the number of the road or section?", _numbers(facts)),
        ("Which criteria for intervention were in force then?", _criteria(facts)),
        ("How long was it from identification to repair?", _repairs(facts)),
    )
    return (
        *(Answer(number=n, question=q, parts=p) for n, (q, p) in enumerate(questions, 1)),
        Answer(number=0, question="Who decided what, and when?", parts=_decisions(facts)),
        Answer(number=0, question="What was raised as an emergency?", parts=_emergencies(facts)),
        Answer(
            number=0,
            question="Which street works of others were there?",
            parts=(_imported(facts, RecordKind.WORKS),),
        ),
    )


def held(*sentences: str, table: Table | None = None) -> Part:
    """Return what this system holds itself."""
    return Part(holding=Holding.HELD, label="Held here", sentences=sentences, table=table)


def _asked(whom: str, *sentences: str) -> Part:
    return Part(holding=Holding.NOT_HELD, label=f"{_NOT_HELD}ask {whom}", sentences=sentences)


def _imported(facts: StreetFacts, kind: RecordKind) -> Part:
    """Return what was brought in of a kind, with the days that nothing covers."""
    imports = facts.imports[kind]
    # Works that had begun earlier may have lasted into the time that is asked about.
    records = [
        one
        for one in facts.records[kind]
        if one.on >= facts.claim.begins_on
        or dict(one.said).get("until", "9999") >= facts.claim.begins_on.isoformat()
    ]
    if not imports:
        return _asked(_ASK[kind], f"No {kind.words} were brought into this system.")
    last = imports[-1]
    sources = ", ".join(sorted({one.source for one in imports}))
    gaps = days_not_covered(imports, facts.claim.begins_on, facts.claim.incident_on)
    nowhere = sum(one.left_out for one in imports)
    count = f"{len(records)} on this street in the time asked about."
    sentences = [f"{kind.words.capitalize()} from {sources}: {count}"]
    if nowhere:
        sentences.append(
            f"{_many(nowhere, 'more record')} of those files named no street: any of them may "
            f"concern this one. Ask {_ASK[kind]}."
        )
    sentences += [
        f"Not covered by any import: {_day(begins)} to {_day(ends)}. For that time ask "
        f"{_ASK[kind]}."
        for begins, ends in gaps
    ]
    used = {name for record in records for name, _ in record.said}
    columns = {name: heading for name, heading in kind.columns.items() if name in used}
    rows = tuple(
        (
            _day(record.on) + (f", {record.at:%H:%M}" if record.at else ""),
            record.reference,
            *(dict(record.said).get(name, "") for name in columns),
        )
        for record in records
    )
    table = Table(
        name=kind.value,
        title=kind.words.capitalize(),
        columns=("When", "Reference", *columns.values()),
        rows=rows,
    )
    return Part(
        holding=Holding.IMPORTED,
        label=f"Imported on {_local_day(last.imported_at)}",
        sentences=tuple(sentences),
        table=table if rows else None,
    )


def _inspections(facts: StreetFacts) -> tuple[Part, ...]:
    counting = [one for one in facts.passes if not one.void]
    drives = _many(facts.unlaid, "drive")
    what = "could not be laid on a road network: whether the camera came by here is not known."
    unlaid = (f"{drives} of that time {what}",) if facts.unlaid else ()
    passes = held(
        f"{_many(len({one.drive_id for one in counting}), 'camera pass', 'camera passes')} of this "
        f"street in the time asked about count. {_as_inspections(facts)}",
        *(() if facts.passes else (_NOT_SEEN,)),
        *unlaid,
        table=_pass_table(facts) if facts.passes else None,
    )
    return _imported(facts, RecordKind.INSPECTIONS), passes


def _as_inspections(facts: StreetFacts) -> str:
    """Return which camera passes are inspections by the policy then in force, if any are."""
    policy = facts.policy.policy if facts.policy else None
    if policy is None or not policy.passes_are_inspections:
        return "A camera pass is no safety inspection: no adopted policy says so."
    whole = [
        one
        for one in facts.passes
        if not one.void
        and one.at.astimezone(LONDON).date() >= policy.valid_from
        and one.looked_m >= _WHOLE_SHARE * one.length_m
    ]
    return (
        f"By {policy.passes_are_inspections}, a camera pass counts as a safety inspection from "
        f"{_day(policy.valid_from)} on; that is so of {_many(len(whole), 'row')} of the table, in "
        "which the camera looked at nine tenths of the section. The others are none."
    )


def _pass_table(facts: StreetFacts) -> Table:
    return Table(
        name="camera-passes",
        title="Camera passes, by section and direction",
        columns=(
            "When", "Section, direction", "Looked at", "Not looked at", "Reported", "Speed, mph",
            "Width in view, m", "Light", "Views kept", "Counts", "Camera pass",
        ),
        rows=tuple(pass_row(facts, one) for one in facts.passes),
    )  # fmt: skip


def _defects(facts: StreetFacts) -> tuple[Part, ...]:
    confirmed = sum(1 for one in facts.defects if one.is_confirmed)
    possible = len(facts.defects) - confirmed
    rows = tuple(defect_row(facts, number, one) for number, one in enumerate(facts.defects, 1))
    ours = held(
        f"By camera: {_many(confirmed, 'defect')} that an engineer confirmed, and "
        f"{_many(possible, 'possible defect')} that no engineer confirmed.",
        "A camera does not measure depth; where one is given, a person measured it.",
        "Sizes and states are as known now, also by what was seen after the day in question.",
        table=Table(
            name="defects",
            title="Defects and possible defects seen by camera",
            columns=(
                "No.", "What", "Where", "First seen", "Detected", "First shown", "Decided",
                "Width, m", "Length, m", "Depth, mm",
            ),
            rows=rows,
        )
        if rows
        else None,
    )  # fmt: skip
    return ours, _imported(facts, RecordKind.DEFECTS)


def _manner(facts: StreetFacts) -> tuple[Part, ...]:
    parts = []
    if facts.imports[RecordKind.INSPECTIONS]:
        parts.append(
            Part(
                holding=Holding.IMPORTED,
                label=_imported(facts, RecordKind.INSPECTIONS).label,
                sentences=("As far as it was recorded, it stands in the table of inspections.",),
            )
        )
    else:
        parts.append(_asked(_ASK[RecordKind.INSPECTIONS]))
    if not facts.passes:
        return (*parts, held(_NOT_SEEN))
    speeds = sorted(one.speed_mph for one in facts.passes if one.speed_mph is not None)
    fast = f" at {speeds[0]:.0f} to {speeds[-1]:.0f} mph" if speeds else ""
    parts.append(
        held(
            f"Camera passes were driven{fast}, with a camera on a vehicle of the fleet; nobody "
            "inspected from it. What the camera saw was looked at by a detector, and what it "
            "reported by an engineer. Footways and cycle tracks were not looked at.",
            "Light is computed from the sun's height.",
        )
    )
    parts.append(
        _asked("the Met Office or another weather service", "Weather at the camera passes.")
    )
    return tuple(parts)


def _frequency(facts: StreetFacts) -> tuple[Part, ...]:
    if facts.policy is None:
        return (_asked("the highway asset manager", "No policy of that time is kept here."),)
    policy = facts.policy.policy
    of = {section.hierarchy for section in facts.sections}
    inspections = [rule for rule in policy.inspections if rule.hierarchy in of]
    passes = [rule for rule in policy.passes if rule.hierarchy in of]
    parts = []
    if inspections:
        parts.append(held(*(f"Safety inspections: {_rule(rule)}." for rule in inspections)))
    else:
        parts.append(
            _asked("the highway asset manager", "The policy here says nothing of inspections.")
        )
    if passes:
        parts.append(held(*(f"Camera passes: {_rule(rule)}." for rule in passes)))
    return tuple(parts)


def _rule(rule: PassRule) -> str:
    return (
        f"{rule.per_year:g} a year on {rule.hierarchy.words} ({rule.hierarchy.value}), up to "
        f"{rule.tolerance_days:g} days later"
    )


def _hierarchy(facts: StreetFacts) -> tuple[Part, ...]:
    known = sorted({section.hierarchy for section in facts.sections if section.hierarchy})
    if not known:
        return (_asked("the highway asset manager"),)
    told = "; ".join(f"{one.value}, {one.words}" for one in known)
    return (_of_network(facts, f"{told.capitalize()}."),)


def _numbers(facts: StreetFacts) -> tuple[Part, ...]:
    if not facts.sections:
        return (_asked("the street gazetteer's custodian", "No section of this USRN was loaded."),)
    return (
        _of_network(
            facts,
            f"USRN {facts.claim.usrn}{f', {facts.street}' if facts.street else ''}.",
            table=Table(
                name="sections",
                title="Sections",
                columns=("Section", "Name", "Class", "Hierarchy", "Speed limit, mph", "Length, m"),
                rows=tuple(
                    (
                        one.section_id, one.name, one.road_class, one.hierarchy or "",
                        "" if one.speed_limit_mph is None else f"{one.speed_limit_mph:.0f}",
                        f"{facts.lengths_m[one.section_id]:.0f}",
                    )
                    for one in facts.sections
                ),
            ),
        ),
    )  # fmt: skip


def _of_network(facts: StreetFacts, *sentences: str, table: Table | None = None) -> Part:
    name, loaded_at = facts.network or ("", facts.claim.begins_at)
    return Part(
        holding=Holding.IMPORTED,
        label=f"Imported on {_local_day(loaded_at)}",
        sentences=(*sentences, f"From the road network “{name}”."),
        table=table,
    )


def _criteria(facts: StreetFacts) -> tuple[Part, ...]:
    then = facts.policy
    if then is None:
        return (_asked("the highway asset manager", "No policy of that time is kept here."),)
    policy = then.policy
    late = then.kept_at > facts.claim.ends_at
    return (
        held(
            f"{_policy_words(then)}. It was first kept here on "
            f"{words.instant_words(then.kept_at)}{', after the day in question' if late else ''}.",
            *(
                f"Kept here besides, and valid by then: {_policy_words(one)}, first kept here on "
                f"{words.instant_words(one.kept_at)}."
                for one in facts.policies[1:]
            ),
            "An engineer decides; the policy's matrix proposes.",
            table=levels_table(policy),
        ),
        held(table=bands_table(policy)),
    )


def _policy_words(then: PolicyThen) -> str:
    policy = then.policy
    standing = f"adopted: {policy.adopted}" if policy.adopted else "an example, adopted by nobody"
    return (
        f"Policy “{policy.name}”, version {policy.version}, valid from {_day(policy.valid_from)} "
        f"({standing}; source: {policy.source}; SHA-256 {policy.sha256}, its file is in the bundle)"
    )


def _repairs(facts: StreetFacts) -> tuple[Part, ...]:
    rows = tuple(
        row for number, one in enumerate(facts.defects, 1) for row in repair_rows(number, one)
    )
    ours = held(
        f"What was ordered, and what an engineer confirmed without an order: "
        f"{_many(len(rows), 'row')}. Where a repair was not told to this system, it is empty; when "
        "something was told stands beside it where that was another day.",
        table=Table(
            name="repairs",
            title="From identification to repair",
            columns=(
                "No.", "Order", "Identified", "Decided", "Ordered", "Made safe", "Repaired",
                "Identified to made safe", "Identified to repaired", "What else was told",
            ),
            rows=rows,
        )
        if rows
        else None,
    )  # fmt: skip
    return ours, _imported(facts, RecordKind.DEFECTS)


def _decisions(facts: StreetFacts) -> tuple[Part, ...]:
    rows = decision_rows(facts)
    if not rows:
        return (held("Nothing was decided here."),)
    table = Table(
        name="decisions",
        title="Decisions and measurements",
        columns=("No.", "What", "What entitled the person, on that day", "Policy"),
        rows=rows,
    )
    return (held("What each saw on the screen is kept with the decision.", table=table),)


def _emergencies(facts: StreetFacts) -> tuple[Part, ...]:
    rows = alert_rows(facts)
    if not rows:
        return (held("Nothing on this street was."),)
    table = Table(
        name="emergencies",
        title="Possible emergencies",
        columns=("No.", "Category proposed", "Raised", "Told", "Acknowledged by", "Note"),
        rows=rows,
    )
    return (held(table=table),)


def _local_day(at: datetime) -> str:
    return _day(at.astimezone(LONDON).date())


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _many(count: int, one: str, more: str = "") -> str:
    return f"{count} {one if count == 1 else more or f'{one}s'}"


def parts_not_held(answers: Sequence[Answer]) -> tuple[str, ...]:
    """Return what has to be asked for elsewhere, in words."""
    return tuple(
        f"{answer.number}. {part.label.removeprefix(_NOT_HELD)}"
        for answer in answers
        for part in answer.parts
        if part.holding is Holding.NOT_HELD and answer.number
    )
