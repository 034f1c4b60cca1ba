"""The means with which files that are handed in are taken in."""

from pipeline import wiring
from pipeline.adapters.footage_store import FootageStore
from pipeline.adapters.prober import SandboxedProber
from pipeline.uplink.means import Limits, Means
from pipeline.uplink.receiving import Receiving

_BYTES_PER_GIB = 1 << 30


def receiving_of(settings: wiring.Settings, store: FootageStore | None = None) -> Receiving:
    """Return what takes files in, into a store or else the one that is set.

    Raises:
        OutageError: No database is set or running.
    """
    line = settings.line()
    return Receiving(
        Means(
            database=wiring.database(settings),
            ledger=wiring.ledger(settings),
            store=store or wiring.footage_store(settings),
            prober=SandboxedProber(),
            clock=wiring.clock(),
            prepare=lambda received: wiring.prepare(received, line),
            limits=Limits(
                largest_bytes=round(settings.largest_gib * _BYTES_PER_GIB),
                quota_bytes=round(settings.quota_gib * _BYTES_PER_GIB),
                ready_by=settings.ready_by,
            ),
        )
    )
