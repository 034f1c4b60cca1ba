"""A slot of a machine that several workers share: a GPU gives each piece of work its turn."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from prefect.concurrency.sync import concurrency

from pipeline import wiring
from pipeline.domain.errors import OutageError

# A lease is renewed while the work goes on, so that a worker that was killed gives its slot back
# after so long.
LEASE_S = 60.0


@contextmanager
def slot(settings: wiring.Settings) -> Iterator[None]:
    """Hold the slot that the settings name, if they name one; wait until there is one.

    Where there is no limit of that name nobody waits: `roadwear ops check` says so.

    Where the server is away while the work goes on, the work goes on: what two workers might then
    do at once is slow, not wrong.

    Raises:
        OutageError: Prefect's server gives none.
    """
    if not settings.slot:
        yield
        return
    held = ExitStack()
    try:
        held.enter_context(concurrency(settings.slot, lease_duration=LEASE_S))
    except Exception as error:
        raise OutageError(
            f"Prefect's server gives no slot of {settings.slot}: {type(error).__name__}"
        ) from error
    try:
        yield
    finally:
        # What cannot be given back runs out by itself.
        with suppress(Exception):
            held.close()
