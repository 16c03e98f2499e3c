"""What a simulation notices of a server that fails, and what has arrived afterwards.

Each failure begins after a quarter of the steps and ends after three quarters, between two steps. The simulation tells
a numbered status in every step; afterwards each of them has to be on the critical lane once, in order.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import redis

from lanecast.broker import keys, wire
from lanecast.ops import embedded, ports
from lanecast.ops.bench.machine import child
from lanecast.ops.bench.producer_ways import STEP_S, Simulation
from lanecast.ops.problem import Problem
from lanecast.producer import Run

ARRIVED_WITHIN_S: Final = 20.0


class Server:
    """An embedded server that can be ill-treated, with its data in a folder that outlives it."""

    def __init__(self, folder: Path) -> None:
        self._port = ports.free_port()
        self._command = embedded.command(embedded.find(), folder, self._port)
        self._life = contextlib.ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = embedded.url(self._port)

    def start(self) -> None:
        """Start it, and wait for nothing."""
        self._process = self._life.enter_context(child(*self._command))

    def wait(self) -> None:
        """Until it answers."""
        deadline = time.monotonic() + 10
        with redis.Redis.from_url(self.url) as client:
            while True:
                with contextlib.suppress(redis.RedisError):
                    client.ping()
                    return
                if time.monotonic() > deadline:
                    raise Problem("the server does not start again")
                time.sleep(0.02)

    def kill(self) -> None:
        """`kill -9`."""
        self.signal(signal.SIGKILL)
        self.stop()

    def signal(self, number: int) -> None:
        """Send it a signal."""
        if self._process is not None:
            self._process.send_signal(number)

    def limit(self, maxmemory: int) -> None:
        """Leave it so many bytes; 0: as many as there are."""
        with redis.Redis.from_url(self.url) as client:
            client.config_set("maxmemory", maxmemory)

    def stop(self) -> None:
        """End it; it can be started again."""
        self.signal(signal.SIGCONT)
        self._life.close()


Act = Callable[[Server], None]

FAILURES: Final[dict[str, tuple[Act, Act]]] = {
    "killed, started again": (lambda server: server.kill(), lambda server: server.start()),
    "hanging": (lambda server: server.signal(signal.SIGSTOP), lambda server: server.signal(signal.SIGCONT)),
    "full": (lambda server: server.limit(1), lambda server: server.limit(0)),
    "absent from the start": (lambda _: None, lambda server: server.start()),
}
"""Name -> how it begins, and how it ends."""


@contextlib.contextmanager
def servers() -> Iterator[Callable[[], Server]]:
    """Makes servers, which end with the block."""
    with tempfile.TemporaryDirectory(prefix="lanecast-bench-") as folder, contextlib.ExitStack() as made:
        count = 0

        def make() -> Server:
            nonlocal count
            count += 1
            path = Path(folder) / str(count)
            path.mkdir()
            server = Server(path)
            made.callback(server.stop)
            return server

        yield make


def suffer(simulation: Simulation, failure: str, steps: int, make: Callable[[], Server]) -> tuple[list[float], int]:
    """Simulate through a failure; seconds of each step, and how many critical messages are missing, doubled or moved.

    What the simulation itself raises is raised: nothing may come from the publisher.
    """
    begin, end = FAILURES[failure]
    server = make()
    if failure != "absent from the start":
        server.start()
        server.wait()
    taken = []
    with Run("bench-failure", url=server.url, report=False, flush_s=0.5) as run:
        for step in range(1, steps + 1):
            if step == 1 + steps // 4:
                begin(server)
            if step == 1 + steps * 3 // 4:
                end(server)
            began = time.perf_counter()
            layers = simulation.step()
            run.running()
            run.frame(layers, step=step, time_s=step * STEP_S)
            run.status("info", str(step))
            taken.append(time.perf_counter() - began)
        wrong = _wrong(server, steps)
    server.stop()
    return taken, wrong


def _wrong(server: Server, steps: int) -> int:
    """Wait for everything to arrive, then compare."""
    deadline = time.monotonic() + ARRIVED_WITHIN_S
    wanted = [str(step) for step in range(1, steps + 1)]
    while True:
        found = _arrived(server)
        if found == wanted or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    time.sleep(0.3)  # what comes twice comes later
    found = _arrived(server)
    if found == wanted:
        return 0
    return max(1, len(set(wanted) - set(found)) + len(found) - len(set(found)))


def _arrived(server: Server) -> list[str]:
    """The texts of all statuses on the critical lane, in order."""
    try:
        with redis.Redis.from_url(server.url, socket_timeout=2) as client:
            entries: Any = client.xrange(keys.lane("bench-failure", "critical"))
    except redis.RedisError:
        return []
    told = [wire.from_fields(fields, "critical") for _, fields in entries]
    return [wire.decode(message.data, message.enc)["text"] for message in told if message.kind == "status"]
