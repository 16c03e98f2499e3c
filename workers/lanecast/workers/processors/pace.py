"""Pace: how fast simulated time passes, and where the producer's step spends its time. Pure.

sim.real_time_factor    simulated seconds per second, over the last 5 s of frames
sim.step_ms             one step: the sum of its phases where frames have `phases`, else the time from step to step
phase.NAME_ms           smoothed, for each phase
"""

from __future__ import annotations

from collections import deque
from typing import Final

from lanecast.workers.processors.contract import Additions, Beat, Context, Processor, Tick, processor

WINDOW_MS: Final = 5_000.0
SMOOTHING: Final = 0.2
MAX_PHASES: Final = 64


@processor("pace")
class Pace(Processor):
    """Watches the clocks of the simulation."""

    every_s = 0.5

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._window: deque[tuple[float, float, int]] = deque()
        self._phases: dict[str, float] = {}
        self._step_ms: float | None = None

    def process(self, tick: Tick) -> Additions | None:
        """Take the frames that came; without any, all stays as it was told."""
        if not tick.beats:
            return None
        for beat in tick.beats:
            self._take(beat)
        metrics = {f"phase.{name}_ms": round(value, 3) for name, value in self._phases.items() if len(name) <= 50}
        (first_ms, first_s, first), (last_ms, last_s, last) = self._window[0], self._window[-1]
        passed_ms = last_ms - first_ms
        if passed_ms > 0:
            metrics["sim.real_time_factor"] = round((last_s - first_s) * 1000 / passed_ms, 3)
            if self._step_ms is None and last > first:
                metrics["sim.step_ms"] = round(passed_ms / (last - first), 3)
        if self._step_ms is not None:
            metrics["sim.step_ms"] = round(self._step_ms, 3)
        return Additions(metrics)

    def _take(self, beat: Beat) -> None:
        if beat.again or (self._window and beat.pub_ms < self._window[-1][0]):
            self._window.clear()
        self._window.append((beat.pub_ms, beat.time_s, beat.step))
        while self._window[0][0] < beat.pub_ms - WINDOW_MS:
            self._window.popleft()
        if not beat.phases:
            return
        for name, value in list(beat.phases.items())[:MAX_PHASES]:
            before = self._phases.get(name, value)
            self._phases[name] = before + SMOOTHING * (value - before)
        for name in self._phases.keys() - beat.phases.keys():  # a phase that is not always there counts as 0 then
            self._phases[name] *= 1 - SMOOTHING
            if self._phases[name] < 1e-3:
                del self._phases[name]
        total = sum(beat.phases.values())
        self._step_ms = total if self._step_ms is None else self._step_ms + SMOOTHING * (total - self._step_ms)
