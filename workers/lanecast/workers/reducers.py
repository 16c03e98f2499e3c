"""Reducers: what events of a type make of the state. Pure; add or replace one by the decorator.

    @reducer("traffic")
    def traffic(events: Events) -> dict[str, Layer]: ...

A reducer gets one checked batch and returns, for each layer, the entities that change or join. It raises
`InvalidMessage` when the items are not what its type asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from lanecast.broker.columns import Column
from lanecast.broker.errors import InvalidMessage
from lanecast.broker.payloads import Events, Layer

Reducer = Callable[[Events], Mapping[str, Layer]]

REDUCERS: Final[dict[str, Reducer]] = {}
"""Event type -> its reducer."""


def reducer(event_type: str) -> Callable[[Reducer], Reducer]:
    """Make the decorated function the reducer of an event type; the last one registered counts."""

    def register(function: Reducer) -> Reducer:
        REDUCERS[event_type] = function
        return function

    return register


@reducer("traffic")
def traffic(events: Events) -> dict[str, Layer]:
    """The latest mean speed (m/s) and occupancy (0 to 1) of each edge."""
    edges = events.items.get("edge")
    if edges is None:
        raise InvalidMessage("items.edge", "missing")
    if edges.values is None and len(edges):
        raise InvalidMessage("items.edge", "expected strings, the ids of edges")
    for name in ("mean_speed", "occupancy"):
        column = events.items.get(name)
        if column is None:
            raise InvalidMessage(f"items.{name}", "missing")
        if column.values is not None:
            raise InvalidMessage(f"items.{name}", "expected numbers, one for each edge")
    names = edges.to_list()
    last = np.array(list({edge: row for row, edge in enumerate(names)}.values()), np.intp)
    columns = {name: Column(events.items[name].data[last].astype(np.float64)) for name in ("mean_speed", "occupancy")}
    return {"traffic": Layer([names[row] for row in last.tolist()], columns)}
