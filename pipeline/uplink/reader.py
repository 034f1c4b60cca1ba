"""Reads closed batches, one after another, in a thread of the server."""

import threading
from collections import Counter
from collections.abc import Callable

import structlog

from pipeline.domain.errors import InputError, OutageError
from pipeline.domain.ids import BatchId, OrganisationId
from pipeline.uplink.mailing import Mailing
from pipeline.uplink.receiving import Receiving

_LOOK_AGAIN_S = 60.0
_MOST_FAILURES = 3
_log = structlog.get_logger(__name__)


class BatchReader:
    """Reads what waits; also what a killed server left."""

    def __init__(
        self,
        receiving: Receiving,
        mailing: Mailing | None = None,
        *,
        on_read: Callable[[BatchId], None] = lambda _: None,
    ) -> None:
        """Read with what takes files in; nothing runs before `start`.

        Args:
            receiving: Takes files in.
            mailing: Tells of what was read, if mail is set up.
            on_read: Told of each batch that was read.
        """
        self._on_read = on_read
        self._receiving = receiving
        self._mailing = mailing
        self._wake = threading.Event()
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="batch-reader", daemon=True)
        self._failed: Counter[BatchId] = Counter()

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def wake(self) -> None:
        """Look at once whether something waits."""
        self._wake.set()

    def stop(self) -> None:
        """End after the batch that is being read."""
        self._ending = True
        self._wake.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        left_over = True
        while not self._ending:
            self._wake.clear()
            try:
                if left_over:
                    self._receiving.finish_cutting()
                    left_over = False
                for owner, batch_id in self._receiving.to_do():
                    if self._ending:
                        return
                    self._read(owner, batch_id)
            except OutageError as error:
                _log.warning("the batches that wait cannot be read", why=str(error))
            except Exception:  # noqa: BLE001 - told loudly; the next batches must not wait for ever
                _log.exception("the batches that wait cannot be read")
            self._mail()
            self._wake.wait(_LOOK_AGAIN_S)

    def _mail(self) -> None:
        if self._mailing is None:
            return
        try:
            self._mailing.send_due()
        except OutageError as error:
            _log.warning("mail is not sent", why=str(error))
        except Exception:  # noqa: BLE001 - told loudly; batches must be read all the same
            _log.exception("mail is not sent")

    def _read(self, owner: OrganisationId, batch_id: BatchId) -> None:
        try:
            self._receiving.read(owner, batch_id)
            self._on_read(batch_id)
        except (InputError, OutageError) as error:
            _log.warning("a batch could not be read", batch_id=str(batch_id), why=str(error))
        except Exception:  # noqa: BLE001 - told loudly; the batches behind it must not wait
            _log.exception("a batch failed", batch_id=str(batch_id))
            self._failed[batch_id] += 1
            if self._failed[batch_id] >= _MOST_FAILURES:
                self._receiving.fail(owner, batch_id)
