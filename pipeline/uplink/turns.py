"""One connection at a time for each upload; a newer one makes an older one give way.

After a lost network the old connection may hang for minutes; the client is long back on a new one.
"""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

from starlette.requests import ClientDisconnect


class GaveWayError(Exception):
    """A newer connection took over."""


class Turn:
    """The right to write, until somebody asks for it."""

    def __init__(self) -> None:
        """Begin with nobody asking."""
        self._asked = asyncio.Event()
        self.ended = asyncio.Event()

    def ask(self) -> None:
        """Ask the holder to give way."""
        self._asked.set()

    async def blocks(
        self, stream: AsyncIterator[bytes], *, size_bytes: int, idle_s: float
    ) -> AsyncIterator[bytes]:
        """Yield what comes in blocks of a size; the last one may be shorter.

        What came is yielded also where the connection ends, hangs, or somebody asks for the turn.

        Raises:
            GaveWayError: Somebody asked for the turn.
            ClientDisconnect: The connection ended or hangs.
        """
        waiting = bytearray()
        failure: Exception | None = None
        asked = asyncio.ensure_future(self._asked.wait())
        source = stream.__aiter__()
        try:
            while failure is None:
                coming = asyncio.ensure_future(source.__anext__())
                await asyncio.wait(
                    {coming, asked}, timeout=idle_s, return_when=asyncio.FIRST_COMPLETED
                )
                if not coming.done():
                    coming.cancel()
                    failure = GaveWayError() if asked.done() else ClientDisconnect()
                    break
                try:
                    waiting += coming.result()
                except StopAsyncIteration:
                    break
                except ClientDisconnect as error:
                    failure = error
                while len(waiting) >= size_bytes:
                    yield bytes(waiting[:size_bytes])
                    del waiting[:size_bytes]
        finally:
            asked.cancel()
        if waiting:
            yield bytes(waiting)
        if failure is not None:
            raise failure


class Turns:
    """Who may write to what."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._held: dict[Hashable, Turn] = {}

    @asynccontextmanager
    async def take(self, what: Hashable) -> AsyncIterator[Turn]:
        """Take the turn; who has it is asked to give way, and waited for."""
        while (before := self._held.get(what)) is not None:
            before.ask()
            await before.ended.wait()
        turn = self._held[what] = Turn()
        try:
            yield turn
        finally:
            del self._held[what]
            turn.ended.set()
