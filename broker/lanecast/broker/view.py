"""A view: what a viewer of one run and tier has. Pure; the counterpart of `rendition.Chain`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lanecast.broker.columns import Column, untyped
from lanecast.broker.errors import InvalidMessage
from lanecast.broker.quantize import Stored
from lanecast.broker.rows import swap_remove


@dataclass(slots=True)
class LayerView:
    """A layer as a viewer has it.

    Attributes:
        ids: (n,) uint32.
        columns: stored columns by name.
        names: n strings if the ids are strings.
        cell: side of the square cells (scene units) if the entities are cells; else None.
    """

    ids: NDArray[np.uint32]
    columns: dict[str, Stored] = field(default_factory=dict)
    names: list[str] | None = None
    cell: float | None = None

    def column(self, name: str) -> Column:
        """A column's real values: float64 for scaled ones, codes and `values` for strings."""
        stored = self.columns[name]
        if stored.scale:
            return Column(stored.origin + stored.scale * stored.data.astype(np.float64))
        return Column(stored.data, stored.values)


class View:
    """What a viewer of one run and tier has; `apply` takes the frames of a chain in order.

    Attributes:
        layers: by name.
        metrics: by name.
        left_out: layers that the run has and the tier does not show.
        offset: of the last frame; None before the first.
        frame: the last frame's message.
    """

    def __init__(self) -> None:
        self.layers: dict[str, LayerView] = {}
        self.metrics: dict[str, float] = {}
        self.left_out: list[str] = []
        self.offset: str | None = None
        self.frame: Mapping[str, Any] = {}

    def apply(self, frame: Mapping[str, Any]) -> bool:
        """Take a `frame` message; False means that it does not follow what this view has and was ignored.

        Raises:
            InvalidMessage: the frame contradicts itself.
        """
        if frame["key"]:
            self.layers = {name: _read_keyframe(part, name) for name, part in frame["layers"].items()}
            self.metrics = dict(frame["metrics"])
            self.left_out = list(frame.get("left_out", ()))
        elif self.offset is None or frame["prev"] != self.offset:
            return False
        else:
            for name, part in frame["layers"].items():
                _apply_delta(self.layers[name], part, name)
            self.metrics.update(frame["metrics"])
        self.offset = frame["offset"]
        self.frame = frame
        return True


def _read_keyframe(part: Mapping[str, Any], name: str) -> LayerView:
    columns = {key: _read_stored(value, f"{name}.{key}") for key, value in part["columns"].items() if key != "id"}
    ids = untyped(part["columns"]["id"], f"{name}.id").astype(np.uint32)
    names, lod = part.get("names"), part.get("lod")
    return LayerView(ids, columns, None if names is None else list(names), None if lod is None else float(lod["cell"]))


def _read_stored(value: Mapping[str, Any], path: str) -> Stored:
    data = untyped(value, path)
    if data.dtype.kind != "f":
        data = data.astype(np.int32)
    return Stored(data.copy(), value.get("scale", 0.0), value.get("origin", 0.0), value.get("values"))


def _apply_delta(layer: LayerView, part: Mapping[str, Any], name: str) -> None:
    if "drop" in part:
        _apply_drop(layer, untyped(part["drop"], f"{name}.drop"), name)
    kept = len(layer.ids)
    if "add" in part:
        _apply_add(layer, part["add"], name)
    for key, change in part.get("set", {}).items():
        stored = layer.columns[key]
        data = untyped(change, f"{name}.{key}").astype(stored.data.dtype)
        stored.values = change.get("values", stored.values)
        # The rows that a delta adds come complete: what it sets without naming rows is all the others.
        rows: Any = untyped(change["rows"], f"{name}.{key}.rows") if "rows" in change else slice(0, kept)
        if len(data) != (len(rows) if "rows" in change else kept):
            raise InvalidMessage(f"{name}.{key}", f"{len(data)} values do not fit the rows they are for")
        if change["mode"] == "diff":
            stored.data[rows] += data
        else:
            stored.data[rows] = data
    if len(layer.ids) != part["rows"]:
        raise InvalidMessage(f"{name}.rows", f"{part['rows']} announced, {len(layer.ids)} there")


def _apply_drop(layer: LayerView, drop: NDArray[Any], name: str) -> None:
    if drop.size and int(drop.max()) >= len(layer.ids):
        raise InvalidMessage(f"{name}.drop", f"row {int(drop.max())} of {len(layer.ids)}")
    stay = swap_remove(len(layer.ids), drop)
    layer.ids = layer.ids[stay]
    for stored in layer.columns.values():
        stored.data = stored.data[stay]
    if layer.names is not None:
        for row in drop.tolist():
            last = layer.names.pop()
            if row < len(layer.names):
                layer.names[row] = last


def _apply_add(layer: LayerView, part: Mapping[str, Any], name: str) -> None:
    added = part["columns"]
    layer.ids = np.concatenate([layer.ids, untyped(added["id"], f"{name}.id").astype(np.uint32)])
    for key, stored in layer.columns.items():
        data = untyped(added[key], f"{name}.{key}").astype(stored.data.dtype)
        stored.data = np.concatenate([stored.data, data])
        stored.values = added[key].get("values", stored.values)
    if layer.names is not None:
        layer.names.extend(part["names"])
