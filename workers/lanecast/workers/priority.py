"""Strict priority with a guard against starvation: which of the lanes in hand are handled now. Pure.

While a lossless lane has more waiting than one batch, lanes below it wait; but every `GUARD`-th turn all are handled,
so nobody waits longer than that many batches of those above. The `high` lane never makes others wait: newest wins, so
one turn empties it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from lanecast.broker.lanes import LANES

GUARD: Final = 4


class Priority:
    """Decides for one run; remembers only for how many turns somebody was kept waiting."""

    def __init__(self) -> None:
        self._waited = 0

    def turn(self, in_hand: Collection[str], full: Collection[str]) -> list[str]:
        """The lanes to handle now, in order: of those with entries in hand, `full` ones have more behind them."""
        chosen: list[str] = []
        for name, lane in LANES.items():
            if name not in in_hand:
                continue
            chosen.append(name)
            if lane.lossless and name in full and self._waited < GUARD - 1:
                break
        waiting = len(chosen) < len(set(in_hand))
        self._waited = self._waited + 1 if waiting else 0
        return chosen
