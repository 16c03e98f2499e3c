"""What a processor remembers of each entity of a layer, and switches with hysteresis. Pure, in columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.uint32]
Rows = NDArray[np.intp]
MAX_SAVED: Final = 10_000
NAMED: Final = 3
"""Entities that an alert names; of more it gives the number."""


def rows_of(ids: Ids, wanted: Ids) -> Rows:
    """For each of `wanted` its row in `ids`, -1 where it has none."""
    if not len(ids):
        return np.full(len(wanted), -1, np.intp)
    order = np.argsort(ids, kind="stable")
    at = np.minimum(np.searchsorted(ids, wanted, sorter=order), len(ids) - 1)
    rows: Rows = order[at]
    rows[ids[rows] != wanted] = -1
    return rows


class RowMemory:
    """Columns of one's own beside a layer's entities; those who join begin with the column's default."""

    def __init__(self, **defaults: tuple[str, Any]) -> None:
        self.ids: Ids = np.empty(0, np.uint32)
        self.names: Sequence[str] | None = None
        self.columns: dict[str, NDArray[Any]] = {name: np.empty(0, dtype) for name, (dtype, _) in defaults.items()}
        self._defaults = {name: default for name, (_, default) in defaults.items()}

    def align(self, ids: Ids, names: Sequence[str] | None) -> Rows:
        """Put the rows in the order of `ids`; returns the old rows of those who have left, as they were before."""
        if ids is self.ids or np.array_equal(ids, self.ids):
            self.ids, self.names = ids, names
            return np.empty(0, np.intp)
        rows = rows_of(self.ids, ids)
        left = np.flatnonzero(np.isin(self.ids, ids, invert=True))
        for name, column in self.columns.items():
            moved = np.full(len(ids), self._defaults[name], column.dtype)
            moved[rows >= 0] = column[rows[rows >= 0]]
            self.columns[name] = moved
        self.ids, self.names = ids, names
        return left

    def key(self, row: int) -> str:
        """What an entity is called: its string id, else its number."""
        return str(self.ids[row]) if self.names is None else self.names[row]


@dataclass(frozen=True, slots=True)
class Switched:
    """What has changed: what the entities are called that are on now, and those that are off again or have left."""

    on: list[str]
    off: list[str]


class Hysteresis:
    """A switch for each entity: on after `bad` has held for `on_s`, off after `good` has held for `off_s`.

    Times are simulation seconds; where they go back, waiting begins anew.
    """

    def __init__(self, on_s: float = 0.0, off_s: float = 0.0) -> None:
        self.on_s, self.off_s = on_s, off_s
        self._memory = RowMemory(on=("?", False), since=("f8", np.nan))
        self._saved: Mapping[str, Sequence[Any]] = {}

    @property
    def on(self) -> NDArray[np.bool_]:
        """Which entities are on, in the order of the last update."""
        return self._memory.columns["on"]

    def update(
        self, ids: Ids, names: Sequence[str] | None, bad: NDArray[np.bool_], good: NDArray[np.bool_], time_s: float
    ) -> Switched:
        """Take what holds of each entity at `time_s`."""
        memory = self._memory
        called = {int(row): memory.key(int(row)) for row in np.flatnonzero(self.on)}
        left = memory.align(ids, names)
        gone = [called[row] for row in left.tolist() if row in called]
        self._restore()
        on, since = self.on, memory.columns["since"]
        turning = np.where(on, good, bad)
        since = np.where(turning, np.where(since <= time_s, since, time_s), np.nan)
        flips = turning & (time_s - since >= np.where(on, self.off_s, self.on_s))
        begun = [memory.key(int(row)) for row in np.flatnonzero(flips & ~on)]
        ended = [memory.key(int(row)) for row in np.flatnonzero(flips & on)]
        since[flips] = np.nan
        memory.columns["since"] = since
        memory.columns["on"] = on ^ flips
        return Switched(begun, [*ended, *gone])

    def save(self) -> dict[str, list[Any]]:
        """Name -> [on, waiting since or None] of all who are on or waiting."""
        since = self._memory.columns["since"]
        rows = np.flatnonzero(self.on | ~np.isnan(since))[:MAX_SAVED].tolist()
        found = {
            self._memory.key(row): [bool(self.on[row]), None if np.isnan(since[row]) else float(since[row])]
            for row in rows
        }
        return {**{name: list(value) for name, value in self._saved.items()}, **found}

    def load(self, saved: Mapping[str, Sequence[Any]]) -> None:
        """Go on from what `save` gave, at the next update."""
        self._saved = {str(name): (bool(on), None if at is None else float(at)) for name, (on, at) in saved.items()}

    def _restore(self) -> None:
        if not self._saved or not len(self._memory.ids):
            return
        on, since = self.on, self._memory.columns["since"]
        for row in range(len(on)):
            known = self._saved.get(self._memory.key(row))
            if known is not None:
                on[row], since[row] = known[0], np.nan if known[1] is None else known[1]
        self._saved = {}


def listed(noun: str, plural: str, keys: Sequence[str]) -> str:
    """`edge A`, or `7 edges (A, B, C and 4 more)`."""
    if len(keys) == 1:
        return f"{noun} {keys[0][:64]}"
    named = ", ".join(key[:64] for key in keys[:NAMED])
    more = f" and {len(keys) - NAMED} more" if len(keys) > NAMED else ""
    return f"{len(keys)} {plural} ({named}{more})"
