"""Possible defects and defects by what became of them, whether they wait in the queue or not."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pipeline.adapters.postgres.database import Connection
from pipeline.adapters.postgres.defects import load_defects
from pipeline.domain.defects import Defect, DefectState
from pipeline.domain.ids import DefectId, OrganisationId


@dataclass(frozen=True, slots=True, kw_only=True)
class StatePage:
    """A page of defects of one state, those that changed last first.

    Attributes:
        defects: On it.
        decided_at: When each was last decided on; None where nobody has.
        counts: How many there are of each state.
    """

    defects: tuple[Defect, ...]
    decided_at: Mapping[DefectId, datetime | None]
    counts: Mapping[DefectState, int]


def load_state_page(
    connection: Connection,
    authority: OrganisationId,
    state: DefectState,
    *,
    page: int,
    rows: int,
) -> StatePage:
    """Return a page of an authority's defects of one state, without what nothing shows any more.

    Args:
        connection: Acting for the authority.
        authority: Whose.
        state: Which.
        page: From 1 on.
        rows: So many a page.
    """
    counts = connection.execute(
        "select state, count(*) as n from roadwear.defect where authority_id = %s "
        "and emptied_at is null group by state",
        (authority,),
    )
    by_state = {DefectState(row["state"]): row["n"] for row in counts}
    found = connection.execute(
        "select defect_id, decided_at from roadwear.defect where authority_id = %s and state = %s "
        "and emptied_at is null order by decided_at desc nulls last, defect_id limit %s offset %s",
        (authority, state, rows, (page - 1) * rows),
    ).fetchall()
    decided = {DefectId(row["defect_id"]): row["decided_at"] for row in found}
    defects = load_defects(connection, tuple(decided))
    return StatePage(
        defects=tuple(defects[name] for name in decided),
        decided_at=decided,
        counts=by_state,
    )
