"""The whole way under load, for the benches of performance: simulation, server, worker, gateways, load clients.

All are processes of their own, as in production; every frame carries the time at which it was published through all of
them. Servers are not pinned to cores: what is measured is what the machine gives.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import redis

from lanecast.broker import keys
from lanecast.ops import ports
from lanecast.ops.bench.fanout_tools import SOURCES, LoadClient, build, cpu_s, raise_limits, rss_bytes
from lanecast.ops.bench.machine import child, server
from lanecast.ops.problem import Problem

RUN: Final = "bench"
TIER: Final = "ultra"
START_S: Final = 60.0
SETTLE_S: Final = 2.0


@dataclass
class Whole:
    """A running system and its load.

    Attributes:
        url: of the server.
        pids: name of a process -> its id.
        ports: of the gateways.
        hz: frames a second that are published.
    """

    url: str
    hz: float
    pids: dict[str, int] = field(default_factory=dict)
    ports: list[int] = field(default_factory=list)
    clients: list[LoadClient] = field(default_factory=list)

    def watch(self, viewers: int, port: int | None = None) -> None:
        """Connect so many more viewers, to one gateway or evenly to all.

        Raises:
            Problem: some were refused.
        """
        binary = build(SOURCES / "loadclient.c")
        subscribe = msgspec.msgpack.encode({"type": "subscribe", "run": RUN, "tier": TIER})
        talk = ("--protocol", "lanecast.v1", "--say", "2", subscribe.hex())
        where = self.ports if port is None else [port]
        for n, each in enumerate(where):
            share = viewers // len(where) + (n < viewers % len(where))
            if share:
                self.clients.append(LoadClient(binary, each, "/ws", share, talk))

    def measure(self, seconds: float) -> dict[str, Any]:
        """Forget what was counted, wait, and say what was counted since: of all load clients together.

        Quantiles are the worst client's; `fps` is what the worker gave out, and `delivered` the share of it that came
        to viewers (a frame more or less at both ends); `closed` counts connections that were lost, ever.
        """
        for client in self.clients:
            client.reset()
        before, frames = self.cpu_s(), self.given_out()
        began = time.perf_counter()
        time.sleep(seconds)
        reports = [client.report() for client in self.clients]
        frames = self.given_out() - frames
        passed_s = time.perf_counter() - began
        spent = {name: now - before[name] for name, now in self.cpu_s().items()}
        deliveries = sum(report["deliveries"] for report in reports)
        viewers = sum(report["open"] for report in reports)
        return {
            "viewers": viewers,
            "seconds": round(passed_s, 2),
            "deliveries_per_s": round(deliveries / passed_s),
            "fps": round(frames / passed_s, 1),
            "delivered": round(deliveries / max(1, viewers * frames), 4),
            "p50_ms": max(report["p50_ms"] for report in reports),
            "p99_ms": max(report["p99_ms"] for report in reports),
            "max_ms": max(report["max_ms"] for report in reports),
            "mbit_per_s": round(sum(report["bytes"] for report in reports) * 8e-6 / passed_s, 1),
            "closed": sum(report["closed"] for report in reports),
            "deliveries": deliveries,
            "cpu_s": spent,
        }

    def given_out(self) -> int:
        """Frames that the worker has ever given out for the tier that is watched."""
        with redis.Redis.from_url(self.url) as client:
            stream: Any = client.xinfo_stream(keys.out(RUN, TIER))
        return int(stream["entries-added"])

    def cpu_s(self) -> dict[str, float]:
        """CPU time of every process so far."""
        return {name: cpu_s(pid) for name, pid in self.pids.items()}

    def rss_bytes(self) -> dict[str, int]:
        """Resident memory of every process."""
        return {name: rss_bytes(pid) for name, pid in self.pids.items()}

    def close(self) -> None:
        """Cut all viewers."""
        for client in self.clients:
            client.close()
        self.clients.clear()


@contextlib.contextmanager
def whole(gateways: int = 1, entities: int = 1_000, hz: float = 30.0, phases: Sequence[str] = ()) -> Iterator[Whole]:
    """A system that publishes; it ends with the block.

    Args:
        gateways: processes, each on a port of its own.
        entities: that the simulation has.
        hz: frames a second.
        phases: more of `ENTITIES:SECONDS`, after which the simulation goes on as it began.

    Raises:
        Problem: a process does not start, or the load client cannot be built.
    """
    raise_limits()
    python = (sys.executable, "-m")
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(server())
        system = Whole(url, hz)
        stack.callback(system.close)
        with redis.Redis.from_url(url) as client:
            described: Any = client.info("server")
            system.pids["server"] = described["process_id"]
        system.pids["worker"] = stack.enter_context(child(*python, "lanecast.ops", "worker", "--redis", url)).pid
        for n in range(gateways):
            port = ports.free_port()
            command = (
                "env", f"LANECAST_REDIS_URL={url}", f"LANECAST_PORT={port}", "LANECAST_LOG_LEVEL=error",
                "LANECAST_SECRET=", "LANECAST_MAX_VIEWERS=200000", *python, "lanecast.gateway",
            )  # fmt: skip
            system.pids[f"gateway {n + 1}"] = stack.enter_context(child(*command)).pid
            system.ports.append(port)
        words = (url, RUN, str(entities), str(hz), *phases)
        simulation = stack.enter_context(child(*python, "lanecast.ops.bench.stamping", *words))
        system.pids["simulation"] = simulation.pid
        _await(system)
        yield system


def _await(system: Whole) -> None:
    """Until every gateway hands out frames."""
    deadline = time.monotonic() + START_S
    with redis.Redis.from_url(system.url) as client:
        while not client.exists(keys.info(RUN)):
            if time.monotonic() > deadline:
                raise Problem("no worker has taken the run")
            time.sleep(0.05)
    for port in system.ports:
        while not _delivers(system, port):
            if time.monotonic() > deadline:
                raise Problem(f"the gateway on port {port} hands out no frames")
    time.sleep(SETTLE_S)


def _delivers(system: Whole, port: int) -> bool:
    try:
        system.watch(1, port)
    except Problem:
        time.sleep(0.1)
        return False
    time.sleep(0.3)
    counted = system.clients[-1].report()["deliveries"]
    system.clients.pop().close()
    return bool(counted)
