"""Reducers: what events of a type make of the state. Pure; add one by the decorator, or by an entry point.

    @reducer("parking")
    def parking(events: Events) -> dict[str, Layer]: ...

    # or, in the pyproject.toml of a package that is installed beside the worker
    [project.entry-points."lanecast.reducers"]
    parking = "my_package.reducers:parking"

A reducer gets one checked batch and returns, for each layer, the entities that change or join. It raises
`InvalidMessage` when the items are not what its type asks for; anything else that it raises is counted as
`failed:reducer:TYPE`, tried again as every failure is, and disturbs nothing but its own message. It keeps nothing from
one batch to the next: after a takeover the same batches must make the same state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lanecast.broker.columns import Column
from lanecast.broker.errors import InvalidMessage
from lanecast.broker.payloads import Events, Layer
from lanecast.workers.plugins import PluginFailed, Registry

Reducer = Callable[[Events], Mapping[str, Layer]]

REDUCERS: Final[Registry[Reducer]] = Registry("reducer", "lanecast.reducers")
"""Event type -> its reducer."""

PLACES: Final = ("x", "y")


def reducer(event_type: str, *, replace: bool = False) -> Callable[[Reducer], Reducer]:
    """Make the decorated function the reducer of an event type; `replace` to take another one's place.

    Raises:
        PluginError: the type has a reducer already.
    """
    return REDUCERS.register(event_type, replace=replace)


def reduced(events: Events) -> Mapping[str, Layer] | None:
    """What a batch makes of the layers it touches; None if its type has no reducer.

    Raises:
        InvalidMessage: the items are not what the type asks for.
        PluginFailed: the reducer has failed, or what it returned is no state.
    """
    reduce = REDUCERS.get(events.type)
    if reduce is None:
        return None
    try:
        layers = reduce(events)
        _check(layers)
    except InvalidMessage:
        raise
    except Exception as error:
        raise PluginFailed("reducer", events.type, error) from error
    return layers


@reducer("traffic")
def traffic(events: Events) -> dict[str, Layer]:
    """The latest mean speed (m/s) and occupancy (0 to 1) of each edge."""
    return {"traffic": latest(events, "edge", ("mean_speed", "occupancy"))}


@reducer("energy")
def energy(events: Events) -> dict[str, Layer]:
    """The latest load of each node, kW, with generation, capacity and place where they are given."""
    return {"energy": latest(events, "node", ("load_kw",), ("generation_kw", "capacity_kw"))}


@reducer("waste")
def waste(events: Events) -> dict[str, Layer]:
    """How full each bin is, 0 to 1, whether it was collected, and its place where that is given."""
    layer = latest(events, "bin", ("fill",), ("collected",))
    fill = layer.columns["fill"].data
    if fill.size and not (fill.min() >= 0 and fill.max() <= 1):
        raise InvalidMessage("items.fill", f"expected 0 to 1, got {fill.min():g} to {fill.max():g}")
    return {"waste": layer}


def latest(events: Events, key: str, needed: tuple[str, ...], optional: tuple[str, ...] = ()) -> Layer:
    """The last item of each entity as a layer: ids from the column of strings `key`, numbers as float64.

    Besides what is named, `x` and `y` are taken where both are given.

    Raises:
        InvalidMessage: a needed column is missing, or one is not of the kind that it should be.
    """
    ids = events.items.get(key)
    if ids is None:
        raise InvalidMessage(f"items.{key}", "missing")
    if ids.values is None and len(ids):
        raise InvalidMessage(f"items.{key}", "expected strings")
    given = [name for name in optional if name in events.items]
    places = [name for name in PLACES if name in events.items]
    if len(places) == 1:
        raise InvalidMessage(f"items.{'y' if places == ['x'] else 'x'}", f"missing, though {places[0]!r} is given")
    names = ids.to_list()
    last = np.array(list({name: row for row, name in enumerate(names)}.values()), np.intp)
    columns = {name: Column(_numbers(events, name)[last]) for name in (*needed, *given, *places)}
    return Layer([names[row] for row in last.tolist()], columns)


def _numbers(events: Events, name: str) -> NDArray[np.float64]:
    column = events.items.get(name)
    if column is None:
        raise InvalidMessage(f"items.{name}", "missing")
    if column.values is not None:
        raise InvalidMessage(f"items.{name}", "expected numbers")
    return column.data.astype(np.float64)


def _check(layers: Any) -> None:
    """What a reducer returns is taken into the state: see that it fits before it does."""
    if not isinstance(layers, Mapping):
        raise TypeError(f"expected a mapping of layers, got {type(layers).__name__}")
    for name, layer in layers.items():
        if not isinstance(name, str) or not isinstance(layer, Layer):
            raise TypeError(f"layer {name!r:.80}: expected a str and a Layer, got {type(layer).__name__}")
        for key, column in layer.columns.items():
            if len(column) != len(layer):
                raise ValueError(f"layer {name}: {key!r} has {len(column)} values for {len(layer)} entities")
        ids = layer.ids
        if len(set(ids) if isinstance(ids, list) else np.unique(ids)) != len(layer):
            raise ValueError(f"layer {name}: ids come more than once")
