"""A budget of things that a stranger can cause: a token bucket. Pure."""

from __future__ import annotations


class Budget:
    """Allows `burst` at once and `per_s` in the long run; counts what it refused since it last allowed something."""

    __slots__ = ("_at", "_burst", "_per_s", "_tokens", "refused")

    def __init__(self, per_s: float, burst: float) -> None:
        self._per_s = per_s
        self._burst = burst
        self._tokens = burst
        self._at: float | None = None
        self.refused = 0

    def take(self, now: float) -> bool:
        """Whether one more may happen at `now` (seconds of any clock that does not go back)."""
        if self._at is not None:
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._per_s)
        self._at = now
        if self._tokens < 1:
            self.refused += 1
            return False
        self._tokens -= 1
        return True

    def forgive(self) -> int:
        """How many were refused since the last call."""
        refused, self.refused = self.refused, 0
        return refused
