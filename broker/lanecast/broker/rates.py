"""Rates: token buckets, and how much one producer and one run may send by default. Pure.

Whoever sends more is made to wait, or is told to: lossless messages stay in the publisher's buffer, frames give way to
newer ones, a gateway answers 429. The defaults are far above what simulations need; they bound one that has gone wild.
"""

from __future__ import annotations

from typing import Final

FRAMES_PER_S: Final = 1_000.0
"""Of one publisher."""
MESSAGES_PER_S: Final = 100_000.0
"""Lossless messages of one publisher."""
INGEST_RUN_PER_S: Final = 5_000.0
"""Messages of one run through one gateway process."""
INGEST_PRODUCER_PER_S: Final = 2_000.0
"""Messages of one producer of a run through one gateway process."""
BURST_S: Final = 1.0
"""A bucket holds what its rate gives in this time."""


class Bucket:
    """Allows `per_s` in the long run and `burst` at once; times are seconds of a clock that does not go back.

    What is taken at once may be more than there is: the debt is waited for afterwards.
    """

    __slots__ = ("_at", "_tokens", "burst", "per_s")

    def __init__(self, per_s: float, burst: float | None = None) -> None:
        self.per_s = per_s
        self.burst = max(1.0, per_s * BURST_S if burst is None else burst)
        self._tokens = self.burst
        self._at: float | None = None

    def wait_s(self, now: float) -> float:
        """How long to wait before the next may be taken; 0.0: now. Infinity at a rate of 0."""
        if self._at is not None and now > self._at:
            self._tokens = min(self.burst, self._tokens + (now - self._at) * self.per_s)
        self._at = now if self._at is None else max(now, self._at)
        if self._tokens >= 1.0 - 1e-9:
            return 0.0
        return (1.0 - self._tokens) / self.per_s if self.per_s > 0 else float("inf")

    def take(self, count: int = 1) -> None:
        """Take so many, whether they are there or not."""
        self._tokens -= count
