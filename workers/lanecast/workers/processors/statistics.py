"""System statistics: counts, means, percentiles and totals of what the layers hold. Pure.

    LAYER.count                                             entities of every layer
    LAYER.speed_mean .speed_p10 .speed_p50 .speed_p90       m/s, of a layer with `speed`; `.stopped`: below 0.1 m/s
    traffic.mean_speed .vehicles .occupancy                 of layer `vehicles`, else of the edges of layer `traffic`
    energy.load_kw .generation_kw .capacity_kw              totals; `.utilisation`: load over capacity; `.load_kw_p95`
    waste.fill_mean .fill_p90 .full .collected              `full`: bins from 0.9 on

Only layers that have changed since are computed again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lanecast.broker.rendition import LayerState
from lanecast.workers.processors.contract import Additions, Context, Processor, Tick, processor
from lanecast.workers.processors.pipeline import MAX_METRICS, MAX_NAME

STOPPED: Final = 0.1
FULL: Final = 0.9
Values = dict[str, float]


@processor("statistics")
class Statistics(Processor):
    """Adds metrics named after layers."""

    every_s = 0.5

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._known: dict[str, tuple[LayerState, Values]] = {}

    def process(self, tick: Tick) -> Additions | None:
        """Compute what has changed, and give all of it."""
        for name in self._known.keys() - tick.layers.keys():
            del self._known[name]
        for name, layer in tick.layers.items():
            known = self._known.get(name)
            if known is None or known[0] is not layer:
                self._known[name] = (layer, of_layer(name, layer))
        found: Values = {}
        for _, values in self._known.values():
            found |= {key: value for key, value in values.items() if len(key) <= MAX_NAME}
        vehicles = self._known.get("vehicles")
        if vehicles is not None and "vehicles.speed_mean" in vehicles[1]:
            found["traffic.mean_speed"] = vehicles[1]["vehicles.speed_mean"]
            found["traffic.vehicles"] = vehicles[1]["vehicles.count"]
        return Additions(dict(list(found.items())[:MAX_METRICS]))


def of_layer(name: str, layer: LayerState) -> Values:
    """The statistics of one layer."""
    values: Values = {f"{name}.count": float(len(layer.ids))}
    speed = numbers(layer, "speed")
    if speed is not None and speed.size:
        low, median, high = np.percentile(speed, (10, 50, 90)).tolist()
        values |= {
            f"{name}.speed_mean": float(speed.mean()),
            f"{name}.speed_p10": low,
            f"{name}.speed_p50": median,
            f"{name}.speed_p90": high,
            f"{name}.stopped": float(np.count_nonzero(speed < STOPPED)),
        }
    own = _OWN.get(name)
    return values | own(layer) if own is not None and len(layer.ids) else values


def numbers(layer: LayerState, name: str) -> NDArray[Any] | None:
    """A column's numbers; None if it is missing or holds strings."""
    column = layer.columns.get(name)
    return None if column is None or column.values is not None else column.data


def _traffic(layer: LayerState) -> Values:
    speed, occupancy = numbers(layer, "mean_speed"), numbers(layer, "occupancy")
    values: Values = {}
    if speed is not None:
        values["traffic.mean_speed"] = float(speed.mean())
    if occupancy is not None:
        values["traffic.occupancy"] = float(occupancy.mean())
    return values


def _energy(layer: LayerState) -> Values:
    values: Values = {}
    for name in ("load_kw", "generation_kw", "capacity_kw"):
        column = numbers(layer, name)
        if column is not None:
            values[f"energy.{name}"] = float(column.sum())
    load = numbers(layer, "load_kw")
    if load is not None:
        values["energy.load_kw_p95"] = float(np.percentile(load, 95))
    if values.get("energy.capacity_kw", 0.0) > 0 and load is not None:
        values["energy.utilisation"] = values["energy.load_kw"] / values["energy.capacity_kw"]
    return values


def _waste(layer: LayerState) -> Values:
    values: Values = {}
    fill, collected = numbers(layer, "fill"), numbers(layer, "collected")
    if fill is not None:
        values["waste.fill_mean"] = float(fill.mean())
        values["waste.fill_p90"] = float(np.percentile(fill, 90))
        values["waste.full"] = float(np.count_nonzero(fill >= FULL))
    if collected is not None:
        values["waste.collected"] = float(np.count_nonzero(collected))
    return values


_OWN: Final[dict[str, Callable[[LayerState], Values]]] = {"traffic": _traffic, "energy": _energy, "waste": _waste}
