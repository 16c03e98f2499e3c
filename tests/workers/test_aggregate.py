"""The state of a run: what is merged, what is dropped and why, what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.workers.rig import entry, frame

from lanecast.broker import payloads, wire
from lanecast.broker.errors import InvalidMessage, TooLarge
from lanecast.workers.aggregate import SILENCE_MS, RunState
from lanecast.workers.limits import Limits


def put(state: RunState, kind: str, payload: Any, ms: int = 1, lane: str = "high", **fields: Any) -> str | None:
    read = entry(ms, kind, payload, **fields)
    message = wire.from_fields(read.fields, lane)
    return state.apply(message, payloads.read(message), read)


def put_frame(state: RunState, step: int, layers: dict[str, Any], ms: int = 1, **more: Any) -> str | None:
    fields = {name: more.pop(name) for name in ("producer", "epoch", "seq") if name in more}
    return put(state, "frame", frame(step, layers, **more), ms, **fields)


def column(state: RunState, layer: str, name: str) -> list[Any]:
    return state.snapshot()[layer].columns[name].to_list()


def numbers(state: RunState, layer: str) -> dict[str, int]:
    found = state.snapshot()[layer]
    assert found.names is not None
    return dict(zip(found.names, found.ids.tolist(), strict=True))


def test_a_full_frame_replaces_the_layers_it_names_and_no_others() -> None:
    state = RunState()
    put_frame(state, 1, {"cars": {"id": [1, 2], "x": [0, 1]}, "lights": {"id": ["a"], "phase": ["red"]}})
    put_frame(state, 2, {"cars": {"id": [2, 3], "x": [5, 6]}})
    assert state.snapshot()["cars"].ids.tolist() == [2, 3]
    assert column(state, "lights", "phase") == ["red"]


def test_positions_are_float64_and_what_was_once_float_stays_float() -> None:
    state = RunState()
    put_frame(state, 1, {"cars": {"id": [1], "x": [3], "load": [0.5], "lane": np.array([2], np.uint8), "speed": [4]}})
    put_frame(state, 2, {"cars": {"id": [1], "x": [4], "load": [1], "lane": np.array([2], np.uint8), "speed": [4]}})
    columns = state.snapshot()["cars"].columns
    assert {name: col.data.dtype.str[1:] for name, col in columns.items()} == {
        "x": "f8", "load": "f8", "lane": "u1", "speed": "f8",
    }  # fmt: skip


def test_a_string_id_keeps_its_number_while_it_stays_and_numbers_are_not_used_again() -> None:
    state = RunState()
    put_frame(state, 1, {"cars": {"id": ["a", "b"], "x": [0, 1]}})
    first = numbers(state, "cars")
    put_frame(state, 2, {"cars": {"id": ["b", "c"], "x": [0, 1]}})
    second = numbers(state, "cars")
    state = RunState.from_bytes(state.to_bytes())
    put_frame(state, 3, {"cars": {"id": ["d", "c"], "x": [0, 1]}})
    third = numbers(state, "cars")
    assert second["b"] == first["b"]
    assert third["c"] == second["c"]
    assert len({*first.values(), *second.values(), *third.values()}) == 4


def test_a_partial_frame_updates_joins_and_lets_go() -> None:
    state = RunState()
    put_frame(state, 1, {"cars": {"id": ["a", "b", "c"], "x": [0, 1, 2], "kind": ["car", "bus", "car"]}})
    put_frame(
        state, 2, {"cars": [{"id": "c", "x": 9}, {"id": "d", "x": 8}]}, partial=True, gone={"cars": ["a", "nobody"]}
    )
    assert list(numbers(state, "cars")) == ["c", "b", "d"], "the last row takes the place of one who left"
    assert column(state, "cars", "x") == [9.0, 1.0, 8.0]
    assert column(state, "cars", "kind") == ["car", "bus", ""]


def test_a_snapshot_stays_what_it_was() -> None:
    state = RunState()
    put_frame(state, 1, {"cars": {"id": [1, 2], "x": [0, 1]}})
    before = state.snapshot()
    put_frame(state, 2, {"cars": [{"id": 1, "x": 7}]}, partial=True)
    assert before["cars"].columns["x"].data.tolist() == [0.0, 1.0]


def test_an_empty_layer_keeps_its_columns() -> None:
    state = RunState()
    put_frame(state, 1, {"cars": {"id": ["a"], "x": [0], "kind": ["bus"]}})
    before = state.schema()
    put_frame(state, 2, {"cars": []})
    assert state.schema() == before
    assert state.snapshot()["cars"].names == []


@pytest.mark.parametrize(
    ("layers", "field"),
    [
        ({"cars": [{"id": 1, "x": 0.0}]}, "layers.cars.id"),
        ({"cars": [{"id": "a", "kind": 7}]}, "layers.cars.kind"),
        ({"cars": [{"id": "a", "load": "much"}]}, "layers.cars.load"),
    ],
)
def test_a_partial_frame_of_another_kind_is_refused_by_the_fields_name(layers: dict[str, Any], field: str) -> None:
    state = RunState()
    put_frame(state, 1, {"cars": {"id": ["a"], "kind": ["bus"], "load": [0.5]}})
    before = state.to_bytes()
    with pytest.raises(InvalidMessage) as caught:
        put_frame(state, 2, layers, partial=True)
    assert caught.value.field == field
    assert state.to_bytes() == before


def test_an_older_frame_is_dropped() -> None:
    state = RunState()
    put_frame(state, 5, {"cars": {"id": [5]}}, producer="sim", epoch=1, seq=1)
    assert put_frame(state, 4, {"cars": {"id": [4]}}, producer="sim", epoch=1, seq=2) == "out_of_order"
    assert put_frame(state, 5, {"lights": {"id": [1]}}, producer="sim", epoch=1, seq=3) is None
    assert state.step == 5


def test_a_lower_producer_epoch_is_fenced_and_a_higher_one_begins_with_nothing() -> None:
    state = RunState()
    put_frame(state, 50, {"cars": {"id": [1]}, "lights": {"id": [1]}}, producer="sim", epoch=1, seq=1)
    put_frame(state, 70, {"boats": {"id": [1]}}, producer="other", epoch=4, seq=1)
    generation = state.generation
    assert put_frame(state, 1, {"cars": {"id": [2]}}, producer="sim", epoch=2, seq=1) is None
    assert set(state.snapshot()) == {"cars", "boats"}
    assert state.generation != generation
    assert state.lives == 2
    assert put_frame(state, 51, {"cars": {"id": [1]}}, producer="sim", epoch=1, seq=2) == "fenced"
    assert state.step == 1


def test_the_last_state_stays_until_the_first_frame_of_a_new_life() -> None:
    state = RunState()
    put_frame(state, 50, {"cars": {"id": [1]}}, ms=10)
    put(state, "lifecycle", {"state": "created"}, ms=20, lane="critical")
    assert state.snapshot()["cars"].ids.tolist() == [1]
    assert put_frame(state, 51, {"cars": {"id": [9]}}, ms=15) == "fenced", "it is of the life before"
    assert put_frame(state, 1, {"boats": {"id": [2]}}, ms=25) is None
    assert set(state.snapshot()) == {"boats"}
    assert put_frame(state, 0, {"boats": {"id": [2]}}, ms=26) == "out_of_order"


def test_a_producer_without_an_epoch_may_begin_again_after_a_silence() -> None:
    state = RunState()
    put_frame(state, 50, {"cars": {"id": [1]}}, ms=1_000)
    assert put_frame(state, 1, {"cars": {"id": [2]}}, ms=1_000 + SILENCE_MS - 1) == "out_of_order"
    assert put_frame(state, 1, {"cars": {"id": [2]}}, ms=1_000 + SILENCE_MS) is None
    assert state.step == 1


def admitted(state: RunState, seq: int, epoch: int = 1, lane: str = "critical") -> str | None:
    read = entry(1, "status", {"text": "x"}, producer="sim", epoch=epoch, seq=seq)
    return state.admit(lane, wire.from_fields(read.fields, lane), read)


def test_a_numbered_message_is_admitted_once_and_survives_a_checkpoint() -> None:
    state = RunState()
    assert [admitted(state, seq) for seq in (1, 2, 2, 1, 3)] == [None, None, "duplicate", "duplicate", None]
    state = RunState.from_bytes(state.to_bytes())
    assert admitted(state, 3) == "duplicate"
    assert admitted(state, 1, lane="normal") is None
    assert admitted(state, 1, epoch=2) is None
    assert admitted(state, 9, epoch=1) == "fenced"


def test_several_producers_feed_one_run_each_at_its_own_step() -> None:
    state = RunState()
    shown = []
    for turn in range(1, 4):
        assert (
            put_frame(state, 100 + turn, {"cars": {"id": [1], "x": [turn]}}, producer="east", epoch=1, seq=turn) is None
        )
        shown.append((state.step, state.time_s))
        assert put_frame(state, turn, {"boats": {"id": [7], "x": [-turn]}}, producer="west", epoch=1, seq=turn) is None
        shown.append((state.step, state.time_s))
    assert shown == sorted(shown), "within one life what is shown never goes back"
    assert (column(state, "cars", "x"), column(state, "boats", "x")) == ([3.0], [-3.0])
    assert put_frame(state, 1, {"boats": {"id": [7], "x": [9]}}, producer="west", epoch=1, seq=9) == "out_of_order"
    assert put_frame(state, 1, {"boats": {"id": [7], "x": [9]}}, producer="west", epoch=2, seq=1) is None
    assert (state.lives, state.step) == (2, 1), "a new life may begin at an earlier step"
    assert (column(state, "cars", "x"), column(state, "boats", "x")) == ([3.0], [9.0])


def test_a_hostile_producer_hits_a_limit_and_changes_nothing() -> None:
    state = RunState(Limits(layers=2, cells=100, strings=5_000, metrics=3))
    put_frame(state, 1, {"a": {"id": [1]}, "b": {"id": [1]}})
    before = state.to_bytes()
    with pytest.raises(TooLarge, match="layers in one run"):
        put_frame(state, 2, {"c": {"id": [1]}})
    with pytest.raises(TooLarge, match="values in one run"):
        put_frame(state, 2, {"a": {"id": list(range(60)), "x": [0] * 60}})
    with pytest.raises(TooLarge, match="different metrics"):
        put(state, "metrics", {"values": {f"m{n}": 1.0 for n in range(4)}}, lane="normal")
    assert state.to_bytes() == before


def test_strings_that_nobody_uses_any_more_are_let_go_with_a_new_generation() -> None:
    state = RunState()
    generation = state.generation
    for step in range(1, 8):
        strings = [f"{step}-{n}" for n in range(1_000)]
        put_frame(state, step, {"cars": {"id": list(range(1_000)), "label": strings}})
    values = state.snapshot()["cars"].columns["label"].values
    assert values is not None
    assert len(values) < 7_000
    assert column(state, "cars", "label") == [f"7-{n}" for n in range(1_000)]
    assert state.generation > generation


def test_the_generation_rises_even_when_a_layer_that_was_rebuilt_goes() -> None:
    state = RunState()
    for step in range(1, 8):
        strings = [f"{step}-{n}" for n in range(1_000)]
        put_frame(state, step, {"cars": {"id": list(range(1_000)), "label": strings}}, producer="s", epoch=1, seq=step)
    before = state.generation
    assert before > 0
    put_frame(state, 1, {"cars": {"id": [1], "label": ["a"]}}, producer="s", epoch=2, seq=1)
    assert state.generation > before


def test_more_strings_than_the_limit_are_refused() -> None:
    state = RunState(Limits(strings=10))
    with pytest.raises(TooLarge, match=r"layers\.cars\.label: 30 different strings"):
        put_frame(state, 1, {"cars": {"id": list(range(30)), "label": [str(n) for n in range(30)]}})


def test_names_of_those_who_left_do_not_pile_up() -> None:
    state = RunState()
    for step in range(1, 20):
        put_frame(state, step, {"cars": {"id": [f"{step}-{n}" for n in range(1_000)]}})
    assert len(state._layers["cars"]._numbers) < 8_000


def test_traffic_events_keep_the_latest_of_each_edge() -> None:
    state = RunState()
    first = {"edge": ["e1", "e2", "e1"], "mean_speed": [1, 2, 3], "occupancy": [0.1, 0.2, 0.3]}
    put(state, "events", {"type": "traffic", "time_s": 1, "items": first}, lane="normal")
    put(
        state, "events", {"type": "traffic", "time_s": 2, "items": {**first, "edge": ["e2", "e3", "e4"]}}, lane="normal"
    )
    assert list(numbers(state, "traffic")) == ["e1", "e2", "e3", "e4"]
    assert column(state, "traffic", "mean_speed") == [3.0, 1.0, 2.0, 3.0]
    assert put(state, "events", {"type": "new", "time_s": 1, "items": []}, lane="normal") == "unknown_event"


@pytest.mark.parametrize(
    ("items", "field"),
    [
        ({"mean_speed": [1.0]}, "items.edge"),
        ({"edge": [1], "mean_speed": [1.0], "occupancy": [0.1]}, "items.edge"),
        ({"edge": ["e"], "occupancy": [0.1]}, "items.mean_speed"),
        ({"edge": ["e"], "mean_speed": [1.0], "occupancy": ["full"]}, "items.occupancy"),
    ],
)
def test_traffic_events_that_lack_something_are_refused(items: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidMessage) as caught:
        put(RunState(), "events", {"type": "traffic", "time_s": 1, "items": items}, lane="normal")
    assert caught.value.field == field


def test_what_a_server_lost_is_taken_again_but_what_viewers_saw_stays() -> None:
    shown, kept = RunState(), RunState()
    for state, step in ((shown, 9), (kept, 4)):
        put_frame(state, step, {"cars": {"id": [step]}}, producer="sim", epoch=1, seq=step)
        for seq in range(1, step + 1):
            admitted(state, seq)
    kept.adopt(shown)
    assert kept.step == 9
    assert kept.snapshot()["cars"].ids.tolist() == [9]
    assert admitted(kept, 5) is None
    assert put_frame(kept, 5, {"cars": {"id": [5]}}, producer="sim", epoch=1, seq=5) == "out_of_order"
