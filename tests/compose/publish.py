"""A publisher for the test of the containers, labelled as what it is: points on a circle, and numbered status messages.

python publish.py RUN
"""

from __future__ import annotations

import math
import os
import sys

from lanecast.producer import Run

POINTS = 50
STEP_S = 0.2


def main(run_id: str) -> None:
    with Run(run_id, title="Synthetic points", kind="generic", url=os.environ["LANECAST_REDIS_URL"]) as run:
        step = 0
        while run.running():
            step += 1
            turns = [step * 0.05 + i * math.tau / POINTS for i in range(POINTS)]
            points = {
                "id": list(range(POINTS)),
                "x": [math.cos(turn) for turn in turns],
                "y": [math.sin(turn) for turn in turns],
            }
            run.frame({"points": points}, step=step, time_s=step * STEP_S)
            for part in range(4):
                run.status("info", str((step - 1) * 4 + part + 1))
                run.sleep(STEP_S / 4)


if __name__ == "__main__":
    main(*sys.argv[1:])
