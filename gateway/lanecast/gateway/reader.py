"""The one task of this process that reads output streams from Redis.

All streams that somebody here watches are read by one blocking XREAD, from cursors that this process keeps: a lost
reply loses nothing. When streams are added the blocked read is woken, so that a new viewer does not wait for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

import redis
import structlog

from lanecast.broker.connect import BLOCK_MS, TRANSIENT, connect

COUNT: Final = 128
BACKOFF_MAX_S: Final = 1.0
WAKE_AGAIN_S: Final = 0.01

log = structlog.get_logger()


class Source(Protocol):
    """A stream and its reader's place in it."""

    @property
    def key(self) -> str:
        """The stream's key."""

    cursor: str

    async def deliver(self, entries: list[tuple[bytes, dict[bytes, bytes]]]) -> None:
        """Take the entries after `cursor`, and move it, past each before anything about it can go wrong."""


class Reader:
    """Reads the sources it is given until it is cancelled; says when Redis goes away and when it is back.

    After every (re)connection `on_online` is awaited before anything is read: cursors may have become meaningless.
    """

    def __init__(self, url: str, on_online: Callable[[], Awaitable[None]], on_offline: Callable[[str], None]) -> None:
        self._client = connect(url, single_connection_client=True)
        self._waker_client = connect(url)
        self._on_online = on_online
        self._on_offline = on_offline
        self._sources: dict[bytes, Source] = {}
        self._changed = asyncio.Event()
        self._waker: asyncio.Task[None] | None = None
        self._client_id = 0
        self._blocked = False

    def watch(self, source: Source) -> None:
        """Read this source too, from its cursor; it takes the place of another with the same key."""
        self._sources[source.key.encode()] = source
        self._wake()

    def unwatch(self, source: Source) -> None:
        """Read this source no longer."""
        key = source.key.encode()
        if self._sources.get(key) is source:
            del self._sources[key]

    async def run(self) -> None:
        """Read for ever."""
        backoff_s = 0.02
        while True:
            try:
                self._client_id = await self._client.client_id()
                await self._on_online()
                backoff_s = 0.02
                while True:
                    await self._read_once()
            except TRANSIENT as error:
                self._on_offline(f"{type(error).__name__}: {error}")
            except redis.ResponseError as error:
                # Such as WRONGTYPE or NOPERM: somebody has meddled; nothing here can put it right, but it may pass.
                self._on_offline(f"{type(error).__name__}: {error}")
            finally:
                self._blocked = False
            await asyncio.sleep(backoff_s * random.uniform(0.5, 1.0))
            backoff_s = min(BACKOFF_MAX_S, backoff_s * 2)

    async def close(self) -> None:
        """Close the connections."""
        if self._waker is not None:
            self._waker.cancel()
        for client in (self._client, self._waker_client):
            with contextlib.suppress(*TRANSIENT):
                await client.aclose()

    async def _read_once(self) -> None:
        self._changed.clear()
        sources = dict(self._sources)
        if not sources:
            try:
                await asyncio.wait_for(self._changed.wait(), BLOCK_MS / 1000)
            except TimeoutError:
                await self._client.ping()
            return
        cursors: dict[Any, Any] = {key: source.cursor for key, source in sources.items()}
        self._blocked = True
        try:
            reply = await self._client.xread(cursors, count=COUNT, block=BLOCK_MS)
        finally:
            self._blocked = False
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

    def _wake(self) -> None:
        self._changed.set()
        if self._blocked and (self._waker is None or self._waker.done()):
            self._waker = asyncio.create_task(self._unblock())

    async def _unblock(self) -> None:
        """Unblock the read; again, if the word came before the read had reached the server."""
        with contextlib.suppress(*TRANSIENT, redis.ResponseError):
            while self._blocked and self._changed.is_set():
                await self._waker_client.client_unblock(self._client_id)
                await asyncio.sleep(WAKE_AGAIN_S)
