"""priorities: every queue is ranked anew before engineers come, also where nothing was driven."""

from prefect import flow, get_run_logger

from flows.telling import without_words
from pipeline import wiring
from pipeline.adapters.postgres.receiving import all_organisations
from pipeline.line import refresh_queue


@flow(name="priorities")
def priorities() -> dict[str, int]:
    """Rank every authority's queue by the policy and the roads of today; again is harmless.

    Returns:
        Counts: authorities, waiting (possible defects over all queues).
    """
    with without_words(told=True):
        settings = wiring.Settings.from_env()
        policies, ledger = wiring.policies(settings), wiring.ledger(settings)
        waiting = [
            refresh_queue(authority, ledger=ledger, policy=policies.of(authority))
            for authority in all_organisations(wiring.database(settings))
        ]
    found = {"authorities": len(waiting), "waiting": sum(waiting)}
    get_run_logger().info("%s", found)
    return found
