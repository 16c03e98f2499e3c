"""Congestion hotspots: where traffic has stood for a while. Pure.

Of edges (layer `traffic`) or, without them, of square cells of the layer `vehicles`. A place is a hotspot once its mean
speed was under `congestion.below` of its free flow, and occupied, for `congestion.after_s` of simulated time; no more
once it was over `congestion.above`, or empty, for `congestion.until_s`. Free flow is the column `free_speed` (m/s) of
the layer if there is one, else the fastest that was seen there. The numbers are settings of the run's metadata:

    congestion.below 0.4    .above 0.6    .after_s 60    .until_s 20
    congestion.occupancy 0.1 (of an edge)    .vehicles 5 (in a cell)    .cell_m 100

Adds the metric `traffic.hotspots` and, for cells, the layer `hotspots` (x, y, speed, count).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lanecast.broker.columns import Column
from lanecast.broker.rendition import LayerState
from lanecast.workers.processors.contract import Additions, Alert, Context, Processor, Tick, processor
from lanecast.workers.processors.rows import MAX_SAVED, Hysteresis, RowMemory, Switched, listed
from lanecast.workers.processors.statistics import numbers

SLOWEST_FREE: Final = 3.0
"""m/s: where nobody ever drove faster, nothing is said of congestion."""
MAX_CELLS: Final = 20_000
HALF: Final = 0x8000


@processor("congestion")
class Congestion(Processor):
    """Watches edges, or cells of vehicles."""

    every_s = 0.5

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._switch = Hysteresis()
        self._free = RowMemory(free=("f8", 0.0))
        self._saved_free: dict[str, float] = {}
        self._of = ""

    def process(self, tick: Tick) -> Additions:
        """See which places have become hotspots, and which are none any more."""
        edges, vehicles = tick.layers.get("traffic"), tick.layers.get("vehicles")
        if edges is not None and numbers(edges, "mean_speed") is not None:
            return self._edges(tick, edges)
        if vehicles is not None and all(numbers(vehicles, name) is not None for name in ("x", "y", "speed")):
            return self._cells(tick, vehicles)
        return Additions()

    def save(self) -> Any:
        """Hotspots and what is about to become one, with the free flow that they are measured by."""
        switch = self._switch.save()
        free = self._free.columns["free"]
        known = {self._free.key(row): float(free[row]) for row in np.flatnonzero(free)[:MAX_SAVED].tolist()}
        known = {**self._saved_free, **known}
        return {"of": self._of, "switch": switch, "free": {key: known[key] for key in switch if key in known}}

    def load(self, saved: Any) -> None:
        """Go on as the last owner would have."""
        self._of = saved["of"]
        self._switch.load(saved["switch"])
        self._saved_free = dict(saved["free"])

    def _edges(self, tick: Tick, layer: LayerState) -> Additions:
        self._begin("edges")
        occupancy = numbers(layer, "occupancy")
        occupied = np.ones(len(layer.ids), bool)
        if occupancy is not None:
            occupied = occupancy >= tick.number("congestion.occupancy", 0.1)
        speed = np.asarray(layer.columns["mean_speed"].data)
        free = self._free_flow(layer.ids, layer.names, speed, occupied, numbers(layer, "free_speed"))
        switched = self._update(tick, layer.ids, layer.names, speed, free, occupied)
        return self._told(switched, "edge", "edges", {})

    def _cells(self, tick: Tick, layer: LayerState) -> Additions:
        self._begin("cells")
        side = max(1.0, tick.number("congestion.cell_m", 100.0))
        x, y, speeds = (layer.columns[name].data for name in ("x", "y", "speed"))
        numbered = _cell(x, side) << 16 | _cell(y, side)
        numbered = numbered.astype(np.uint32)
        ids = np.unique(numbered)
        known = np.union1d(self._free.ids, ids)
        if len(known) <= MAX_CELLS:  # cells that are empty now stay, with what is known of them
            ids = known
        at = np.searchsorted(ids, numbered)
        counts = np.bincount(at, minlength=len(ids))
        mean = [
            np.bincount(at, weights=column, minlength=len(ids)) / np.maximum(counts, 1) for column in (x, y, speeds)
        ]
        occupied = counts >= tick.number("congestion.vehicles", 5.0)
        free = self._free_flow(ids, None, mean[2], occupied, None)
        switched = self._update(tick, ids, None, mean[2], free, occupied)
        on = np.flatnonzero(self._switch.on)
        spots = {
            "x": Column(mean[0][on]),
            "y": Column(mean[1][on]),
            "speed": Column(mean[2][on]),
            "count": Column(counts[on].astype(np.int32)),
        }
        layers = {} if "hotspots" in tick.layers else {"hotspots": LayerState(ids[on], spots)}
        where = {str(ids[row]): f"at {mean[0][row]:.0f}, {mean[1][row]:.0f}" for row in on.tolist()}
        return self._told(switched, "cell", "cells", layers if len(on) else {}, where)

    def _begin(self, of: str) -> None:
        if of != self._of:
            if self._of:
                self._switch, self._free = Hysteresis(), RowMemory(free=("f8", 0.0))
            self._of = of

    def _free_flow(
        self, ids: NDArray[np.uint32], names: list[str] | None, speed: NDArray[Any], occupied: NDArray[np.bool_],
        given: NDArray[Any] | None,
    ) -> NDArray[Any]:  # fmt: skip
        self._free.align(ids, names)
        if self._saved_free and len(ids):
            free = self._free.columns["free"]
            for row in range(len(ids)):
                free[row] = max(free[row], self._saved_free.get(self._free.key(row), 0.0))
            self._saved_free = {}
        seen = np.where(occupied, np.maximum(self._free.columns["free"], speed), self._free.columns["free"])
        self._free.columns["free"] = seen
        return seen if given is None else np.where(given > 0, given, seen)

    def _update(
        self, tick: Tick, ids: NDArray[np.uint32], names: list[str] | None, speed: NDArray[Any], free: NDArray[Any],
        occupied: NDArray[np.bool_],
    ) -> Switched:  # fmt: skip
        self._switch.on_s = tick.number("congestion.after_s", 60.0)
        self._switch.off_s = tick.number("congestion.until_s", 20.0)
        below, above = tick.number("congestion.below", 0.4), tick.number("congestion.above", 0.6)
        known = free >= SLOWEST_FREE
        bad = known & occupied & (speed < below * free)
        good = ~occupied | (speed > max(above, below) * free)
        return self._switch.update(ids, names, bad, good, tick.time_s)

    def _told(
        self, switched: Switched, noun: str, plural: str, layers: dict[str, LayerState],
        where: dict[str, str] | None = None,
    ) -> Additions:  # fmt: skip
        alerts = []
        if switched.on:
            places = [(where or {}).get(key, key) for key in switched.on]
            alerts.append(Alert(f"congestion: traffic stands in {listed(noun, plural, places)}"))
        if switched.off:
            text = f"{noun} {switched.off[0][:64]}" if where is None and len(switched.off) == 1 else None
            text = text or f"{len(switched.off)} {noun if len(switched.off) == 1 else plural}"
            alerts.append(Alert(f"congestion: traffic flows again in {text}", "info"))
        metrics = {"traffic.hotspots": float(np.count_nonzero(self._switch.on))}
        return Additions(metrics, layers, alerts)


def _cell(values: NDArray[Any], side: float) -> NDArray[np.int64]:
    """The number of the cell in one direction, in 16 bits; far away it begins anew."""
    cell: NDArray[np.int64] = (np.floor_divide(values, side).astype(np.int64) + HALF) & 0xFFFF
    return cell
