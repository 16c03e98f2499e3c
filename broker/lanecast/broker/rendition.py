"""Renditions: state as the viewers of one tier get it, as keyframes and deltas. Pure.

`Chain` encodes: it remembers what the viewers of a tier have and says what has changed. `View` (in `view`) decodes:
it is what a viewer has. The form is described in `docs/protocol/viewer.md` (Frames); applied in order, a chain's
deltas always leave a view equal to the keyframe that would follow.

What a tier shows of the layers is chosen by `detail`, columns become integers in `quantize`, rows find their places
in `rows`: once for all chains that share a `Follower`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lanecast.broker.columns import Column, typed
from lanecast.broker.detail import Detail
from lanecast.broker.layers import ANGLES, POSITIONS, SPEEDS, LayerState
from lanecast.broker.quantize import Stored, change, column, narrow_rows, quantize, store
from lanecast.broker.rows import Follower, Step
from lanecast.broker.tiers import Tier
from lanecast.broker.view import LayerView, View

__all__ = ["ANGLES", "POSITIONS", "SPEEDS", "Chain", "Follower", "LayerState", "LayerView", "View"]


class Chain:
    """Encodes the state of one run for one tier.

    `keyframe` starts (or restarts) the chain; `delta` goes on, or returns None where only a keyframe will do: the
    chain then is as it was. Arrays that were handed in must not be changed afterwards. Not thread-safe; one owner.
    """

    def __init__(self, tier: Tier, follower: Follower | None = None) -> None:
        self._tier = tier
        self._detail = Detail(tier)
        self._follower = follower or Follower()
        self._layers: dict[str, _LayerChain] = {}
        self._sides: Mapping[str, float] = {}
        self._left_out: list[str] = []
        self._metrics: dict[str, float] = {}

    def keyframe(self, layers: Mapping[str, LayerState], metrics: Mapping[str, float]) -> dict[str, Any]:
        """The parts `layers`, `metrics` and `left_out` of a keyframe, which replace all that viewers have."""
        shown = self._detail.of(layers)
        self._layers = {name: _LayerChain(self._tier, self._follower) for name in shown.layers}
        self._sides, self._left_out = shown.sides, shown.left_out
        self._metrics = dict(metrics)
        parts = {name: self._layers[name].keyframe(state) for name, state in shown.layers.items()}
        for name, side in shown.sides.items():
            parts[name]["lod"] = {"cell": side}
        left_out = {"left_out": shown.left_out} if shown.left_out else {}
        return {"layers": parts, "metrics": dict(metrics), **left_out}

    def delta(self, layers: Mapping[str, LayerState], metrics: Mapping[str, float]) -> dict[str, Any] | None:
        """The parts `layers` and `metrics` of a delta; None if layers or columns came, went or changed kind."""
        shown = self._detail.of(layers)
        if shown.layers.keys() != self._layers.keys() or shown.sides != self._sides:
            return None
        if shown.left_out != self._left_out:
            return None
        plans: list[tuple[str, _LayerChain, _Plan]] = []
        for name, state in shown.layers.items():
            chain = self._layers[name]
            plan = chain.plan(state)
            if plan is None:
                return None
            plans.append((name, chain, plan))
        parts = ((name, chain.delta(plan)) for name, chain, plan in plans)
        changed = {name: value for name, value in metrics.items() if self._metrics.get(name) != value}
        self._metrics.update(changed)
        return {"layers": {name: part for name, part in parts if part is not None}, "metrics": changed}


@dataclass(slots=True)
class _Plan:
    """A delta in the making: where the rows go, and the columns in the chain's form and order.

    A column whose values have not been touched is missing.
    """

    state: LayerState
    step: Step
    columns: dict[str, NDArray[Any]]


class _LayerChain:
    def __init__(self, tier: Tier, follower: Follower) -> None:
        self._tier = tier
        self._follower = follower
        self._ids: NDArray[np.uint32] = np.empty(0, np.uint32)
        self._named = False
        self._columns: dict[str, Stored] = {}

    def keyframe(self, state: LayerState) -> dict[str, Any]:
        self._ids = state.ids
        self._named = state.names is not None
        self._columns = {name: store(name, values, self._tier) for name, values in state.columns.items()}
        part: dict[str, Any] = {
            "rows": len(state.ids),
            "columns": {"id": typed(self._ids.astype("<u4", copy=False))}
            | {name: column(stored, stored.data) for name, stored in self._columns.items()},
        }
        if state.names is not None:
            part["names"] = state.names
        return part

    def plan(self, state: LayerState) -> _Plan | None:
        """How to go on to `state`; None if a delta cannot tell what has changed. The chain stays as it is."""
        if (state.names is not None) != self._named or state.columns.keys() != self._columns.keys():
            return None
        step = self._follower.follow(self._ids, state.ids)
        columns: dict[str, NDArray[Any]] = {}
        for name, values in state.columns.items():
            stored = self._columns[name]
            if not _continues(stored, values):
                return None
            if step.stands and stored.source is values.data:
                continue
            now = quantize(values.data, stored)
            if now is None:
                return None
            columns[name] = now if step.order is None else now[step.order]
        return _Plan(state, step, columns)

    def delta(self, plan: _Plan) -> dict[str, Any] | None:
        """Go on as planned; the part of the layer, or None if nothing has changed."""
        state, step = plan.state, plan.step
        kept = len(step.ids) - step.fresh
        add: dict[str, Any] = {"id": typed(step.ids[kept:].astype("<u4", copy=False))}
        sets: dict[str, Any] = {}
        for name, values in state.columns.items():
            stored = self._columns[name]
            now = plan.columns.get(name)
            found = None if now is None else change(step.kept(stored.data), now[:kept])
            if values.values is not None and len(values.values) > len(stored.values or ()):
                stored.values = list(values.values)
                found = {**(found or _NO_CHANGE), "values": stored.values}
            if found is not None:
                sets[name] = found
            if now is not None:
                if step.fresh:
                    add[name] = column(stored, now[kept:])
                stored.data = now
                stored.source = values.data if step.order is None else None
        drop_from = len(self._ids)
        self._ids = step.ids
        part: dict[str, Any] = {"rows": len(state.ids)}
        if step.drop.size:
            part["drop"] = typed(narrow_rows(step.drop, drop_from))
        if step.fresh:
            part["add"] = {"columns": add}
            if state.names is not None:
                rows = range(kept, len(step.ids)) if step.order is None else step.order[kept:].tolist()
                part["add"]["names"] = [state.names[row] for row in rows]
        if sets:
            part["set"] = sets
        return part if len(part) > 1 else None


def _continues(stored: Stored, values: Column) -> bool:
    if (values.values is not None) != (stored.values is not None):
        return False
    return values.values is None or len(values.values) >= len(stored.values or ())


_NO_CHANGE: Final[dict[str, Any]] = {
    **typed(np.empty(0, np.uint8)), "mode": "abs", "rows": typed(np.empty(0, np.uint16)),
}  # fmt: skip
"""Sets nothing: carries a grown dictionary whose new strings only added rows use."""
