"""The work on drives: what waits, and what became of it."""

from collections import defaultdict
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import uuid4

from pipeline.adapters.postgres.backlog import SPAN_S, ungathered_drives, waiting_footage
from pipeline.adapters.postgres.database import Connection, Database
from pipeline.adapters.postgres.people import Person
from pipeline.adapters.postgres.receiving import all_organisations
from pipeline.domain.errors import RuleError
from pipeline.domain.ids import DriveId, OrganisationId, PersonId, StoreId
from pipeline.domain.work import WaitingDrive, WorkKind, WorkWord


def say_work(
    connection: Connection, owner: OrganisationId, drive_id: DriveId, word: WorkWord
) -> None:
    """Keep what became of the work on a drive."""
    connection.execute(
        "insert into roadwear.drive_work (work_id, owner_id, drive_id, kind, sentence, "
        "flow_run_id, happened_at) values (%s, %s, %s, %s, %s, %s, %s)",
        (
            uuid4(), owner, drive_id, word.kind, word.sentence, word.flow_run_id, word.happened_at,
        ),
    )  # fmt: skip


def ask_again(connection: Connection, person: Person, drive_id: DriveId, now: datetime) -> None:
    """Keep that a person asks for another try of a drive.

    Raises:
        RuleError: Their organisation has no such drive.
    """
    kept = connection.execute(
        "insert into roadwear.work_asked (asked_id, owner_id, drive_id, person_id, asked_at) "
        "select %s, owner_id, drive_id, %s, %s from roadwear.drive "
        "where drive_id = %s and owner_id = %s returning asked_id",
        (uuid4(), person.person_id, now, drive_id, person.organisation_id),
    ).fetchone()
    if kept is None:
        raise RuleError("There is no such drive of yours.")


def load_work(
    connection: Connection, owner: OrganisationId, drives: Sequence[DriveId]
) -> dict[DriveId, tuple[WorkWord, ...]]:
    """Return what became of drives, the first first."""
    rows = connection.execute(
        "select drive_id, kind, sentence, flow_run_id, happened_at, recorded_at "
        "from roadwear.drive_work where owner_id = %(owner)s and drive_id = any(%(drives)s) "
        "union all select drive_id, 'asked', '', null, asked_at, recorded_at "
        "from roadwear.work_asked where owner_id = %(owner)s and drive_id = any(%(drives)s) "
        "order by happened_at, recorded_at",
        {"owner": owner, "drives": list(drives)},
    )
    found: dict[DriveId, list[WorkWord]] = defaultdict(list)
    for row in rows:
        word = WorkWord(
            kind=WorkKind(row["kind"]),
            sentence=row["sentence"],
            flow_run_id=row["flow_run_id"],
            happened_at=row["happened_at"],
        )
        found[DriveId(row["drive_id"])].append(word)
    return {drive: tuple(words) for drive, words in found.items()}


class Letter(StrEnum):
    """What people are told by mail, each once on its day."""

    MORNING = "morning"
    HEALTH = "health"
    REPORT = "report"


def told_on(
    connection: Connection, owner: OrganisationId, day: date, letter: Letter
) -> set[PersonId]:
    """Return who was sent a day's letter.

    Whoever else asks waits until the transaction ends.
    """
    connection.execute("select pg_advisory_xact_lock(hashtext(%s))", (f"{letter} {owner} {day}",))
    rows = connection.execute(
        "select person_id from roadwear.morning_told "
        "where owner_id = %s and day = %s and what = %s",
        (owner, day, letter),
    )
    return {PersonId(row["person_id"]) for row in rows}


def save_told(
    connection: Connection, person: Person, day: date, told: tuple[Letter, str], now: datetime
) -> None:
    """Keep that a person was sent a day's letter, and what it says."""
    letter, words = told
    connection.execute(
        "insert into roadwear.morning_told (owner_id, day, person_id, what, sentence, told_at) "
        "values (%s, %s, %s, %s, %s, %s) on conflict do nothing",
        (person.organisation_id, day, person.person_id, letter, words, now),
    )


def load_waiting(
    connection: Connection, owner: OrganisationId, store: StoreId
) -> tuple[WaitingDrive, ...]:
    """Return an owner's drives of which something was not looked at yet, the oldest first."""
    waiting = waiting_footage(connection, owner, store)
    said = load_work(connection, owner, [drive for drive, _, _ in waiting])
    return tuple(
        WaitingDrive(
            owner_id=owner,
            drive_id=drive,
            received_at=received_at,
            waiting_s=left_s,
            said=said.get(drive, ()),
        )
        for drive, received_at, left_s in waiting
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DoneWork:
    """What was looked at in some time.

    Attributes:
        drives: How many were done.
        footage_s: Seconds of footage that were looked at, of these and of others.
    """

    drives: int
    footage_s: float


def load_done(connection: Connection, owner: OrganisationId, since: datetime) -> DoneWork:
    """Return what of an owner's footage was looked at since an instant."""
    row = connection.execute(
        f"""select (select count(distinct w.drive_id) from roadwear.drive_work w
            where w.owner_id = %(owner)s and w.kind = 'done'
            and w.happened_at >= %(since)s) as drives,
          (select coalesce(sum({SPAN_S}), 0) from roadwear.run r join roadwear.clip c
            on c.owner_id = r.owner_id and c.clip_sha256 = r.clip_sha256
            where r.owner_id = %(owner)s and r.recorded_at >= %(since)s and r.mark = 'live')
          as footage_s""",  # noqa: S608 - our own words
        {"owner": owner, "since": since},
    ).fetchone()
    return DoneWork(
        drives=row["drives"] if row else 0, footage_s=float(row["footage_s"]) if row else 0.0
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """What looking took in some time.

    Attributes:
        worker_s: Seconds in which workers had drives in hand; a try that was lost counts up to the
            last piece that it stored.
        looked_m: Metres of road that were looked at, by the runs that count now.
    """

    worker_s: float
    looked_m: float


def load_effort(connection: Connection, owner: OrganisationId, since: datetime) -> Effort:
    """Return what looking at an owner's footage took since an instant."""
    row = connection.execute(
        """
        with word as (
          select drive_id, kind, happened_at, lead(kind) over w as then_kind,
            lead(happened_at) over w as until
          from roadwear.drive_work where owner_id = %(owner)s and happened_at >= %(since)s
          window w as (partition by drive_id order by happened_at, recorded_at))
        select
          (select coalesce(sum(extract(epoch from case then_kind when 'lost' then (
             select max(r.recorded_at) from roadwear.run r where r.drive_id = word.drive_id
             and r.recorded_at between happened_at and until) else until end - happened_at)), 0)
           from word where kind = 'begun') as worker_s,
          (select coalesce(sum(c.to_m - c.from_m), 0) from roadwear.coverage c
           join roadwear.run r using (run_id) where r.owner_id = %(owner)s
           and r.recorded_at >= %(since)s and r.mark = 'live' and r.state = 'current'
           and c.reason is null) as looked_m""",
        {"owner": owner, "since": since},
    ).fetchone()
    return Effort(
        worker_s=float(row["worker_s"]) if row else 0.0,
        looked_m=float(row["looked_m"]) if row else 0.0,
    )


def load_vehicles(
    connection: Connection, owner: OrganisationId, drives: Sequence[DriveId]
) -> dict[DriveId, str]:
    """Return the fleet numbers of the vehicles of drives."""
    rows = connection.execute(
        "select d.drive_id, v.fleet_number from roadwear.drive d "
        "join roadwear.vehicle v using (vehicle_id) where d.owner_id = %s and d.drive_id = any(%s)",
        (owner, list(drives)),
    )
    return {DriveId(row["drive_id"]): row["fleet_number"] for row in rows}


def organisation_slugs(database: Database) -> dict[OrganisationId, str]:
    """Return what every organisation is called, for those who operate them all.

    Raises:
        OutageError: The database does not answer.
    """
    with database.acting_for(OrganisationId(uuid4())) as connection:
        rows = connection.execute("select organisation_id, slug from roadwear.organisation")
        return {OrganisationId(row["organisation_id"]): row["slug"] for row in rows}


def load_unread(
    connection: Connection, owner: OrganisationId, store: StoreId
) -> tuple[datetime, ...]:
    """Return when uploads to a store were ended that are not read yet, the first first."""
    rows = connection.execute(
        "select closed_at from roadwear.batch where owner_id = %s and state = 'closed' "
        "and (store is null or store = %s) order by closed_at",
        (owner, store),
    )
    return tuple(row["closed_at"] for row in rows)


def load_all_waiting(
    database: Database, store: StoreId, *, owner: OrganisationId | None = None
) -> tuple[WaitingDrive, ...]:
    """Return every drive of a store that waits, with what became of it so far.

    Args:
        database: Of all organisations.
        store: Where the footage lies.
        owner: Whose alone; None for everybody's.

    Raises:
        OutageError: The database does not answer.
    """
    everybody = all_organisations(database) if owner is None else (owner,)
    found: dict[DriveId, WaitingDrive] = {}
    authorities: set[OrganisationId] = set()
    for one in everybody:
        with database.acting_for(one) as connection:
            found |= {each.drive_id: each for each in load_waiting(connection, one, store)}
            authorities |= _authorities_of(connection, one)
    ungathered: dict[OrganisationId, set[DriveId]] = defaultdict(set)
    for authority in authorities:
        with database.acting_for(authority) as connection:
            for whose, drive in ungathered_drives(connection, authority):
                ungathered[whose].add(drive)
    for whose, drives in ungathered.items():
        if owner is None or whose == owner:
            with database.acting_for(whose) as connection:
                found |= _to_gather(connection, whose, drives - found.keys())
    return tuple(found.values())


def _authorities_of(connection: Connection, owner: OrganisationId) -> set[OrganisationId]:
    """Return on whose roads an owner's drives were."""
    rows = connection.execute(
        "select authority_id from roadwear.drive where owner_id = %(owner)s "
        "union select authority_id from roadwear.drive_share where owner_id = %(owner)s",
        {"owner": owner},
    )
    return {OrganisationId(row["authority_id"]) for row in rows}


def _to_gather(
    connection: Connection, owner: OrganisationId, ungathered: AbstractSet[DriveId]
) -> dict[DriveId, WaitingDrive]:
    """Return drives that were looked at wholly, by whatever store, but not gathered."""
    unseen = {drive for drive, _, _ in waiting_footage(connection, owner, None)}
    drives = sorted(ungathered - unseen)
    rows = connection.execute(
        "select drive_id, min(received_at) as received_at from roadwear.clip "
        "where owner_id = %s and drive_id = any(%s) group by drive_id",
        (owner, list(drives)),
    ).fetchall()
    said = load_work(connection, owner, drives)
    return {
        row["drive_id"]: WaitingDrive(
            owner_id=owner,
            drive_id=row["drive_id"],
            received_at=row["received_at"],
            waiting_s=0.0,
            said=said.get(row["drive_id"], ()),
        )
        for row in rows
    }
