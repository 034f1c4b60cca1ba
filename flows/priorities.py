"""priorities: every queue is ranked anew before engineers come, also where nothing was driven."""

from uuid import UUID

from prefect import flow, get_run_logger, task

from flows.retrying import RETRY_DELAYS_S, only_outages
from flows.telling import ToldError, without_words
from pipeline import wiring
from pipeline.adapters.postgres.receiving import all_organisations
from pipeline.domain.ids import OrganisationId
from pipeline.domain.work import WorkKind
from pipeline.line import refresh_queue


@task(
    name="rank",
    retries=len(RETRY_DELAYS_S),
    retry_delay_seconds=RETRY_DELAYS_S,
    retry_condition_fn=only_outages,
)
def rank_task(authority_id: UUID) -> int:
    """Rank an authority's queue by the policy and the roads of today.

    Args:
        authority_id: Whose road it is.

    Returns:
        How many possible defects wait.
    """
    with without_words(told=True):
        settings, authority = wiring.Settings.from_env(), OrganisationId(authority_id)
        policy = wiring.policies(settings).of(authority)
        return refresh_queue(authority, ledger=wiring.ledger(settings), policy=policy)


@flow(name="priorities")
def priorities() -> dict[str, int]:
    """Rank every organisation's queue; one that fails does not stop the others.

    Returns:
        Counts: organisations, waiting (possible defects over all queues).
    """
    with without_words(told=True):
        everybody = all_organisations(wiring.database(wiring.Settings.from_env()))
    waiting, failed = 0, 0
    for one in everybody:
        found = rank_task(one, return_state=True)
        if found.is_completed():
            waiting += found.result()
        else:
            failed += 1
            get_run_logger().error("the queue of %s is as it was", one)
    if failed:
        raise ToldError(WorkKind.FAILED, f"{failed} of {len(everybody)} queues are as they were")
    return {"organisations": len(everybody), "waiting": waiting}
