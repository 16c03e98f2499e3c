"""End-to-end latency by hop: published, taken by the server, given out by the worker, received by a viewer.

Every frame carries its times; all processes are on one machine and read one clock. Other viewers are there as load.
"""

from __future__ import annotations

import time
from typing import Any, Final

from lanecast.ops.bench.probe import Probe, Seen
from lanecast.ops.bench.result import Result, at_least, at_most, quantile
from lanecast.ops.bench.whole import RUN, TIER, whole
from lanecast.ops.problem import Problem

P99_MS: Final = 50.0
HOPS: Final = {
    "published → in Redis": ("pub_ms", "in_ms"),
    "in Redis → given out by the worker": ("in_ms", "out_ms"),
    "given out → received": ("out_ms", "at_ms"),
    "published → received": ("pub_ms", "at_ms"),
}


def measure(
    quick: bool, viewers: int = 1000, rate: float = 30.0, seconds: float | None = None, entities: int = 1_000
) -> Result:
    """A row for each hop, and one for the whole way."""
    length_s = seconds or (8.0 if quick else 60.0)
    with whole(entities=entities, hz=rate) as system:
        system.watch(viewers)
        with Probe(system.ports[0], RUN, TIER) as probe:
            time.sleep(1.0)
            probe.frames.clear()
            time.sleep(length_s)
            frames = list(probe.frames)
    if not frames:
        raise Problem("the viewer that measures got no frames")
    rows = [row(name, frames, *ends) for name, ends in HOPS.items()]
    return Result(
        [
            at_most("p99 from published to received", rows[-1]["p99_ms"], P99_MS, "ms"),
            at_least("frames a second that came", round(len(frames) / length_s, 1), 0.8 * rate, "/s"),
        ],
        rows,
    )


def row(name: str, frames: list[Seen], start: str, end: str) -> dict[str, Any]:
    """The quantiles of one hop. Pure. Redis stamps whole milliseconds: a hop may look shorter than nothing by one."""
    times = [{**frame.hops, "at_ms": frame.at_ms} for frame in frames]
    took = [each[end] - each[start] for each in times]
    return {
        "hop": name,
        "frames": len(took),
        **{f"p{round(share * 100)}_ms": round(quantile(took, share), 2) for share in (0.5, 0.9, 0.99)},
        "max_ms": round(max(took), 2),
    }
