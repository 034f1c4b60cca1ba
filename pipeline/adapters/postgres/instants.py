"""When what happened to possible defects."""

from collections.abc import Mapping, Sequence

from pipeline.adapters.postgres.database import Connection
from pipeline.domain.ids import DefectId
from pipeline.domain.instants import Instants


def load_instants(
    connection: Connection, defects: Sequence[DefectId]
) -> Mapping[DefectId, Instants]:
    """Return when what happened, by defect."""
    rows = connection.execute(
        "select d.defect_id, d.captured_at, d.received_at, d.detected_at, d.first_shown_at, "
        "d.ordered_at, d.accepted_at, (select max(x.decided_at) from roadwear.decision x "
        "where x.defect_id = d.defect_id and x.move <> 'undo' and not exists (select 1 "
        "from roadwear.decision u where u.takes_back = x.decision_id) "
        "and x.decided_at > coalesce(d.reopened_at, '-infinity')) as decided_at "
        "from roadwear.defect d where d.defect_id = any(%s)",
        (list(defects),),
    )
    return {
        DefectId(row["defect_id"]): Instants(
            captured=row["captured_at"],
            received=row["received_at"],
            detected=row["detected_at"],
            first_shown=row["first_shown_at"],
            decided=row["decided_at"],
            ordered=row["ordered_at"],
            accepted=row["accepted_at"],
        )
        for row in rows
    }
