"""Alerts of single values: nodes over their capacity, bins that are full. Pure.

A node (layer `energy`) is over from `energy.over` of its `capacity_kw` on, or of `energy.threshold_kw` where it has
none, and back below `energy.under`. A bin (layer `waste`) is full from `waste.full` on, and no more below
`waste.empty`. Each must hold for `energy.after_s` or `waste.after_s` of simulated time. The numbers are settings of the
run's metadata:

    energy.over 1.0    .under 0.9    .after_s 0    .threshold_kw (none)
    waste.full 0.9     .empty 0.7    .after_s 0

Adds the metrics `energy.overloaded` and `waste.overfull`: how many are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lanecast.broker.rendition import LayerState
from lanecast.workers.processors.contract import Additions, Alert, Context, Processor, Tick, processor
from lanecast.workers.processors.rows import Hysteresis, listed
from lanecast.workers.processors.statistics import numbers


class _Watch(Processor):
    """One column of one layer against two thresholds."""

    every_s = 0.25

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._switch = Hysteresis()

    def save(self) -> Any:
        """Who is over, so that nobody is told of twice."""
        return self._switch.save()

    def load(self, saved: Any) -> None:
        """Go on as the last owner would have."""
        self._switch.load(saved)

    def _watch(
        self, tick: Tick, layer: LayerState, value: NDArray[Any], over: float, under: float, after_s: float
    ) -> tuple[list[str], list[str], float]:
        """Who is over now, who is not any more, and how many are."""
        self._switch.on_s = self._switch.off_s = after_s
        switched = self._switch.update(layer.ids, layer.names, value >= over, value < min(under, over), tick.time_s)
        return switched.on, switched.off, float(np.count_nonzero(self._switch.on))


@processor("energy")
class Energy(_Watch):
    """Nodes whose load is over their capacity."""

    def process(self, tick: Tick) -> Additions:
        """Tell who is over, and who is not any more."""
        layer = tick.layers.get("energy")
        load = None if layer is None else numbers(layer, "load_kw")
        if layer is None or load is None:
            return Additions()
        limit = np.full(len(load), max(0.0, tick.number("energy.threshold_kw", 0.0)))
        capacity = numbers(layer, "capacity_kw")
        if capacity is not None:
            limit = np.where(capacity > 0, capacity, limit)
        share = np.divide(load, limit, out=np.zeros(len(load)), where=limit > 0)
        over, under = tick.number("energy.over", 1.0), tick.number("energy.under", 0.9)
        on, off, many = self._watch(tick, layer, share, over, under, tick.number("energy.after_s", 0.0))
        alerts = []
        if on:
            alerts.append(Alert(f"energy: {listed('node', 'nodes', on)} at {over:.0%} of the capacity or over"))
        if off:
            alerts.append(
                Alert(f"energy: {listed('node', 'nodes', off)} below {under:.0%} of the capacity again", "info")
            )
        return Additions({"energy.overloaded": many}, alerts=alerts)


@processor("waste")
class Waste(_Watch):
    """Bins that are full."""

    def process(self, tick: Tick) -> Additions:
        """Tell which are full, and which are not any more."""
        layer = tick.layers.get("waste")
        fill = None if layer is None else numbers(layer, "fill")
        if layer is None or fill is None:
            return Additions()
        full, empty = tick.number("waste.full", 0.9), tick.number("waste.empty", 0.7)
        on, off, many = self._watch(tick, layer, fill, full, empty, tick.number("waste.after_s", 0.0))
        alerts = []
        if on:
            alerts.append(Alert(f"waste: {listed('bin', 'bins', on)} at {full:.0%} or over"))
        if off:
            alerts.append(Alert(f"waste: {listed('bin', 'bins', off)} below {empty:.0%} again", "info"))
        return Additions({"waste.overfull": many}, alerts=alerts)
