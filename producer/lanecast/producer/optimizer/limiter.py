"""At most so many frames a second. Pure: the clock is the caller's."""

from __future__ import annotations


class Limiter:
    """Lets `per_s` through a second on average; 0 lets everything through."""

    def __init__(self, per_s: float) -> None:
        self._every_s = 1.0 / per_s if per_s > 0 else 0.0
        self._next_s = 0.0

    def due(self, now_s: float) -> bool:
        """Whether the next one may go now; if so, it counts."""
        if now_s < self._next_s:
            return False
        # What came a little late is made up for; what came much later does not let a burst through.
        self._next_s = max(self._next_s + self._every_s, now_s + self._every_s / 2)
        return True
