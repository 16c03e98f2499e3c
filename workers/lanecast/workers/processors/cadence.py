"""Rate and gaps: how often frames come, which steps were left out, and whether the producer has stalled. Pure.

    sim.frame_hz          frames taken a second, over the last 5 s
    sim.skipped_steps     steps that no frame told of, beyond the usual distance of frames; ever, under this owner

A run that is `running` and from which nothing has come for ten times its usual distance, at least `STALL_S`, has
stalled: one warning, and one line when frames come again. What reached the worker counts: frames that were superseded
do not.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Any, Final

from lanecast.workers.processors.contract import Additions, Alert, Context, Processor, Tick, processor

WINDOW_S: Final = 5.0
STALL_S: Final = 5.0
STALL_TIMES: Final = 10.0
STEADY: Final = 8
"""Frames after which their usual distance is known."""


@processor("cadence")
class Cadence(Processor):
    """Watches the rhythm of frames."""

    every_s = 0.5

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._stalled = False
        self._skipped = 0
        self._usual_s = 0.0
        self._last_step: int | None = None
        self._strides: deque[int] = deque(maxlen=32)
        self._taken: deque[tuple[float, int]] = deque()
        self._heard_at = -math.inf

    def process(self, tick: Tick) -> Additions:
        """Count what came, and see whether something should have."""
        alerts = []
        for beat in tick.beats:
            self._step(beat.step, again=beat.again)
        if tick.beats:
            self._taken.append((tick.now, len(tick.beats)))
            self._heard_at = tick.now
            if self._stalled:
                self._stalled = False
                alerts.append(Alert("the simulation sends frames again", "info"))
        elif tick.state != "running":  # paused, ended or lost: nothing is expected, and waiting begins anew
            self._heard_at = tick.now
            self._stalled = False
        while self._taken and self._taken[0][0] <= tick.now - WINDOW_S:
            self._taken.popleft()
        rate_hz = sum(n for _, n in self._taken) / WINDOW_S
        if tick.beats and rate_hz > 0:
            self._usual_s = 1 / rate_hz
        silence_s, allowed_s = tick.now - self._heard_at, self._allowed_s()
        if not self._stalled and allowed_s < math.inf and silence_s >= allowed_s:
            self._stalled = True
            alerts.append(Alert(f"no frame has come for {silence_s:.0f} s: the simulation has stalled"))
        known = len(self._strides) >= STEADY
        metrics = {"sim.frame_hz": round(rate_hz, 2), "sim.skipped_steps": float(self._skipped)}
        again_s = None if self._stalled or not known else max(0.5, min(allowed_s - silence_s, 1.0))
        return Additions(metrics, alerts=alerts, again_s=again_s)

    def save(self) -> Any:
        """Whether a stall has been told of."""
        return {"stalled": self._stalled}

    def load(self, saved: Any) -> None:
        """Go on as the last owner would have."""
        self._stalled = bool(saved["stalled"])

    def _step(self, step: int, *, again: bool) -> None:
        if again or self._last_step is None:
            self._strides.clear()
        elif step > self._last_step:
            stride = step - self._last_step
            if len(self._strides) >= STEADY:
                self._skipped += max(0, stride - sorted(self._strides)[len(self._strides) // 2])
            self._strides.append(stride)
        self._last_step = step

    def _allowed_s(self) -> float:
        return max(STALL_S, STALL_TIMES * self._usual_s) if len(self._strides) >= STEADY else math.inf
