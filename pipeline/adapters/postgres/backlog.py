"""What was received and not looked at yet, and how fast that goes."""

from datetime import datetime, timedelta

from pipeline.adapters.postgres.database import Connection
from pipeline.domain.backlog import Backlog
from pipeline.domain.ids import DriveId, OrganisationId, StoreId

# Less than this of a clip's end may be left: lengths are rounded.
_LEAST_S = 1.0
# The rate is that of the last pieces, of so many days, and without the pauses between them.
_MOST_RUNS, _RECENT, _PAUSE = 200, timedelta(days=7), timedelta(minutes=20)
# Seconds of footage of a run r of a clip c.
SPAN_S = (
    "greatest(least(r.to_pts, c.first_pts + c.duration_s * c.time_base_den / c.time_base_num) "
    "- r.from_pts, 0) * c.time_base_num / c.time_base_den"
)
_WAITING = f"""
  select c.drive_id, s.received_at, c.duration_s - coalesce((
    select sum({SPAN_S}) from roadwear.run r
    where r.owner_id = c.owner_id and r.clip_sha256 = c.clip_sha256
      and r.state in ('current', 'void') and r.mark = 'live'), 0) as left_s
  from roadwear.clip c join roadwear.stored_file s
    on s.owner_id = c.owner_id and s.sha256 = c.clip_sha256 and s.gone_at is null
      and (%(store)s::uuid is null or s.store is null or s.store = %(store)s)
  where c.owner_id = %(owner)s"""  # noqa: S608 - our own words


def load_backlog(
    connection: Connection, owner: OrganisationId, store: StoreId, now: datetime
) -> Backlog:
    """Return what of an organisation's footage in a store waits, and how fast the last went."""
    waits = connection.execute(
        f"select coalesce(sum(left_s), 0) as left_s from ({_WAITING}) w where left_s > %(least)s",  # noqa: S608
        {"owner": owner, "store": store, "least": _LEAST_S},
    ).fetchone()
    went = connection.execute(
        f"""with recent as (
          select {SPAN_S} as span_s,
            r.recorded_at - lag(r.recorded_at) over (order by r.recorded_at) as took
          from roadwear.run r join roadwear.clip c
            on c.owner_id = r.owner_id and c.clip_sha256 = r.clip_sha256
          join roadwear.stored_file s on s.owner_id = c.owner_id and s.sha256 = c.clip_sha256
            and (s.store is null or s.store = %(store)s)
          where r.owner_id = %(owner)s and r.recorded_at > %(since)s and r.mark = 'live'
          order by r.recorded_at desc limit %(most)s)
        select sum(span_s) as span_s, sum(extract(epoch from took)) as took_s
        from recent where took < %(pause)s""",  # noqa: S608 - our own words
        {
            "owner": owner,
            "store": store,
            "since": now - _RECENT,
            "most": _MOST_RUNS,
            "pause": _PAUSE,
        },
    ).fetchone()
    sizes = connection.execute(
        "select sum(s.size_bytes) / nullif(sum(c.duration_s), 0) as per_s from roadwear.clip c "
        "join roadwear.stored_file s on s.owner_id = c.owner_id and s.sha256 = c.clip_sha256 "
        "where c.owner_id = %s",
        (owner,),
    ).fetchone()
    span_s, took_s = (went["span_s"], went["took_s"]) if went else (None, None)
    return Backlog(
        waiting_s=float(waits["left_s"]) if waits else 0.0,
        rate=float(span_s) / float(took_s) if span_s and took_s else None,
        bytes_per_s=float(sizes["per_s"]) if sizes and sizes["per_s"] else None,
    )


def waiting_footage(
    connection: Connection, owner: OrganisationId, store: StoreId | None
) -> tuple[tuple[DriveId, datetime, float], ...]:
    """Return a store's drives of which something was not looked at yet, the oldest first.

    Args:
        connection: Acting for the owner.
        owner: Whose footage.
        store: Where it lies; None for any.

    Returns:
        Of each the drive, when the first of what waits came, and how many seconds wait.
    """
    rows = connection.execute(
        f"""select w.drive_id, min(w.received_at) as received_at, sum(left_s) as left_s
        from ({_WAITING}) w where left_s > %(least)s
        group by w.drive_id order by received_at, w.drive_id""",  # noqa: S608 - our own words
        {"owner": owner, "store": store, "least": _LEAST_S},
    )
    return tuple(
        (DriveId(row["drive_id"]), row["received_at"], float(row["left_s"])) for row in rows
    )


def ungathered_drives(
    connection: Connection, authority: OrganisationId
) -> tuple[tuple[OrganisationId, DriveId], ...]:
    """Return owner and drive where sightings belong to no defect yet: gathering was cut off.

    Args:
        connection: Acting for the authority: to others its defects are nothing.
        authority: Whose roads.
    """
    rows = connection.execute(
        "select distinct r.owner_id, r.drive_id from roadwear.ungathered u "
        "join roadwear.run r using (run_id) where u.authority_id = %s and r.state = 'current' "
        "and r.mark = 'live' order by 1, 2",
        (authority,),
    )
    return tuple((OrganisationId(row["owner_id"]), DriveId(row["drive_id"])) for row in rows)
