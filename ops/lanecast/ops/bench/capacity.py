"""Connection capacity: viewers are added to one gateway until frames come late, or there are as many as wanted."""

from __future__ import annotations

from typing import Any, Final

from lanecast.ops.bench.fanout_tools import raise_limits
from lanecast.ops.bench.result import Result, at_least, at_most
from lanecast.ops.bench.whole import whole
from lanecast.ops.problem import Problem

LATE_MS: Final = 500.0
WANTED: Final = 10_000
WANTED_QUICK: Final = 2_000
MOST: Final = 20_000
VIEWER_BYTES: Final = 4_096
SPARE_FILES: Final = 200


def measure(quick: bool, viewers: int | None = None, rate: float = 5.0, seconds: float | None = None) -> Result:
    """A row for each number of viewers."""
    wanted = viewers or (WANTED_QUICK if quick else WANTED)
    most = wanted if quick or viewers else MOST
    step = max(1, wanted // 4)
    rows: list[dict[str, Any]] = []
    limit = "as many as were asked for"
    with whole(entities=100, hz=rate) as system:
        empty = system.rss_bytes()["gateway 1"]
        files = raise_limits() - SPARE_FILES
        while (count := (rows[-1]["viewers"] if rows else 0)) < most:
            if count + step > files:
                limit = "open files"
                break
            try:
                system.watch(step)
            except Problem:
                limit = "refused"
                break
            found = system.measure(seconds or (2.0 if quick else 8.0))
            spent = found.pop("cpu_s")
            held = system.rss_bytes()["gateway 1"] - empty
            rows.append(
                {
                    **{name: found[name] for name in ("viewers", "deliveries_per_s", "delivered", "p50_ms", "p99_ms")},
                    "gateway_cores": round(spent["gateway 1"] / found["seconds"], 3),
                    "bytes_per_viewer": round(held / found["viewers"]),
                    "closed": found["closed"],
                }
            )
            if found["p99_ms"] > LATE_MS:
                limit = "late"
                break
    if not rows:
        raise Problem("not one step of viewers could connect")
    good = [row for row in rows if row["p99_ms"] <= LATE_MS and row["delivered"] > 0.98 and not row["closed"]]
    held_by = max((row["viewers"] for row in good), default=0)
    for row in rows:
        row["ended_by"] = limit if row is rows[-1] else ""
    return Result(
        [
            at_least(
                f"viewers of one gateway at {rate:g} Hz with p99 below {LATE_MS:g} ms", held_by, wanted, "viewers"
            ),
            at_most("memory of a viewer, at most viewers", rows[-1]["bytes_per_viewer"], VIEWER_BYTES, "bytes"),
        ],
        rows,
    )
