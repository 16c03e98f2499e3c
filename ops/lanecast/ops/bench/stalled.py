"""Viewers who do not read: whether the others notice, what they cost, and what they see when they read again.

One gateway on a core of its own. Rounds go in pairs, so that a machine that changes its mood does so for both: first
the others alone, then the same others beside viewers with small receive buffers who have stopped reading.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

from lanecast.ops.bench import fanout_servers as servers
from lanecast.ops.bench.fanout_servers import NATIVE, PYTHON, Around, Server
from lanecast.ops.bench.fanout_sources import RunSource, Source, cast
from lanecast.ops.bench.fanout_tools import SOURCES, LoadClient, build, rss_bytes, share_the_cores
from lanecast.ops.bench.house import ask_for_files
from lanecast.ops.bench.machine import server
from lanecast.ops.bench.result import Check, Result, at_least, at_most

SHARE: Final = 0.1
RCVBUF_BYTES: Final = 4_096
BUDGET_MS: Final = 500.0
"""The freshness budget of a viewer who asks for none."""
DELAYED: Final = 1.2
GROWN_BYTES: Final = 32_768
"""What a gateway may keep in its memory for one who does not read: more than it does, far less than without limit."""
SEEN_S: Final = 0.5
FILL_S: Final = 2.0
BACK_S: Final = 2.0
STEP_S: Final = 0.1
DRAIN_S: Final = 3.0


@dataclass(frozen=True)
class Pair:
    """A round without and one with stalled viewers.

    Attributes:
        alone_ms, beside_ms: of the others' frames, from publication until received: p99.
        delivered: share of the others' frames that have come, the lesser of both rounds.
        grown_bytes: of the gateway's memory, for each stalled viewer.
        stalled_ms: how old the state of the worst of them was when they began to read again.
        back_s: until none of them had state over the budget; infinite: never.
        kept: stalled viewers whose connections were still there.
    """

    alone_ms: float
    beside_ms: float
    delivered: float
    grown_bytes: float
    stalled_ms: float
    back_s: float
    kept: int


def measure(quick: bool, viewers: int | None = None, rate: float = 15.0, size: int = 1024) -> Result:
    """Pairs of rounds.

    Args:
        quick: 500 viewers and two pairs, instead of 4,000 and five.
        viewers: how many, a tenth of whom stalls.
        rate: frames a second.
        size: of a frame, in bytes.
    """
    count = viewers or (500 if quick else 4_000)
    ask_for_files(count)
    stalling = max(1, round(count * SHARE))
    length_s = 2.0 if quick else 4.0
    with ExitStack() as stack:
        stack.callback(os.sched_setaffinity, 0, os.sched_getaffinity(0))
        core = share_the_cores()
        around = Around(stack.enter_context(server()), core, size, stack)
        tool = build(SOURCES / "loadclient.c")
        started = servers.start(NATIVE if servers.missing(NATIVE) is None else PYTHON, around)
        source = started.source()
        if isinstance(source, RunSource):
            source.on_demand = True  # who has fallen behind asks for a keyframe
        others = LoadClient(tool, started.port, started.path, count - stalling, started.talk)
        stack.callback(others.close)

        def stall() -> LoadClient:
            talk = (*started.talk, "--rcvbuf", str(RCVBUF_BYTES))
            return LoadClient(tool, started.port, started.path, stalling, talk)

        cast(source, rate, 1.0)
        stall().close()  # what a process needs for the first of them it needs once
        pairs = [
            _pair(started, source, others, stall, rate, length_s, (count - stalling, stalling))
            for _ in range(2 if quick else 5)
        ]
    return Result(
        _checks(pairs, stalling), [_row(n, pair, count - stalling, stalling) for n, pair in enumerate(pairs, 1)]
    )


def _pair(
    started: Server, source: Source, others: LoadClient, stall: Callable[[], LoadClient], rate: float, length_s: float,
    counts: tuple[int, int],
) -> Pair:  # fmt: skip
    reading, stalling = counts
    cast(source, rate, FILL_S)  # so that both rounds begin alike
    alone_ms, came = _round(source, others, rate, length_s, reading)
    before = rss_bytes(started.pid)
    stalled = stall()
    try:
        cast(source, rate, SEEN_S)
        stalled.stop_reading()
        cast(source, rate, FILL_S)
        beside_ms, came_beside = _round(source, others, rate, length_s, reading)
        grown = (rss_bytes(started.pid) - before) / stalling
        stalled_ms = float(stalled.report()["state_ms"])
        stalled.read_again()
        began, back_s = time.monotonic(), float("inf")
        while time.monotonic() - began < BACK_S:
            cast(source, rate, max(STEP_S, 1 / rate))
            late = stalled.report()["state_ms"] > BUDGET_MS
            back_s = float("inf") if late else min(back_s, time.monotonic() - began)
        kept = int(stalled.report()["open"])
    finally:
        stalled.close()
    return Pair(alone_ms, beside_ms, min(came, came_beside), grown, stalled_ms, back_s, kept)


def _round(source: Source, others: LoadClient, rate: float, length_s: float, reading: int) -> tuple[float, float]:
    others.reset()
    frames = cast(source, rate, length_s)
    deadline = time.monotonic() + DRAIN_S
    while (counted := others.report())["deliveries"] < frames * reading and time.monotonic() < deadline:
        time.sleep(0.02)
    return float(counted["p99_ms"]), counted["deliveries"] / (frames * reading)


def _checks(pairs: list[Pair], stalling: int) -> list[Check]:
    delayed = statistics.median(pair.beside_ms / pair.alone_ms for pair in pairs)
    return [
        at_most("the others' p99 over that without stalled viewers, median of the pairs", delayed, DELAYED, "x"),
        at_least("share of the others' frames delivered", min(pair.delivered for pair in pairs), 0.99, ""),
        at_most("memory kept for a stalled viewer", max(pair.grown_bytes for pair in pairs), GROWN_BYTES, "bytes"),
        at_least(
            "age of a stalled viewer's state before it reads again", min(p.stalled_ms for p in pairs), BUDGET_MS, "ms"
        ),
        at_most("until none had state over its budget again", max(pair.back_s for pair in pairs), 1.0, "s"),
        at_least("stalled viewers that were kept", min(pair.kept for pair in pairs), stalling, ""),
    ]


def _row(number: int, pair: Pair, reading: int, stalling: int) -> dict[str, Any]:
    return {
        "pair": number,
        "reading": reading,
        "stalled": stalling,
        "p99_alone_ms": round(pair.alone_ms, 2),
        "p99_beside_ms": round(pair.beside_ms, 2),
        "ratio": round(pair.beside_ms / pair.alone_ms, 3),
        "bytes_per_stalled": round(pair.grown_bytes),
        "stalled_for_ms": round(pair.stalled_ms),
        "fresh_again_s": round(pair.back_s, 3),
    }
