"""What an authority's people and its queue did in some time, for a report."""

from dataclasses import dataclass
from datetime import datetime

from pipeline.adapters.postgres.database import Connection
from pipeline.domain.ids import OrganisationId


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What was done at the desk, and what is left.

    Attributes:
        waiting: Possible defects in the queue.
        fresh: Of these, first seen in the time.
        by_category: Of these, by what the policy calls them, the most first.
        approved: Possible defects whose last decision in the time was to approve them.
        rejected: Likewise, to reject them.
        orders: Works orders that were given.
        repaired: Defects of which it was said that they are repaired.
        verified: Repairs that a later camera pass bore out.
    """

    waiting: int
    fresh: int
    by_category: tuple[tuple[str, int], ...]
    approved: int
    rejected: int
    orders: int
    repaired: int
    verified: int


def load_week(connection: Connection, authority: OrganisationId, since: datetime) -> Desk:
    """Return what was done at an authority's desk since an instant, and what waits there.

    Args:
        connection: Acting for the authority.
        authority: Whose roads.
        since: Where the time begins.
    """
    wanted = {"authority": authority, "since": since}
    waiting = connection.execute(
        "select category, count(*) as n, count(*) filter (where detected_at >= %(since)s) as fresh "
        "from roadwear.queue_entry where authority_id = %(authority)s "
        "group by category order by n desc, category",
        wanted,
    ).fetchall()
    row = connection.execute(
        """
        with last as (
          select distinct on (defect_id) defect_id, move from roadwear.decision
          where authority_id = %(authority)s and decided_at >= %(since)s
          order by defect_id, decided_at desc, decision_id),
        said as (
          select kind, count(distinct defect_id) as n from roadwear.order_event
          where authority_id = %(authority)s and recorded_at >= %(since)s group by kind)
        select (select count(*) from last where move = 'approve') as approved,
          (select count(*) from last where move = 'reject') as rejected,
          (select count(*) from roadwear.works_order
           where authority_id = %(authority)s and ordered_at >= %(since)s) as orders,
          (select coalesce(sum(n), 0) from said where kind = 'repaired') as repaired,
          (select coalesce(sum(n), 0) from said where kind = 'verified') as verified""",
        wanted,
    ).fetchone()
    counts = {name: int(count) for name, count in (row or {}).items()}
    return Desk(
        waiting=sum(one["n"] for one in waiting),
        fresh=sum(one["fresh"] for one in waiting),
        by_category=tuple((one["category"], one["n"]) for one in waiting),
        **counts,
    )
