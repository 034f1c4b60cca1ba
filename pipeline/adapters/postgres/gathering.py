"""One open gathering on PostgreSQL."""

from collections.abc import Mapping, Sequence
from uuid import uuid4

from pipeline.adapters.postgres import decisions, defects, duty, orders, queue_entries, roads
from pipeline.adapters.postgres.database import Connection
from pipeline.adapters.postgres.passes import load_passes
from pipeline.adapters.postgres.voiding import camera_pass_words
from pipeline.domain.condition import PassOver
from pipeline.domain.defects import Area, Defect, DefectChange, DefectState
from pipeline.domain.ids import (
    DefectId,
    DriveId,
    EventId,
    ObservationId,
    OrganisationId,
)
from pipeline.domain.orders import EventKind, OrderEvent
from pipeline.domain.ports import Clock
from pipeline.domain.queue import QueueEntry
from pipeline.domain.roads import RoadFacts
from pipeline.domain.uk_time import LONDON


class PostgresGathering:
    """One open gathering."""

    def __init__(
        self,
        connection: Connection,
        authority: OrganisationId,
        area: Area,
        clock: Clock,
        drive_id: DriveId | None = None,
        *,
        ranks_all: bool = False,
    ) -> None:
        """Keep to a transaction, to the area that it holds, and to the drive that it is about."""
        self._ranks_all = ranks_all
        self._drive_id = drive_id
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

    def waiting(self, policy_sha256: str) -> tuple[Defect, ...]:
        """Return the possible defects that wait and whose place in the queue may be another now."""
        today = self._clock.now().astimezone(LONDON).date()
        decisions.wake_watched(self._connection, self._authority, today)
        if self._ranks_all:
            return defects.load_waiting(self._connection, self._authority)
        return queue_entries.without_their_place(
            self._connection,
            self._authority,
            policy_sha256,
            names=self.area.before,
            drive_id=self._drive_id,
        )

    def repaired(self) -> tuple[Defect, ...]:
        """Return the repaired defects that the drive looked at."""
        if self._drive_id is None:
            return ()
        return defects.load_repaired(self._connection, self._authority, self._drive_id)

    def save_verified(self, defect: Defect, by: PassOver) -> None:
        """Keep that a camera pass bears out a repair."""
        *_, order = orders.orders_of(self._connection, defect.defect_id)
        event = OrderEvent(
            event_id=EventId(uuid4()),
            order_id=order.order_id,
            defect_id=defect.defect_id,
            kind=EventKind.VERIFIED,
            happened_at=by.at,
            said_by=camera_pass_words(by.drive_id),
        )
        states = {defect.defect_id: DefectState.VERIFIED}
        orders.save_event(self._connection, self._authority, event, states)

    def roads(self, names: Sequence[DefectId]) -> Mapping[DefectId, RoadFacts]:
        """Return what is known of the road at each defect."""
        return roads.load_road_facts(self._connection, self._authority, names)

    def passes(self, names: Sequence[DefectId]) -> Mapping[DefectId, tuple[PassOver, ...]]:
        """Return the drives that looked at the place of each defect, and what they saw."""
        return load_passes(self._connection, self._authority, names)

    def save_queue(self, entries: Sequence[QueueEntry]) -> None:
        """Put possible defects where they belong in the queue; what waits no more leaves it."""
        queue_entries.save_queue(self._connection, self._authority, entries)

    def raise_alerts(self, categories: Sequence[str]) -> None:
        """Raise what is newly in the queue under categories that are possible emergencies."""
        duty.raise_alerts(self._connection, self._authority, categories, self._clock.now())
