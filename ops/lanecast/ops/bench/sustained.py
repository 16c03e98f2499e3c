"""Sustained load: 1,000 viewers at 30 Hz through the whole way, for ten minutes; memory must stay where it is."""

from __future__ import annotations

from typing import Any, Final

from lanecast.ops.bench.result import Result, at_least, at_most
from lanecast.ops.bench.whole import whole

P99_MS: Final = 100.0
GROWTH: Final = 0.05
ALLOWED_BYTES: Final = 4 * 2**20
"""What a small process may grow by besides: of 60 MB 5 % is what one more arena of the allocator takes."""


def measure(
    quick: bool, viewers: int = 1000, rate: float = 30.0, seconds: float | None = None, entities: int = 1_000
) -> Result:
    """One row for each part of the time; the first is for warming up, and memory is compared with its end."""
    length_s = seconds or (30.0 if quick else 600.0)
    parts = 5 if quick else 10
    with whole(entities=entities, hz=rate) as system:
        system.watch(viewers)
        rows: list[dict[str, Any]] = []
        held: list[dict[str, int]] = []
        for n in range(parts):
            found = system.measure(length_s / parts)
            held.append(system.rss_bytes())
            del found["cpu_s"], found["deliveries"]
            memory = {f"{name}_mb".replace(" ", "_"): round(size / 2**20, 1) for name, size in held[-1].items()}
            rows.append({"part": n + 1, **found, **memory})
    grown = {name: growth(held[0][name], held[-1][name]) for name in held[0]}
    later = rows[1:]
    return Result(
        [
            at_most("p99 from published to received, worst part", max(row["p99_ms"] for row in later), P99_MS, "ms"),
            at_most("connections lost", max(row["closed"] for row in rows), 0, ""),
            at_least("share of frames delivered, worst part", min(row["delivered"] for row in later), 0.98, ""),
            *(
                at_most(f"growth of {name} after the first part", value, GROWTH, "of its memory")
                for name, value in grown.items()
            ),
        ],
        rows,
    )


def growth(before: int, after: int) -> float:
    """By what share memory has grown; a few MiB are noise of the allocator. Pure."""
    return round(max(0, after - before - ALLOWED_BYTES) / before, 4)
