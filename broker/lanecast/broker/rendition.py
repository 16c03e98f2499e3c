"""Renditions: state as the viewers of one tier get it, as keyframes and deltas. Pure.

`Chain` encodes: it remembers what the viewers of a tier have and says what has changed. `View` decodes: it is
what a viewer has. The form is described in `docs/protocol/viewer.md` (Frames); applied in order, a chain's
deltas always leave a view equal to the keyframe that would follow.

Numbers are quantized once, against the column's `scale` and `origin` of the last keyframe, and the
differences are taken between the integers: nothing drifts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lanecast.broker.columns import Column, typed, untyped
from lanecast.broker.errors import InvalidMessage
from lanecast.broker.tiers import Tier

POSITIONS: Final = frozenset({"x", "y", "z"})
ANGLES: Final = frozenset({"angle"})
SPEEDS: Final = frozenset({"speed", "mean_speed"})


@dataclass(frozen=True, slots=True)
class LayerState:
    """All entities of a layer at one moment.

    Attributes:
        ids: (n,) uint32, unique.
        columns: each with n values. The `values` of a column of strings only ever grow within a chain.
        names: n strings if the layer's ids are strings, else None.
    """

    ids: NDArray[np.uint32]
    columns: Mapping[str, Column]
    names: list[str] | None = None


@dataclass(slots=True)
class _Stored:
    """A column as the viewers have it: int32 (scaled, plain or codes), or exact floats."""

    data: NDArray[Any]
    scale: float = 0.0
    origin: float = 0.0
    values: list[str] | None = None
    modulus: int = 0


class Chain:
    """Encodes the state of one run for one tier.

    `keyframe` starts (or restarts) the chain; `delta` goes on, or returns None where only a keyframe will do.
    Not thread-safe; one owner.
    """

    def __init__(self, tier: Tier) -> None:
        self._tier = tier
        self._layers: dict[str, _LayerChain] = {}
        self._metrics: dict[str, float] = {}

    def keyframe(self, layers: Mapping[str, LayerState], metrics: Mapping[str, float]) -> dict[str, Any]:
        """The parts `layers` and `metrics` of a keyframe, which replace all that viewers have."""
        self._layers = {name: _LayerChain(self._tier) for name in layers}
        self._metrics = dict(metrics)
        return {
            "layers": {name: self._layers[name].keyframe(state) for name, state in layers.items()},
            "metrics": self._metrics,
        }

    def delta(self, layers: Mapping[str, LayerState], metrics: Mapping[str, float]) -> dict[str, Any] | None:
        """The parts `layers` and `metrics` of a delta; None if layers or columns came, went or changed kind."""
        if layers.keys() != self._layers.keys():
            return None
        if not all(self._layers[name].continues(state) for name, state in layers.items()):
            return None
        parts = ((name, self._layers[name].delta(state)) for name, state in layers.items())
        changed = {name: value for name, value in metrics.items() if self._metrics.get(name) != value}
        self._metrics.update(changed)
        return {"layers": {name: part for name, part in parts if part is not None}, "metrics": changed}


class _LayerChain:
    def __init__(self, tier: Tier) -> None:
        self._tier = tier
        self._ids: NDArray[np.uint32] = np.empty(0, np.uint32)
        self._named = False
        self._columns: dict[str, _Stored] = {}

    def keyframe(self, state: LayerState) -> dict[str, Any]:
        self._ids = state.ids.copy()
        self._named = state.names is not None
        self._columns = {name: _store(name, column, self._tier) for name, column in state.columns.items()}
        part: dict[str, Any] = {
            "rows": len(state.ids),
            "columns": {"id": typed(self._ids.astype("<u4"))}
            | {name: _column(stored, stored.data) for name, stored in self._columns.items()},
        }
        if state.names is not None:
            part["names"] = state.names
        return part

    def continues(self, state: LayerState) -> bool:
        """Whether a delta can tell what has changed."""
        return (
            (state.names is not None) == self._named
            and state.columns.keys() == self._columns.keys()
            and all(_continues(self._columns[name], column) for name, column in state.columns.items())
        )

    def delta(self, state: LayerState) -> dict[str, Any] | None:
        drop, fresh = self._follow(state.ids)
        order = _order(self._ids, state.ids)
        kept = len(self._ids) - fresh
        add: dict[str, Any] = {"id": typed(self._ids[kept:].astype("<u4"))}
        sets: dict[str, Any] = {}
        for name, column in state.columns.items():
            stored = self._columns[name]
            stored.data = _swap_remove(stored.data, drop)
            now = _quantize(column.data if order is None else column.data[order], stored)
            change = _change(stored, now[:kept])
            if column.values is not None and len(column.values) > len(stored.values or ()):
                stored.values = list(column.values)
                change = {**(change or _NO_CHANGE), "values": stored.values}
            if change is not None:
                sets[name] = change
            if fresh:
                add[name] = _column(stored, now[kept:])
            stored.data = now
        part: dict[str, Any] = {"rows": len(state.ids)}
        if drop.size:
            part["drop"] = typed(_narrow_rows(drop, kept + drop.size))
        if fresh:
            part["add"] = {"columns": add}
            if state.names is not None:
                rows = range(kept, kept + fresh) if order is None else order[kept:].tolist()
                part["add"]["names"] = [state.names[row] for row in rows]
        if sets:
            part["set"] = sets
        return part if len(part) > 1 else None

    def _follow(self, ids: NDArray[np.uint32]) -> tuple[NDArray[np.intp], int]:
        """Make the chain's rows those of `ids`: the rows to drop, the last first, and the number of rows added."""
        if np.array_equal(self._ids, ids):
            return np.empty(0, np.intp), 0
        drop = np.flatnonzero(~np.isin(self._ids, ids, assume_unique=True))[::-1]
        kept = _swap_remove(self._ids, drop)
        fresh = ids[~np.isin(ids, kept, assume_unique=True)]
        self._ids = np.concatenate([kept, fresh])
        return drop, len(fresh)


def _order(ids: NDArray[np.uint32], now: NDArray[np.uint32]) -> NDArray[np.intp] | None:
    """For each of the chain's `ids` its row in `now`, which holds the same ids; None if the order is the same."""
    if np.array_equal(ids, now):
        return None
    by_id = np.argsort(now)
    order: NDArray[np.intp] = by_id[np.searchsorted(now, ids, sorter=by_id)]
    return order


def _continues(stored: _Stored, column: Column) -> bool:
    if (column.values is not None) != (stored.values is not None):
        return False
    if column.values is not None:
        return len(column.values) >= len(stored.values or ())
    if stored.scale:
        return _fits(column.data, stored)
    return stored.data.dtype.kind == "f" or (column.data.dtype.kind != "f" and _in_int32(column.data))


def _store(name: str, column: Column, tier: Tier) -> _Stored:
    if column.values is not None:
        return _Stored(column.data.astype(np.int32), values=list(column.values))
    if column.data.dtype.kind != "f":
        if column.data.dtype.itemsize < 4 or column.data.dtype == np.int32 or _in_int32(column.data):
            return _Stored(column.data.astype(np.int32))
        return _Stored(column.data.astype(np.float64))
    step = _step(name, column.data, tier)
    if step:
        modulus = round(360 / step) if name in ANGLES else 0
        origin = 0.0 if modulus or not column.data.size else float(np.floor(column.data.min()))
        stored = _Stored(np.empty(0, np.int32), step, origin, modulus=modulus)
        if _fits(column.data, stored):
            stored.data = _quantize(column.data, stored)
            return stored
    return _Stored(_single(column.data))


def _step(name: str, data: NDArray[Any], tier: Tier) -> float:
    if name in POSITIONS:
        return tier.position_step
    if name in ANGLES:
        return tier.angle_step
    if name in SPEEDS:
        return tier.speed_step
    largest = float(np.abs(data).max()) if tier.value_bits and data.size else 0.0
    return float(2.0 ** (np.ceil(np.log2(largest)) - tier.value_bits)) if largest > 1e-30 else 0.0


def _quantize(data: NDArray[Any], stored: _Stored) -> NDArray[Any]:
    if not stored.scale:
        return _single(data) if stored.data.dtype == np.float32 else data.astype(stored.data.dtype)
    quantized = np.rint((data - stored.origin) / stored.scale).astype(np.int32)
    return quantized % stored.modulus if stored.modulus else quantized


def _single(data: NDArray[Any]) -> NDArray[Any]:
    """As float32; what is beyond its range is cut to its ends, for viewers must get no infinity."""
    if data.dtype == np.float64:
        limit = float(np.finfo(np.float32).max)
        data = np.clip(data, -limit, limit)
    return data.astype(np.float32)


def _fits(data: NDArray[Any], stored: _Stored) -> bool:
    with np.errstate(over="ignore"):
        return not data.size or float(np.abs(data - stored.origin).max()) / stored.scale < 2**30


def _in_int32(data: NDArray[Any]) -> bool:
    return not data.size or (int(data.min()) >= -(2**31) and int(data.max()) < 2**31)


def _column(stored: _Stored, data: NDArray[Any]) -> dict[str, Any]:
    if stored.values is not None:
        return {**typed(_narrow(data, "u")), "values": stored.values}
    if stored.scale:
        return {**typed(_narrow(data)), "scale": stored.scale, "origin": stored.origin}
    return typed(_narrow(data))


def _change(stored: _Stored, now: NDArray[Any]) -> dict[str, Any] | None:
    """What turns `stored.data` into `now`, in the form that takes the fewest bytes; None if nothing has changed."""
    before = stored.data
    if before.dtype.kind == "f":
        rows = np.flatnonzero(before != now)
        candidates = [("abs", now)]
    else:
        difference = now.astype(np.int64) - before
        rows = np.flatnonzero(difference)
        candidates = [("abs", _narrow(now)), ("diff", _narrow(difference.astype(np.int32)))]
    if not rows.size:
        return None
    index = _narrow_rows(rows, len(now))
    best: dict[str, Any] = {}
    size = 1 << 62
    for mode, data in candidates:
        sparse = _narrow(data[rows]) if data.dtype.kind != "f" else data[rows]
        if data.nbytes < size:
            size, best = data.nbytes, {**typed(data), "mode": mode}
        if sparse.nbytes + index.nbytes + 24 < size:
            size = sparse.nbytes + index.nbytes + 24
            best = {**typed(sparse), "mode": mode, "rows": typed(index)}
    return best


def _narrow(data: NDArray[Any], signs: str = "ui") -> NDArray[Any]:
    """The same integers in the smallest dtype of the wire; floats stay float32."""
    if data.dtype.kind == "f" or not data.size:
        return data if data.dtype.kind == "f" else data.astype(np.uint8)
    low, high = int(data.min()), int(data.max())
    for dtype in ("u1", "i1", "u2", "i2"):
        limits = np.iinfo(dtype)
        if dtype[0] in signs and limits.min <= low and high <= limits.max:
            return data.astype(dtype)
    return data.astype("<u4" if signs == "u" else "<i4")


def _narrow_rows(rows: NDArray[np.intp], n: int) -> NDArray[Any]:
    return rows.astype("<u2" if n <= 0x10000 else "<u4")


def _swap_remove(data: NDArray[Any], drop: NDArray[Any]) -> NDArray[Any]:
    """Apply drops in order: each time the last row takes the place of the dropped one."""
    if not drop.size:
        return data
    data = data.copy()
    n = len(data)
    for row in drop.tolist():
        n -= 1
        data[row] = data[n]
    return data[:n]


_NO_CHANGE: Final[dict[str, Any]] = {
    **typed(np.empty(0, np.uint8)), "mode": "abs", "rows": typed(np.empty(0, np.uint16)),
}  # fmt: skip
"""Sets nothing: carries a grown dictionary whose new strings only added rows use."""


@dataclass(slots=True)
class LayerView:
    """A layer as a viewer has it: stored columns by name, `ids` (n,) uint32, `names` if the ids are strings."""

    ids: NDArray[np.uint32]
    columns: dict[str, _Stored] = field(default_factory=dict)
    names: list[str] | None = None

    def column(self, name: str) -> Column:
        """A column's real values: float64 for scaled ones, codes and `values` for strings."""
        stored = self.columns[name]
        if stored.scale:
            return Column(stored.origin + stored.scale * stored.data.astype(np.float64))
        return Column(stored.data, stored.values)


class View:
    """What a viewer of one run and tier has; `apply` takes the frames of a chain in order."""

    def __init__(self) -> None:
        self.layers: dict[str, LayerView] = {}
        self.metrics: dict[str, float] = {}
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
    names = part.get("names")
    return LayerView(ids, columns, None if names is None else list(names))


def _read_stored(value: Mapping[str, Any], path: str) -> _Stored:
    data = untyped(value, path)
    if data.dtype.kind != "f":
        data = data.astype(np.int32)
    return _Stored(data.copy(), value.get("scale", 0.0), value.get("origin", 0.0), value.get("values"))


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
    layer.ids = _swap_remove(layer.ids, drop)
    for stored in layer.columns.values():
        stored.data = _swap_remove(stored.data, drop)
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
