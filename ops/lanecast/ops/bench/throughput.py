"""Throughput: deliveries a second of one gateway, at frame rates that double until not all frames come any more."""

from __future__ import annotations

from typing import Any, Final

from lanecast.ops.bench.result import Result, at_least
from lanecast.ops.bench.whole import whole

RATES: Final = (15.0, 30.0, 60.0, 120.0)
ALL: Final = 0.97
WANTED: Final = 29_000.0
"""Deliveries a second: 1,000 viewers at 30 Hz, and what the last frame of a measurement is late."""


def measure(quick: bool, viewers: int = 1000, seconds: float | None = None) -> Result:
    """A row for each rate, each with a system of its own."""
    rows: list[dict[str, Any]] = []
    for rate in RATES[: 2 if quick else None]:
        with whole(entities=100, hz=rate) as system:
            system.watch(viewers)
            found = system.measure(seconds or (4.0 if quick else 15.0))
        spent = found.pop("cpu_s")
        rows.append(
            {
                "hz": rate,
                **{name: found[name] for name in ("viewers", "deliveries_per_s", "delivered", "p50_ms", "p99_ms")},
                "deliveries_per_gateway_cpu_s": round(found["deliveries"] / max(0.01, spent["gateway 1"])),
                "cpu_us_per_delivery": round(spent["gateway 1"] / max(1, found["deliveries"]) * 1e6, 2),
                "closed": found["closed"],
            }
        )
    best = max((row["deliveries_per_s"] for row in rows if row["delivered"] >= ALL), default=0)
    wanted = WANTED * viewers / 1000
    return Result([at_least("deliveries a second of one gateway, none missing", best, wanted, "/s")], rows)
