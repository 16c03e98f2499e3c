"""A layer: all entities of one kind at one moment, as columns; and what columns of known names mean. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lanecast.broker.columns import Column

POSITIONS: Final = frozenset({"x", "y", "z"})
ANGLES: Final = frozenset({"angle"})
SPEEDS: Final = frozenset({"speed", "mean_speed"})
SIZES: Final = frozenset({"length", "width"})
VECTORS: Final = frozenset({"fx", "fy"})
PATH: Final = "path"

DENSE_SPAN: Final = 16
"""Ids that lie within this many times their number are looked up in a table, others by searching."""


@dataclass(frozen=True, slots=True)
class LayerState:
    """All entities of a layer at one moment. Arrays are never changed once they are here.

    Attributes:
        ids: (n,) uint32, unique.
        columns: each with n values. The `values` of a column of strings only ever grow within a chain.
        names: n strings if the layer's ids are strings, else None.
    """

    ids: NDArray[np.uint32]
    columns: Mapping[str, Column]
    names: list[str] | None = None


def all_different(ids: NDArray[np.uint32]) -> bool:
    """Whether no id comes twice."""
    if not len(ids):
        return True
    low, high = int(ids.min()), int(ids.max())
    if high - low < DENSE_SPAN * len(ids) + 4096:
        return int(np.count_nonzero(np.bincount(ids - np.uint32(low)))) == len(ids)
    ordered = np.sort(ids)
    return not bool((ordered[1:] == ordered[:-1]).any())


def rows_of(ids: NDArray[np.uint32], wanted: NDArray[np.uint32]) -> NDArray[np.intp]:
    """For each of `wanted` its row in `ids` (unique), -1 where it is not there."""
    n = len(ids)
    if not n or not len(wanted):
        return np.full(len(wanted), -1, np.intp)
    low, high = int(ids.min()), int(ids.max())
    if high - low < DENSE_SPAN * n + 4096:
        # One entry more, for all that lie outside.
        table = np.full(high - low + 2, -1, np.intp)
        table[ids - np.uint32(low)] = np.arange(n)
        place = wanted - np.uint32(low)  # what is below wraps around, to above
        rows: NDArray[np.intp] = table[np.minimum(place, np.uint32(high - low + 1))]
        return rows
    order = np.argsort(ids)
    rows = order[np.minimum(np.searchsorted(ids, wanted, sorter=order), n - 1)]
    rows[ids[rows] != wanted] = -1
    return rows
