"""A million generated frames, valid and broken, sent to a gateway process: it does not die, grow, or fill its log."""

from __future__ import annotations

import base64
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import redis

from lanecast.broker import keys
from lanecast.ops import ports, tether
from lanecast.ops.bench.frames_of_nonsense import frames
from lanecast.ops.bench.machine import server
from lanecast.ops.bench.result import Result, at_least, at_most
from lanecast.ops.problem import Problem

SEED: Final = 20_261_120
FRAMES: Final = 1_000_000
QUICK: Final = 50_000
BATCH: Final = 24
"""Frames of one connection, unless it is closed before: a flood is closed after 250, twenty mistakes close it, too."""
RSS_MIB: Final = 24.0
LINES_PER_S: Final = 20.0
START_S: Final = 20.0


def measure(quick: bool) -> Result:
    """Send the frames."""
    with server() as url:
        return fuzz(url, QUICK if quick else FRAMES)


def fuzz(url: str, count: int) -> Result:
    """Send `count` frames to a gateway of our own on this Redis."""
    port = ports.free_port()
    with redis.Redis.from_url(url) as client:
        client.sadd(keys.RUNS, "fuzzed")
    with tempfile.TemporaryFile() as log, _gateway(url, port, log) as process:
        _wait_for(port)
        begun, began, closed, sent = 0, time.monotonic(), 0, 0
        source = frames(SEED)
        rows: list[dict[str, Any]] = []
        while sent < count:
            batch = [next(source) for _ in range(BATCH)]
            # What breaks the connection comes last, so that all before it is read.
            batch.sort(key=lambda item: not item[1])
            sent += BATCH
            closed += _send(port, b"".join(data for data, _ in batch))
            if not begun and sent >= count // 5:
                begun = _rss(process.pid)  # what it needs once is there by now
        took_s = time.monotonic() - began
        alive = process.poll() is None
        grown = (_rss(process.pid) - begun) / 2**20 if alive else float("inf")
        healthy = alive and _send(port, b"") >= 0
        log.seek(0)
        lines = log.read().splitlines()
    traces = sum(b"Traceback" in line or b"task_failed" in line for line in lines)
    rows.append(
        {
            "frames": sent, "connections": sent // BATCH, "closed_by_gateway": closed, "seconds": round(took_s, 1),
            "frames_per_s": round(sent / took_s), "log_lines": len(lines), "grown_mib": round(grown, 2),
        }
    )  # fmt: skip
    return Result(
        [
            at_least("the gateway still answers", int(healthy), 1, ""),
            at_most("memory grown after the first fifth", grown, RSS_MIB, "MiB"),
            at_most("lines logged", len(lines), 50 + LINES_PER_S * took_s, "lines"),
            at_most("errors that nobody expected", traces, 0, "lines"),
        ],
        rows,
    )


def _send(port: int, data: bytes) -> int:
    """One connection: 1 if the gateway closed it with a close frame, 0 if we did, by a reset.

    Raises:
        Problem: it was not let in.
    """
    with contextlib.closing(socket.create_connection(("127.0.0.1", port), 10)) as sock:
        head = {
            "Host": f"127.0.0.1:{port}", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(), "Sec-WebSocket-Protocol": "lanecast.v1",
        }  # fmt: skip
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        sock.sendall(f"GET /ws HTTP/1.1\r\n{lines}\r\n".encode())
        answer = sock.recv(65_536)
        if not answer.startswith(b"HTTP/1.1 101"):
            raise Problem(f"the gateway does not let a viewer in: {answer[:80]!r}")
        # A close frame behind everything: its answer says that all before was read.
        with contextlib.suppress(ConnectionError):
            sock.sendall(data + b"\x88\x80\x00\x00\x00\x00")
            sock.shutdown(socket.SHUT_WR)  # a frame that is never complete swallows the close frame
            received = answer
            while chunk := sock.recv(65_536):
                received = received[-4096:] + chunk
            return int(b"\x88" in received)
    return 0


def _gateway(url: str, port: int, log: Any) -> contextlib.AbstractContextManager[subprocess.Popen[bytes]]:
    return contextlib.closing(_Process(url, port, log))


class _Process(subprocess.Popen[bytes]):
    """The gateway; ended with the block, and with us."""

    def __init__(self, url: str, port: int, log: Any) -> None:
        environment = {**os.environ, "LANECAST_REDIS_URL": url, "LANECAST_PORT": str(port)}
        environment.pop("LANECAST_SECRET", None)
        command = [sys.executable, "-S", str(Path(tether.__file__)), str(os.getpid()), sys.executable, "-m"]
        super().__init__([*command, "lanecast.gateway"], env=environment, stdout=log, stderr=log)

    def close(self) -> None:
        """End it."""
        self.terminate()
        try:
            self.wait(5)
        except subprocess.TimeoutExpired:
            self.kill()
            self.wait()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            _send(port, b"")
        except OSError:
            if time.monotonic() > deadline:
                raise Problem("the gateway does not start") from None
            time.sleep(0.05)
        else:
            return


def _rss(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
