"""A viewer's link narrows to 1 Mbit/s, to 200 kbit/s, and opens again: the gateway finds the tier that fits each time.

The whole way is real: a producer publishes moving vehicles, a worker renders the tiers that are asked for, a gateway
process serves a viewer through a narrow proxy (`narrow`). Producer and viewer share this machine's clock, so the age of
a frame is the time from its publication until the viewer has decoded it.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from lanecast.broker.tiers import SERVED
from lanecast.ops import ports, tether
from lanecast.ops.bench.machine import child, server
from lanecast.ops.bench.result import Check, Result, at_least, at_most, quantile
from lanecast.ops.problem import Problem
from lanecast.ops.session import Session

RUN: Final = "bench-throttle"
VEHICLES: Final = 2_000
RATE_HZ: Final = 30.0
BUDGET_MS: Final = 500.0
SNDBUF_BYTES: Final = 8_192
SETTLE_S: Final = 5.0
WARM_S: Final = 2.0
BACK_S: Final = 15.0
START_S: Final = 20.0
REPORT_S: Final = 1.0


@dataclass
class Phase:
    """One width of the link, and what came through it.

    Attributes:
        changes: (seconds since its begin, tier) of each change.
        ages: (seconds since its begin, milliseconds since publication) of each frame.
    """

    name: str
    width: float
    lasts_s: float
    tier: str = ""
    changes: list[tuple[float, str]] = field(default_factory=list)
    ages: list[tuple[float, float]] = field(default_factory=list)
    bytes_in: int = 0


def phases(quick: bool) -> list[Phase]:
    """The widths, in bytes per second, in their order."""
    long_s = 13.0 if quick else 40.0
    return [
        Phase("unlimited", float("inf"), 5.0 if quick else 10.0),
        Phase("1 Mbit/s", 125_000.0, long_s),
        Phase("200 kbit/s", 25_000.0, long_s),
        Phase("unlimited again", float("inf"), max(BACK_S + 2.0, long_s)),
    ]


def measure(quick: bool) -> Result:
    """Walk through the phases with one viewer."""
    plan = phases(quick)
    port = ports.free_port()
    with (
        server() as url,
        child(sys.executable, "-m", "lanecast.ops", "worker", "--redis", url),
        child(sys.executable, "-m", __name__, url),
        _gateway(url, port),
        _Proxy(port) as proxy,
    ):
        _wait_for(port)
        asyncio.run(_watch(plan, proxy))
    return Result(_checks(plan), [_row(phase) for phase in plan])


def _checks(plan: list[Phase]) -> list[Check]:
    checks: list[Check] = []
    for phase in plan:
        last = max((at for at, _ in phase.changes), default=0.0)
        settled = [at for at, _ in phase.changes if at > SETTLE_S]
        ages = [age for at, age in phase.ages if at > (SETTLE_S if phase is not plan[0] else WARM_S)]
        worst = max((sum(begin <= at < begin + 10 for at in settled) for begin in settled), default=0)
        if phase is plan[-1]:
            at_top = next((at for at, tier in reversed(phase.changes) if tier == SERVED[-1]), float("inf"))
            back = 0.0 if phase.tier == SERVED[-1] and not phase.changes else at_top
            checks.append(at_most(f"{phase.name}: back at {SERVED[-1]} after", back, BACK_S, "s"))
            ages = [age for at, age in phase.ages if at > max(SETTLE_S, last)]
        elif phase is not plan[0]:
            checks += [
                at_most(f"{phase.name}: settled after", next((at for at in settled), last), SETTLE_S, "s"),
                at_most(f"{phase.name}: changes of tier within 10 s once settled", worst, 1, "changes"),
            ]
        checks.append(at_least(f"{phase.name}: frames a second", len(ages) / phase.lasts_s, 1.0, "Hz"))
        checks.append(at_most(f"{phase.name}: age p99 once settled", quantile(ages or [1e9], 0.99), BUDGET_MS, "ms"))
    return checks


def _row(phase: Phase) -> dict[str, Any]:
    ages = [age for at, age in phase.ages if at > SETTLE_S] or [0.0]
    return {
        "link": phase.name,
        "tier": phase.tier,
        "changes": " ".join(f"{at:.1f}s:{tier}" for at, tier in phase.changes) or "-",
        "frames": len(phase.ages),
        "kbit_per_s": round(phase.bytes_in * 8 / 1000 / phase.lasts_s),
        "age_p50_ms": round(quantile(ages, 0.5), 1),
        "age_p99_ms": round(quantile(ages, 0.99), 1),
        "age_max_ms": round(max((age for _, age in phase.ages), default=0.0), 1),
    }


async def _watch(plan: list[Phase], proxy: _Proxy) -> None:
    session = Session(RUN)
    uri = f"ws://127.0.0.1:{proxy.port}/ws"
    v1 = Subprotocol("lanecast.v1")
    async with connect(uri, subprotocols=[v1], compression=None, max_size=None, max_queue=4, proxy=None) as socket:
        try:
            await asyncio.wait_for(_until_a_frame(socket, session), START_S)
        except TimeoutError:
            raise Problem(f"no frame within {START_S:g} s: the producer or the worker does not start") from None
        for phase in plan:
            proxy.widen(phase.width)
            await _walk(phase, socket, session)


async def _until_a_frame(socket: Any, session: Session) -> None:
    session.connected()
    while True:
        message = msgspec.msgpack.decode(await socket.recv())
        if message.get("type") == "error" and message.get("code") == "unknown_run":
            await asyncio.sleep(0.1)
            await socket.send(msgspec.msgpack.encode({"type": "subscribe", "run": RUN}))
            continue
        taken = session.take(message, time.time() * 1000)
        for answer in taken.send:
            await socket.send(msgspec.msgpack.encode(answer))
        if taken.frame:
            return


async def _walk(phase: Phase, socket: Any, session: Session) -> None:
    began = time.monotonic()
    phase.tier = session.tier
    reported = began
    with_end = began + phase.lasts_s
    while (now := time.monotonic()) < with_end:
        try:
            data = await asyncio.wait_for(socket.recv(), max(0.01, with_end - now))
        except TimeoutError:
            return
        except ConnectionClosed as closed:
            raise Problem(f"the gateway let the viewer go: {closed}") from None
        phase.bytes_in += len(data)
        message = msgspec.msgpack.decode(data)
        taken = session.take(message, time.time() * 1000)
        for answer in taken.send:
            await socket.send(msgspec.msgpack.encode(answer))
        at = time.monotonic() - began
        if message.get("type") == "notice" and "tier" in message:
            phase.changes.append((at, message["tier"]))
            phase.tier = message["tier"]
        elif taken.frame:
            phase.ages.append((at, time.time() * 1000 - message["hops"]["pub_ms"]))
        if time.monotonic() - reported >= REPORT_S and phase.ages:
            reported = time.monotonic()
            report = {"type": "report", "run": RUN, "fps": RATE_HZ, "age_ms": phase.ages[-1][1]}
            await socket.send(msgspec.msgpack.encode(report))


class _Proxy:
    """The narrow link, a process of its own: a decoder that is busy must not narrow it further."""

    def __init__(self, target: int) -> None:
        command = [sys.executable, "-S", str(Path(tether.__file__)), str(os.getpid())]
        command += [sys.executable, "-m", "lanecast.ops.bench.narrow", str(target)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603
        assert self._process.stdout is not None  # noqa: S101 - it was asked for
        self.port = int(self._process.stdout.readline())

    def __enter__(self) -> _Proxy:  # noqa: PYI034 - it is private
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate()

    def widen(self, width: float) -> None:
        """From now on so many bytes per second."""
        assert self._process.stdin is not None  # noqa: S101 - it was asked for
        self._process.stdin.write(f"{width}\n")
        self._process.stdin.flush()


def _gateway(url: str, port: int) -> Any:
    settings = {"REDIS_URL": url, "PORT": port, "FRESHNESS_MS": BUDGET_MS, "SNDBUF_BYTES": SNDBUF_BYTES}
    words = [f"LANECAST_{name}={value}" for name, value in settings.items()]
    return child("/usr/bin/env", *words, sys.executable, "-m", "lanecast.gateway")


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise Problem("the gateway does not start") from None
            time.sleep(0.05)


def publish(url: str) -> None:
    """Publish vehicles that drive about until killed."""
    from lanecast.producer import Run

    rng = np.random.default_rng(7)
    ids = np.arange(VEHICLES, dtype=np.uint32)
    x, y = rng.uniform(0, 2_000, VEHICLES), rng.uniform(0, 2_000, VEHICLES)
    angle, speed = rng.uniform(0, 360, VEHICLES), rng.uniform(0, 15, VEHICLES)
    with Run(RUN, url=url, kind="traffic", title="Throttled") as run:
        began = time.monotonic()
        for step in itertools.count(1):
            angle = (angle + rng.normal(0, 2, VEHICLES)) % 360
            speed = np.clip(speed + rng.normal(0, 0.3, VEHICLES), 0, 15)
            x = (x + speed / RATE_HZ * np.cos(np.radians(angle))) % 2_000
            y = (y + speed / RATE_HZ * np.sin(np.radians(angle))) % 2_000
            layer = {"id": ids, "x": x, "y": y, "angle": angle, "speed": speed}
            run.frame({"vehicles": layer}, step=step, time_s=step / RATE_HZ)
            time.sleep(max(0.0, began + step / RATE_HZ - time.monotonic()))


if __name__ == "__main__":
    publish(sys.argv[1])
