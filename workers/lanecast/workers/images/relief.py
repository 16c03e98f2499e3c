"""How much is left out when there are more pictures than time. Pure.

At level n the n best tiers are not made: their viewers get the pictures of the best that is, which costs nothing
more. So `ultra` goes first, and whoever watches a small picture notices nothing. Where even the smallest is too much,
pictures are skipped: the newest wins.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from lanecast.broker.tiers import TIERS

ORDER: Final = tuple(TIERS)
HIGHEST: Final = len(ORDER) - 1
BUSY: Final = 0.9
CALM: Final = 0.6
SETTLE_S: Final = 1.0
HOLD_S: Final = 5.0
HOLD_MAX_S: Final = 80.0
PROBE_S: Final = 10.0


class Relief:
    """The level of one pool; times are seconds of a monotonic clock.

    Down fast: a second of pictures skipped for want of time is enough for the next level. Up slowly: after a hold
    without any, while the threads have time to spare. A step up that has to be taken back soon makes the next hold
    twice as long.
    """

    def __init__(self) -> None:
        self.level = 0
        self._since_s = float("-inf")
        self._hold_s = HOLD_S
        self._probing = False

    def update(self, busy: float, missed: int, now: float) -> int:
        """The level from now on.

        Args:
            busy: share of the threads' time that was spent since the last call, 0 to 1.
            missed: pictures that were skipped since then though they were due.
            now: seconds.
        """
        if missed and busy > CALM:
            if self.level < HIGHEST and now - self._since_s >= SETTLE_S:
                failed = self._probing and now - self._since_s < PROBE_S
                self._hold_s = min(HOLD_MAX_S, self._hold_s * 2) if failed else HOLD_S
                self._change(self.level + 1, now, probing=False)
            elif self.level == HIGHEST:
                self._since_s = now
        elif busy > BUSY:
            self._since_s = max(self._since_s, now - self._hold_s / 2)
        elif self.level and busy < CALM and now - self._since_s >= self._hold_s:
            self._change(self.level - 1, now, probing=True)
        return self.level

    def _change(self, level: int, now: float, *, probing: bool) -> None:
        self.level = level
        self._since_s = now
        self._probing = probing


def best(level: int) -> str | None:
    """The best tier that is made at `level`; None where nothing is left out."""
    return ORDER[HIGHEST - level] if level else None


def makes(tiers: Iterable[str], level: int) -> dict[str, tuple[str, ...]]:
    """Tier to make -> the tiers that get it, for those in demand; from the smallest."""
    found: dict[str, list[str]] = {}
    for name in sorted(tiers, key=ORDER.index):
        found.setdefault(ORDER[min(ORDER.index(name), HIGHEST - level)], []).append(name)
    return {made: tuple(names) for made, names in found.items()}
