"""Runs an iterator in a thread of its own, a bounded number of items ahead of whoever asks."""

from collections.abc import Iterator
from queue import Full, Queue
from threading import Event, Thread
from typing import Generic, TypeVar

T = TypeVar("T")
_POLL_S = 0.1


class _End:
    """What follows the last item: nothing, or the failure that ended the iterator."""

    def __init__(self, failure: BaseException | None) -> None:
        self.failure = failure


class _Runner(Generic[T]):
    """Runs the source and puts its items into a bounded queue until it is told to stop."""

    def __init__(self, source: Iterator[T], most: int) -> None:
        self.waiting: Queue[T | _End] = Queue(maxsize=most)
        self._source = source
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="read-ahead", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; it may be waiting for room in the queue."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        failure: BaseException | None = None
        try:
            for item in self._source:
                if not self._put(item):
                    return
        except BaseException as error:  # noqa: BLE001 - handed on to the thread that asks
            failure = error
        self._put(_End(failure))

    def _put(self, item: T | _End) -> bool:
        while not self._stopped.is_set():
            try:
                self.waiting.put(item, timeout=_POLL_S)
            except Full:
                continue
            return True
        return False


def read_ahead(source: Iterator[T], most: int) -> Iterator[T]:
    """Yield the items of an iterator that is run in another thread.

    Worth it where the source spends its time outside the interpreter (decoding): it then overlaps
    with what is done with its items. Closing the generator ends the thread before it returns.

    Args:
        source: Used by the other thread alone.
        most: How many items may wait.

    Raises:
        BaseException: Whatever the source raises, at the place where it raised.
    """
    runner = _Runner(source, most)
    try:
        while not isinstance(item := runner.waiting.get(), _End):
            yield item
        if item.failure is not None:
            raise item.failure
    finally:
        runner.stop()
