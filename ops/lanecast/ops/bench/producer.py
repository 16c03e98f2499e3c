"""What streaming costs a simulation whose steps take 80 ms, while the server is well, and while it is not.

Ways take turns, a block of steps each, and are compared within their round: a machine that changes its mood does so for
all of them. What counts is the median over the rounds.
"""

from __future__ import annotations

import time
from statistics import median
from typing import Any

from lanecast.broker import logs
from lanecast.ops.bench.machine import server
from lanecast.ops.bench.producer_failures import FAILURES, servers, suffer
from lanecast.ops.bench.producer_ways import ENTITIES, STEP_S, Publish, Simulation, none, ways
from lanecast.ops.bench.result import Check, Result, at_most, quantile
from lanecast.producer.bench import measure_publish

Times = list[tuple[float, float]]
"""Of each step, in seconds: all of it, and what publishing took of it."""


def measure(quick: bool) -> Result:
    """Overhead of each way, cost of the call, and what failures of the server change."""
    logs.configure("ERROR")  # that a server is away is what is measured here
    simulation = Simulation()
    compared, rows = _compare(simulation, rounds=4 if quick else 30, steps=8 if quick else 12)
    failed, more = _fail(simulation, rounds=2 if quick else 12, steps=16 if quick else 40)
    return Result([*_call(quick), *compared, *failed], rows + more)


def _call(quick: bool) -> list[Check]:
    with server() as url:
        rows = measure_publish(url, calls=3_000 if quick else 20_000)
    row = next(row for row in rows if row["entities"] == ENTITIES)
    return [
        at_most(f"publish() of {ENTITIES:,} entities in columns, p50", row["p50_us"], 10.0, "us"),
        at_most(f"publish() of {ENTITIES:,} entities in columns, p99", row["p99_us"], 100.0, "us"),
    ]


def _compare(simulation: Simulation, rounds: int, steps: int) -> tuple[list[Check], list[dict[str, Any]]]:
    known = ways()
    times: dict[str, list[Times]] = {name: [] for name in known}
    with server() as url:
        for turn in range(rounds):
            names = list(known)
            for name in names[turn % len(names) :] + names[: turn % len(names)]:
                with known[name](url) as publish:
                    times[name].append(_block(simulation, publish, steps))
    rows = [_row(name, blocks, times["none"]) for name, blocks in times.items()]
    overhead = next(row["overhead_percent"] for row in rows if row["way"] == "lanecast")
    return [at_most(f"streaming, of a step of {STEP_S * 1000:g} ms", overhead, 1.0, "%")], rows


def _fail(simulation: Simulation, rounds: int, steps: int) -> tuple[list[Check], list[dict[str, Any]]]:
    checks: list[Check] = []
    rows = []
    with servers() as make:
        for failure in FAILURES:
            alone: list[Times] = []
            through: list[Times] = []
            wrong = 0
            for _ in range(rounds):
                alone.append(_block(simulation, none, steps))
                taken, missed = suffer(simulation, failure, steps, make)
                through.append([(step_s, 0.0) for step_s in taken])
                wrong += missed
            row = _row(f"lanecast: {failure}", through, alone)
            rows.append(row)
            checks += [
                at_most(f"server {failure}: p99 of a step over that without streaming", row["p99_ratio"], 1.05, "x"),
                at_most(f"server {failure}: critical messages not there once, in order", wrong, 0, "messages"),
            ]
    return checks, rows


def _block(simulation: Simulation, publish: Publish, steps: int) -> Times:
    simulation.step()  # what the block before has left behind is over
    taken = []
    for step in range(1, steps + 1):
        began = time.perf_counter()
        layers = simulation.step()
        worked = time.perf_counter()
        publish(layers, step)
        ended = time.perf_counter()
        taken.append((ended - began, ended - worked))
    return taken


def _row(way: str, blocks: list[Times], alone: list[Times]) -> dict[str, Any]:
    steps = [step_s * 1000 for block in blocks for step_s, _ in block]
    calls = [call_s * 1e6 for block in blocks for _, call_s in block]
    pairs = [
        ([step_s for step_s, _ in one], [step_s for step_s, _ in other])
        for one, other in zip(blocks, alone, strict=True)
    ]
    return {
        "way": way,
        "steps": len(steps),
        "step_p50_ms": round(quantile(steps, 0.5), 3),
        "step_p99_ms": round(quantile(steps, 0.99), 3),
        "overhead_percent": round(median(quantile(a, 0.5) / quantile(b, 0.5) - 1 for a, b in pairs) * 100, 3),
        "p99_ratio": round(median(quantile(a, 0.99) / quantile(b, 0.99) for a, b in pairs), 4),
        "call_p50_us": round(quantile(calls, 0.5), 1),
        "call_p99_us": round(quantile(calls, 0.99), 1),
    }
