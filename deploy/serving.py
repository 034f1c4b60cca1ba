"""`roadwear serve`: the engineers' and fleet staff's pages, and the depots' uplink."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache, partial

import structlog
import uvicorn
from anyio import create_task_group, sleep
from anyio.to_thread import run_sync
from prometheus_client import CollectorRegistry, start_http_server
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount
from starlette.types import ASGIApp

from deploy.doors import say
from deploy.uplink import receiving_of
from pipeline import wiring
from pipeline.adapters.policy_toml import GENERAL, policy_files
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.opening import application_url
from pipeline.adapters.postgres.receiving import all_organisations
from pipeline.adapters.prefect_events import PrefectEvents
from pipeline.adapters.second_factor import Sealer
from pipeline.domain.errors import OutageError
from pipeline.domain.ids import BatchId, organisation_id
from pipeline.domain.ports import Detector
from pipeline.domain.receiving import Depot
from pipeline.review import Rules, create_app
from pipeline.review.app import session_of
from pipeline.review.deciding import wake_all
from pipeline.review.depositing import Depositor
from pipeline.review.desk import Aids, BaseMap, Desk, Doors, Works
from pipeline.review.duty import Alarm
from pipeline.review.fleet import session_depot
from pipeline.review.metrics import RequestTimes, WorkNumbers
from pipeline.uplink.mailing import Mailing
from pipeline.uplink.reader import BatchReader
from pipeline.uplink.receiving import Receiving
from pipeline.uplink.retention import keeper_of
from pipeline.uplink.server import Uplink

_log = structlog.get_logger(__name__)
_WATCH_EVERY_S = 60.0
_LOCAL = {"127.0.0.1", "localhost", "::1"}


def desk_of(settings: wiring.Settings, receiving: Receiving | None = None) -> Desk:
    """Return what the pages share, and commands that do what a page does.

    Raises:
        OutageError: No database is set or running.
    """
    return Desk(
        wiring.database(settings),
        wiring.blobs(settings),
        wiring.clock(),
        Rules(
            policies=wiring.policies(settings),
            line=settings.line(),
            grid=wiring.grid_now(),
            base_map=BaseMap(tiles=settings.map_tiles, attribution=settings.map_attribution),
        ),
        (receiving or receiving_of(settings)).store.store_id,
        Aids(
            signers=wiring.signers(settings),
            doors=Doors(
                sealer=Sealer(wiring.secret_key(settings)),
                elsewhere=wiring.elsewhere(settings),
                code_required=settings.second_factor == "required",
                address=settings.server or "",
            ),
            detector=partial(_detector, settings.model, settings.runtime, settings.device),
            room=partial(wiring.room, settings),
            works=Works(
                prefect=settings.prefect_pages.rstrip("/"), hour_cost=settings.worker_hour_cost
            ),
        ),
    )


@cache
def _detector(model: str, runtime: str, device: str) -> Detector:
    """Return what finds bystanders in photographs; loaded when the first one comes."""
    # It takes a second to load, and most servers get none.
    from models.loading import Runtime, load_detector  # noqa: PLC0415

    return load_detector(model, runtime=Runtime(runtime), device=device)


def web_app(settings: wiring.Settings, *, https_only: bool) -> Starlette:
    """Return the whole application: pages and uplink; what was deleted is so before it serves.

    Raises:
        OutageError: No database is set or running.
    """
    again = keeper_of(settings).catch_up()
    if again:
        _log.warning("what a restored backup had brought back was removed again", count=again)
    receiving = receiving_of(settings)
    desk = desk_of(settings, receiving)
    mail = wiring.mail(settings)
    mailing = None
    if mail is not None:
        mailing = Mailing(
            database=desk.database,
            mail=mail,
            clock=desk.clock,
            store=desk.store,
            address=settings.server or "",
        )
    reader = BatchReader(receiving, mailing, on_read=_told(settings))
    alarm = None if mail is None else Alarm(desk.database, mail, desk.clock, settings.server or "")
    depositor = None if mail is None else Depositor(desk.database, mail, desk.clock)
    secret_key = wiring.secret_key(settings)
    pages = create_app(desk, secret_key=secret_key, https_only=https_only)

    async def depot_of(request: Request) -> Depot | None:
        return await _depot_of(receiving, desk, request)

    uplink = Uplink(receiving, depot_of=depot_of, on_closed=reader.wake)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        reader.start()
        async with create_task_group() as tasks:
            tasks.start_soon(_watch, desk, alarm, depositor)
            yield
            tasks.cancel_scope.cancel()
        await run_sync(reader.stop)

    sessions = session_of(secret_key, https_only=https_only)
    return Starlette(
        routes=[Mount("/uplink", uplink.app((sessions,))), Mount("/", pages)], lifespan=lifespan
    )


def measured(settings: wiring.Settings, app: ASGIApp) -> tuple[ASGIApp, CollectorRegistry]:
    """Return an application that measures its answers, and all that is measured.

    Raises:
        OutageError: No database is set or running.
    """
    registry = CollectorRegistry()
    footage = wiring.footage_store(settings)
    registry.register(
        WorkNumbers(
            database=Database(
                application_url(settings.database_url, settings.home), timeout_s=2.0, size=2
            ),
            store=footage.store_id,
            clock=wiring.clock(),
            folders={"home": settings.home, "footage": footage.root},
            backup_mark=settings.backup_mark,
        )
    )
    return RequestTimes(app, registry), registry


def serve(host: str, port: int, metrics: tuple[str, int] | None = None) -> None:
    """Serve until interrupted.

    Args:
        host: Address to listen on.
        port: Port to listen on.
        metrics: Where Prometheus may ask; it is to be reached by operations alone.

    Raises:
        OutageError: No database is set or running, or the address of the metrics is taken.
    """
    settings = wiring.Settings.from_env()
    for name in policies_of_nobody(settings):
        say(f"roadwear: the policy {name}.toml is nobody's: no authority is called so.")
    by_https = (settings.server or "").startswith("https://")
    app: ASGIApp = web_app(settings, https_only=by_https or host not in _LOCAL)
    if metrics is not None:
        app, registry = measured(settings, app)
        try:
            start_http_server(metrics[1], addr=metrics[0], registry=registry)
        except OSError as error:
            raise OutageError(
                f"metrics cannot be served at {metrics[0]}:{metrics[1]}: {error.strerror}"
            ) from error
    say(f"The queue is at http://{host}:{port}/queue (Ctrl-C ends it)")
    uvicorn.run(app, host=host, port=port, log_level="warning", proxy_headers=True)


def policies_of_nobody(settings: wiring.Settings) -> tuple[str, ...]:
    """Return whose policies were given though there is no such authority: a typing mistake.

    Raises:
        InputError: The folder of policies has none.
        OutageError: No database is set or running.
    """
    if settings.policy is None or not settings.policy.is_dir():
        return ()
    known = all_organisations(wiring.database(settings))
    names = set(policy_files(settings.policy)) - {GENERAL}
    return tuple(sorted(name for name in names if organisation_id(name) not in known))


async def _watch(desk: Desk, alarm: Alarm | None, depositor: Depositor | None) -> None:
    """Do each minute what is due, whatever goes wrong with one of them."""
    due: dict[str, Callable[[], object]] = {"what is watched is not woken": partial(wake_all, desk)}
    if alarm is not None:
        due["possible emergencies are not told"] = alarm.tell
    if depositor is not None:
        due["the log's end is not deposited"] = depositor.deposit
    while True:
        for otherwise, do in due.items():
            try:
                await run_sync(do)
            except OutageError as error:
                _log.warning(otherwise, why=str(error))
            except Exception:  # noqa: BLE001 - told loudly; the next one must be done all the same
                _log.exception(otherwise)
        await sleep(_WATCH_EVERY_S)


def _told(settings: wiring.Settings) -> Callable[[BatchId], None]:
    """Return what is told of each batch that was read: Prefect, where it is said where it is."""
    if not settings.prefect_api:
        return lambda _: None
    events = PrefectEvents(settings.prefect_api)
    return lambda batch: events.footage_read(batch, wiring.clock().now())


async def _depot_of(receiving: Receiving, desk: Desk, request: Request) -> Depot | None:
    """Return whose key comes with a request, or which depot is signed in on the pages."""
    kind, _, key = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and key.isascii():
        return await run_sync(receiving.depot_of_key, key.strip())
    return await run_sync(session_depot, desk, request)
