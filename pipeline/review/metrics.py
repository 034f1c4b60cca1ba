"""What Prometheus reads: numbers by council and by route; no people, files, vehicles or places."""

import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from threading import Lock

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.adapters.backups import backed_up_at
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.schema import newest_migration
from pipeline.adapters.postgres.work import (
    load_all_waiting,
    load_done,
    load_unread,
    organisation_slugs,
)
from pipeline.domain.errors import OutageError
from pipeline.domain.ids import OrganisationId, StoreId
from pipeline.domain.ports import Clock
from pipeline.domain.work import WaitingDrive, promised_by
from pipeline.wiring import existing

_DAY = timedelta(days=1)
# A stranger may call a method anything, and what is told here is kept.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS_S = (0.025, 0.05, 0.1, 0.15, 0.25, 0.4, 0.75, 1.5, 5.0, 15.0)
# Whoever asks more often is told the same again: to count what waits takes the database's time.
_KEPT_S = 30.0


@dataclass(slots=True, kw_only=True, eq=False)
class WorkNumbers(Collector):
    """What waits, is done and is late, as PostGIS has it; and what room there is.

    Attributes:
        database: One that gives up soon: Prometheus waits ten seconds.
        folders: Whose disks are watched, by a word for each.
        backup_mark: The file that each backup touches, if there is one.
    """

    database: Database
    store: StoreId
    clock: Clock
    folders: Mapping[str, Path]
    backup_mark: Path | None = None
    _kept: list[Metric] = field(default_factory=list)
    _at: float = -_KEPT_S
    _lock: Lock = field(default_factory=Lock)

    def describe(self) -> Iterable[Metric]:
        """Ask nobody while it is registered."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Return the numbers, of half a minute ago at most."""
        with self._lock:
            if time.monotonic() - self._at >= _KEPT_S:
                self._kept = [*_rooms(self.folders), *self._backup(), *self._asked()]
                self._at = time.monotonic()
            return list(self._kept)

    def _backup(self) -> list[Metric]:
        if self.backup_mark is None:
            return []
        at = backed_up_at(self.backup_mark)
        return [
            GaugeMetricFamily(
                "roadwear_backup_timestamp_seconds",
                "When the last backup was made, seconds since 1970; 0 if none can be seen.",
                value=0 if at is None else at.timestamp(),
            )
        ]

    def _asked(self) -> list[Metric]:
        answers = GaugeMetricFamily(
            "roadwear_database_answers", "1 if the database answered, otherwise 0.", value=1
        )
        try:
            return [answers, *self._numbers()]
        except OutageError:
            return [
                GaugeMetricFamily(answers.name, answers.documentation, value=0),
            ]

    def _numbers(self) -> list[Metric]:
        now = self.clock.now()
        of_each = _families()
        waiting: dict[OrganisationId, list[WaitingDrive]] = {}
        for one in load_all_waiting(self.database, self.store):
            waiting.setdefault(one.owner_id, []).append(one)
        for owner, council in organisation_slugs(self.database).items():
            own = waiting.get(owner, [])
            with self.database.acting_for(owner) as connection:
                done = load_done(connection, owner, now - _DAY)
                unread = load_unread(connection, owner, self.store)
            oldest = min((one.received_at for one in own), default=now)
            numbers = {
                "drives_waiting": len(own),
                "drives_for_a_person": sum(one.needs_a_person for one in own),
                "drives_late": sum(
                    promised_by(one.received_at) <= now and not one.needs_a_person for one in own
                ),
                "footage_waiting_seconds": sum(one.waiting_s for one in own),
                "oldest_waiting_seconds": (now - oldest).total_seconds(),
                "uploads_unread": len(unread),
                "drives_done_in_a_day": done.drives,
                "footage_done_in_a_day_seconds": done.footage_s,
            }
            for name, number in numbers.items():
                of_each[name].add_metric([council], number)
        return list(of_each.values())


def _families() -> dict[str, GaugeMetricFamily]:
    words = {
        "drives_waiting": "Drives of which something was not looked at or not gathered yet.",
        "drives_for_a_person": "Of these, those that are tried again only if somebody asks.",
        "drives_late": "Of the others, those that were promised for an earlier moment.",
        "footage_waiting_seconds": "Footage that was not looked at yet.",
        "oldest_waiting_seconds": "For how long the oldest drive that waits has waited.",
        "uploads_unread": "Uploads that were ended and are not read yet.",
        "drives_done_in_a_day": "Drives that were done in the last 24 hours.",
        "footage_done_in_a_day_seconds": "Footage that was looked at in the last 24 hours.",
    }
    return {
        name: GaugeMetricFamily(f"roadwear_{name}", said, labels=["council"])
        for name, said in words.items()
    }


def _rooms(folders: Mapping[str, Path]) -> list[Metric]:
    free = GaugeMetricFamily("roadwear_disk_free_bytes", "Free on the disk.", labels=["disk"])
    size = GaugeMetricFamily("roadwear_disk_bytes", "Size of the disk.", labels=["disk"])
    for name, folder in folders.items():
        usage = shutil.disk_usage(existing(folder))
        free.add_metric([name], usage.free)
        size.add_metric([name], usage.total)
    schema = GaugeMetricFamily(
        "roadwear_schema", "The newest migration that this program brings.",
        value=int(newest_migration()),
    )  # fmt: skip
    return [free, size, schema]


class RequestTimes:
    """Measures how long answers take, by route and status: ASGI middleware."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        """Wrap an application."""
        self._app = app
        self._times = Histogram(
            "roadwear_http_request_seconds", "How long an answer took.",
            ["method", "route", "status"], registry=registry, buckets=_BUCKETS_S,
        )  # fmt: skip

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and measure."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sent)
        finally:
            # An address may have a street in it; its template has none.
            route = getattr(scope.get("route"), "path", "none")
            if route != "none":
                route = scope.get("root_path", "") + route
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._times.labels(method, route, str(status)).observe(time.perf_counter() - began)
