"""With what files are taken in, and how much may come."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import time

from pipeline.adapters.footage_store import FootageStore
from pipeline.adapters.postgres.database import Connection, Database
from pipeline.adapters.postgres.ledger import PostgresLedger
from pipeline.adapters.postgres.private import load_areas
from pipeline.domain.intake import ReceivedDrive
from pipeline.domain.ports import Clock, Prober
from pipeline.line import PreparedDrive
from pipeline.uplink.private import Cutting

_GIB = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much may come.

    Attributes:
        largest_bytes: Of one file.
        quota_bytes: Of one organisation, in all.
        most_files: In one batch.
        ready_by: A time of day (UK) by which what comes must be looked at; None if it need not.
    """

    largest_bytes: int = 64 * _GIB
    quota_bytes: int = 2048 * _GIB
    most_files: int = 20_000
    ready_by: time | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What files are taken in with.

    Attributes:
        prepare: Places a drive; raises InputError if it cannot be: its track is abroad, …
    """

    database: Database
    ledger: PostgresLedger
    store: FootageStore
    prober: Prober
    clock: Clock
    prepare: Callable[[ReceivedDrive], PreparedDrive]
    limits: Limits = Limits()

    def cutting(self, connection: Connection) -> Cutting:
        """Return what cuts out of one card the areas of whom a connection acts for."""
        return Cutting(areas=load_areas(connection), store=self.store, prober=self.prober)
