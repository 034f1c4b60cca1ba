"""retention: what was kept long enough is removed, every night."""

from prefect import flow, get_run_logger

from flows.telling import without_words
from pipeline import wiring
from pipeline.uplink.retention import keeper_of


@flow(name="retention")
def retention() -> dict[str, int]:
    """Remove what was kept long enough, of every organisation; again in the same night is harmless.

    What a hold keeps stays. What a restored backup brought back goes again.

    Returns:
        How much of each kind was removed, and again.
    """
    with without_words(told=True):
        removed = keeper_of(wiring.Settings.from_env()).night()
    found = {kind.value: count for kind, count in removed.of_each.items()}
    found["again"] = removed.again
    get_run_logger().info("%s", found)
    return found
