"""What the gateway's tests need around a gateway: a run's owner that commits like a worker, real processes, viewers."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import msgspec
import numpy as np
import redis.asyncio
import websockets
from tests.support.schemas import problem
from tests.support.servers import free_port
from websockets.asyncio.client import ClientConnection

from lanecast.broker import keys, lease, messages, runs, scripts, tiers
from lanecast.broker.columns import Column
from lanecast.broker.commit import Commit
from lanecast.broker.offsets import START, Offset
from lanecast.broker.rendition import Chain, LayerState

SECRET = "0123456789abcdef0123456789abcdef-test"
WAIT_S = 10.0
BEST = tiers.SERVED[-1]
"""The tier of those who did not ask for one."""


class RunOwner:
    """Writes a run's output as its worker does: under a real lease, by real commits, frames from a real chain."""

    def __init__(self, client: redis.asyncio.Redis, run: str, epoch: str = "first", rows: int = 3) -> None:
        self.client = client
        self.run = run
        self.rows = rows
        self.info = runs.RunInfo(run, epoch, title="A run", state="running")
        self.last = START
        self.frames: dict[str, bytes] = {}
        self._lease = 0
        self._n = 0
        self._step = 0
        self._chains = {name: Chain(tiers.TIERS[name]) for name in tiers.SERVED}
        self._prev: dict[str, Offset] = {}

    async def begin(self) -> RunOwner:
        await register(self.client, self.run)
        await self.say_info()
        return self

    async def say_info(self, **changes: Any) -> Offset:
        for name, value in changes.items():
            setattr(self.info, name, value)
        return await self.lossless("run", {"info": self.info.to_dict()}, info=True)

    async def status(self, text: str) -> Offset:
        return await self.lossless("status", {"level": "info", "text": text, "time_s": 0.0, "at_ms": 0.0})

    async def statuses(self, texts: list[str]) -> None:
        """Many in one commit."""
        commit = await self._commit()
        for text in texts:
            body = {"level": "info", "text": text, "time_s": 0.0, "at_ms": 0.0}
            self._add_lossless(commit, "status", body)
        await self._make(commit)

    async def result(self, command_id: str, name: str, *, ok: bool = True, error: str | None = None) -> Offset:
        body = {"command_id": command_id, "name": name, "ok": ok, "error": error, "field": None}
        return await self.lossless("result", body, result=body)

    async def lossless(
        self, kind: str, body: dict[str, Any], *, info: bool = False, result: dict[str, Any] | None = None
    ) -> Offset:
        commit = await self._commit()
        offset = self._add_lossless(commit, kind, body)
        if info:
            commit.info(self.info.to_json())
        if result is not None:
            commit.result(result["command_id"], msgspec.json.encode(result).decode())
        await self._make(commit)
        return offset

    async def frame(self, tier: str = BEST, *, key: bool = False) -> Offset:
        """The next step's frame of one tier; its payload is in `frames`."""
        self._step += 1
        commit = await self._commit()
        state = LayerState(
            np.arange(self.rows, dtype=np.uint32),
            {
                "x": Column(np.arange(self.rows) * 1.5 + self._step),
                "kind": Column(np.zeros(self.rows, np.uint32), ["car"]),
            },
        )
        layers, metrics = {"vehicles": state}, {"speed": float(self._step)}
        chain = self._chains[tier]
        parts = None if key or tier not in self._prev else chain.delta(layers, metrics)
        prev = None if parts is None else self._prev[tier]
        parts = parts or chain.keyframe(layers, metrics)
        offset = self._next()
        hops = {"pub_ms": time.time() * 1000}
        data = messages.frame(
            self.run, tier, self.info.epoch, offset, prev, self._step, self._step / 10, hops, parts, {}
        )
        commit.frame(tier, offset, data, hops["pub_ms"], key=prev is None)
        await self._make(commit)
        self._prev[tier] = offset
        self.frames[str(offset)] = data
        return offset

    async def scene(self, version: str, data: bytes) -> None:
        commit = await self._commit()
        commit.scene(version, data)
        await self._make(commit)

    async def demands(self) -> list[dict[bytes, bytes]]:
        return [fields for _, fields in await self.client.xrange(keys.demand(self.run))]

    def _add_lossless(self, commit: Commit, kind: str, body: dict[str, Any]) -> Offset:
        offset = self._next()
        data = messages.lossless(kind, self.run, self.info.epoch, offset, self.last, body)
        commit.lossless(offset, kind, data)
        self.last = offset
        return offset

    def _next(self) -> Offset:
        self._n += 1
        return Offset(self._lease, self._n)

    async def _commit(self) -> Commit:
        held = lease.answer(await scripts.run(self.client, lease.renew(self.run, "owner", self._lease)))
        if (held.owner, held.epoch) != ("owner", self._lease):
            held = lease.answer(await scripts.run(self.client, lease.acquire(self.run, "owner")))
            assert held.owner == "owner"
            self._lease = held.epoch
        self._n += 1
        return Commit(self.run, self._lease, self._n)

    async def _make(self, commit: Commit) -> None:
        assert commit.check(await scripts.run(self.client, commit.call())) == []


async def register(client: Any, run: str) -> None:
    """What a producer does first."""
    await client.sadd(keys.RUNS, run)


class GatewayProcess:
    """A real gateway, `python -m lanecast.gateway`, on a free port."""

    def __init__(self, redis_url: str, **settings: Any) -> None:
        self.port = settings.pop("port", None) or free_port()
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("LANECAST_")} | {
            "LANECAST_REDIS_URL": redis_url,
            "LANECAST_PORT": str(self.port),
            **{f"LANECAST_{name.upper()}": str(value) for name, value in settings.items()},
        }
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, *, ready: bool = True) -> GatewayProcess:
        command = [sys.executable, "-m", "lanecast.gateway"]
        self.process = subprocess.Popen(command, env=self.environment, stderr=subprocess.PIPE)
        path, wanted = ("/readyz", 200) if ready else ("/healthz", 200)
        wait_until(lambda: self._answers(path) == wanted, f"{path} of the gateway")
        return self

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.communicate()

    def stop(self) -> tuple[int, str]:
        """SIGTERM; returns the exit code and what it logged."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        try:
            _, log = self.process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        return self.process.returncode, log.decode()

    def rss_bytes(self) -> int:
        assert self.process is not None
        with open(f"/proc/{self.process.pid}/statm") as file:  # noqa: PTH123 - one line of a proc file
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def connect(self, path: str = "/ws", protocol: str | None = "lanecast.v1", **options: Any) -> Any:
        subprotocols = [websockets.Subprotocol(protocol)] if protocol else None
        uri = f"ws://127.0.0.1:{self.port}{path}"
        return websockets.connect(uri, subprotocols=subprotocols, compression=None, max_size=None, **options)

    def _answers(self, path: str) -> int:
        assert self.process is not None
        assert self.process.poll() is None, self.process.communicate()[1].decode()
        try:
            return httpx.get(self.url + path).status_code
        except httpx.HTTPError:
            return 0


def wait_until(done: Callable[[], Any], what: str, within_s: float = WAIT_S) -> None:
    """Wait for something outside this process, which has no event to await."""
    deadline = time.monotonic() + within_s
    while not done():
        assert time.monotonic() < deadline, f"no {what} within {within_s} s"
        time.sleep(0.02)


async def eventually(done: Callable[[], Awaitable[Any]], within_s: float = WAIT_S) -> None:
    """Ask another process again and again, which has no event to await, until the answer is true."""
    async with asyncio.timeout(within_s):
        while not await done():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def send(socket: ClientConnection, **message: Any) -> None:
    text = socket.subprotocol != "lanecast.v1"
    await socket.send(msgspec.json.encode(message).decode() if text else msgspec.msgpack.encode(message))


async def receive(socket: ClientConnection) -> dict[str, Any]:
    data = await asyncio.wait_for(socket.recv(), WAIT_S)
    message: dict[str, Any] = msgspec.json.decode(data) if isinstance(data, str) else msgspec.msgpack.decode(data)
    # Whatever a test is about: what a gateway sends is what the schema of the viewer protocol says.
    assert problem(message, "viewer", "received_json" if isinstance(data, str) else "received") is None
    return message


async def until(socket: ClientConnection, kind: str, **fields: Any) -> dict[str, Any]:
    """The next message of this type (and with these fields); others are passed over."""
    while True:
        message = await receive(socket)
        if message["type"] == kind and all(message.get(name) == value for name, value in fields.items()):
            return message


class RawViewer:
    """A viewer on a bare socket that reads only when it is told to."""

    def __init__(self, port: int, path: str = "/ws", rcvbuf_bytes: int | None = None, **headers: str) -> None:
        self.socket = socket.socket()
        if rcvbuf_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf_bytes)
        self.socket.settimeout(WAIT_S)
        self.socket.connect(("127.0.0.1", port))
        lines = {
            "Host": f"127.0.0.1:{port}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Protocol": "lanecast.v1",
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        request = f"GET {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self.socket.sendall(request.encode() + b"\r\n")
        self._buffer = b""
        while b"\r\n\r\n" not in self._buffer:
            self._buffer += self._more()
        self.response, _, self._buffer = self._buffer.partition(b"\r\n\r\n")

    @property
    def status(self) -> int:
        return int(self.response.split(b" ")[1])

    def send(self, opcode: int, payload: bytes) -> None:
        self.socket.sendall(client_frame(opcode, payload))

    def send_message(self, **message: Any) -> None:
        self.send(2, msgspec.msgpack.encode(message))

    def frame(self) -> tuple[int, bytes]:
        """The next frame: opcode, payload. EOFError when the connection has ended."""
        head = self._take(2)
        size = head[1]
        if size == 126:
            size = int.from_bytes(self._take(2))
        elif size == 127:
            size = int.from_bytes(self._take(8))
        return head[0] & 0x0F, self._take(size)

    def until_closed(self) -> tuple[int, str]:
        """Read until the close frame; its code and reason."""
        while True:
            opcode, payload = self.frame()
            if opcode == 8:
                return int.from_bytes(payload[:2]), payload[2:].decode()

    def close(self) -> None:
        self.socket.close()

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._buffer += self._more()
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def _more(self) -> bytes:
        data = self.socket.recv(65536)
        if not data:
            raise EOFError
        return data


def client_frame(opcode: int, payload: bytes, *, fin: bool = True, mask: bytes | None = b"\x01\x02\x03\x04") -> bytes:
    """A frame as a client sends it."""
    size = len(payload)
    first, masked = (0x80 if fin else 0) | opcode, 0x80 if mask else 0
    if size < 126:
        head = bytes([first, masked | size])
    elif size < 65536:
        head = struct.pack("!BBH", first, masked | 126, size)
    else:
        head = struct.pack("!BBQ", first, masked | 127, size)
    if mask is None:
        return head + payload
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
