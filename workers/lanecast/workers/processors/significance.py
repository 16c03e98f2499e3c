"""Significance: a value that has changed less than its threshold is not sent. Pure.

Each value is compared with the one that was let through last, not with the one before, so slow changes are not lost:
what viewers have differs from the state by less than the threshold, always (and by what their tier rounds off). Angles
are compared around the circle. Strings, whole layers and who joins or leaves always pass.

Thresholds come from the run's metadata (`significance.LAYER.COLUMN` or `significance.COLUMN`, a number), else from
`LANECAST_SIGNIFICANCE` (JSON: `{"COLUMN": n, "LAYER.COLUMN": n}`); the more special one counts, 0 lets all through.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lanecast.broker.columns import Column
from lanecast.broker.rendition import ANGLES, LayerState
from lanecast.workers.processors.contract import Additions, Context, Processor, Tick, processor
from lanecast.workers.processors.rows import rows_of

PREFIX: Final = "significance"


@processor("significance")
class Significance(Processor):
    """Keeps back what has changed little."""

    every_s = 0.0
    filters = True

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._passed: dict[str, LayerState] = {}

    def process(self, tick: Tick) -> Additions:
        """Give the layers that have thresholds, as they are to be sent."""
        sent: dict[str, LayerState] = {}
        for name, layer in tick.layers.items():
            limits = thresholds(name, layer, tick.metadata, self.context.significance)
            if limits:
                sent[name] = passed(layer, self._passed.get(name), limits)
        self._passed = sent
        return Additions(layers=sent)


def thresholds(
    layer: str, state: LayerState, metadata: Mapping[str, Any], setting: Mapping[str, float]
) -> dict[str, float]:
    """Column -> threshold, of those columns of a layer that have one."""
    found: dict[str, float] = {}
    for name, column in state.columns.items():
        if column.values is not None:
            continue
        for value in (
            metadata.get(f"{PREFIX}.{layer}.{name}"),
            metadata.get(f"{PREFIX}.{name}"),
            setting.get(f"{layer}.{name}"),
            setting.get(name),
        ):
            if isinstance(value, int | float) and not isinstance(value, bool):
                if value > 0:
                    found[name] = float(value)
                break
    return found


def passed(layer: LayerState, before: LayerState | None, limits: Mapping[str, float]) -> LayerState:
    """What of a layer is sent, after `before` was."""
    if before is None:
        return layer
    rows = None if np.array_equal(before.ids, layer.ids) else rows_of(before.ids, layer.ids)
    columns = dict(layer.columns)
    for name, limit in limits.items():
        old = before.columns.get(name)
        if old is None or old.values is not None or old.data.dtype != columns[name].data.dtype:
            continue
        columns[name] = Column(_kept(columns[name].data, old.data, rows, limit, around=name in ANGLES))
    return replace(layer, columns=columns)


def _kept(
    new: NDArray[Any], old: NDArray[Any], rows: NDArray[np.intp] | None, limit: float, *, around: bool
) -> NDArray[Any]:
    if new is old:
        return old
    last = old if rows is None else old[np.maximum(rows, 0)] if len(old) else new
    difference = np.abs(np.subtract(new, last, dtype=np.float64))
    if around:
        difference %= 360.0
        difference = np.minimum(difference, 360.0 - difference)
    moved = difference >= limit
    if rows is None and not moved.any():
        return old
    if rows is not None:
        moved |= rows < 0
    return np.where(moved, new, last)
