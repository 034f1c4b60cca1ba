"""back-catalogue: a study's parts, spread over processes of this machine or of a Dask cluster.

Tasks are told ids and nothing else. What is done stands in PostGIS part by part, so that a run that
was cut off goes on, and two runs of the same study do no harm.
"""

from collections import Counter
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.futures import wait
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner
from pydantic import Field

from flows.retrying import RETRY_DELAYS_S, only_outages
from flows.scoring import score
from flows.slots import slot
from flows.telling import ToldError, without_words
from pipeline import wiring
from pipeline.adapters.postgres import studies as rows
from pipeline.domain.errors import InputError
from pipeline.domain.ids import OrganisationId, RunId, StudyId
from pipeline.domain.studies import Progress, Study
from pipeline.domain.work import WorkKind


@task(
    name="score-parts",
    retries=len(RETRY_DELAYS_S),
    retry_delay_seconds=RETRY_DELAYS_S,
    retry_condition_fn=only_outages,
)
def score_parts(organisation_id: UUID, study_id: UUID, run_ids: list[UUID]) -> dict[str, int]:
    """Look again at what was kept of some runs.

    Args:
        organisation_id: Whose footage it was.
        study_id: The study.
        run_ids: The runs.

    Returns:
        Counts: parts, looked, refused.
    """
    with without_words():
        settings = wiring.Settings.from_env()
        study = _study(settings, organisation_id, study_id)
        runs = [RunId(one) for one in run_ids]
        return dict(score(settings, study, runs, held=partial(slot, settings)))


@flow(name="back-catalogue-parts")
def all_parts(organisation_id: UUID, study_id: UUID, at_once: int) -> tuple[dict[str, int], int]:
    """Have all parts of a study that are left done; a batch that fails does not stop the others.

    Args:
        organisation_id: Whose footage it was.
        study_id: The study.
        at_once: Parts in a batch, which is a task.

    Returns:
        Counts over all, and how many batches failed.
    """
    with without_words(told=True):
        settings = wiring.Settings.from_env()
        study = _study(settings, organisation_id, study_id)
        with wiring.database(settings).acting_for(study.owner_id) as connection:
            left: list[UUID] = list(rows.parts_left(connection, study))
    get_run_logger().info("study %s: %d parts are left", study_id, len(left))
    # Prefect takes half a megabyte of parameters for a flow run: no list of ids is one.
    batches = [left[at : at + at_once] for at in range(0, len(left), at_once)]
    asked = [score_parts.submit(organisation_id, study_id, batch) for batch in batches]
    wait(asked)
    done, failed = Counter[str](), 0
    for one in asked:
        try:
            done.update(one.result())
        except Exception:  # noqa: BLE001 - said in the task's own log; a worker may be lost as well
            failed += 1
    return dict(done), failed


@flow(name="back-catalogue")
def back_catalogue(
    organisation_id: UUID,
    study_id: UUID,
    processes: Annotated[
        int,
        Field(
            ge=1,
            le=256,
            description="So many processes of this machine look at once. Where ROADWEAR_DASK names "
            "a cluster, its workers do, and this says nothing.",
        ),
    ] = 1,
    at_once: Annotated[
        int,
        Field(ge=1, le=500, description="So many pieces of footage are one task."),
    ] = 20,
) -> dict[str, int]:
    """Look again, with another model, at what a study asks for. It counts nowhere until released.

    Args:
        organisation_id: Whose footage it was.
        study_id: The study, as `roadwear study ask` called it.
        processes: How many look at once.
        at_once: Parts in a task.

    Returns:
        Counts: parts, looked, refused.
    """
    with without_words(told=True):
        settings = wiring.Settings.from_env()
        study = _study(settings, organisation_id, study_id)
        runner = runner_of(settings, processes)
    log = get_run_logger()
    spread = all_parts.with_options(task_runner=runner)
    done, failed = spread(organisation_id, study_id, at_once)
    with without_words(told=True):
        with wiring.database(settings).acting_for(study.owner_id) as connection:
            progress = rows.load_progress(connection, study)
        _show(study, progress)
        if failed:
            raise ToldError(
                WorkKind.OUTAGE,
                f"{failed} batches of study {study_id} failed: run it again",
            )
    log.info("study %s: %d of %d parts are done", study_id, progress.done, progress.parts)
    return done


def runner_of(settings: wiring.Settings, processes: int) -> TaskRunner[Any]:
    """Return what spreads tasks: a cluster's workers, processes of this machine, or this one alone.

    Whoever reaches a Dask scheduler may have it run what they like. So a cluster has to be asked
    by TLS; the one that is made for a run alone has keys of its own and no page.

    Raises:
        InputError: The cluster has no TLS.
    """
    if not settings.dask and processes == 1:
        return ThreadPoolTaskRunner(max_workers=1)
    from prefect_dask.task_runners import DaskTaskRunner  # noqa: PLC0415 - a second to load

    if not settings.dask:
        alone = {
            "n_workers": processes, "threads_per_worker": 1, "dashboard_address": None,
            "host": "127.0.0.1", "security": True,
        }  # fmt: skip
        return DaskTaskRunner(cluster_kwargs=alone)
    if not settings.dask.startswith("tls://"):
        raise InputError(
            "setting ROADWEAR_DASK: only tls://host:8786 is spoken to; without TLS whoever reaches "
            "the scheduler could run what they like"
        )
    return DaskTaskRunner(address=settings.dask)


def _study(settings: wiring.Settings, organisation_id: UUID, study_id: UUID) -> Study:
    with wiring.database(settings).acting_for(OrganisationId(organisation_id)) as connection:
        return rows.load_study(connection, StudyId(study_id))


def _show(study: Study, progress: Progress) -> None:
    """Keep a table for those who watch Prefect: counts alone."""
    refused = sum(progress.refused.values())
    table = [
        {
            "parts": progress.parts, "done": progress.done, "refused": refused,
            "looks": progress.looked,
        }
    ]  # fmt: skip
    create_table_artifact(
        table=table,
        key=f"study-{study.study_id}",
        description=f"Study {study.study_id}: what it found is shown by roadwear study show.",
    )
