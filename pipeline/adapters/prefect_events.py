"""Tells Prefect's server that footage came in, so that it is begun at once."""

import uuid
from datetime import datetime

import httpx
import structlog

from pipeline.domain.ids import BatchId

FOOTAGE_READ = "roadwear.footage.read"
_TIMEOUT_S = 3.0
_log = structlog.get_logger(__name__)


class PrefectEvents:
    """Events of ours, to a server of Prefect."""

    def __init__(self, api: str) -> None:
        """Tell the server of this address, http://host:4200/api."""
        self._api = api.rstrip("/")

    def footage_read(self, batch: BatchId, now: datetime) -> None:
        """Tell that a batch was read. Where nobody listens the clock begins it minutes later.

        Args:
            batch: Which one.
            now: The present.
        """
        event = {
            "id": str(uuid.uuid4()),
            "occurred": now.isoformat(),
            "event": FOOTAGE_READ,
            "resource": {"prefect.resource.id": f"roadwear.batch.{batch}"},
        }
        try:
            httpx.post(f"{self._api}/events", json=[event], timeout=_TIMEOUT_S).raise_for_status()
        except httpx.HTTPError as error:
            _log.warning("Prefect is not told of a batch", batch_id=str(batch), why=str(error))
