"""health: once a day, what people have to look at, and how things stand."""

from datetime import datetime, timedelta
from uuid import UUID

import anyio
from prefect import flow, get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.client.orchestration import get_client

from flows.letters import Words, send_once
from flows.ops import faults_of
from flows.retrying import RETRY_DELAYS_S, only_outages
from flows.telling import ToldError, without_words
from pipeline import wiring
from pipeline.adapters.backups import backup_fault
from pipeline.adapters.coverage_table import coverage_sums
from pipeline.adapters.policy_toml import days_off_of
from pipeline.adapters.postgres import roads, sections
from pipeline.adapters.postgres.archiving import archiving_fault
from pipeline.adapters.postgres.backlog import load_backlog
from pipeline.adapters.postgres.learning import load_judged
from pipeline.adapters.postgres.receiving import all_organisations
from pipeline.adapters.postgres.rota import load_watched
from pipeline.adapters.postgres.work import Letter, load_all_waiting, load_done, load_unread
from pipeline.domain.coverage import PassState
from pipeline.domain.digest import Digest
from pipeline.domain.errors import InputError
from pipeline.domain.ids import OrganisationId
from pipeline.domain.room import Room
from pipeline.domain.rota import silences
from pipeline.domain.uk_time import LONDON, by_when
from pipeline.domain.work import KEPT_WORDS, WorkKind, late_words
from pipeline.line import SURE, standings, whole_of
from pipeline.stages.learn import drifts

_DAY, _KNOWN = timedelta(days=1), timedelta(days=28)
_DRIFT_DAYS = 30


@task(
    name="tell-of-health",
    retries=len(RETRY_DELAYS_S),
    retry_delay_seconds=RETRY_DELAYS_S,
    retry_condition_fn=only_outages,
)
def tell_task(organisation_id: UUID, installation: list[str]) -> dict[str, int]:
    """Send an organisation's digest to those who were not sent it today.

    Args:
        organisation_id: Whose.
        installation: What is wrong with Prefect, in sentences.

    Returns:
        Counts: matters, told (people).
    """
    with without_words(told=True):
        return tell(OrganisationId(organisation_id), tuple(installation))


@flow(name="health")
def health() -> dict[str, int]:
    """Send every organisation its digest; one that fails does not stop the others.

    Each person is sent one a day, however often this runs.

    Returns:
        Counts: organisations, matters, told (people).
    """
    with without_words(told=True):
        settings = wiring.Settings.from_env()
        everybody = all_organisations(wiring.database(settings))
        installation = anyio.run(_installation)
    rows: list[dict[str, object]] = []
    matters, told, failed = 0, 0, 0
    for one in everybody:
        state = tell_task(one, installation, return_state=True)
        if state.is_completed():
            found = state.result()
            rows.append({"organisation": str(one), **found})
            matters, told = matters + found["matters"], told + found["told"]
        else:
            failed += 1
            get_run_logger().error("nothing is told to %s", one)
    create_table_artifact(
        key="health", table=rows, description="How many things each organisation was told of."
    )
    if failed:
        raise ToldError(WorkKind.FAILED, f"{failed} of {len(everybody)} organisations: no digest")
    return {"organisations": len(rows), "matters": matters, "told": told}


def tell(owner: OrganisationId, installation: tuple[str, ...] = ()) -> dict[str, int]:
    """Send an organisation's digest to those who were not sent it today.

    Args:
        owner: Whose.
        installation: What is wrong with Prefect, in sentences.

    Returns:
        Counts: matters, told (people).

    Raises:
        InputError: There is something to look at, and no mail server is set.
        OutageError: The database does not answer.
    """
    settings, now = wiring.Settings.from_env(), wiring.clock().now()
    digest = digest_of(owner, settings, now)
    digest = Digest(matters=(*digest.matters, *installation), facts=digest.facts)
    mail = wiring.mail(settings)
    if mail is None and digest.matters:
        raise InputError(
            "there is something to look at and nobody can be told: set ROADWEAR_MAIL_URL"
        )
    text = digest.text(settings.server or "")
    words = Words(
        letter=Letter.HEALTH,
        day=now.astimezone(LONDON).date(),
        subject=digest.subject,
        text=text,
        kept=text,
    )
    told = 0 if mail is None else send_once(settings, mail, owner, words)
    return {"matters": len(digest.matters), "told": told}


async def _installation() -> list[str]:
    async with get_client() as client:
        return list(await faults_of(client))


def digest_of(owner: OrganisationId, settings: wiring.Settings, now: datetime) -> Digest:
    """Return what an organisation's people have to look at, and how its things stand.

    Raises:
        OutageError: The database does not answer.
    """
    work = _work(owner, settings, now)
    watched = _vehicles(owner, settings, now)
    room = wiring.room(settings)
    matters = [*work.matters, *watched.matters]
    if room is not Room.ENOUGH:
        matters.append(f"Room on the disk. {room.words}.")
    if fault := backup_fault(settings.backup_mark, now):
        matters.append(fault)
    roads_found = _roads(owner, settings, now)
    return Digest(
        matters=(*matters, *roads_found.matters, *_learnt(owner, settings, now)),
        facts=(*work.facts, *watched.facts, *roads_found.facts),
    )


def _work(owner: OrganisationId, settings: wiring.Settings, now: datetime) -> Digest:
    database, store = wiring.database(settings), wiring.footage_store(settings).store_id
    waiting = load_all_waiting(database, store, owner=owner)
    with database.acting_for(owner) as connection:
        unread = load_unread(connection, owner, store)
        backlog = load_backlog(connection, owner, store, now)
        done = load_done(connection, owner, now - _DAY)
        archiving = archiving_fault(connection, now)
    late = late_words(waiting, unread, now)
    stuck = sum(one.needs_a_person for one in waiting)
    matters = [late] if late else []
    if stuck:
        matters.append(f"Not tried again until a person asks: {_drives(stuck)}.")
    if archiving:
        matters.append(archiving)
    facts = [] if late else [KEPT_WORDS]
    facts.append(
        f"Done in the last 24 hours: {_drives(done.drives)}, {done.footage_s / 3600:.1f} hours of "
        "footage."
    )
    if waiting:
        clear = backlog.done_at(now)
        by = f"done by about {by_when(clear, now)}" if clear else "how long that takes is not known"
        facts.append(
            f"Waits: {_drives(len(waiting))}, {backlog.waiting_s / 3600:.1f} hours of footage; "
            f"{by}."
        )
    return Digest(matters=tuple(matters), facts=tuple(facts))


def _vehicles(owner: OrganisationId, settings: wiring.Settings, now: datetime) -> Digest:
    policy, _ = wiring.policies(settings).of(owner)
    with wiring.database(settings).acting_for(owner) as connection:
        vehicles = load_watched(connection, owner, now - _KNOWN)
    silent = silences(vehicles, now, is_off=days_off_of(policy))
    told = f"{len(vehicles) - len(silent)} of {len(vehicles)} vehicles were heard from."
    return Digest(
        matters=tuple(f"Silent vehicle {words}" for words in silent),
        facts=(told,) if vehicles else (),
    )


def _roads(owner: OrganisationId, settings: wiring.Settings, now: datetime) -> Digest:
    policy, _ = wiring.policies(settings).of(owner)
    with wiring.database(settings).acting_for(owner) as connection:
        network = roads.network_in_use(connection, owner)
        if network is None or not policy.passes:
            return Digest(matters=(), facts=())
        lengths, spans = sections.load_coverage(
            connection, network, whole_of=whole_of, sure=SURE, now=now
        )
    sums = coverage_sums(standings(lengths, spans, policy.passes, now=now))
    by_state = {state: sum(by[state] for _, by in sums) for state in PassState}
    late = [
        f"Roads that a camera is late to pass, hierarchy {name}: {by[PassState.LATE]:.1f} km."
        for name, by in sums
        if by[PassState.LATE] > 0
    ]
    told = ", ".join(f"{km:.1f} km {state.value}" for state, km in by_state.items() if km)
    return Digest(matters=tuple(late), facts=(f"Camera passes, each direction: {told}.",))


def _learnt(owner: OrganisationId, settings: wiring.Settings, now: datetime) -> tuple[str, ...]:
    with wiring.database(settings).acting_for(owner) as connection:
        judged = load_judged(connection, owner)
    changed = drifts(judged, since=now - timedelta(days=_DRIFT_DAYS))
    return tuple(f"The detector has changed. {one.sentence(_DRIFT_DAYS)}." for one in changed)


def _drives(count: int) -> str:
    return f"{count} drive" + ("" if count == 1 else "s")
