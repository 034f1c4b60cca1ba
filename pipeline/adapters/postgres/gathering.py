"""One open gathering on PostgreSQL."""

from collections.abc import Mapping, Sequence

from pipeline.adapters.postgres import defects, roads
from pipeline.adapters.postgres.database import Connection
from pipeline.adapters.postgres.passes import load_passes
from pipeline.domain.condition import PassOver
from pipeline.domain.defects import Area, Defect, DefectChange
from pipeline.domain.ids import DefectId, ObservationId, OrganisationId
from pipeline.domain.ports import Clock
from pipeline.domain.queue import QueueEntry
from pipeline.domain.roads import RoadFacts


class PostgresGathering:
    """One open gathering."""

    def __init__(
        self, connection: Connection, authority: OrganisationId, area: Area, clock: Clock
    ) -> None:
        """Keep to a transaction, and to the area that it holds."""
        self._connection = connection
        self._authority = authority
        self._clock = clock
        self.area = area

    def save_defects(
        self, changes: Sequence[DefectChange], member_of: Mapping[ObservationId, DefectId]
    ) -> None:
        """Store what gathering changed."""
        defects.save_gathering(
            self._connection,
            self._authority,
            changes=changes,
            member_of=member_of,
            known=self.area.known,
            now=self._clock.now(),
        )

    def waiting(self) -> tuple[Defect, ...]:
        """Return every possible defect that waits for an engineer."""
        return defects.load_waiting(self._connection, self._authority)

    def roads(self, names: Sequence[DefectId]) -> Mapping[DefectId, RoadFacts]:
        """Return what is known of the road at each defect."""
        return roads.load_road_facts(self._connection, self._authority, names)

    def passes(self, names: Sequence[DefectId]) -> Mapping[DefectId, tuple[PassOver, ...]]:
        """Return the drives that looked at the place of each defect, and what they saw."""
        return load_passes(self._connection, self._authority, names)

    def save_queue(self, entries: Sequence[QueueEntry]) -> None:
        """Replace the authority's queue."""
        defects.save_queue(self._connection, self._authority, entries)
