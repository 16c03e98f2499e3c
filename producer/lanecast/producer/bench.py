"""What publishing costs the simulation's thread."""

from __future__ import annotations

import time
from typing import Any

from lanecast.producer.run import Run


def measure_publish(url: str | None = None, *, calls: int = 5_000, pause_s: float = 0.0) -> list[dict[str, Any]]:
    """Time `Run.frame` for frames of 100, 1,000 and 10,000 entities in NumPy columns (id, x, y), against a real server.

    Returns a row for each: `entities`, `calls`, `p50_us`, `p99_us`, `max_us` of one call. `pause_s` sleeps between
    calls, as a simulation's step would: the processor's caches are cold then, and each call takes longer.
    """
    import numpy as np

    rows = []
    for entities in (100, 1_000, 10_000):
        ids = np.arange(entities, dtype=np.uint32)
        xs, ys = np.random.default_rng(1).random((2, entities))
        taken_ns = []
        with Run(f"bench-publish-{entities}", url=url) as run:
            for step in range(calls):
                start = time.perf_counter_ns()
                run.frame({"points": {"id": ids, "x": xs, "y": ys}}, step=step, time_s=step * 0.1)
                taken_ns.append(time.perf_counter_ns() - start)
                if pause_s:
                    time.sleep(pause_s)
        taken_ns.sort()
        rows.append(
            {
                "entities": entities,
                "calls": calls,
                "p50_us": taken_ns[calls // 2] / 1000,
                "p99_us": taken_ns[calls * 99 // 100] / 1000,
                "max_us": taken_ns[-1] / 1000,
            }
        )
    return rows
