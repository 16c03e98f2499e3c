"""What a tier shows: cells instead of crowds, and which layers it leaves out, in which order."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import hypothesis.strategies as st
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings

from lanecast.broker.columns import Column
from lanecast.broker.detail import Detail
from lanecast.broker.layers import LayerState
from lanecast.broker.rendition import Chain, View
from lanecast.broker.tiers import TIERS

ULTRA_LOW = TIERS["ultra_low"]
MOST = ULTRA_LOW.cells


def crowd(x: Any, y: Any, **columns: Any) -> LayerState:
    given = {"x": np.asarray(x, np.float64), "y": np.asarray(y, np.float64), **columns}
    return LayerState(np.arange(len(x), dtype=np.uint32), {name: Column(np.asarray(v)) for name, v in given.items()})


def spread(n: int, seed: int = 1, width: float = 1_000.0) -> LayerState:
    random = np.random.default_rng(seed)
    return crowd(random.random(n) * width, random.random(n) * width, speed=random.random(n) * 14)


def sides(detail: Detail, state: LayerState) -> tuple[float, int]:
    shown = detail.of({"cars": state})
    return shown.sides.get("cars", 0.0), len(shown.layers["cars"].ids)


def test_a_crowd_becomes_cells_with_the_number_and_the_means_of_their_entities() -> None:
    state = spread(5_000)
    shown = Detail(ULTRA_LOW).of({"cars": state})
    cells, side = shown.layers["cars"], shown.sides["cars"]
    x, y, speed = (state.columns[name].data for name in ("x", "y", "speed"))
    where = list(zip(np.floor(x / side), np.floor(y / side), strict=True))
    assert len(cells.ids) == len(set(where)) <= MOST
    assert len(set(cells.ids.tolist())) == len(cells.ids)
    seen = {name: column.data for name, column in cells.columns.items()}
    for row in range(len(cells.ids)):
        there = [n for n, cell in enumerate(where) if cell == (seen["x"][row] // side, seen["y"][row] // side)]
        assert seen["count"][row] == len(there)
        for name, values in (("x", x), ("y", y), ("speed", speed)):
            assert seen[name][row] == pytest.approx(values[there].mean())


def test_cells_have_no_means_of_what_has_none() -> None:
    n = MOST + 1
    state = crowd(
        np.arange(n), np.arange(n), angle=np.ones(n), length=np.ones(n), width=np.ones(n), load=np.full(n, 0.5),
        lane=np.arange(n),
    )  # fmt: skip
    kind = Column(np.zeros(n, np.uint32), ["car"])
    shown = Detail(ULTRA_LOW).of({"cars": LayerState(state.ids, {**state.columns, "type": kind}, ["x"] * n)})
    assert set(shown.layers["cars"].columns) == {"x", "y", "load", "count"}
    assert shown.layers["cars"].names is None


def test_a_cell_keeps_its_number_while_the_grid_stays() -> None:
    detail, state = Detail(ULTRA_LOW), spread(3_000)
    before = detail.of({"cars": state})
    moved = crowd(state.columns["x"].data + 900_000 * (state.ids == 7), state.columns["y"].data)
    assert sides(detail, state)[0] == before.sides["cars"]
    fewer = LayerState(state.ids[5:], {name: Column(c.data[5:]) for name, c in state.columns.items()})
    after = detail.of({"cars": fewer})
    assert after.sides == before.sides
    assert set(after.layers["cars"].ids.tolist()) <= set(before.layers["cars"].ids.tolist())
    assert sides(detail, moved)[1] <= MOST, "one that is far away makes the grid coarser, not larger"


@pytest.mark.parametrize("width", [1e-6, 1.0, 37.0, 1e4, 1e12])
def test_cells_are_at_most_as_many_as_the_tier_says_and_mostly_more_than_a_tenth(width: float) -> None:
    side, cells = sides(Detail(ULTRA_LOW), spread(5_000, width=width))
    assert MOST / 10 <= cells <= MOST
    assert width / 40 <= side <= width / 8


def test_the_grid_changes_only_when_cells_are_too_many_or_far_too_few() -> None:
    detail, seen = Detail(ULTRA_LOW), []
    for turn in range(40):  # a crowd that breathes
        width = 1_000 * (1 + 0.2 * np.sin(turn / 3))
        side, cells = sides(detail, spread(3_000, turn, width))
        assert cells <= MOST
        seen.append(side)
    assert len([1 for before, after in pairwise(seen) if before != after]) <= 2


def test_a_layer_becomes_cells_above_their_number_and_stays_so_down_to_three_quarters() -> None:
    detail = Detail(ULTRA_LOW)
    assert sides(detail, spread(MOST))[0] == 0
    assert sides(detail, spread(MOST + 1))[0] > 0
    assert sides(detail, spread(int(MOST * 0.75)))[0] > 0
    assert sides(detail, spread(int(MOST * 0.75) - 1))[0] == 0
    assert sides(detail, spread(MOST))[0] == 0


def test_what_no_grid_can_be_laid_over_stays_as_it_is() -> None:
    detail, n = Detail(ULTRA_LOW), MOST * 2
    line = np.arange(n, dtype=np.float64)
    assert sides(detail, crowd(line * 1e300, line)) == (0, n)
    edges = LayerState(np.arange(n, dtype=np.uint32), {"mean_speed": Column(line)})
    assert detail.of({"edges": edges}).layers["edges"] is edges
    assert sides(detail, crowd(np.zeros(n), np.zeros(n))) == (1.0, 1)


def test_layers_are_left_out_in_the_stated_order_vectors_first() -> None:
    points = spread(3)
    extra = {name: Column(np.ones(3)) for name in ("fx", "fy", "path")}
    path = LayerState(points.ids, {**points.columns, "path": extra["path"]})
    forces = LayerState(points.ids, {**points.columns, "fx": extra["fx"], "fy": extra["fy"]})
    layers = {"plan": path, "cars": points, "forces": forces}
    left_out = {name: Detail(tier).of(layers).left_out for name, tier in TIERS.items()}
    assert left_out == {"ultra_low": ["forces", "plan"], "low": ["forces"], "medium": [], "high": [], "ultra": []}
    for name, tier in TIERS.items():
        assert {*Detail(tier).of(layers).layers, *left_out[name]} == set(layers)


def test_a_grid_that_changes_or_a_layer_that_comes_back_asks_for_a_keyframe() -> None:
    chain = Chain(ULTRA_LOW)
    chain.keyframe({"cars": spread(1_000)}, {})
    assert chain.delta({"cars": spread(900, 2)}, {}) is not None
    assert chain.delta({"cars": spread(900, 2, width=9_000)}, {}) is None
    assert chain.delta({"cars": spread(20)}, {}) is None
    forces = crowd([0.0], [0.0], fx=[1.0], fy=[1.0])
    assert chain.keyframe({"forces": forces}, {})["left_out"] == ["forces"]
    assert chain.delta({}, {}) is None


moments = st.lists(
    st.tuples(st.integers(0, 1_500), st.floats(1.0, 1e5), st.integers(0, 2**32 - 1)), min_size=2, max_size=6
)


@settings(max_examples=60, deadline=None)
@given(moments)
def test_a_view_has_the_cells_of_the_state_within_half_a_step_after_any_history(moments: list[Any]) -> None:
    chain, view, alone = Chain(ULTRA_LOW), View(), Detail(ULTRA_LOW)
    for n, (many, width, seed) in enumerate(moments, 1):
        layers = {"cars": spread(many, seed, width)}
        parts = chain.delta(layers, {}) if n > 1 else None
        prev = None if parts is None else f"1-{n - 1}"
        parts = chain.keyframe(layers, {}) if parts is None else parts
        sent = msgspec.msgpack.encode({**parts, "offset": f"1-{n}", "prev": prev, "key": prev is None})
        assert view.apply(msgspec.msgpack.decode(sent))
        shown = alone.of(layers)
        cells, layer = shown.layers["cars"], view.layers["cars"]
        assert layer.cell == shown.sides.get("cars")
        rows = {int(key): row for row, key in enumerate(layer.ids)}
        assert rows.keys() == set(cells.ids.tolist())
        order = [rows[int(key)] for key in cells.ids]
        for name, column in cells.columns.items():
            off = np.abs(layer.column(name).data[order] - column.data)
            assert off.max(initial=0) <= {"x": 0.5, "y": 0.5, "speed": 0.5, "count": 0}[name] * (1 + 1e-9)
