"""How long to wait before the next try. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Backoff:
    """Doubles from `first_s` to `most_s`; what has held for `steady_s` starts from the beginning."""

    first_s: float = 0.2
    most_s: float = 2.0
    steady_s: float = 10.0
    _next_s: float = 0.0

    def after(self, lasted_s: float) -> float:
        """Seconds to wait after something that lasted `lasted_s` has failed."""
        if lasted_s >= self.steady_s or not self._next_s:
            self._next_s = self.first_s
        wait_s = self._next_s
        self._next_s = min(self.most_s, wait_s * 2)
        return wait_s
