"""Scaling: the same viewers on 1, 2 and 4 gateways. Scaling out costs CPU time of a delivery, and of the server.

How many more deliveries there are with more gateways is a question of cores; with as many viewers on each number of
gateways the cost of each delivery tells, on any machine, whether more gateways would deliver more.
"""

from __future__ import annotations

from typing import Any, Final

from lanecast.ops.bench.result import Result, at_least, at_most
from lanecast.ops.bench.whole import whole

GATEWAYS: Final = (1, 2, 4)
COST: Final = 1.35
"""More gateways each read the run once, which is spread over fewer viewers."""


def measure(quick: bool, viewers: int = 1000, rate: float = 30.0, seconds: float | None = None) -> Result:
    """A row for each number of gateways."""
    rows: list[dict[str, Any]] = []
    for count in GATEWAYS:
        with whole(gateways=count, entities=100, hz=rate) as system:
            system.watch(viewers)
            found = system.measure(seconds or (4.0 if quick else 20.0))
        spent = found.pop("cpu_s")
        gateways_s = sum(value for name, value in spent.items() if name.startswith("gateway"))
        rows.append(
            {
                "gateways": count,
                **{
                    name: found[name]
                    for name in ("viewers", "fps", "deliveries_per_s", "delivered", "p50_ms", "p99_ms")
                },
                "cpu_us_per_delivery": round(gateways_s / max(1, found["deliveries"]) * 1e6, 2),
                "server_cores": round(spent["server"] / found["seconds"], 3),
                "closed": found["closed"],
            }
        )
    first, last = rows[0], rows[-1]
    ratio = last["cpu_us_per_delivery"] / max(0.001, first["cpu_us_per_delivery"])
    return Result(
        [
            at_most(f"CPU of a delivery, {last['gateways']} gateways over one", round(ratio, 3), COST, "x"),
            at_least("share of frames delivered, worst", min(row["delivered"] for row in rows), 0.97, ""),
            at_most("connections lost", sum(row["closed"] for row in rows), 0, ""),
        ],
        rows,
    )
