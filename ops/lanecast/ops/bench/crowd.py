"""A crowd of viewers in one process, each on a bare connection: they resume after every cut and count what they get.

The run's owner says numbered statuses (`RunSource.say`); a viewer that has seen number n must see n + 1 next, whatever
happens to its connections. State frames are told apart without being decoded, so that a thousand viewers cost little.
They come back as the protocol says (docs/protocol/viewer.md): after a cut within a quarter of a second, after 1012 when
they were told to, after 503 not before `Retry-After`, else with a backoff that doubles.
"""

from __future__ import annotations

import asyncio
import random
import re
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Final, cast

import msgspec

PREFIX: Final = "bench "
"""Of the text of a numbered status; the number follows."""
FIRST_S: Final = 0.25
LONGEST_S: Final = 2.0
CONNECT_S: Final = 5.0
_KEY: Final = "bGFuZWNhc3QtYmVuY2gtYQ=="
_FRAME: Final = b"\xa5frame"
_IMAGE: Final = b"\xa5image"


class Member(asyncio.Protocol):
    """One viewer; it outlives its connections.

    Attributes:
        number: of the newest status it has; None: none yet.
        cut_s: when (monotonic) it lost its connection; `back_s`: was subscribed again; `fresh_s`: had state again.
        node: the gateway that serves it.
    """

    __slots__ = (
        "_buffer", "_crowd", "_delay_s", "_open", "_place", "_retired", "_transport", "back_s", "cut_s", "fresh_s",
        "node", "number", "subscribed",
    )  # fmt: skip

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._place: dict[str, str] = {}
        self._open = self._retired = False
        self._delay_s: float | None = None
        self.number: int | None = None
        self.node = ""
        self.subscribed = False
        self.cut_s = self.back_s = self.fresh_s = 0.0

    async def join(self) -> None:
        """Connect, again and again until somebody listens; the rest happens by itself."""
        loop = asyncio.get_running_loop()
        backoff_s = FIRST_S
        while not self._crowd.ended:
            self._crowd.attempts += 1
            try:
                async with asyncio.timeout(CONNECT_S):
                    await loop.create_connection(lambda: self, "127.0.0.1", self._crowd.port)
            except OSError:
                await asyncio.sleep(random.uniform(0.5, 1.0) * backoff_s)
                backoff_s = min(LONGEST_S, backoff_s * 2)
            else:
                return

    def retire(self) -> None:
        """Leave for good."""
        self._retired = True
        self._crowd.members.remove(self)
        self.cut()

    def cut(self) -> None:
        """Lose the connection, as if the network had."""
        if self._transport is not None:
            self._transport.abort()

    @property
    def connected(self) -> bool:
        """Whether it has a connection, subscribed or not."""
        return self._transport is not None

    @property
    def settled(self) -> bool:
        """Whether it is subscribed and has state, and a status to count from."""
        return self.subscribed and bool(self.fresh_s) and self.number is not None

    # --- the connection ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake."""
        self._transport = transport = cast("asyncio.Transport", transport)
        self._buffer.clear()
        self._open = self.subscribed = False
        self._delay_s = None
        request = (
            f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{self._crowd.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {_KEY}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: lanecast.v1\r\n\r\n"
        )
        transport.write(request.encode())

    def data_received(self, data: bytes) -> None:
        """Take every whole frame, keep the rest."""
        self._buffer += data
        if not self._open and not self._answered():
            return
        buffer = self._buffer
        at, end = 0, len(buffer)
        while end - at >= 2:
            head, size = 2, buffer[at + 1]
            if size == 126:
                if end - at < 4:
                    break
                head, size = 4, buffer[at + 2] << 8 | buffer[at + 3]
            elif size == 127:
                if end - at < 10:
                    break
                head, size = 10, int.from_bytes(buffer[at + 2 : at + 10])
            if end - at < head + size:
                break
            self._take(buffer[at] & 0x0F, bytes(buffer[at + head : at + head + size]))
            at += head + size
        del buffer[:at]

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Come back, after the time that the rules say."""
        self._transport = None
        if self.subscribed:
            self.subscribed = False
            self.cut_s = time.monotonic()
            self._crowd.cuts += 1
        self._crowd.changed.set()
        if not self._crowd.ended and not self._retired:
            delay_s = random.uniform(0, self._crowd.first_s) if self._delay_s is None else self._delay_s
            asyncio.get_running_loop().call_later(delay_s, self._crowd.rejoin, self)

    def _answered(self) -> bool:
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return False
        status = head[9:12].decode("latin-1")
        if status != "101":
            self._crowd.refused[status] += 1
            advice = re.search(rb"(?i)\r\nretry-after: *(\d+)", head)
            if advice is None:
                self._crowd.unadvised += 1
            # Who was told to wait does so, and then a little: all were told the same.
            self._delay_s = LONGEST_S * random.uniform(0.5, 1.0) if advice is None else int(advice[1]) + random.random()
            if self._transport is not None:
                self._transport.abort()
            return False
        self._open = True
        self._buffer = rest
        wish = {"type": "subscribe", "run": self._crowd.run, "tier": self._crowd.tier, **self._place}
        self._say(2, msgspec.msgpack.encode(wish))
        return True

    def _say(self, opcode: int, payload: bytes) -> None:
        if self._transport is not None:
            size = len(payload)
            length = bytes([0x80 | size]) if size < 126 else struct.pack("!BH", 0x80 | 126, size)
            # Masked by zeros, which change nothing: a mask protects proxies from what browsers are made to say.
            self._transport.write(bytes([0x80 | opcode]) + length + bytes(4) + payload)

    # --- what comes ---

    def _take(self, opcode: int, payload: bytes) -> None:
        crowd = self._crowd
        if opcode == 2:
            beginning = payload[:20]
            if _FRAME in beginning:
                crowd.frames += 1
                if not self.fresh_s:
                    self.fresh_s = time.monotonic()
                    crowd.changed.set()
            elif _IMAGE not in beginning:
                self._told(msgspec.msgpack.decode(payload))
        elif opcode == 9:
            self._say(10, payload)
        elif opcode == 8:
            code, reason = int.from_bytes(payload[:2]), payload[2:]
            crowd.closed[code] += 1
            if advice := re.fullmatch(rb"retry_ms=(\d{1,6})", reason):
                self._delay_s = int(advice[1]) / 1000
            self._say(8, payload[:2])
            if self._transport is not None:
                self._transport.close()

    def _told(self, message: dict[str, Any]) -> None:
        kind = message.get("type")
        if kind == "welcome":
            self.node = message["node"]
        elif kind == "subscribed":
            self._on_subscribed(message)
        elif kind == "status":
            self._on_status(message)
            self._place["offset"] = message["offset"]
        elif "prev" in message and message.get("offset"):
            self._place["offset"] = message["offset"]
        elif kind == "error":
            self._crowd.errors[message["code"]] += 1

    def _on_subscribed(self, message: dict[str, Any]) -> None:
        crowd = self._crowd
        if self._place:
            crowd.resumes += 1
            if not message["recovered"]:
                crowd.unrecovered += 1
        if not self._place or not message["recovered"]:
            self._place = {"epoch": message["epoch"], "offset": message["offset"]}
        self.subscribed = True
        self.back_s = time.monotonic()
        self.fresh_s = 0.0
        crowd.changed.set()

    def _on_status(self, message: dict[str, Any]) -> None:
        text = message["text"]
        if not text.startswith(PREFIX):
            return
        crowd, number = self._crowd, int(text.removeprefix(PREFIX))
        if self.number is not None:
            if number <= self.number:
                crowd.duplicates += 1
                return
            crowd.lost += number - self.number - 1
        self.number = number
        crowd.messages += 1
        crowd.changed.set()


class Crowd:
    """Viewers of one run through one port.

    Attributes:
        lost, duplicates: numbered statuses that a viewer missed, or got twice or out of order; of all viewers.
        resumes: times that somebody came back; `unrecovered`: and was not told everything since.
        refused: handshakes that were answered otherwise, by status; `unadvised`: of those, without Retry-After.
        closed: connections that were closed, by code; `errors`: messages of type `error`, by code.
        first_s: within what time after a cut viewers come back.
        changed: set whenever somebody's state may have changed.
    """

    def __init__(self, port: int, run: str, tier: str) -> None:
        self.port = port
        self.run = run
        self.tier = tier
        self.first_s = FIRST_S
        self.members: list[Member] = []
        self.ended = False
        self.changed = asyncio.Event()
        self.lost = self.duplicates = self.messages = self.frames = 0
        self.resumes = self.unrecovered = self.unadvised = self.attempts = self.cuts = 0
        self.refused: Counter[str] = Counter()
        self.closed: Counter[int] = Counter()
        self.errors: Counter[str] = Counter()
        self._joining: set[asyncio.Task[None]] = set()

    def grow(self, count: int) -> list[Member]:
        """So many more viewers, all at once; they connect by themselves from now on."""
        added = [Member(self) for _ in range(count)]
        self.members += added
        for member in added:
            self.rejoin(member)
        return added

    def rejoin(self, member: Member) -> None:
        """Connect a member (again)."""
        if not self.ended:
            task = asyncio.get_running_loop().create_task(member.join())
            self._joining.add(task)
            task.add_done_callback(self._joining.discard)

    async def until(self, done: Callable[[], bool], within_s: float) -> bool:
        """Wait for something that viewers see; whether it came true in time."""
        try:
            async with asyncio.timeout(within_s):
                while not done():
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError:
            return done()
        return True

    async def settled(self, within_s: float, members: Iterable[Member] | None = None) -> bool:
        """Wait until all (or these) are subscribed, have state and count statuses; whether they were in time."""
        wanted = list(self.members if members is None else members)
        return await self.until(lambda: all(one.settled for one in wanted), within_s)

    async def reached(self, number: int, within_s: float) -> int:
        """Wait until all have this status; how many messages they lack if time runs out."""
        await self.until(lambda: all((one.number or 0) >= number for one in self.members), within_s)
        return sum(max(0, number - (one.number or 0)) for one in self.members)

    def nodes(self) -> Counter[str]:
        """How many viewers each gateway serves."""
        return Counter(one.node for one in self.members if one.subscribed)

    async def leave(self) -> None:
        """Everybody goes."""
        self.ended = True
        for task in list(self._joining):
            task.cancel()
        for member in self.members:
            member.cut()
        await asyncio.gather(*self._joining, return_exceptions=True)
        for member in self.members:
            member.cut()
        await self.until(lambda: not any(one.connected for one in self.members), CONNECT_S)
