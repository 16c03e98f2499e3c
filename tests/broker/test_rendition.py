"""A chain's deltas, applied in order, always leave a view equal to the state they were made from."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import msgspec
import numpy as np
import pytest
from hypothesis import given

from lanecast.broker.columns import Column
from lanecast.broker.errors import InvalidMessage
from lanecast.broker.rendition import Chain, LayerState, View
from lanecast.broker.tiers import TIERS, Tier

WORDS = ["car", "bus", "tram", "bike", "lorry"]


def state_of(rows: dict[int, tuple[float, float, float, int, int]], order: list[int], grown: int) -> LayerState:
    ids = np.array([key for key in order if key in rows], np.uint32)
    table = [rows[int(key)] for key in ids]

    def column(index: int, dtype: type) -> Any:
        return np.array([row[index] for row in table], dtype)

    return LayerState(
        ids,
        {
            "x": Column(column(0, np.float64)),
            "angle": Column(column(1, np.float64)),
            "load": Column(column(2, np.float64)),
            "count": Column(column(3, np.int64)),
            "type": Column(np.array([row[4] % grown for row in table], np.uint32), WORDS[:grown]),
        },
        [f"veh{key}" for key in ids],
    )


def bound(tier: Tier, name: str, largest: float) -> float:
    step = {"x": tier.position_step, "angle": tier.angle_step}.get(name)
    if step is None:
        step = 2.0 ** (np.ceil(np.log2(largest)) - tier.value_bits) if tier.value_bits and largest > 1e-30 else 0.0
    return step / 2 * (1 + 1e-9) + largest * 2**-23 + 1e-30


finite = st.floats(-1e4, 1e4, width=32)
row = st.tuples(finite, st.floats(0, 359, width=32), finite, st.integers(-(2**31), 2**31 - 1), st.integers(0, 4))
moment = st.tuples(
    st.dictionaries(st.integers(0, 12), row, max_size=12), st.permutations(range(13)), st.integers(1, len(WORDS))
)


def send(chain: Chain, state: LayerState, n: int, metrics: dict[str, float]) -> dict[str, Any]:
    """What a viewer gets: through MessagePack, a keyframe where a delta will not do."""
    parts = chain.delta({"vehicles": state}, metrics) if n > 1 else None
    key = parts is None
    if parts is None:
        parts = chain.keyframe({"vehicles": state}, metrics)
    frame = {**parts, "offset": f"1-{n}", "prev": None if key else f"1-{n - 1}", "key": key}
    decoded: dict[str, Any] = msgspec.msgpack.decode(msgspec.msgpack.encode(frame))
    return decoded


@given(st.lists(moment, min_size=1, max_size=8), st.sampled_from(list(TIERS.values())))
def test_a_view_equals_the_state_within_the_tiers_error_bound(moments: list[Any], tier: Tier) -> None:
    chain, view = Chain(tier), View()
    grown, scale_of = 1, {}
    for n, (rows, order, words) in enumerate(moments, 1):
        grown = max(grown, words)
        state = state_of(rows, order, grown)
        frame = send(chain, state, n, {"n": float(n)})
        if frame["key"]:
            scale_of = {name: float(np.abs(column.data).max(initial=0)) for name, column in state.columns.items()}
        assert view.apply(frame)
        layer = view.layers["vehicles"]
        assert layer.names == [f"veh{key}" for key in layer.ids]
        at = {int(key): index for index, key in enumerate(layer.ids)}
        assert at.keys() == set(state.ids.tolist())
        rows_of_view = [at[int(key)] for key in state.ids]
        for name, column in state.columns.items():
            seen = layer.column(name)
            if column.values is not None:
                assert [seen.to_list()[index] for index in rows_of_view] == column.to_list()
                continue
            values = seen.data[rows_of_view].astype(np.float64)
            error = np.abs(values - column.data)
            if name == "angle":
                error = np.minimum(error, 360 - error)
            if name == "count":
                assert not error.any()
            elif error.size:
                largest = max(scale_of[name], float(np.abs(column.data).max()))
                assert error.max() <= bound(tier, name, largest)
        assert view.metrics == {"n": float(n)}


@given(st.lists(moment, min_size=2, max_size=8))
def test_the_ultra_tier_is_exact_in_float32(moments: list[Any]) -> None:
    chain, view = Chain(TIERS["ultra"]), View()
    for n, (rows, order, _) in enumerate(moments, 1):
        state = state_of(rows, order, 5)
        view.apply(send(chain, state, n, {}))
        layer = view.layers["vehicles"]
        by_id = dict(zip(layer.ids.tolist(), layer.column("x").data.tolist(), strict=True))
        assert [by_id[key] for key in state.ids.tolist()] == state.columns["x"].data.astype(np.float32).tolist()


def test_a_delta_that_does_not_follow_is_ignored() -> None:
    chain, view = Chain(TIERS["high"]), View()
    state = state_of({1: (0, 0, 0, 0, 0)}, [1], 1)
    assert view.apply(send(chain, state, 1, {}))
    missed = send(chain, state_of({1: (5, 0, 0, 0, 0)}, [1], 1), 2, {})
    late = send(chain, state_of({1: (9, 0, 0, 0, 0)}, [1], 1), 3, {})
    assert not view.apply(late)
    assert view.offset == "1-1"
    assert view.apply(missed)
    assert view.apply(late)


def test_a_changed_set_of_columns_asks_for_a_keyframe() -> None:
    chain = Chain(TIERS["high"])
    ids = np.array([1], np.uint32)
    chain.keyframe({"a": LayerState(ids, {"x": Column(np.zeros(1))})}, {})
    assert chain.delta({"a": LayerState(ids, {"y": Column(np.zeros(1))})}, {}) is None
    assert chain.delta({"b": LayerState(ids, {"x": Column(np.zeros(1))})}, {}) is None
    assert chain.delta({"a": LayerState(ids, {"x": Column(np.full(1, 1e12))})}, {}) is None


def test_what_has_not_changed_is_not_sent() -> None:
    chain = Chain(TIERS["high"])
    state = {"a": state_of({1: (1, 2, 3, 4, 0), 2: (1, 2, 3, 4, 0)}, [1, 2], 1)}
    chain.keyframe(state, {"m": 1.0})
    assert chain.delta(state, {"m": 1.0}) == {"layers": {}, "metrics": {}}


def test_moving_traffic_takes_a_tenth_of_json_rows() -> None:
    random = np.random.default_rng(1)
    n = 500
    x, y, angle = random.uniform(0, 2000, n), random.uniform(0, 2000, n), random.uniform(0, 360, n)
    speed = random.uniform(0, 14, n)
    chain, ids = Chain(TIERS["high"]), np.arange(n, dtype=np.uint32)

    def state() -> dict[str, LayerState]:
        columns = {"x": x, "y": y, "angle": angle, "speed": speed}
        return {"vehicles": LayerState(ids, {name: Column(data) for name, data in columns.items()})}

    chain.keyframe(state(), {})
    x, y, speed = x + speed * 0.1, y + speed * 0.05, np.clip(speed + random.normal(0, 0.2, n), 0, 14)
    delta = len(msgspec.msgpack.encode(chain.delta(state(), {})))
    columns = {"x": x, "y": y, "angle": angle, "speed": speed}
    rows = [{"id": f"veh{i}"} | {name: round(float(data[i]), 2) for name, data in columns.items()} for i in range(n)]
    assert delta <= len(msgspec.json.encode(rows)) / 10


def test_a_view_refuses_a_delta_that_contradicts_itself() -> None:
    chain, view = Chain(TIERS["high"]), View()
    view.apply(send(chain, state_of({1: (0, 0, 0, 0, 0)}, [1], 1), 1, {}))
    broken = {"key": False, "prev": "1-1", "offset": "1-2", "metrics": {}, "layers": {"vehicles": {"rows": 7}}}
    with pytest.raises(InvalidMessage, match=r"vehicles\.rows: 7 announced, 1 there"):
        view.apply(broken)
