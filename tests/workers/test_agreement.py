"""The property that everything rests on: whatever a producer sends, viewers end up with what it said.

A plain model in dictionaries says what the state should be; the aggregator, a chain for each tier, and a view do it in
columns and deltas.
"""

from __future__ import annotations

import copy
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.workers.rig import entry

from lanecast.broker import messages, payloads, wire
from lanecast.broker.errors import InvalidMessage
from lanecast.broker.layers import rows_of as find_rows
from lanecast.broker.rendition import View
from lanecast.broker.tiers import SERVED, TIERS
from lanecast.workers import render
from lanecast.workers.aggregate import RunState
from lanecast.workers.render import Renderers

Row = dict[str, Any]
Model = dict[Any, Row]

INT_IDS = st.integers(0, 0xFFFFFFFF) | st.integers(0, 6)
NAMES = st.sampled_from(["a", "b", "c", "bus 7", "ä", "", "id"]) | st.text(max_size=3)
FLOATS = st.floats(-1e5, 1e5, width=32)
COLUMNS: dict[str, st.SearchStrategy[Any]] = {
    "x": FLOATS,
    "angle": st.floats(-720, 720, width=32),
    "load": FLOATS | st.just(0.0),
    "lane": st.integers(-3, 200),
    "big": st.integers(-(2**31), 2**31 - 1),
    "type": st.sampled_from(["car", "bus", "", "tram"]) | st.text(max_size=2),
    "a.id": st.integers(0, 300),
}
BLANK: Row = {"x": 0.0, "angle": 0.0, "load": 0.0, "lane": 0, "big": 0, "type": "", "a.id": 0}


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Frames of one layer, full and partial, as rows or columns, with the same columns throughout."""
    ids = draw(st.sampled_from([INT_IDS, NAMES]))
    names = sorted(draw(st.sets(st.sampled_from(sorted(COLUMNS)), min_size=1)))
    pool = draw(st.lists(ids, unique=True, min_size=1, max_size=8))
    frames = []
    for step in range(draw(st.integers(1, 7))):
        partial = draw(st.booleans())
        there = draw(st.lists(st.sampled_from(pool), unique=True))
        given_names = names
        if partial and draw(st.booleans()):
            given_names = sorted(draw(st.sets(st.sampled_from(names), min_size=1)))
        rows = [{"id": i, **{name: draw(COLUMNS[name]) for name in given_names}} for i in there]
        layer: Any = rows
        if draw(st.booleans()) and rows:
            layer = {key: [row[key] for row in rows] for key in rows[0]}
        payload = {"step": step, "time_s": float(step), "layers": {"things": layer}, "partial": partial}
        if partial:
            gone = draw(st.lists(st.sampled_from(pool), unique=True))
            payload["gone"] = {"things": gone}
        frames.append(payload)
    return frames


def rows_of(layer: Any) -> list[Row]:
    if isinstance(layer, list):
        return layer
    return [dict(zip(layer, row, strict=True)) for row in zip(*layer.values(), strict=True)]


def expected(model: Model, payload: dict[str, Any], columns: set[str]) -> Model:
    layer = payload["layers"]["things"]
    rows = rows_of(layer)
    if not payload["partial"]:
        return {row["id"]: {k: v for k, v in row.items() if k != "id"} for row in rows}
    gone = set(payload["gone"]["things"])
    model = {i: dict(row) for i, row in model.items() if i not in gone}
    for row in rows:
        old = model.get(row["id"], {name: BLANK[name] for name in columns})
        model[row["id"]] = {**old, **{k: v for k, v in row.items() if k != "id"}}
    return {i: {**{name: BLANK[name] for name in columns}, **row} for i, row in model.items()}


def check_view(view: View, model: Model, tier: str) -> None:
    """Ids, strings and integers exactly; floats within half a step, which for others than these the keyframe chose."""
    layer = view.layers["things"]
    keys = layer.names if layer.names is not None else layer.ids.tolist()
    assert sorted(map(str, keys)) == sorted(map(str, model))
    assert len(set(layer.ids.tolist())) == len(model)
    steps = {"x": TIERS[tier].position_step, "angle": TIERS[tier].angle_step}
    for name in layer.columns:
        column, scale = layer.column(name), layer.columns[name].scale
        assert scale == steps.get(name, scale)
        for key, value in zip(keys, column.to_list(), strict=True):
            wanted = model[key][name]
            if isinstance(wanted, float):
                off = abs((value - wanted + 180) % 360 - 180) if name == "angle" else abs(value - wanted)
                assert off <= scale * 0.5001 + abs(wanted) * 1e-6, (name, key)
            else:
                assert value == wanted, (name, key)


@settings(max_examples=150, deadline=None)
@given(histories(), st.data())
def test_viewers_have_what_the_producer_said_after_any_history(
    frames: list[dict[str, Any]], data: st.DataObject
) -> None:
    state, renderers = RunState(), Renderers(1, 2.0)
    renderers.watch(frozenset(SERVED))
    views = {tier: View() for tier in SERVED}
    model: Model = {}
    columns: set[str] = set()
    numbers: dict[Any, int] = {}
    now = 0.0
    for step, payload in enumerate(frames):
        read = entry(step + 1, "frame", payload)
        message = wire.from_fields(read.fields, "high")
        layer = payload["layers"]["things"]
        rows = rows_of(layer)
        if rows:
            columns = (columns if payload["partial"] else set()) | (rows[0].keys() - {"id"})
        assert state.apply(message, payloads.read(message), read) is None
        model = expected(model, payload, columns)
        if data.draw(st.booleans(), "the worker changes"):
            state = RunState.from_bytes(state.to_bytes())
        now += data.draw(st.sampled_from([0.1, 1.0]), "seconds pass")
        for tier in data.draw(st.sets(st.sampled_from(SERVED)), "asked for a keyframe"):
            renderers.want_key(tier)
        view = render.View(state.snapshot(), state.metrics, state.version, state.generation)
        if "things" not in view.layers:
            continue
        for renderer in renderers.due(view, now):
            made = renderer.render(view, now)
            sent = messages.frame("r", made.tier, "e", made.offset, made.prev, step, 0.0, {}, made.parts, {})
            assert views[made.tier].apply(messages.decode(sent))
        for tier in SERVED:
            check_view(views[tier], model, tier)
        here = views["high"].layers["things"]
        if here.names is not None:
            now_numbers = dict(zip(here.names, here.ids.tolist(), strict=True))
            assert all(numbers.get(name, number) == number for name, number in now_numbers.items() if name in model)
            numbers = now_numbers


@settings(max_examples=60, deadline=None)
@given(histories())
def test_a_checkpoint_is_exact(frames: list[dict[str, Any]]) -> None:
    state = RunState()
    for step, payload in enumerate(frames):
        read = entry(step + 1, "frame", payload)
        message = wire.from_fields(read.fields, "high")
        state.apply(message, payloads.read(message), read)
    again = RunState.from_bytes(state.to_bytes())
    assert again.to_bytes() == state.to_bytes()
    for name, layer in state.snapshot().items():
        other = again.snapshot()[name]
        np.testing.assert_array_equal(layer.ids, other.ids)
        assert layer.names == other.names
        for key, column in layer.columns.items():
            assert column.data.dtype == other.columns[key].data.dtype
            np.testing.assert_array_equal(column.data, other.columns[key].data)
            assert column.values == other.columns[key].values


def test_a_checkpoint_of_another_format_is_refused() -> None:
    raw = msgspec.msgpack.decode(RunState().to_bytes())
    with pytest.raises(InvalidMessage, match="format 99"):
        RunState.from_bytes(msgspec.msgpack.encode({**raw, "v": 99}))
    with pytest.raises(InvalidMessage, match="not a checkpoint"):
        RunState.from_bytes(b"\x93\x01\x02\x03")


def test_numbers_beyond_float32_reach_viewers_as_its_largest_and_never_as_infinity() -> None:
    state, renderers = RunState(), Renderers(1, 2.0)
    renderers.watch(frozenset(SERVED))
    views = {tier: View() for tier in SERVED}
    largest = float(np.finfo(np.float32).max)
    for step, values in enumerate(([0.0, 1.0], [1e308, -1e308], [5.0, 1e300])):
        read = entry(step + 1, "frame", {"step": step, "time_s": 0.0, "layers": {"a": {"id": [1, 2], "x": values}}})
        message = wire.from_fields(read.fields, "high")
        state.apply(message, payloads.read(message), read)
        view = render.View(state.snapshot(), state.metrics, state.version, state.generation)
        for renderer in renderers.due(view, float(step)):
            made = renderer.render(view, float(step))
            sent = messages.frame("r", made.tier, "e", made.offset, made.prev, step, 0.0, {}, made.parts, {})
            assert views[made.tier].apply(messages.decode(sent))
        for shown in views.values():
            column = shown.layers["a"].column("x").data
            np.testing.assert_allclose(column, np.clip(values, -largest, largest), rtol=1e-6, atol=0.3)


@st.composite
def crowds(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Frames of a layer that is sometimes a crowd and sometimes a few, in any order; layers come and go beside it."""
    frames = []
    for step in range(draw(st.integers(2, 6))):
        random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        there = random.permutation(900)[: draw(st.sampled_from([0, 3, 290, 390, 410, 800]))]
        width = draw(st.sampled_from([50.0, 1_000.0, 1e5]))
        columns = {"x": random.uniform(0, width, len(there)), "y": random.uniform(0, width, len(there))}
        names = draw(st.booleans())
        crowd = {"id": [f"n{i}" for i in there] if names else there.astype(np.uint32), **columns, "lane": there % 5}
        layers: dict[str, Any] = {"crowd": {key: list(map(_plain, values)) for key, values in crowd.items()}}
        if draw(st.booleans()):
            layers["forces"] = {"id": [1, 2], "x": [0, 1], "y": [0, 1], "fx": [1, step], "fy": [0.5, 0]}
        if draw(st.booleans()):
            layers["plan"] = {"id": [4, 5], "x": [0, step], "y": [0, 1], "path": [1, 1]}
        frames.append({"step": step, "time_s": float(step), "layers": layers, "partial": False})
    return frames


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def shown(view: View) -> dict[str, Any]:
    """What a view has, by entity; fractions apart, for the steps of two keyframes may lie elsewhere."""
    return {
        name: {
            "cell": layer.cell,
            "names": None if layer.names is None else dict(zip(layer.ids.tolist(), layer.names, strict=True)),
            "exact": {
                key: dict(zip(layer.ids.tolist(), layer.column(key).to_list(), strict=True))
                for key, stored in layer.columns.items()
                if stored.data.dtype.kind != "f" and not stored.scale
            },
        }
        for name, layer in view.layers.items()
    }


@settings(max_examples=60, deadline=None)
@given(crowds(), st.data())
def test_deltas_applied_in_order_equal_the_keyframe_that_follows_in_every_tier_and_across_a_takeover(
    frames: list[dict[str, Any]], data: st.DataObject
) -> None:
    state, renderers = RunState(), Renderers(1, 100.0)
    renderers.watch(frozenset(SERVED))
    views = {tier: View() for tier in SERVED}
    for step, payload in enumerate(frames):
        read = entry(step + 1, "frame", payload)
        message = wire.from_fields(read.fields, "high")
        assert state.apply(message, payloads.read(message), read) is None
        if data.draw(st.booleans(), "the worker changes"):
            state = RunState.from_bytes(state.to_bytes())
            if data.draw(st.booleans(), "and so does the process"):
                renderers = Renderers(step + 2, 100.0, state.version)
                renderers.watch(frozenset(SERVED))
        now = view_now(state)
        for renderer in renderers.due(now, step + 1.0):
            made = renderer.render(now, step + 1.0)
            view = views[made.tier]
            sent = messages.frame("r", made.tier, "e", made.offset, made.prev, step, 0.0, {}, made.parts, {})
            assert view.apply(messages.decode(sent))
            parts = copy.deepcopy(renderer._chain).keyframe(now.layers, now.metrics)
            whole = View()
            key = messages.frame("r", made.tier, "e", made.offset, None, step, 0.0, {}, parts, {})
            assert whole.apply(messages.decode(key))
            assert shown(view) == shown(whole)
            assert view.left_out == whole.left_out
            for name, layer in view.layers.items():
                rows = find_rows(whole.layers[name].ids, layer.ids)
                for axis in ("x", "y"):
                    off = np.abs(layer.column(axis).data - whole.layers[name].column(axis).data[rows])
                    assert off.max(initial=0) <= TIERS[made.tier].position_step * (1 + 1e-9)


def view_now(state: RunState) -> render.View:
    return render.View(state.snapshot(), state.metrics, state.version, state.generation)
