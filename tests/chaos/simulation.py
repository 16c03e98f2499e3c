"""A simulation in a process of its own: `python -m tests.chaos.simulation URL RUN LIFE HZ`.

Every step publishes a frame in which everybody's `x` is the step, and every second step a status `LIFE:NUMBER`,
numbered from 1 without a hole. On SIGTERM it ends as a simulation should, and says on standard output what became of
its messages.
"""

from __future__ import annotations

import signal
import sys
from types import FrameType

import msgspec
import numpy as np

from lanecast.broker import logs
from lanecast.producer import Run

ENTITIES = 100
FLUSH_S = 30.0


def main(url: str, run_id: str, life: int, hz: float) -> None:
    """Publish until told to end."""
    logs.configure("info", json=True)
    ids = np.arange(ENTITIES, dtype=np.uint32)
    y = ids.astype(np.float64)
    step = said = 0
    run = Run(run_id, title="Chaos", url=url, flush_s=FLUSH_S)

    def end(_: int, __: FrameType | None) -> None:
        run.interrupt()

    signal.signal(signal.SIGTERM, end)
    with run:
        while run.running():
            step += 1
            run.frame({"cars": {"id": ids, "x": np.full(ENTITIES, float(step)), "y": y}}, step=step)
            if step % 2 == 0:
                said += 1
                run.status("info", f"{life}:{said}")
            run.sleep(1 / hz)
    stats = run.stats
    told = {"life": life, "said": said, "steps": step, "dropped": stats.dropped, "reconnects": stats.reconnects}
    sys.stdout.buffer.write(msgspec.json.encode(told) + b"\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
