"""A TCP proxy between Lanecast and a server that makes the faults of a network, chosen or at random by a seed.

It stands in front of one server. In a Cluster and behind Sentinel each server has one, and announces the proxy's port
as its own (`cluster-announce-port`, `replica-announce-port`), so that a client who follows a redirection, or asks a
sentinel, comes to a proxy again. Faults by CLIENT KILL or CLIENT PAUSE would miss what matters most: a command that is
done and whose reply nobody gets. Links of replicas and sentinels are told from clients' by what is first said on them;
they are spared, unless they are cut on purpose (`cut_replicas`).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from collections import Counter
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

CHUNK = 65_536
_REPLICA, _SENTINEL = b"\r\nREPLCONF\r\n", b"\r\nsentinel-"


@dataclass
class Faults:
    """What is done to clients from now on; set by any thread.

    Attributes:
        lost_reply: probability that a reply is lost, and its connection cut: of each, or of those to `commands`.
        commands: in capitals, such as `EVALSHA`; empty means all.
        reset: probability, per chunk, that the connection is cut in the middle of it.
        hole_up, hole_down: nothing reaches the server, the client; what was sent meanwhile arrives late, as by TCP.
        latency_s: shortest and longest time that a chunk is held back.
        slice_bytes: how many bytes are sent at once; 0 means a whole chunk.
        cut_replicas: the links of replicas are black holes, both ways.
    """

    lost_reply: float = 0.0
    commands: tuple[str, ...] = ()
    reset: float = 0.0
    hole_up: bool = False
    hole_down: bool = False
    latency_s: tuple[float, float] = (0.0, 0.0)
    slice_bytes: int = 0
    cut_replicas: bool = False


class _Reset(Exception):
    """The connection is cut here."""


@dataclass(eq=False)
class _Link:
    """One connection through the proxy."""

    who: str = ""
    doomed: bool = False
    orphaned: bool = False
    writers: list[asyncio.StreamWriter] = field(default_factory=list)


class Proxy:
    """Listens on a free loopback port while its block lasts; `made` counts the faults."""

    def __init__(self, port: int, seed: int = 1, faults: Faults | None = None) -> None:
        self.target = port
        self.port = 0
        self.faults = faults or Faults()
        self.made: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over: asyncio.Event | None = None
        self._links: set[_Link] = set()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(5)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._loop is not None
        assert self._over is not None
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(5)

    def orphan(self) -> None:
        """Make every connection that is there half-open: the server's end is gone, and nobody tells the client."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._orphan)

    def _orphan(self) -> None:
        for link in self._links:
            link.orphaned = link.who == "client"
            if link.orphaned:
                self.made["orphaned"] += 1
                for writer in link.writers[1:]:
                    writer.transport.abort()

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=CHUNK)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._over.wait()
        server.close()
        for link in list(self._links):
            self._cut(link)
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = _Link(writers=[writer])
        self._links.add(link)
        try:
            theirs, ours = await asyncio.open_connection("127.0.0.1", self.target, limit=CHUNK)
            link.writers.append(ours)
            pumps = [
                asyncio.create_task(self._pump(link, reader, ours, up=True)),
                asyncio.create_task(self._pump(link, theirs, writer, up=False)),
            ]
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            if link.orphaned:
                await asyncio.wait(pumps)
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
        except OSError:
            pass
        finally:
            self._cut(link)

    async def _pump(self, link: _Link, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, up: bool) -> None:
        with contextlib.suppress(OSError, _Reset):
            while data := await source.read(CHUNK):
                if link.orphaned:
                    continue
                if up and link.who in ("", "client"):  # a replica only pings at first
                    link.who = _who(data)
                await (self._spoil(link, data, sink, up=up) if link.who == "client" else self._spare(link, data, sink))

    async def _spare(self, link: _Link, data: bytes, sink: asyncio.StreamWriter) -> None:
        while link.who == "replica" and self.faults.cut_replicas:  # noqa: ASYNC110 - set by another thread
            await asyncio.sleep(0.01)
        sink.write(data)
        await sink.drain()

    async def _spoil(self, link: _Link, data: bytes, sink: asyncio.StreamWriter, *, up: bool) -> None:
        faults = self.faults
        if up:
            concerned = not faults.commands or any(b"\r\n%s\r\n" % name.encode() in data for name in faults.commands)
            link.doomed = concerned and self._random.random() < faults.lost_reply
        elif link.doomed:
            self.made["lost_reply"] += 1
            raise _Reset
        if max(faults.latency_s):
            await asyncio.sleep(self._random.uniform(*faults.latency_s))
        while faults.hole_up if up else faults.hole_down:  # set by another thread
            await asyncio.sleep(0.01)
            faults = self.faults
        if self._random.random() < faults.reset:
            self.made["reset"] += 1
            sink.write(data[: len(data) // 2])
            with contextlib.suppress(OSError):
                await sink.drain()
            raise _Reset
        step = faults.slice_bytes or len(data)
        for start in range(0, len(data), step):
            sink.write(data[start : start + step])
            await sink.drain()
            if step < len(data):
                await asyncio.sleep(0)

    def _cut(self, link: _Link) -> None:
        self._links.discard(link)
        for writer in link.writers:
            with contextlib.suppress(OSError):
                writer.transport.abort()


def _who(said: bytes) -> str:
    """Whose link it is on which this was sent."""
    return "sentinel" if _SENTINEL in said else "replica" if _REPLICA in said else "client"
