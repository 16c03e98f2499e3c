"""A watch on a gateway's event loop, from a process of its own: how long does it take to answer a ping, at worst?

`python -m lanecast.ops.bench.sentinel PORT`: prints `ready`, and for each line that it is given the longest time in
milliseconds since the last line. What else delays an answer on a busy machine is in it too: the loop was no slower.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lanecast.ops import tether
from lanecast.ops.problem import Problem

EVERY_S: Final = 0.03
"""A viewer may send 50 messages a second."""
PATIENCE_S: Final = 30.0
_PING: Final = b"\x89\x80\0\0\0\0"


class Sentinel:
    """Such a process."""

    def __init__(self, port: int) -> None:
        command = [sys.executable, "-S", str(Path(tether.__file__)), str(os.getpid())]
        command += [sys.executable, "-m", __name__, str(port)]
        self._process = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        if self._answer() != "ready":
            raise Problem("the sentinel could not connect to its gateway")

    def worst_ms(self) -> float:
        """The longest that an answer took since this was last asked."""
        assert self._process.stdin is not None  # noqa: S101 - it was opened with a pipe
        self._process.stdin.write("\n")
        return float(self._answer())

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()

    def _answer(self) -> str:
        assert self._process.stdout is not None  # noqa: S101 - it was opened with a pipe
        return self._process.stdout.readline().strip()


@contextlib.contextmanager
def sentinels(ports: list[int]) -> Iterator[list[Sentinel]]:
    """One for each gateway; gone with the block."""
    found: list[Sentinel] = []
    try:
        for port in ports:
            found.append(Sentinel(port))  # noqa: PERF401 - those that were made are closed if one cannot be
        yield found
    finally:
        for one in found:
            one.close()


def watch(port: int) -> None:
    """Ping and measure until the parent has gone."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as connection:
        connection.sendall(
            f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: bGFuZWNhc3QtYmVuY2gtYQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        if not connection.recv(65_536).startswith(b"HTTP/1.1 101"):
            raise SystemExit(1)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        worst_s = 0.0
        while True:
            sent_s = time.monotonic()
            connection.sendall(_PING)
            # Nothing else comes to one who watches no run, but the gateway's own pings every 20 s.
            while not (answer := connection.recv(65_536)).count(b"\x8a"):
                if not answer:
                    raise SystemExit(1)
            worst_s = max(worst_s, time.monotonic() - sent_s)
            if select.select([sys.stdin], [], [], EVERY_S)[0]:
                if not sys.stdin.readline():
                    return
                sys.stdout.write(f"{worst_s * 1000:.1f}\n")
                sys.stdout.flush()
                worst_s = 0.0


if __name__ == "__main__":
    watch(int(sys.argv[1]))
