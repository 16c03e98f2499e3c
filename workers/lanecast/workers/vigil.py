"""Whether a run's producer is still there. Pure."""

from __future__ import annotations

from typing import Final

LOST_AFTER_S: Final = 3.5
LOSABLE: Final = ("running", "paused", "stopping")


class Vigil:
    """Watches one run's sign of life; times are seconds of a monotonic clock.

    A producer that never gave a sign is not missed: publishing needs nothing but `XADD`.
    """

    def __init__(self, *, known: bool, now: float) -> None:
        self._last = now if known else None

    @property
    def known(self) -> bool:
        """Whether there was a sign of life, ever."""
        return self._last is not None

    def sign(self, now: float) -> None:
        """It is alive."""
        self._last = now

    def published(self, now: float) -> None:
        """It has published a frame, which says the same of a producer that is known."""
        if self._last is not None:
            self._last = now

    def lost(self, now: float) -> bool:
        """It has been silent for too long."""
        return self._last is not None and now - self._last > LOST_AFTER_S
