"""Adaptive response: a simulation that grows a hundredfold for a while.

How soon the quality policy answers, how old what viewers get becomes, and how soon all is as before.
What a narrowing link does is measured by `bench throttle`; here it is the run that is too much, for everybody.
"""

from __future__ import annotations

import time
from typing import Any, Final

from lanecast.ops.bench.probe import Probe, Seen
from lanecast.ops.bench.result import Result, at_least, at_most, quantile
from lanecast.ops.bench.whole import RUN, whole
from lanecast.ops.problem import Problem

SMALL: Final = 1_000
LARGE: Final = 100_000
REACTED_S: Final = 5.0
CALM_S: Final = 60.0
AGE_MS: Final = 1_000.0
"""Of a frame that the run's worker takes a part of a second to make, after the policy has answered."""


def measure(quick: bool, entities: int = LARGE) -> Result:
    """Three phases: before, during, after; a row each."""
    surge_s = 12.0 if quick else 30.0
    after_s = 20.0 if quick else CALM_S
    with (
        whole(entities=SMALL, phases=(f"{entities}:{surge_s}",)) as system,
        Probe(system.ports[0], RUN, "auto") as probe,
    ):
        began_ms = _await(probe, lambda frame: _size(frame) > SMALL, 40.0)
        ended_ms = _await(probe, lambda frame: frame.at_ms > began_ms and 0 < _size(frame) <= SMALL, surge_s + 30)
        deadline = time.monotonic() + after_s
        while time.monotonic() < deadline and not _calm_at(probe.levels, ended_ms):
            time.sleep(0.2)
        time.sleep(1.0)
        frames, levels = list(probe.frames), list(probe.levels)
    answered = [at_ms for at_ms, level in levels if level and began_ms - 1_000 <= at_ms]
    highest = max((level for at_ms, level in levels if at_ms <= ended_ms + 1_000), default=0)
    calm_ms = _calm_at(levels, ended_ms)
    reacted_s = max(0.0, answered[0] - began_ms) / 1000 if answered else float(surge_s)
    middle_ms = (began_ms + ended_ms) / 2
    rows = [
        _row("before", [frame for frame in frames if frame.at_ms < began_ms], 0),
        _row("a hundredfold, first half", [frame for frame in frames if began_ms <= frame.at_ms < middle_ms], highest),
        _row("a hundredfold, second half", [frame for frame in frames if middle_ms <= frame.at_ms < ended_ms], highest),
        _row("after", [frame for frame in frames if frame.at_ms >= ended_ms], levels[-1][1] if levels else 0),
    ]
    return Result(
        [
            at_least("level that the policy went to", highest, 1, ""),
            at_most("until the policy answered", round(reacted_s, 2), REACTED_S, "s"),
            at_most("p99 of the age of frames once it had", rows[2]["age_p99_ms"], AGE_MS, "ms"),
            at_most("until all was as before", round(((calm_ms or 1e9) - ended_ms) / 1000, 1), after_s, "s"),
        ],
        rows,
    )


def _calm_at(levels: list[tuple[float, int]], since_ms: float) -> float | None:
    """When the level went to 0 for the last time; None while it is not there. Pure."""
    if not levels:
        return since_ms
    at_ms, level = levels[-1]
    return max(at_ms, since_ms) if level == 0 else None


def _size(frame: Seen) -> int:
    return frame.entities.get("vehicles", 0)


def _await(probe: Probe, wanted: Any, within_s: float) -> float:
    """When the first frame came that is wanted, Unix ms."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        for frame in list(probe.frames):
            if wanted(frame):
                return frame.at_ms
        time.sleep(0.05)
    raise Problem("the simulation's change did not reach the viewer that measures", f"{len(probe.frames)} frames came.")


def _row(phase: str, frames: list[Seen], level: int) -> dict[str, Any]:
    ages = [frame.age_ms for frame in frames] or [0.0]
    span_s = (frames[-1].at_ms - frames[0].at_ms) / 1000 if len(frames) > 1 else 0.0
    return {
        "phase": phase,
        "entities": max(map(_size, frames), default=0),
        "level": level,
        "fps": round(len(frames) / span_s, 1) if span_s else 0.0,
        "age_p50_ms": round(quantile(ages, 0.5), 1),
        "age_p99_ms": round(quantile(ages, 0.99), 1),
        "tiers": ", ".join(sorted({frame.tier for frame in frames})),
    }
