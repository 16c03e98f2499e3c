"""Viewers on a thread of their own: bare sockets that speak the viewer protocol and come back when they are cut.

A viewer does what the dashboard does: it resumes by epoch and offset at the next gateway of its list, after a delay
that is half fixed and half random, and grows. Messages are read without any library, so that thousands fit into one
thread.
"""

from __future__ import annotations

import asyncio
import random
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Self

import msgspec
import uvloop
from tests.chaos.watcher import Watcher
from tests.gateway.stage import client_frame

FIRST_BACKOFF_S = 0.3
GROWTH = 1.5
LONGEST_BACKOFF_S = 15.0
HANDSHAKE_S = 5.0
ASK_AGAIN_S = 0.1
REQUEST = (
    "GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: lanecast.v1\r\n\r\n"
)


class Connection(asyncio.Protocol):
    """One WebSocket: handshake, whole frames, pongs."""

    def __init__(self, port: int, take: Callable[[bytes], None]) -> None:
        self.open: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.closed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._port = port
        self._take = take
        self._rest = b""
        self._upgraded = False
        self._reason = "cut"
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.transport.write(REQUEST.format(port=self._port).encode())

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        if not self.open.done():
            self.open.set_result(0)
        if not self.closed.done():
            self.closed.set_result(self._reason)

    def data_received(self, data: bytes) -> None:
        self._rest += data
        if not self._upgraded:
            head, end, rest = self._rest.partition(b"\r\n\r\n")
            if not end:
                return
            self._upgraded, self._rest = True, rest
            status = int(head.split(b" ", 2)[1])
            self.open.set_result(status)
            if status != 101:
                self.transport.abort()
                return
        self._frames()

    def say(self, **message: Any) -> None:
        """Send a message."""
        self.transport.write(client_frame(2, msgspec.msgpack.encode(message)))

    def _frames(self) -> None:
        data, at = self._rest, 0
        while len(data) - at >= 2:
            size, head = data[at + 1] & 0x7F, 2
            if size == 126:
                size, head = int.from_bytes(data[at + 2 : at + 4]), 4
            elif size == 127:
                size, head = int.from_bytes(data[at + 2 : at + 10]), 10
            if len(data) - at < head + size or (size == 0 and len(data) - at < head):
                break
            opcode, payload = data[at] & 0x0F, data[at + head : at + head + size]
            at += head + size
            if opcode == 2:
                self._take(payload)
            elif opcode == 9:
                self.transport.write(client_frame(10, payload))
            elif opcode == 8:
                self._reason = f"{int.from_bytes(payload[:2])} {payload[2:].decode()}"
                self.transport.close()
        self._rest = data[at:]


class Viewer:
    """One viewer of one run, connected to one of the ports again and again."""

    def __init__(self, ports: Sequence[int], run: str, tier: str, first: int, *, deep: bool, rcvbuf: int = 0) -> None:
        self.watcher = Watcher(deep=deep)
        self.ends: Counter[str] = Counter()
        """How its connections ended: a close code, `cut`, or `refused`."""
        self.fresh_at: float | None = None
        self.reads = True
        self._after_ms = float("inf")
        self._ports, self._run, self._tier, self._at, self._rcvbuf = ports, run, tier, first, rcvbuf
        self._connection: Connection | None = None
        self._random = random.Random(first)

    def await_frame_after(self, unix_ms: float) -> None:
        """Note in `fresh_at` when the first frame comes that was published after this time."""
        self.fresh_at, self._after_ms = None, unix_ms
        if self._connection is None:
            self._after_ms = unix_ms

    def cut(self) -> None:
        """Cut the connection, as a network does."""
        if self._connection is not None and self._connection.transport is not None:
            self._connection.transport.abort()

    def read(self, *, on: bool) -> None:
        """Stop reading, or go on."""
        self.reads = on
        if self._connection is not None and self._connection.transport is not None:
            (self._connection.transport.resume_reading if on else self._connection.transport.pause_reading)()

    async def live(self) -> None:
        """Watch until cancelled."""
        attempt = 0
        while True:
            began = time.monotonic()
            reason = await self._watch(self._ports[self._at % len(self._ports)])
            self.ends[reason.split()[0]] += 1
            self._at += 1
            attempt = 1 if time.monotonic() - began > HANDSHAKE_S else attempt + 1
            await asyncio.sleep(self._delay_s(reason, attempt))

    def _delay_s(self, reason: str, attempt: int) -> float:
        told = re.search(r"retry_ms=(\d+)", reason)
        if told:
            return int(told[1]) / 1000
        longest = min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * GROWTH ** (attempt - 1))
        return longest / 2 + longest / 2 * self._random.random()

    async def _watch(self, port: int) -> str:
        loop = asyncio.get_running_loop()
        link = socket.socket()
        link.setblocking(False)
        if self._rcvbuf:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._rcvbuf)
        try:
            async with asyncio.timeout(HANDSHAKE_S):
                await loop.sock_connect(link, ("127.0.0.1", port))
                _, connection = await loop.create_connection(lambda: Connection(port, self._take), sock=link)
                status = await connection.open
        except (OSError, TimeoutError):
            link.close()
            return "refused"
        if status != 101:
            return f"http-{status}"
        self._connection = connection
        self.watcher.connected()
        self._subscribe()
        try:
            return await connection.closed
        finally:
            self._connection = None
            connection.transport.abort()

    def _subscribe(self) -> None:
        if self._connection is not None and not self._connection.transport.is_closing():
            self._connection.say(type="subscribe", run=self._run, tier=self._tier, **self.watcher.place)

    def _take(self, data: bytes) -> None:
        now = time.monotonic()
        head = self.watcher.take(data, now)
        if head.type == "error" and head.code in ("unknown_run", "unavailable"):
            asyncio.get_running_loop().call_later(ASK_AGAIN_S, self._subscribe)
        if self.fresh_at is None and head.type == "frame" and self.watcher.pub_ms > self._after_ms:
            self.fresh_at = now


class Audience:
    """Some viewers, spread over the gateways and the tiers; two of them `deep`, who look at the state itself."""

    def __init__(self, ports: Sequence[int], run: str, count: int, *, rcvbuf: int = 0) -> None:
        tiers = ("ultra", "auto", "high", "low") if count < 100 else ("high",)
        self.viewers = [
            Viewer(ports, run, tiers[n % len(tiers)], n, deep=n < 2, rcvbuf=rcvbuf if n % 10 == 9 else 0)
            for n in range(count)
        ]
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over: asyncio.Event | None = None
        self._thread = threading.Thread(target=lambda: uvloop.run(self._work()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._loop is not None
        assert self._over is not None
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(20)

    def each(self, do: Callable[[Viewer], Any]) -> list[Any]:
        """Do something with every viewer, on their thread."""
        assert self._loop is not None

        async def work() -> list[Any]:
            return [do(viewer) for viewer in self.viewers]

        coroutine: Coroutine[Any, Any, list[Any]] = work()
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    async def _work(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        living = [asyncio.create_task(viewer.live()) for viewer in self.viewers]
        self._ready.set()
        await self._over.wait()
        for task in living:
            task.cancel()
        for viewer in self.viewers:
            viewer.cut()
        await asyncio.gather(*living, return_exceptions=True)
