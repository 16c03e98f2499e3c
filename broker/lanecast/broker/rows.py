"""Rows: how a layer whose rows keep their places follows one whose entities come and go. Pure.

One who leaves is replaced by the last row, one who comes is appended. Worked out once for all who have the same rows:
the workers' state keeps its rows by the same rule, so most chains find theirs in the order of the state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lanecast.broker.layers import rows_of

Ids = NDArray[np.uint32]
KEPT: Final = 32


@dataclass(frozen=True, slots=True)
class Step:
    """From one set of rows to the next.

    Attributes:
        ids: of the rows afterwards.
        drop: rows to drop, the last first; each time the last row takes the dropped one's place.
        stay: for each row that is left then the row where it was before; None if nobody was dropped.
        fresh: how many rows are appended.
        order: for each of `ids` its row in the ids that were followed; None if that is the same order.
    """

    ids: Ids
    drop: NDArray[np.intp]
    stay: NDArray[np.intp] | None
    fresh: int
    order: NDArray[np.intp] | None

    @property
    def stands(self) -> bool:
        """Whether nothing has happened: the same rows in the same order."""
        return self.stay is None and not self.fresh and self.order is None

    def kept(self, data: NDArray[np.generic]) -> NDArray[np.generic]:
        """A column without the rows that were dropped."""
        return data if self.stay is None else data[self.stay]


_NOBODY: Final = np.empty(0, np.intp)


def follow(ids: Ids, now: Ids) -> Step:
    """How rows of `ids` become rows of the ids `now`, both unique; the outcome's `ids` are `now` if in its order."""
    if ids is now or np.array_equal(ids, now):
        return Step(now, _NOBODY, None, 0, None)
    drop = np.flatnonzero(rows_of(now, ids) < 0)[::-1]
    stay = swap_remove(len(ids), drop) if drop.size else None
    kept = ids if stay is None else ids[stay]
    fresh = now[rows_of(kept, now) < 0]
    after = np.concatenate([kept, fresh]) if len(fresh) else kept
    if np.array_equal(after, now):
        return Step(now, drop, stay, len(fresh), None)
    return Step(after, drop, stay, len(fresh), rows_of(now, after))


def swap_remove(n: int, drop: NDArray[np.integer]) -> NDArray[np.intp]:
    """Of `n` rows those that are left, in their new order, when `drop` is applied in its order."""
    rows = np.arange(n)
    for row in drop.tolist():
        n -= 1
        rows[row] = rows[n]
    return rows[:n]


class Follower:
    """Remembers the newest steps, for all chains of a run: those with the same rows share one."""

    def __init__(self) -> None:
        self._steps: dict[tuple[int, int], tuple[Ids, Ids, Step]] = {}

    def follow(self, ids: Ids, now: Ids) -> Step:
        """As the function; arrays are told apart by identity and must not be changed."""
        if ids is now:
            return Step(now, _NOBODY, None, 0, None)
        known = self._steps.get((id(ids), id(now)))
        if known is not None:  # it holds both arrays, so nobody else can have got their identities
            return known[2]
        step = follow(ids, now)
        if len(self._steps) >= KEPT:
            self._steps.clear()
        self._steps[id(ids), id(now)] = (ids, now, step)
        return step
