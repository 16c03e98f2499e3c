"""How hard one run is on its owner, from one measurement to the next. Pure."""

from __future__ import annotations

from typing import Final

from lanecast.broker.flow import Load
from lanecast.broker.lag import Gauge

SMOOTHING: Final = 0.4
"""Weight of the newest second: one slow turn is not yet a worker that cannot keep up."""


class Effort:
    """Adds up the time spent on a run's turns; times are seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._spent_s = 0.0
        self._busy = 0.0
        self._last: tuple[float, int, int] | None = None

    def begin(self, now: float) -> None:
        """There is something to do."""
        self._began = now

    def end(self, now: float) -> None:
        """It is done."""
        if self._began is not None:
            self._spent_s += now - self._began
            self._began = None

    def forget(self) -> None:
        """The server was away: waiting for it is no work."""
        self._began = None

    def load(self, gauge: Gauge, frames: int, now: float) -> Load | None:
        """The load since the last call, `frames` being how many were read ever; None the first time."""
        last, self._last = self._last, (now, gauge.refused, frames)
        spent_s, self._spent_s = self._spent_s, 0.0
        if last is None or now <= last[0]:
            return None
        passed_s = now - last[0]
        self._busy += SMOOTHING * (min(1.0, spent_s / passed_s) - self._busy)
        lanes = {row.stream[3:]: (row.entries, row.age_s) for row in gauge.lags if row.reader == "workers"}
        refused = max(0, gauge.refused - last[1])
        return Load(lanes, gauge.memory, refused, self._busy, max(0, frames - last[2]) / passed_s)
