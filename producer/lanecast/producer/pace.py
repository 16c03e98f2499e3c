"""Keeping a pace in wall time. Pure: the clock is the caller's."""

from __future__ import annotations

from typing import Final

LATEST_S: Final = 0.25
"""Someone further behind than this (a pause, a slow machine) does not rush to catch up but begins anew."""


class Pace:
    """Says how long to wait before the next step, so that `rate` steps a second come out however long each takes."""

    def __init__(self, rate: float, now_s: float) -> None:
        self.rate = rate
        self._due_s = now_s

    def wait_s(self, now_s: float) -> float:
        """Seconds to wait after a step that ended at `now_s`; what one wait misses the next makes up for."""
        self._due_s += 1.0 / self.rate
        if self._due_s < now_s - LATEST_S:
            self._due_s = now_s
        return max(0.0, self._due_s - now_s)

    def change(self, rate: float, now_s: float) -> None:
        """Go on at another rate from now."""
        self.rate = rate
        self._due_s = now_s
