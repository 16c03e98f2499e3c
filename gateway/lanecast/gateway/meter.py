"""How many bytes per second a tier of a run is, as far as it was read lately. Pure."""

from __future__ import annotations

from typing import Final

FIRST_S: Final = 1.0
"""Read for so long, it is measured; less would be a matter of where the keyframe falls."""
SLICE_S: Final = 1.0
GAP_S: Final = 2.0
"""Nothing for longer than this: it was not read meanwhile, or the run stood still."""


class Meter:
    """Times are seconds of a monotonic clock.

    Attributes:
        per_s: bytes per second; None until it has been measured.
    """

    __slots__ = ("_at", "_began", "_bytes", "per_s")

    def __init__(self) -> None:
        self.per_s: float | None = None
        self._began: float | None = None
        self._at = 0.0
        self._bytes = 0

    def add(self, now_s: float, size: int) -> None:
        """So many bytes have come. The first of a sequence only start the clock: they are a keyframe."""
        if self._began is None or now_s - self._at > GAP_S:
            self._began, self._bytes = now_s, 0
        else:
            self._bytes += size
            gone_s = now_s - self._began
            if gone_s >= (FIRST_S if self.per_s is None else SLICE_S):
                rate = self._bytes / gone_s
                self.per_s = rate if self.per_s is None else self.per_s + (rate - self.per_s) / 2
                self._began, self._bytes = now_s, 0
        self._at = now_s
