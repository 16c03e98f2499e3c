"""Throughput: deliveries a second of one gateway at 30 Hz, while its viewers double until frames come late."""

from __future__ import annotations

from typing import Any, Final

from lanecast.ops.bench.result import Result, at_least
from lanecast.ops.bench.whole import whole

STEPS: Final = (500, 1_000, 2_000, 4_000)
ALL: Final = 0.97
LATE_MS: Final = 500.0
"""The budget of freshness: what is older is not worth being delivered."""
WANTED: Final = 25_000.0
"""Deliveries a second: 1,000 viewers at 30 Hz, less what the ticks of a worker take together."""


def measure(quick: bool, rate: float = 30.0, seconds: float | None = None) -> Result:
    """A row for each number of viewers."""
    rows: list[dict[str, Any]] = []
    with whole(entities=100, hz=rate) as system:
        for wanted in STEPS[: 2 if quick else None]:
            system.watch(wanted - (rows[-1]["viewers"] if rows else 0))
            found = system.measure(seconds or (4.0 if quick else 15.0))
            spent = found.pop("cpu_s")
            rows.append(
                {
                    **{name: found[name] for name in ("viewers", "fps", "deliveries_per_s", "delivered")},
                    **{name: found[name] for name in ("p50_ms", "p99_ms", "mbit_per_s")},
                    "deliveries_per_gateway_cpu_s": round(found["deliveries"] / max(0.01, spent["gateway 1"])),
                    "gateway_cores": round(spent["gateway 1"] / found["seconds"], 3),
                    "closed": found["closed"],
                }
            )
            if found["delivered"] < ALL or found["p99_ms"] > LATE_MS:
                break
    good = [row["deliveries_per_s"] for row in rows if row["delivered"] >= ALL and row["p99_ms"] <= LATE_MS]
    return Result(
        [at_least("deliveries a second of one gateway, all and in time", max(good, default=0), WANTED, "/s")], rows
    )
