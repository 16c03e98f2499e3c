"""What `Run.frame` costs the simulation's thread."""

from __future__ import annotations

from lanecast.ops.bench.machine import server
from lanecast.ops.bench.result import Result, at_most
from lanecast.producer.bench import measure_publish

ENTITIES = 1_000


def measure(quick: bool) -> Result:
    """Frames of three sizes in NumPy columns, as fast as they can be published."""
    with server() as url:
        rows = measure_publish(url, calls=3_000 if quick else 20_000)
    row = next(row for row in rows if row["entities"] == ENTITIES)
    return Result(
        [
            at_most(f"publish() of {ENTITIES:,} entities in columns, p50", row["p50_us"], 10.0, "us"),
            at_most(f"publish() of {ENTITIES:,} entities in columns, p99", row["p99_us"], 100.0, "us"),
        ],
        rows,
    )
