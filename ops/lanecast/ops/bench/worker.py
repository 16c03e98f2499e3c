"""What one core of a worker takes: entity updates a second through the whole path, with all five tiers in demand.

One worker process is pinned to one core; the server, and this process which publishes at an even pace, to another. The
way is the real one: frames are read from the lane `high`, merged, rendered in five tiers and committed. The figure is
entities taken over the worker's CPU time, as the kernel counts it; frames skipped for newer ones do not count.
"""

from __future__ import annotations

import itertools
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import redis

from lanecast.broker import keys, wire
from lanecast.broker.demand import Demand
from lanecast.broker.tiers import SERVED
from lanecast.broker.wire import Message
from lanecast.ops.bench.machine import child, server
from lanecast.ops.bench.result import Result, at_least

SIZES: Final = {100: 30.0, 1_000: 30.0, 10_000: 30.0, 100_000: 10.0}
"""Entities -> frames a second: the rate of `ultra`, and, for the largest, of all five tiers."""
HELD: Final = {10_000, 100_000}
LIMIT: Final = 1_000_000.0
STEPS: Final = 32
LANE_KEPT: Final = 16
WARM_S: Final = 1.5


def measure(quick: bool) -> Result:
    """One size after the other, each with a server and a worker of its own."""
    rows = [_measure(entities, hz, 4.0 if quick else 20.0) for entities, hz in SIZES.items()]
    checks = [
        at_least(
            f"entity updates per core and second, {row['entities']:,} entities", row["updates_per_core_s"], LIMIT, "/s"
        )
        for row in rows
        if row["entities"] in HELD
    ]
    return Result(checks, rows)


def _measure(entities: int, hz: float, seconds: float) -> dict[str, Any]:
    run = f"bench-{entities}"
    cores = sorted(os.sched_getaffinity(0))
    worker_core, other = {cores[0]}, {cores[-1]}
    os.sched_setaffinity(0, other)
    try:
        with (
            server() as url,
            child(sys.executable, "-m", "lanecast.ops", "worker", "--redis", url) as worker,
            redis.Redis.from_url(url) as client,
        ):
            os.sched_setaffinity(worker.pid, worker_core)
            client.sadd(keys.RUNS, run)
            frames = crowd(entities)
            _publish(client, run, frames, hz, WARM_S)
            _await(client, run)
            _publish(client, run, frames, hz, WARM_S)
            before, cpu_s = _counted(client, run), cpu_of(worker.pid)
            began = time.perf_counter()
            published = _publish(client, run, frames, hz, seconds)
            passed_s = time.perf_counter() - began
            after, cpu_s = _counted(client, run), cpu_of(worker.pid) - cpu_s
    finally:
        os.sched_setaffinity(0, cores)
    taken = published - (after["dropped"] - before["dropped"])
    return {
        "entities": entities,
        "hz": hz,
        "frames_taken": taken,
        "updates_per_core_s": round(taken * entities / max(cpu_s, 0.01)),
        "core_share": round(cpu_s / passed_s, 3),
        **{f"fps_{tier}": round((after[tier] - before[tier]) / passed_s, 1) for tier in SERVED},
        **{f"bytes_{tier}": client_bytes for tier, client_bytes in after["bytes"].items()},
    }


def crowd(entities: int) -> Iterator[dict[str, Any]]:
    """Frames without end, made beforehand: publishing them is to take as little as it can."""
    return itertools.cycle(list(itertools.islice(_drive(entities), 2 * STEPS)))


def _drive(entities: int) -> Iterator[dict[str, Any]]:
    """Vehicles that drive to and fro, one in a thousand leaving and another coming each time."""
    random = np.random.default_rng(1)
    churn = entities // 1_000
    n = entities + churn * STEPS
    ids = np.arange(n, dtype=np.uint32)
    x, y, angle = random.uniform(0, 5_000, n), random.uniform(0, 5_000, n), random.uniform(0, 360, n)
    top, phase = random.uniform(5, 14, n), random.uniform(0, 6, n)
    kinds = random.integers(0, 3, n).astype(np.uint8)
    turn = 0
    while True:
        at = STEPS - abs(turn % (2 * STEPS) - STEPS)
        rows = slice(at * churn, at * churn + entities)
        speed = top * (1 + 0.1 * np.sin(phase + at / 5))
        along = speed * at / 10
        columns = {
            "x": x + along * np.cos(np.radians(angle)),
            "y": y + along * np.sin(np.radians(angle)),
            "angle": angle,
            "speed": speed,
        }
        yield {
            "id": _column(ids[rows]),
            **{name: _column(values[rows].astype(np.float32)) for name, values in columns.items()},
            "type": {**_column(kinds[rows]), "values": ["car", "bus", "truck"]},
        }
        turn += 1


def _column(values: Any) -> dict[str, Any]:
    return {"dtype": values.dtype.str[1:], "data": values.tobytes()}


def _publish(client: Any, run: str, frames: Iterator[dict[str, Any]], hz: float, seconds: float) -> int:
    """Publish at an even pace, and want all tiers; returns how many frames."""
    began, n, asked = time.perf_counter(), 0, -1.0
    until = began + seconds
    step = int(time.time() * 1000)
    while (now := time.perf_counter()) < until:
        if now - asked > 1.0:
            asked = now
            for tier in SERVED:
                client.xadd(keys.demand(run), Demand("bench", tier, 1).to_fields(), maxlen=64)
        step += 1
        data = wire.encode({"step": step, "time_s": step / 1000, "layers": {"vehicles": next(frames)}})
        fields = Message("frame", data, t_ms=time.time() * 1000).to_fields()
        client.xadd(keys.lane(run, "high"), fields, maxlen=LANE_KEPT, approximate=False)
        n += 1
        time.sleep(max(0.0, began + n / hz - time.perf_counter()))
    return n


def _await(client: Any, run: str) -> None:
    """Until the worker renders."""
    deadline = time.monotonic() + 20
    while not all(client.exists(keys.out(run, tier)) for tier in SERVED):
        if time.monotonic() > deadline:
            raise RuntimeError("the worker renders nothing")
        time.sleep(0.05)


def _counted(client: Any, run: str) -> dict[str, Any]:
    """Frames dropped, frames rendered of each tier, and the size of each tier's newest delta."""
    counts = {name.decode(): int(value) for name, value in client.hgetall(keys.counts(run)).items()}
    found: dict[str, Any] = {"dropped": sum(by for name, by in counts.items() if ":high" in name), "bytes": {}}
    for tier in SERVED:
        found[tier] = client.xinfo_stream(keys.out(run, tier))["entries-added"]
        newest = client.xrevrange(keys.out(run, tier), count=20)
        deltas = [len(fields[b"data"]) for _, fields in newest if fields[b"key"] == b"0"]
        found["bytes"][tier] = deltas[0] if deltas else 0
    return found


def cpu_of(pid: int) -> float:
    """CPU seconds that a process has used, of its own and of the kernel's for it."""
    words = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
