"""One blocking read of output streams that are all on one server, from cursors that this process keeps.

A lost reply loses nothing. When a stream is added the blocked read is woken, so that a new viewer does not wait for it.
After every (re)connection `on_connected` is awaited before anything is read: cursors may have become meaningless.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

import redis
import structlog

from lanecast.broker.backoff import Backoff
from lanecast.broker.connect import BLOCK_MS, TRANSIENT

COUNT: Final = 128
FIRST_S: Final = 0.02
LONGEST_S: Final = 1.0
WAKE_AGAIN_S: Final = 0.01

log = structlog.get_logger()


class Source(Protocol):
    """A stream and its reader's place in it."""

    @property
    def run(self) -> str:
        """The run it belongs to."""

    @property
    def key(self) -> str:
        """The stream's key."""

    cursor: str

    async def deliver(self, entries: list[tuple[bytes, dict[bytes, bytes]]]) -> None:
        """Take the entries after `cursor`, and move it, past each before anything about it can go wrong."""


class Channel:
    """Reads its sources until it is cancelled, or until it has none unless it is `lasting`.

    Args:
        dial: a client of the server that the sources are on; called again after every failure.
        on_connected: awaited with the sources, before they are read.
        on_up: the channel reads again.
        on_down: it does not, for this reason.
    """

    def __init__(
        self,
        dial: Callable[[], Awaitable[Any]],
        on_connected: Callable[[list[Source]], Awaitable[None]],
        on_up: Callable[[Channel], None],
        on_down: Callable[[Channel, str], None],
        *,
        lasting: bool,
    ) -> None:
        self._dial = dial
        self._on_connected = on_connected
        self._on_up = on_up
        self._on_down = on_down
        self._lasting = lasting
        self._sources: dict[bytes, Source] = {}
        self._changed = asyncio.Event()
        self._waker: asyncio.Task[None] | None = None
        self._client_id = 0
        self._blocked: Any = None

    def watch(self, source: Source) -> None:
        """Read this source too, from its cursor; it takes the place of another with the same key."""
        self._sources[source.key.encode()] = source
        self._changed.set()
        if self._blocked is not None and (self._waker is None or self._waker.done()):
            self._waker = asyncio.create_task(self._unblock(self._blocked))

    def unwatch(self, source: Source) -> None:
        """Read this source no longer."""
        key = source.key.encode()
        if self._sources.get(key) is source:
            del self._sources[key]

    @property
    def wanted(self) -> bool:
        """Whether there is anything to read."""
        return self._lasting or bool(self._sources)

    async def run(self) -> None:
        """Read as long as it is wanted."""
        backoff = Backoff(FIRST_S, LONGEST_S)
        while self.wanted:
            server: Any = None
            reading: Any = None
            try:
                server = await self._dial()
                reading = server.client()
                self._client_id = await reading.client_id()
                await self._on_connected(list(self._sources.values()))
                self._on_up(self)
                backoff.reset()
                while self.wanted:
                    await self._read_once(server, reading)
            except (*TRANSIENT, redis.ResponseError) as error:
                # A refusal such as WRONGTYPE or NOPERM: somebody has meddled; it may pass. MOVED: it is elsewhere now.
                self._on_down(self, f"{type(error).__name__}: {error}")
            finally:
                await self._hang_up(reading, server)
            if self.wanted:
                await asyncio.sleep(backoff.next_s())

    async def _hang_up(self, *clients: Any) -> None:
        self._blocked = None
        if self._waker is not None:
            self._waker.cancel()
            self._waker = None
        for client in clients:
            if client is not None:
                with contextlib.suppress(*TRANSIENT):
                    await client.aclose()

    async def _read_once(self, server: Any, reading: Any) -> None:
        self._changed.clear()
        sources = dict(self._sources)
        if not sources:
            try:
                await asyncio.wait_for(self._changed.wait(), BLOCK_MS / 1000)
            except TimeoutError:
                await reading.ping()
            return
        cursors: dict[Any, Any] = {key: source.cursor for key, source in sources.items()}
        self._blocked = server
        try:
            reply = await reading.xread(cursors, count=COUNT, block=BLOCK_MS)
        finally:
            self._blocked = None
        for key, entries in reply or ():
            source = sources[key]
            # What was unwatched or replaced while the read was on its way is not wanted from this place any more.
            if self._sources.get(key) is source and cursors[key] == source.cursor:
                await self._deliver(source, entries)

    @staticmethod
    async def _deliver(source: Source, entries: list[tuple[bytes, dict[bytes, bytes]]]) -> None:
        try:
            await source.deliver(entries)
        except TRANSIENT:
            raise
        except Exception:
            # An entry that no worker writes must not stop everybody's stream: its source has moved on past it.
            log.exception("entry_unreadable", stream=source.key, cursor=source.cursor)

    async def _unblock(self, server: Any) -> None:
        """Unblock the read; again, if the word came before the read had reached the server."""
        with contextlib.suppress(*TRANSIENT, redis.ResponseError):
            while self._blocked is server and self._changed.is_set():
                await server.client_unblock(self._client_id)
                await asyncio.sleep(WAKE_AGAIN_S)
