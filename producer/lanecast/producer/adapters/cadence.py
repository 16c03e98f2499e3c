"""Not more often than so many times a second, however fast a loop turns. Pure: the clock is the caller's."""

from __future__ import annotations


class Cadence:
    """Says when it is time again; what was missed is not made up for."""

    def __init__(self, per_s: float) -> None:
        """`per_s` may be 0: never; or infinity: always."""
        self._every_s = 1.0 / per_s if per_s > 0 else float("inf")
        self._due_s = float("-inf") if per_s > 0 else float("inf")

    def due(self, now_s: float) -> bool:
        """Whether it is time; True at most once for each time that it is."""
        if now_s < self._due_s:
            return False
        self._due_s = now_s + self._every_s
        return True
