"""The nightly removal as a flow; slots of a GPU that workers share."""

from datetime import UTC, datetime, timedelta

import anyio
import pytest
from prefect.client.orchestration import get_client
from prefect.logging import disable_run_logger

from flows.ops import faults_of, set_up
from flows.retention import retention
from flows.slots import slot
from pipeline import wiring
from pipeline.domain.errors import OutageError
from pipeline.domain.ids import DriveId, OrganisationId
from pipeline.domain.keeping import DEFAULT_DAYS, Kind

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


class Later:
    """A clock that is past the day of everything."""

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(days=DEFAULT_DAYS[Kind.FOOTAGE] + 1)


def test_footage_that_was_kept_long_enough_is_removed_once(
    drive: tuple[OrganisationId, DriveId], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = wiring.footage_folder(wiring.Settings.from_env()) / str(drive[0])
    with disable_run_logger():
        assert retention()["footage"] == 0
        assert [p for p in kept.rglob("*") if p.is_file()]
        monkeypatch.setattr(wiring, "clock", Later)
        assert retention()["footage"] > 0
        assert [p for p in kept.rglob("*") if p.is_file()] == []
        assert set(retention().values()) == {0}


async def _held(name: str) -> int:
    async with get_client() as client:
        return (await client.read_global_concurrency_limit_by_name(name)).active_slots


def test_a_slot_is_held_while_the_work_goes_on_and_given_back_whatever_happens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ROADWEAR_SLOT", "gpu-7")
    settings = wiring.Settings.from_env()

    async def ask() -> tuple[tuple[str, ...], tuple[str, ...]]:
        async with get_client() as client:
            await set_up(client)
            before = await faults_of(client)
            await set_up(client, {"gpu-7": 1})
            return before, await faults_of(client)

    before, after = anyio.run(ask)
    assert [one for one in before if "no concurrency limit gpu-7" in one]
    assert not [one for one in after if "gpu-7" in one]
    with slot(settings):
        assert anyio.run(_held, "gpu-7") == 1
    with pytest.raises(OutageError, match="the disk"), slot(settings):
        raise OutageError("the disk")
    assert anyio.run(_held, "gpu-7") == 0


def test_who_names_no_slot_waits_for_none() -> None:
    with slot(wiring.Settings(slot="")):
        pass
