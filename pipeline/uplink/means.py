"""With what files are taken in, and how much may come."""

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.adapters.footage_store import FootageStore
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.ledger import PostgresLedger
from pipeline.domain.intake import ReceivedDrive
from pipeline.domain.ports import Clock, Prober

_GIB = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much may come.

    Attributes:
        largest_bytes: Of one file.
        quota_bytes: Of one organisation, in all.
        most_files: In one batch.
    """

    largest_bytes: int = 64 * _GIB
    quota_bytes: int = 2048 * _GIB
    most_files: int = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What files are taken in with.

    Attributes:
        check: Raises InputError if a drive cannot be placed: its track is abroad, …
    """

    database: Database
    ledger: PostgresLedger
    store: FootageStore
    prober: Prober
    clock: Clock
    check: Callable[[ReceivedDrive], object]
    limits: Limits = Limits()
