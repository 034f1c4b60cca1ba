"""How long things are kept: rules, holds, and what is due."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pipeline.adapters.postgres.database import Connection
from pipeline.domain.errors import InputError
from pipeline.domain.ids import OrganisationId, StoreId
from pipeline.domain.keeping import DEFAULT_DAYS, Hold, Kind


def set_days(
    connection: Connection, owner: OrganisationId, kind: Kind, days: int, *, said_by: str
) -> None:
    """Say how long an organisation keeps a kind of thing; the latest word counts."""
    connection.execute(
        "insert into roadwear.retention_rule (owner_id, kind, days, said_by) "
        "values (%s, %s, %s, %s)",
        (owner, kind, days, said_by),
    )


def days_kept(connection: Connection) -> Mapping[Kind, int]:
    """Return how long the organisation keeps each kind of thing."""
    found = {}
    for kind in Kind:
        row = connection.execute(
            "select roadwear.days_kept(%s, %s) as days", (kind, DEFAULT_DAYS[kind])
        ).fetchone()
        found[kind] = int(row["days"]) if row else DEFAULT_DAYS[kind]
    return found


def add_hold(connection: Connection, hold: Hold) -> None:
    """Stop the clock of whatever was near a place at a time."""
    connection.execute(
        "insert into roadwear.hold (hold_id, owner_id, lon_deg, lat_deg, radius_m, from_at, to_at, "
        "reason, said_by) values (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            hold.hold_id, hold.owner_id, hold.place.lon_deg, hold.place.lat_deg, hold.radius_m,
            hold.from_at, hold.to_at, hold.reason, hold.said_by,
        ),
    )  # fmt: skip


def lift_hold(
    connection: Connection, owner: OrganisationId, hold_id: str, *, reason: str, said_by: str
) -> None:
    """Let the clock go on.

    Raises:
        InputError: There is no such hold.
    """
    done = connection.execute(
        "insert into roadwear.hold_lifted (hold_id, owner_id, reason, said_by) "
        "select hold_id, owner_id, %s, %s from roadwear.standing_hold "
        "where owner_id = %s and hold_id::text = %s",
        (reason, said_by, owner, hold_id),
    )
    if not done.rowcount:
        raise InputError(f"there is no hold {hold_id} that stands; roadwear retention list")


def load_holds(connection: Connection) -> tuple[dict[str, Any], ...]:
    """Return the holds of the organisation that stand."""
    rows = connection.execute(
        "select h.*, (select count(*) from roadwear.held_drive d where d.owner_id = h.owner_id) "
        "as drives from roadwear.standing_hold h order by recorded_at"
    )
    return tuple(rows)


def due_files(
    connection: Connection, owner: OrganisationId, before: datetime, store: StoreId
) -> tuple[dict[str, Any], ...]:
    """Return a store's files that were received before an instant and that no hold keeps.

    A file of a drive whose track is forgotten is kept by any hold on its time.
    """
    rows = connection.execute(
        "select s.sha256 from roadwear.stored_file s where s.owner_id = %(o)s "
        "and s.gone_at is null and s.received_at < %(b)s "
        "and (s.store is null or s.store = %(s)s) and not exists ("
        "  select 1 from roadwear.held_drive h where h.drive_id in ("
        "    select c.drive_id from roadwear.clip c "
        "    where c.owner_id = s.owner_id and c.clip_sha256 = s.sha256 "
        "    union select f.drive_id from roadwear.batch_file f "
        "    where f.owner_id = s.owner_id and f.sha256 = s.sha256 and f.drive_id is not null)) "
        "and not exists (select 1 from roadwear.clip c join roadwear.standing_hold h "
        "  on h.owner_id = c.owner_id where c.owner_id = s.owner_id and c.clip_sha256 = s.sha256 "
        # "offset 0": asked of one drive after another, not of every fix that there is.
        "  and not exists (select 1 from roadwear.drive_fix f where f.drive_id = c.drive_id "
        "    offset 0) "
        "  and (c.started_at is null or tstzrange(c.started_at, c.started_at "
        "    + make_interval(secs => c.duration_s)) && tstzrange(h.from_at, h.to_at))) "
        "order by s.received_at",
        {"o": owner, "b": before, "s": store},
    )
    return tuple(rows)


def is_held(connection: Connection, owner: OrganisationId, sha256: str) -> bool:
    """Return whether a hold keeps a file: by its drive."""
    row = connection.execute(
        "select exists (select 1 from roadwear.held_drive h where h.drive_id in ("
        "select c.drive_id from roadwear.clip c where c.owner_id = %(o)s and c.clip_sha256 = %(s)s "
        "union select f.drive_id from roadwear.batch_file f where f.owner_id = %(o)s "
        "and f.sha256 = %(s)s and f.drive_id is not null)) as held",
        {"o": owner, "s": sha256},
    ).fetchone()
    return bool(row and row["held"])


def still_made_after(connection: Connection, key: str, instant: datetime) -> bool:
    """Return whether a still was made anew, under the same key, after an instant."""
    row = connection.execute(
        "select exists (select 1 from roadwear.still where blob_key = %s and recorded_at > %s) "
        "as fresh",
        (key, instant),
    ).fetchone()
    return bool(row and row["fresh"])


def unfinished_uploads(connection: Connection, owner: OrganisationId) -> frozenset[str]:
    """Return the ids of an organisation's uploads that have not arrived."""
    rows = connection.execute(
        "select upload_id from roadwear.batch_file where owner_id = %s "
        "and upload_id is not null and arrived_at is null",
        (owner,),
    )
    return frozenset(str(row["upload_id"]) for row in rows)


def forget_tracks(connection: Connection, now: datetime) -> Sequence[str]:
    """Forget the tracks whose time is over and that no hold keeps; return whose they were."""
    rows = connection.execute(
        "select forgotten from roadwear.forget_tracks(%s, %s)", (now, DEFAULT_DAYS[Kind.TRACK])
    )
    return [str(row["forgotten"]) for row in rows]


def authorities_of_stills(
    connection: Connection, owner: OrganisationId
) -> tuple[OrganisationId, ...]:
    """Return the authorities on whose roads an owner's stills were taken."""
    rows = connection.execute(
        "select distinct authority_id from roadwear.still where owner_id = %s", (owner,)
    )
    return tuple(OrganisationId(row["authority_id"]) for row in rows)


def decided_sightings(connection: Connection, owner: OrganisationId) -> tuple[UUID, ...]:
    """Return an owner's sightings on which decisions rest.

    Args:
        connection: Acting for the authority that decides: to the owner its decisions are nothing.
        owner: Whose sightings.
    """
    rows = connection.execute(
        "select distinct o.observation_id from roadwear.decision d "
        "join roadwear.membership m using (defect_id) "
        "join roadwear.observation o using (observation_id) where o.owner_id = %s",
        (owner,),
    )
    return tuple(row["observation_id"] for row in rows)


def due_stills(
    connection: Connection,
    owner: OrganisationId,
    undecided: datetime,
    decided: datetime,
    sightings: Sequence[UUID],
) -> tuple[str, ...]:
    """Return the keys of stills whose time is over.

    Args:
        connection: Acting for the owner.
        owner: Whose stills.
        undecided: Stills of before, of defects that nobody decided on.
        decided: Stills of before, behind a decision: the record.
        sightings: On which decisions rest, whoever's.
    """
    rows = connection.execute(
        "select s.blob_key from roadwear.still s join roadwear.run r using (run_id) "
        "where s.owner_id = %(o)s and not exists (select 1 from roadwear.held_drive h "
        "where h.drive_id = r.drive_id) group by s.blob_key having coalesce(max(s.recorded_at) "
        # A study that made the same picture again does not prolong it.
        "filter (where r.mark = 'live'), max(s.recorded_at)) < case when "
        "bool_or(s.observation_id = any(%(s)s)) "
        "then %(d)s::timestamptz else %(u)s::timestamptz end",
        {"o": owner, "u": undecided, "d": decided, "s": list(sightings)},
    )
    return tuple(row["blob_key"] for row in rows)


def deletions_known(connection: Connection, store: StoreId) -> int:
    """Return how many lines of a store's ledger of deletions were carried out on this database."""
    row = connection.execute(
        "select coalesce(max(lines), 0) as lines from roadwear.deletions_known where store_id = %s",
        (store,),
    ).fetchone()
    return int(row["lines"]) if row else 0


def note_deletions_known(connection: Connection, store: StoreId, lines: int) -> None:
    """Keep how many were."""
    connection.execute(
        "insert into roadwear.deletions_known (store_id, lines) values (%s, %s) "
        "on conflict do nothing",
        (store, lines),
    )
