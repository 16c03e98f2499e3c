"""A simulation for benches: `python -m lanecast.ops.bench.stamping URL RUN ENTITIES HZ [ENTITIES:SECONDS …]`.

It publishes entities that drive on, through `lanecast.producer` as every simulation does, and beside them one whose
id is the time: text, so that it goes through workers as it is, and is found once in each frame that gateways hand out.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

from lanecast.producer import Run

MARK: Final = "LCBENCH7"
FIRST_PHASE_S: Final = 15.0


def stamp(now_ns: int) -> str:
    """The mark, and a time in eight characters of seven bits each, least significant first. Pure."""
    return MARK + "".join(chr(now_ns >> 7 * place & 0x7F) for place in range(8))


def columns(entities: int, step: int) -> dict[str, Any]:
    """Vehicles that drive to and fro on a square of 5 km. Pure."""
    n = np.arange(entities)
    angle = (n * 37) % 360
    along = 50.0 * np.sin(step / 60 + n)
    return {
        "id": n.astype(np.uint32),
        "x": n * 7919 % 5000 + along * np.cos(np.radians(angle)),
        "y": n * 104729 % 5000 + along * np.sin(np.radians(angle)),
        "angle": angle.astype(np.float32),
        "speed": (10 + 3 * np.cos(step / 60 + n)).astype(np.float32),
    }


def sizes(entities: int, phases: Sequence[tuple[int, float]]) -> Iterator[tuple[int, float]]:
    """Entities, and until when (seconds since the beginning). Pure."""
    until = FIRST_PHASE_S
    yield entities, until
    for many, seconds in phases:
        until += seconds
        yield many, until
    yield entities, float("inf")


def main(url: str, run_id: str, entities: int, hz: float, phases: Sequence[tuple[int, float]]) -> None:
    """Publish until killed."""
    began, step = time.monotonic(), 0
    plan = sizes(entities, phases)
    many, until = next(plan)
    with Run(run_id, title="A bench", url=url) as run:
        while run.running():
            now = time.monotonic() - began
            if now >= until:
                many, until = next(plan)
            step += 1
            vehicles = columns(many, step)
            clock = {"id": [stamp(time.monotonic_ns())], "x": [0.0], "y": [0.0]}
            run.frame({"vehicles": vehicles, "clock": clock}, step=step)
            run.sleep(max(0.0, began + step / hz - time.monotonic()))


if __name__ == "__main__":
    _url, _run, _entities, _hz, *_phases = sys.argv[1:]
    main(_url, _run, int(_entities), float(_hz), [(int(a), float(b)) for a, b in (word.split(":") for word in _phases)])
