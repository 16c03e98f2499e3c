"""A small live run for tests of the page, as a user would write it: walkers of two types, on circles, to be steered.

python -m tests.e2e.walkers RUN REDIS_URL
"""

from __future__ import annotations

import math
import sys

from lanecast.producer import Param, Run

WALKERS = 60
STEP_S = 0.05


def main(run_id: str, redis_url: str) -> None:
    params = {"pace": Param(1.0, min=0, max=3, title="Pace")}
    with Run(run_id, title=f"Walkers {run_id}", kind="walkers", params=params, url=redis_url) as run:
        run.status("info", "The walkers have set out.")
        step, way = 0, 0.0
        while run.running():
            step += 1
            way += STEP_S * float(run.params["pace"])
            run.frame({"walkers": walkers(way)}, step=step, time_s=step * STEP_S)
            run.metrics({"walkers.way": way, "phase.walk_ms": 3.0, "phase.publish_ms": 1.0, "real_time_factor": 1.0})
            run.sleep(STEP_S)


def walkers(way: float) -> dict[str, list[object]]:
    turns = [way + i * math.tau / WALKERS for i in range(WALKERS)]
    radii = [40.0 + 20 * (i % 3) for i in range(WALKERS)]
    return {
        "id": [f"w{i}" for i in range(WALKERS)],
        "x": [radius * math.cos(turn) for radius, turn in zip(radii, turns, strict=True)],
        "y": [radius * math.sin(turn) for radius, turn in zip(radii, turns, strict=True)],
        "angle": [math.degrees(turn + math.pi / 2) % 360 for turn in turns],
        "type": ["runner" if i % 5 == 0 else "walker" for i in range(WALKERS)],
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
