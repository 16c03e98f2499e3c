"""The contestants of `bench fanout`: how each is started, fed and subscribed to, and whether it is there at all."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from typing import Final

import msgspec

from lanecast.ops import ports
from lanecast.ops.bench.fanout_sources import TIER, FeedSource, NatsSource, RunSource, Source
from lanecast.ops.bench.fanout_tools import BUILT, PEERS, build, on_core
from lanecast.ops.problem import Problem

START_S: Final = 15.0
LIMIT: Final = "C epoll (the limit)"
NATIVE: Final = "lanecast, native writer"
PYTHON: Final = "lanecast, python writer"
OURS: Final = {NATIVE: "native", PYTHON: "python"}
PEER_NAMES: Final = {
    "ws": "Node ws",
    "nats": "NATS, WebSocket",
    "socketio": "Socket.IO, Redis Streams",
    "fastapi": "FastAPI send_bytes",
}
"""What `--peers` takes -> what tables say."""


@dataclass(frozen=True)
class Around:
    """What contestants share.

    Attributes:
        redis_url: a server, on the source's core.
        core: for the servers.
        size: of a frame, in bytes.
    """

    redis_url: str
    core: int | None
    size: int
    stack: ExitStack


@dataclass(frozen=True)
class Server:
    """A contestant that runs. `talk`: what the load client has to be told to subscribe."""

    pid: int
    port: int
    path: str
    talk: tuple[str, ...]
    source: Callable[[], Source]
    version: str


def missing(name: str) -> str | None:
    """Why a contestant cannot take part; None if it can."""
    if name == NATIVE and find_spec("lanecast_native") is None:
        return "the native writer is not installed (`pip install ./gateway/native`)"
    if name in (PEER_NAMES["ws"], PEER_NAMES["socketio"]):
        if shutil.which("node") is None:
            return "there is no Node"
        if not (PEERS / "node_modules").exists():
            return "its packages are not installed (`make bench-peers`)"
    if name == PEER_NAMES["nats"] and _nats() is None:
        return "there is no nats-server (`make bench-peers`)"
    return None


def start(name: str, around: Around) -> Server:
    """Start a contestant; it ends with the stack."""
    if name in OURS:
        return _lanecast(OURS[name], around)
    return _STARTS[name](around)


def _lanecast(writer: str, around: Around) -> Server:
    port, run = ports.free_port(), f"bench-fanout-{writer}"
    command = (
        "env", f"LANECAST_WRITER={writer}", f"LANECAST_REDIS_URL={around.redis_url}", f"LANECAST_PORT={port}",
        "LANECAST_LOG_LEVEL=error", "LANECAST_SECRET=", "LANECAST_MAX_VIEWERS=100000",
        sys.executable, "-m", "lanecast.gateway",
    )  # fmt: skip
    pid = around.stack.enter_context(on_core(around.core, *command))
    _listening(port)
    subscribe = msgspec.msgpack.encode({"type": "subscribe", "run": run, "tier": TIER})
    source = RunSource(around.redis_url, run, around.size)
    talk = ("--protocol", "lanecast.v1", "--say", "2", subscribe.hex())
    return Server(pid, port, "/ws", talk, lambda: source, metadata.version("lanecast"))


def _limit(around: Around) -> Server:
    return _fed(around, (str(build(PEERS / "limit.c")),), (), "")


def _ws(around: Around) -> Server:
    return _fed(around, ("node", str(PEERS / "ws.mjs")), (), _package("ws"))


def _fastapi(around: Around) -> Server:
    return _fed(around, (sys.executable, str(PEERS / "fastapi_peer.py")), (), metadata.version("fastapi"))


def _socketio(around: Around) -> Server:
    script = str(PEERS / "socketio.mjs")
    feeding, feed_port = ports.free_port(), ports.free_port()
    around.stack.enter_context(on_core(None, "node", script, str(feeding), str(feed_port), around.redis_url))
    port = ports.free_port()
    pid = around.stack.enter_context(on_core(around.core, "node", script, str(port), "0", around.redis_url))
    _listening(feed_port)
    _listening(port)
    talk = ("--say", "1", b"40".hex(), "--answer", b"2".hex(), b"3".hex())
    path = "/socket.io/?EIO=4&transport=websocket"
    return Server(pid, port, path, talk, lambda: FeedSource(feed_port, around.size), _package("socket.io"))


def _start_nats(around: Around) -> Server:
    binary = _nats()
    if binary is None:
        raise Problem("there is no nats-server")
    port, feed_port = ports.free_port(), ports.free_port()
    conf = BUILT / f"nats-{port}.conf"
    text = (PEERS / "nats.conf.in").read_text().replace("FEED_PORT", str(feed_port)).replace("PORT", str(port))
    conf.write_text(text)
    around.stack.callback(conf.unlink)
    pid = around.stack.enter_context(on_core(around.core, "env", "GOMAXPROCS=1", binary, "-c", str(conf)))
    _listening(port)
    connect = b'CONNECT {"verbose":false,"pedantic":false}\r\nSUB frames 1\r\n'
    talk = ("--say", "2", connect.hex(), "--answer", b"PING".hex(), b"PONG\r\n".hex())
    said = subprocess.run([binary, "-v"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    return Server(pid, port, "/", talk, lambda: NatsSource(feed_port, around.size), said.split()[-1].lstrip("v"))


def _fed(around: Around, command: tuple[str, ...], talk: tuple[str, ...], version: str) -> Server:
    port, feed_port = ports.free_port(), ports.free_port()
    pid = around.stack.enter_context(on_core(around.core, *command, str(port), str(feed_port)))
    _listening(port)
    return Server(pid, port, "/", talk, lambda: FeedSource(feed_port, around.size), version)


_STARTS: Final[dict[str, Callable[[Around], Server]]] = {
    LIMIT: _limit,
    PEER_NAMES["ws"]: _ws,
    PEER_NAMES["nats"]: _start_nats,
    PEER_NAMES["socketio"]: _socketio,
    PEER_NAMES["fastapi"]: _fastapi,
}


def _nats() -> str | None:
    own = BUILT / "nats-server"
    return str(own.absolute()) if own.exists() else shutil.which("nats-server")


def _package(name: str) -> str:
    found: dict[str, str] = json.loads((PEERS / "node_modules" / name / "package.json").read_text())
    return found["version"]


def _listening(port: int) -> None:
    deadline = time.monotonic() + START_S
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if time.monotonic() > deadline:
            raise Problem(f"nothing listens on port {port} after {START_S:g} s")
        time.sleep(0.05)
