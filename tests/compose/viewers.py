"""Many viewers in one process; each keeps its place, comes back after every cut, and checks what it gets."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from typing import Self

import jwt
import msgspec
import websockets
from websockets.typing import Subprotocol

from lanecast.broker.tasks import cancel

PER_USER = 50
LOSSLESS = ("run", "status", "control_state", "result")


class Message(msgspec.Struct):
    """What is looked at of a message; the rest is passed over."""

    type: str
    epoch: str | None = None
    offset: str | None = None
    prev: str | None = None
    text: str | None = None
    recovered: bool | None = None
    node: str | None = None
    message: str | None = None
    code: str | None = None


class Viewer:
    """One viewer. `numbers` are those of the status messages it got, `trouble` is what it must never see."""

    def __init__(self, url: str, run: str, token: str) -> None:
        self.url = url
        self.run = run
        self.token = token
        self.place: dict[str, str] = {}
        self.numbers: list[int] = []
        self.resumes = 0
        self.frames = 0
        self.live = False
        self.node = ""
        self.nodes: set[str] = set()
        self.trouble: list[str] = []

    async def watch(self) -> None:
        """For ever: connect, resume, read; after a cut come back soon, but not all at once."""
        while True:
            with contextlib.suppress(websockets.WebSocketException, OSError, TimeoutError, EOFError):
                await self._once()
            self.live = False
            await asyncio.sleep(random.uniform(0.05, 0.3))

    async def _once(self) -> None:
        async with websockets.connect(
            self.url, subprotocols=[Subprotocol("lanecast.v1")], compression=None, open_timeout=5, close_timeout=0.2,
            ping_interval=None, proxy=None,
        ) as socket:  # fmt: skip
            await socket.send(msgspec.msgpack.encode({"type": "auth", "token": self.token}))
            wish = {"type": "subscribe", "run": self.run, "tier": "ultra_low", **self.place}
            await socket.send(msgspec.msgpack.encode(wish))
            while True:
                data = await asyncio.wait_for(socket.recv(decode=False), 30)
                self._take(msgspec.msgpack.decode(data, type=Message))

    def _take(self, message: Message) -> None:
        if message.type == "frame":
            self.frames += 1
        elif message.type == "welcome":
            self.node = message.node or ""
        elif message.type == "subscribed":
            if self.place:
                self.resumes += 1
                if not message.recovered:
                    self.trouble.append(f"not recovered from {self.place}")
            self.place = {"epoch": message.epoch or "", "offset": message.offset or ""}
            self.live = True
            self.nodes.add(self.node)
        elif message.type in LOSSLESS:
            if message.prev != self.place.get("offset"):
                self.trouble.append(f"{message.offset} follows {message.prev}, not {self.place.get('offset')}")
            self.place["offset"] = message.offset or ""
            if message.type == "status" and (message.text or "").isdigit():
                self.numbers.append(int(message.text or 0))
        elif message.type == "error":
            self._refused(message)

    def _refused(self, message: Message) -> None:
        if message.code == "unknown_run" and not self.place:
            raise EOFError("nobody has registered the run yet: ask again")
        self.trouble.append(message.message or "error")

    def holes(self) -> list[str]:
        """Where the numbers it got do not follow one another, and other trouble."""
        pairs = zip(self.numbers, self.numbers[1:], strict=False)
        return [*self.trouble, *(f"{b} follows {a}" for a, b in pairs if b != a + 1)]


class Crowd:
    """Viewers of one run, while the block runs."""

    def __init__(self, url: str, run: str, secret: str, count: int) -> None:
        self.viewers = [Viewer(url, run, token(secret, f"viewer-{n // PER_USER}")) for n in range(count)]
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(viewer.watch()) for viewer in self.viewers]
        return self

    async def __aexit__(self, *_: object) -> None:
        await cancel(*self._tasks)  # once is not always enough

    async def all_live(self, within_s: float) -> float:
        """Wait until every viewer is subscribed and has got another status message; returns how long that took."""
        started = time.monotonic()
        counts = {viewer: len(viewer.numbers) for viewer in self.viewers}
        while not all(viewer.live and len(viewer.numbers) > counts[viewer] for viewer in self.viewers):
            behind = sum(not viewer.live for viewer in self.viewers)
            assert time.monotonic() - started < within_s, f"{behind} viewers not live within {within_s} s"
            await asyncio.sleep(0.05)
        return time.monotonic() - started

    def holes(self) -> list[str]:
        """What went wrong with anybody."""
        return [hole for viewer in self.viewers for hole in viewer.holes()]


def token(secret: str, user: str, role: str = "viewer") -> str:
    """A token for an hour."""
    return jwt.encode({"sub": user, "role": role, "runs": "*", "aud": "lanecast", "exp": time.time() + 3600}, secret)
