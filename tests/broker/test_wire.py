"""Entries and payloads: what is good is read, what is bad is refused by the field's name."""

from __future__ import annotations

import contextlib
from typing import Any

import msgpack
import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanecast.broker import wire
from lanecast.broker.errors import InvalidMessage, TooLarge
from lanecast.broker.lanes import KINDS
from lanecast.broker.payloads import Frame, Scene, read, read_payload
from lanecast.broker.wire import Message, from_fields


def fields(message: Message) -> dict[bytes, bytes]:
    """As a Redis client gives them back."""
    return {
        key.encode(): value if isinstance(value, bytes) else str(value).encode()
        for key, value in message.to_fields().items()
    }


def test_an_entry_is_read_as_it_was_written() -> None:
    message = Message("frame", b"\x80", "msgpack", 1_700_000_000_000.25, "sim-1", 3, 17)
    assert from_fields(fields(message), "high") == message


def test_kind_and_data_are_enough() -> None:
    assert from_fields({b"kind": b"frame", b"data": b"{}", b"enc": b"json"}, "high") == Message("frame", b"{}", "json")


@pytest.mark.parametrize(
    ("entry", "lane", "field"),
    [
        ({b"data": b""}, "high", "kind"),
        ({b"kind": b"frame"}, "high", "data"),
        ({b"kind": b"fram", b"data": b""}, "high", "kind"),
        ({b"kind": b"frame", b"data": b""}, "critical", "kind"),
        ({b"kind": b"frame", b"data": b""}, "urgent", "lane"),
        ({b"kind": b"frame", b"data": b"", b"enc": b"xml"}, "high", "enc"),
        ({b"kind": b"frame", b"data": b"", b"v": b"2"}, "high", "v"),
        ({b"kind": b"frame", b"data": b"", b"t_ms": b"now"}, "high", "t_ms"),
        ({b"kind": b"frame", b"data": b"", b"t_ms": b"nan"}, "high", "t_ms"),
        ({b"kind": b"frame", b"data": b"", b"producer": b"a b"}, "high", "producer"),
        ({b"kind": b"frame", b"data": b"", b"producer": b"a", b"epoch": b"1"}, "high", "seq"),
        ({b"kind": b"frame", b"data": b"", b"producer": b"a", b"epoch": b"-1", b"seq": b"1"}, "high", "epoch"),
        ({b"kind": b"frame", b"data": b"", b"epoch": b"1", b"seq": b"1"}, "high", "seq"),
        ({b"kind": b"frame", b"data": bytes(wire.MAX_DATA_BYTES + 1)}, "high", "data"),
    ],
)
def test_a_bad_entry_is_refused_by_the_fields_name(entry: dict[bytes, bytes], lane: str, field: str) -> None:
    with pytest.raises(InvalidMessage) as caught:
        from_fields(entry, lane)
    assert caught.value.field == field


GOOD = {"step": 3, "time_s": 1.5, "layers": {"a": {"id": [1, 2], "x": [0.5, 1], "on": [True, False], "t": ["b", "c"]}}}


@pytest.mark.parametrize("enc", ["json", "msgpack"])
def test_rows_and_columns_mean_the_same_in_either_encoding(enc: str) -> None:
    rows = [{"id": 1, "x": 0.5, "on": True, "t": "b"}, {"id": 2, "x": 1, "on": False, "t": "c"}]
    pack = msgspec.json.encode if enc == "json" else msgpack.packb
    frames = []
    for layer in (GOOD["layers"]["a"], rows):  # type: ignore[index]
        frame = read(Message("frame", pack({**GOOD, "layers": {"a": layer}}), enc))
        assert isinstance(frame, Frame)
        frames.append({name: column.to_list() for name, column in frame.layers["a"].columns.items()})
        assert list(frame.layers["a"].ids) == [1, 2]
    assert frames[0] == frames[1] == {"x": [0.5, 1.0], "on": [1, 0], "t": ["b", "c"]}


def test_numpy_columns_travel_typed_and_exact() -> None:
    x = np.linspace(0, 1, 1000, dtype=np.float32)
    payload = {"step": 1, "time_s": 0.0, "layers": {"a": {"id": np.arange(1000), "x": x, "every other": x[::-1]}}}
    frame = read(Message("frame", wire.encode(payload)))
    assert isinstance(frame, Frame)
    assert frame.layers["a"].columns["x"].data.tobytes() == x.tobytes()
    assert frame.layers["a"].columns["every other"].data.tolist() == x[::-1].tolist()
    assert frame.layers["a"].ids.dtype == np.uint32  # type: ignore[union-attr]


def changed(**changes: Any) -> dict[str, Any]:
    return {**GOOD, **changes}


@pytest.mark.parametrize(
    ("kind", "payload", "field"),
    [
        ("frame", [], "data"),
        ("frame", {}, "layers"),
        ("frame", changed(step="3"), "step"),
        ("frame", changed(step=True), "step"),
        ("frame", changed(time_s=float("nan")), "time_s"),
        ("frame", changed(time_s=None), "time_s"),
        ("frame", changed(layers={"a": 7}), "layers.a"),
        ("frame", changed(layers={"a": {"x": [1]}}), "layers.a.id"),
        ("frame", changed(layers={"a": {"id": [1, 1]}}), "layers.a.id"),
        ("frame", changed(layers={"a": {"id": [-1]}}), "layers.a.id"),
        ("frame", changed(layers={"a": {"id": [1.5]}}), "layers.a.id"),
        ("frame", changed(layers={"a": {"id": ["v", "v"]}}), "layers.a.id"),
        ("frame", changed(layers={"a": {"id": [1, 2], "x": [1.0]}}), "layers.a.x"),
        ("frame", changed(layers={"a": {"id": [1], "x": [float("inf")]}}), "layers.a.x[0]"),
        ("frame", changed(layers={"a": {"id": [1], "x": ["far"]}}), "layers.a.x"),
        ("frame", changed(layers={"a": {"id": [1, 2], "x": [1, "2"]}}), "layers.a.x[1]"),
        ("frame", changed(layers={"a": {"id": [1], "x": [[1]]}}), "layers.a.x[0]"),
        ("frame", changed(layers={"a": {"id": [1], "x": {"dtype": "f4", "data": b"123"}}}), "layers.a.x.data"),
        ("frame", changed(layers={"a": {"id": [1], "x": {"dtype": "f3", "data": b""}}}), "layers.a.x.dtype"),
        (
            "frame",
            changed(layers={"a": {"id": [1], "t": {"dtype": "u1", "data": b"\2", "values": ["a"]}}}),
            "layers.a.t",
        ),
        ("frame", changed(layers={"a": [{"id": 1, "x": 2}, {"id": 2}]}), "layers.a[1].x"),
        ("frame", changed(layers={"a": [{"id": 1}, 2]}), "layers.a[1]"),
        ("frame", changed(layers={"\n": {"id": []}}), "layers"),
        ("frame", changed(gone={"a": [1]}), "gone"),
        ("frame", changed(phases={"sim": "long"}), "phases.sim"),
        ("metrics", {"values": {"loss": float("nan")}}, "values.loss"),
        ("metrics", {"values": {"loss": 10**400}}, "values.loss"),
        ("metrics", {"values": [1]}, "values"),
        ("status", {"level": "shout", "text": "x"}, "level"),
        ("status", {"text": 7}, "text"),
        ("status", {"text": "x" * 5000}, "text"),
        ("lifecycle", {"state": "asleep"}, "state"),
        ("lifecycle", {"state": "running", "metadata": {"a": [1]}}, "metadata.a"),
        ("lifecycle", {"state": "running", "params": {"p": {"type": "int", "value": 1.5}}}, "params.p.value"),
        ("lifecycle", {"state": "running", "params": {"p": {"type": "float", "value": 9, "max": 5}}}, "params.p.value"),
        ("lifecycle", {"state": "running", "params": {"p": {"type": "choice", "value": "a"}}}, "params.p.choices"),
        ("control", {"paused": 1}, "paused"),
        ("result", {"command_id": "1"}, "ok"),
        ("events", {"type": "traffic", "time_s": 0, "items": None}, "items"),
        ("scene", {"kind": "roads", "bounds": [0, 0, 1]}, "bounds"),
        ("scene", {"kind": "r", "bounds": [0, 0, 1, 1], "lines": {"points": [1, 2, 3], "starts": [0]}}, "lines.points"),
        ("scene", {"kind": "r", "bounds": [0, 0, 1, 1], "lines": {"points": [1, 2], "starts": [1]}}, "lines.starts"),
    ],
)
def test_a_bad_payload_is_refused_by_the_fields_path(kind: str, payload: Any, field: str) -> None:
    with pytest.raises(InvalidMessage) as caught:
        read_payload(kind, payload)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("data", "enc", "text"),
    [
        (b"\xc1", "msgpack", "not MessagePack"),
        (b"{", "json", "not JSON"),
        (b'{"a": NaN}', "json", "not JSON"),
        (b"\xd4\x01\x00", "msgpack", "extension type 1"),
        (b"\x91" * 100_000 + b"\x01", "msgpack", "deeply|recursion"),
    ],
)
def test_a_payload_that_is_not_in_its_encoding_is_refused(data: bytes, enc: str, text: str) -> None:
    with pytest.raises(InvalidMessage, match=text):
        wire.decode(data, enc)


def test_a_payload_over_the_limit_is_refused_with_both_numbers() -> None:
    with pytest.raises(TooLarge, match=r"data: .* bytes, the limit is 4,194,304"):
        wire.encode({"data": bytes(5_000_000)})


def test_a_scene_comes_out_typed() -> None:
    scene = read_payload(
        "scene",
        {
            "kind": "roads",
            "bounds": [0, 0, 9, 9],
            "lines": {"points": [0, 0, 9, 9, 1, 1, 2, 2], "starts": [0, 2], "width": [3, 4.5], "id": ["a", "b"]},
        },
    )
    assert isinstance(scene, Scene)
    lines = msgspec.msgpack.decode(scene.data)["lines"]
    assert np.frombuffer(lines["width"]["data"], "<f4").tolist() == [3, 4.5]
    assert lines["id"] == ["a", "b"]


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["id", "x", "layers", "step", "time_s", "dtype", "data", "values", "params", "state"])
        | st.text(max_size=3),
        inner,
        max_size=5,
    ),
    max_leaves=20,
)  # fmt: skip


@given(st.sampled_from(KINDS), json_like)
def test_no_payload_whatever_raises_anything_but_invalid_message(kind: str, payload: Any) -> None:
    with contextlib.suppress(InvalidMessage):
        read_payload(kind, payload)
