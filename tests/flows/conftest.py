"""A real Prefect server for all tests of flows, and a drive that waits."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest
from aiosmtpd.controller import Controller
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.testing.utilities import prefect_test_harness

from flows.ops import set_up
from pipeline import wiring
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.people import add_person
from pipeline.adapters.postgres.work import load_all_waiting
from pipeline.domain.decisions import Role
from pipeline.domain.ids import DriveId, OrganisationId
from tests.letterbox import Letterbox
from tests.review.browsing import PASSWORD
from tests.uplink.serving import add_depot, hand_in, receiving_in


@pytest.fixture(scope="package", autouse=True)
def _prefect() -> Iterator[None]:
    with prefect_test_harness(server_startup_timeout=90):
        yield


@pytest.fixture(scope="module")
def ready() -> None:
    """Set Prefect up as an operator does."""

    async def make() -> None:
        async with get_client() as client:
            await set_up(client)

    anyio.run(make)


@pytest.fixture
def client() -> Iterator[SyncPrefectClient]:
    """Ask Prefect, which knows no run yet."""
    with get_client(sync_client=True) as found:
        # The same footage is the same drive, and the same try of it the same run.
        for run in found.read_flow_runs():
            found.request("DELETE", "/flow_runs/{id}", path_params={"id": run.id})
        yield found


@pytest.fixture
def drive(
    database: Database,
    database_urls: tuple[str, str],
    street_footage: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[tuple[OrganisationId, DriveId]]:
    """Hand one drive in."""
    monkeypatch.setenv("ROADWEAR_DATABASE_URL", database_urls[1])
    monkeypatch.setenv("ROADWEAR_HOME", str(tmp_path))
    depot, _ = add_depot(database)
    card = tmp_path / "card"
    card.mkdir()
    shutil.copy(street_footage / "clip.mp4", card)
    shutil.copy(street_footage / "track.gpx", card / "clip.gpx")
    hand_in(receiving_in(database, tmp_path / "footage"), depot, card)
    settings = wiring.Settings.from_env()
    [waiting] = load_all_waiting(database, wiring.footage_store(settings).store_id)
    yield waiting.owner_id, waiting.drive_id
    wiring.database(settings).close()


class Later:
    """A clock that is ahead."""

    ahead = timedelta(days=3)

    def now(self) -> datetime:
        """Return what it shows."""
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Later:
    """Put the clock of everything ahead."""
    found = Later()
    monkeypatch.setattr(wiring, "clock", lambda: found)
    return found


@pytest.fixture
def letters(letterbox: tuple[Letterbox, Controller], monkeypatch: pytest.MonkeyPatch) -> Letterbox:
    """Have a mail server, and have it set."""
    box, server = letterbox
    monkeypatch.setenv("ROADWEAR_MAIL_URL", f"smtp://127.0.0.1:{server.port}")
    monkeypatch.setenv("ROADWEAR_MAIL_FROM", "roadwear@council.example")
    monkeypatch.setenv("ROADWEAR_SERVER", "https://r.example")
    return box


def let_in(database: Database, owner: OrganisationId, **roles: Role) -> None:
    """Add people with a role each."""
    with database.acting_for(owner) as connection:
        for name, role in roles.items():
            add_person(
                connection, owner, email=f"{name}@council.example", name=name, password=PASSWORD,
                roles=[role],
            )  # fmt: skip
