"""Level of detail: which layers a tier shows, and as what. Pure.

At the bottom a large layer of points is shown as square cells, each with the number of its entities and their means.
A cell's number depends on nothing but where it is, so it stays while the grid stays; and the grid changes only when
the cells have become too many or far too few, because a new grid costs every viewer a keyframe.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lanecast.broker.columns import Column
from lanecast.broker.layers import ANGLES, PATH, SIZES, VECTORS, LayerState
from lanecast.broker.tiers import Tier

STOP_SHARE: Final = 0.75
"""A layer goes back to single entities when it has fewer than this share of the tier's cells."""
FEW_SHARE: Final = 0.1
"""Below this share of the tier's cells the side is halved, which gives at most four times as many:
a layer that keeps its extent but for a factor of 2.5 in area keeps its grid."""
WORTH: Final = 1.25
"""... unless it gives not even this many times as many: then they are where they are."""
MAX_SPAN: Final = 1024
"""Cells from one end of a layer to the other, at most: the grid is counted in a table of this side."""
FINEST: Final = 2.0**-30
"""The smallest side, as a share of the largest coordinate: below that floats cannot tell cells apart."""
WIDEST: Final = 1e15
_INDEX_BITS: Final = 16


@dataclass(frozen=True, slots=True)
class Shown:
    """What a tier shows: `layers`, `sides` (scene units) of those that are cells, `left_out` in the stated order."""

    layers: Mapping[str, LayerState]
    sides: Mapping[str, float]
    left_out: list[str]


class Detail:
    """Chooses for one tier; remembers the grids. Given the same layers again, it chooses the same again."""

    def __init__(self, tier: Tier) -> None:
        self._tier = tier
        self._grids: dict[str, Grid] = {}

    def of(self, layers: Mapping[str, LayerState]) -> Shown:
        """What of `layers` is shown."""
        tier = self._tier
        if not tier.cells and not tier.leaves_out:
            return Shown(layers, {}, [])
        left_out = [name for kind in tier.leaves_out for name, state in layers.items() if _kind(state) == kind]
        shown = {name: state for name, state in layers.items() if name not in left_out}
        sides: dict[str, float] = {}
        if tier.cells:
            for name, state in shown.items():
                cells = self._cells(name, state)
                if cells is not None:
                    shown[name] = cells
                    sides[name] = self._grids[name].side
            self._grids = {name: self._grids[name] for name in sides}
        return Shown(shown, sides, left_out)

    def _cells(self, name: str, state: LayerState) -> LayerState | None:
        grid = self._grids.get(name)
        enough = self._tier.cells * STOP_SHARE if grid is not None else self._tier.cells + 1
        if len(state.ids) < enough or PATH in state.columns:
            return None
        points = _points(state)
        if points is None:
            return None
        if grid is None:
            grid = self._grids[name] = Grid(self._tier.cells)
        return grid.cells(*points, state)


class Grid:
    """The cells of one layer: at most `most` of them, usually more than a tenth of that.

    Attributes:
        side: of a cell in scene units, a power of two; 0 before the first use.
    """

    def __init__(self, most: int) -> None:
        self.side = 0.0
        self._most = most

    def cells(self, x: NDArray[np.float64], y: NDArray[np.float64], state: LayerState) -> LayerState:
        """The layer as cells, in the order of their place; `x` and `y` (n,) are finite and n is above 0."""
        place = self._fit(x, y)
        counts = np.bincount(place.flat, minlength=place.width * place.height)
        filled = np.flatnonzero(counts)
        number = counts[filled]
        columns = {
            "x": Column(_means(place.flat, x, filled, number)),
            "y": Column(_means(place.flat, y, filled, number)),
        }
        for name, column in state.columns.items():
            if name not in columns and _has_mean(name, column):
                columns[name] = Column(_means(place.flat, column.data, filled, number))
        columns["count"] = Column(number.astype(np.int32))
        row, col = filled // place.width + place.bottom, filled % place.width + place.left
        mask = (1 << _INDEX_BITS) - 1
        ids = ((row & mask) << _INDEX_BITS | (col & mask)).astype(np.uint32)
        return LayerState(ids, columns)

    def _fit(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> _Place:
        """Keep the side, or change it as far as it must be."""
        left, right, bottom, top = float(x.min()), float(x.max()), float(y.min()), float(y.max())
        span = max(right - left, top - bottom)
        finest = max(map(abs, (left, right, bottom, top))) * FINEST
        if not self.side:
            self.side = _power(max(span / self._most**0.5, finest)) if span else 1.0
        while span / self.side >= MAX_SPAN or self.side < finest:
            self.side *= 2
        place = _Place.of(x, y, self.side)
        filled = place.filled()
        while filled > self._most:
            self.side *= 2
            place = _Place.of(x, y, self.side)
            filled = place.filled()
        while filled < self._most * FEW_SHARE and self.side / 2 > max(finest, span / MAX_SPAN * 2):
            finer = _Place.of(x, y, self.side / 2)
            more = finer.filled()
            if more < filled * WORTH:
                break
            self.side, place, filled = self.side / 2, finer, more
        return place


@dataclass(frozen=True, slots=True)
class _Place:
    """In which cell each entity is: `flat` (n,) counts the cells row by row from the one at `left`, `bottom`."""

    flat: NDArray[np.intp]
    left: int
    bottom: int
    width: int
    height: int

    @classmethod
    def of(cls, x: NDArray[np.float64], y: NDArray[np.float64], side: float) -> _Place:
        col, row = np.floor(x / side), np.floor(y / side)
        left, bottom = col.min(), row.min()
        width, height = int(col.max() - left) + 1, int(row.max() - bottom) + 1
        flat = ((row - bottom) * width + (col - left)).astype(np.intp)
        return cls(flat, int(left), int(bottom), width, height)

    def filled(self) -> int:
        return int(np.count_nonzero(np.bincount(self.flat, minlength=self.width * self.height)))


def _kind(state: LayerState) -> str | None:
    """The kind of bulk that a layer is; None if it is not to be left out."""
    if state.columns.keys() >= VECTORS:
        return "vectors"
    return "paths" if PATH in state.columns else None


def _points(state: LayerState) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """The positions; None if there are none, or none that a grid could be laid over."""
    found = []
    for name in ("x", "y"):
        column = state.columns.get(name)
        if column is None or column.values is not None:
            return None
        data = column.data.astype(np.float64, copy=False)
        if not -WIDEST < float(data.min()) <= float(data.max()) < WIDEST:
            return None
        found.append(data)
    return found[0], found[1]


def _has_mean(name: str, column: Column) -> bool:
    """Integers and strings are kinds and states, angles go round, and the sizes of entities are not a cell's."""
    if column.values is not None or column.data.dtype.kind != "f":
        return False
    return name not in ANGLES and name not in SIZES and name not in VECTORS and name != "count"


def _means(flat: NDArray[np.intp], data: NDArray[Any], filled: NDArray[np.intp], number: NDArray[np.intp]) -> Any:
    return np.bincount(flat, weights=data)[filled] / number


def _power(value: float) -> float:
    """The smallest power of two that is not below `value`."""
    return float(2.0 ** np.ceil(np.log2(value)))
