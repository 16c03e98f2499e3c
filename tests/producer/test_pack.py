"""What a simulation gives is packed as the worker will read it, or refused by the same names."""

from __future__ import annotations

import enum
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lanecast.broker import columns as broker_columns
from lanecast.broker import payloads as broker_payloads
from lanecast.broker import wire
from lanecast.broker.errors import InvalidMessage, TooLarge
from lanecast.producer import pack, payloads


def as_read(layer: Any, **more: Any) -> dict[str, list[Any]]:
    """What the worker has after reading a frame with this layer."""
    frame = broker_payloads.read_payload("frame", wire.decode(payloads.frame(1, 0.0, {"p": layer}, **more), "msgpack"))
    assert isinstance(frame, broker_payloads.Frame)
    ids = frame.layers["p"].ids
    read = {"id": ids if isinstance(ids, list) else ids.tolist()}
    return read | {name: column.to_list() for name, column in frame.layers["p"].columns.items()}


NUMBERS = [0.0, 1.5, -2.25]


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8", ">f4", ">i8", "?"])
def test_arrays_of_every_numeric_type_arrive_with_their_values(dtype: str) -> None:
    values = np.asarray([0, 1, 1], dtype)
    assert as_read({"id": [1, 2, 3], "v": values})["v"] == [0, 1, 1]
    assert as_read({"id": np.asarray([0, 1], dtype), "v": [5, 6]})["id"] == [0, 1]


@pytest.mark.parametrize(
    "values",
    [
        NUMBERS,
        tuple(NUMBERS),
        np.asarray(NUMBERS),
        np.asarray([9, *NUMBERS, 9])[1:4],
        np.repeat(NUMBERS, 2)[::2],
        list(np.asarray(NUMBERS)),
        np.asarray(NUMBERS, object),
        {"dtype": "f4", "data": np.asarray(NUMBERS, "<f4").tobytes()},
    ],
)
def test_columns_may_be_given_in_many_forms(values: Any) -> None:
    assert as_read({"id": [1, 2, 3], "v": values})["v"] == NUMBERS


def test_strings_may_be_given_in_many_forms() -> None:
    class Color(enum.StrEnum):
        RED = "r"

    for values in (["r", "g"], ("r", "g"), np.asarray(["r", "g"]), [np.str_("r"), "g"], [Color.RED, "g"],
                   {"dtype": "u1", "data": b"\1\0", "values": ["g", "r"]}):  # fmt: skip
        assert as_read({"id": ["a", "b"], "v": values}) == {"id": ["a", "b"], "v": ["r", "g"]}


def test_rows_are_sent_as_columns() -> None:
    assert as_read([{"id": 1, "x": 2.0}, {"id": 3, "x": 4.0}]) == {"id": [1, 3], "x": [2.0, 4.0]}
    assert as_read([]) == {"id": []}


def test_large_integers_keep_their_value() -> None:
    assert as_read({"id": [1], "v": np.asarray([2**40])})["v"] == [2**40]
    assert as_read({"id": [1], "v": [2**40]})["v"] == [2**40]
    assert as_read({"id": np.asarray([2**32 - 1])})["id"] == [2**32 - 1]


@pytest.mark.parametrize(
    ("layer", "field"),
    [
        ({"x": [1]}, "layers.p.id"),
        ({"id": [1, 2], "x": [1]}, "layers.p.x"),
        ({"id": [1], "x": ["here"]}, "layers.p.x"),
        ({"id": [1], "x": [None]}, "layers.p.x[0]"),
        ({"id": [1, 2], "x": [1.0, "2"]}, "layers.p.x[1]"),
        ({"id": [1, 2], "x": [1.0, float("inf")]}, "layers.p.x[1]"),
        ({"id": [1, 2], "x": np.asarray([1.0, np.nan])}, "layers.p.x[1]"),
        ({"id": [1, 2], "x": np.asarray([np.inf, 1.0], "f4")}, "layers.p.x[0]"),
        ({"id": [1], "x": np.asarray([[1.0]])}, "layers.p.x"),
        ({"id": [1], "x": np.asarray([1 + 2j])}, "layers.p.x"),
        ({"id": [1], "x": 7}, "layers.p.x"),
        ({"id": [1], "x": "7"}, "layers.p.x"),
        ({"id": [1], "x": {"dtype": "f2", "data": b""}}, "layers.p.x.dtype"),
        ({"id": [1], "x": {"dtype": "f4", "data": b"abc"}}, "layers.p.x.data"),
        ({"id": [1], "s": {"dtype": "u1", "data": b"\2", "values": ["a"]}}, "layers.p.s"),
        ({"id": [-1]}, "layers.p.id[0]"),
        ({"id": [1.5]}, "layers.p.id[0]"),
        ({"id": [2**32]}, "layers.p.id[0]"),
        ({"id": np.asarray([-1])}, "layers.p.id"),
        ({"id": np.asarray([2**32])}, "layers.p.id"),
        ({"id": np.asarray([0.5])}, "layers.p.id"),
        ({"id": [1, 1]}, "layers.p.id"),
        ({"id": ["a", "a"]}, "layers.p.id"),
        ({"id": np.asarray([1, 1])}, "layers.p.id"),
        ({"id": ["a" * 257]}, "layers.p.id[0]"),
        ({"id": [1], "": [1]}, "layers.p"),
        ([{"id": 1}, {"id": 2, "x": 1}], "layers.p[1].x"),
        ([{"id": 1}, 2], "layers.p[1]"),
        (7, "layers.p"),
        ("rows", "layers.p"),
    ],
)
def test_a_wrong_layer_is_refused_by_the_path_of_what_is_wrong(layer: Any, field: str) -> None:
    with pytest.raises(InvalidMessage) as caught:
        payloads.frame(1, 0.0, {"p": layer})
    assert caught.value.field == field


def test_a_column_of_large_finite_numbers_is_not_taken_for_infinite() -> None:
    for form in (list, np.asarray):
        assert as_read({"id": [1, 2], "v": form([1e308, 1e308])})["v"] == [1e308, 1e308]


def test_long_arrays_are_checked_as_well() -> None:
    values = np.zeros(10_000)
    values[9_999] = np.nan
    with pytest.raises(InvalidMessage, match=r"x\[9999\]"):
        payloads.frame(1, 0.0, {"p": {"id": np.arange(10_000), "x": values}})


def test_what_is_sent_is_a_copy() -> None:
    ids, xs = np.asarray([1, 2], np.uint32), np.asarray([1.0, 2.0])
    data = payloads.frame(1, 0.0, {"p": {"id": ids, "x": xs}})
    before = bytes(data)
    ids[:], xs[:] = 9, 9.0
    assert data == before


def test_too_much_is_refused_with_both_numbers() -> None:
    with pytest.raises(TooLarge, match=r"data: 8,\d\d\d,\d\d\d bytes, the limit is 4,194,304"):
        payloads.frame(1, 0.0, {"p": {"id": np.arange(1_000_000), "x": np.zeros(1_000_000, "f4")}})
    with pytest.raises(TooLarge, match="65 columns, the limit is 64"):
        payloads.frame(1, 0.0, {"p": {str(n): [1] for n in range(64)} | {"id": [1]}})
    with pytest.raises(TooLarge, match="layers: 65"):
        payloads.frame(1, 0.0, {str(n): {"id": [1]} for n in range(65)})


def test_the_limits_are_those_of_the_reader() -> None:
    assert (pack.MAX_ROWS, pack.MAX_COLUMNS) == (broker_columns.MAX_ROWS, broker_columns.MAX_COLUMNS)
    assert (payloads.MAX_LAYERS, payloads.MAX_METRICS, payloads.MAX_TEXT, payloads.LEVELS) == (
        broker_payloads.MAX_LAYERS, broker_payloads.MAX_METRICS, broker_payloads.MAX_TEXT, broker_payloads.LEVELS,
    )  # fmt: skip
    assert pack.ITEM_BYTES.keys() == broker_columns.NUMPY_DTYPES.keys()


scalars = st.one_of(st.integers(), st.floats(), st.booleans(), st.text(max_size=4), st.none())
arrays = hnp.arrays(st.sampled_from([*"bBhHiIlLefd?", "U3"]), st.integers(0, 5))
column = st.one_of(st.lists(scalars, max_size=5), arrays)


@given(st.dictionaries(st.sampled_from(["id", "x", "angle", "kind", ""]), column, max_size=4))
def test_whatever_passes_here_passes_at_the_worker(layer: dict[str, Any]) -> None:
    try:
        data = payloads.frame(1, 0.0, {"p": layer})
    except InvalidMessage:
        return
    broker_payloads.read_payload("frame", wire.decode(data, "msgpack"))


def test_a_scene_is_checked_and_arrives() -> None:
    scene: dict[str, Any] = {
        "kind": "roads",
        "bounds": np.asarray([0, 0, 9, 9.0]).tolist(),
        "lines": {
            "points": np.arange(8.0), "starts": np.asarray([0, 2]), "width": np.asarray([1.0, 2.0]), "id": ["a", "b"],
        },
        "areas": {"points": [0, 0, 1, 0, 1, 1], "starts": [0]},
    }  # fmt: skip
    read = broker_payloads.read_payload("scene", wire.decode(payloads.scene(scene), "msgpack"))
    assert isinstance(read, broker_payloads.Scene)
    changes: list[tuple[dict[str, Any], str]] = [
        ({"bounds": [0, 0, 1]}, "bounds"),
        ({"bounds": [0, 0, 1, "1"]}, "bounds[3]"),
        ({"kind": None}, "kind"),
        ({"lines": {"points": [1, 2, 3], "starts": [0]}}, "lines.points"),
        ({"lines": {"points": [1, 2, 3, 4], "starts": [0, 0]}}, "lines.starts"),
        ({"lines": {"points": [1, 2, 3, 4], "starts": [0, 2]}}, "lines.starts"),
        ({"lines": {"points": [1, 2, 3, 4], "starts": [0], "width": [1, 2]}}, "lines.width"),
        ({"areas": {"points": [1, 2, 3, 4], "starts": [0], "id": ["a", "b"]}}, "areas.id"),
        ({"areas": {"points": [1, 2, 3, 4]}}, "areas.starts"),
    ]
    for change, field in changes:
        with pytest.raises(InvalidMessage) as caught:
            payloads.scene(scene | change)
        assert caught.value.field == field


def test_publishing_needs_no_numpy() -> None:
    script = """
import sys
sys.modules["numpy"] = None
from lanecast.producer import InvalidMessage, Param, Run, payloads
run = Run("sim", params={"gain": Param(1.0, max=5)}, url="redis://127.0.0.1:1/0")
assert payloads.frame(1, 0.0, {"p": {"id": [1, 2], "x": [0.5, 1.5], "s": ("a", "b")}})
assert payloads.frame(1, 0.0, {"p": [{"id": "a", "x": 1}]})
assert payloads.scene({"kind": "k", "bounds": [0, 0, 1, 1], "lines": {"points": [0, 0, 1, 1], "starts": [0]}})
try:
    payloads.frame(1, 0.0, {"p": {"id": [1], "x": [float("nan")]}})
except InvalidMessage as refused:
    assert refused.field == "layers.p.x[0]"
else:
    raise SystemExit("not refused")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
