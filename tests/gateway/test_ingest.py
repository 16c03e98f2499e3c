from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanecast.broker import payloads, wire
from lanecast.broker.errors import InvalidMessage
from lanecast.gateway import api, ingest

FRAME = {"step": 1, "time_s": 0.1, "layers": {"points": {"id": [1, 2], "x": [0, 10], "y": [0.5, 5]}}}


@pytest.mark.parametrize(
    ("body", "status", "field", "index"),
    [
        ([{"kind": "frame", "data": FRAME}, {"kind": "frame", "data": {"step": 1}}], 422, "layers", 1),
        ([{"kind": "frame", "data": {**FRAME, "time_s": "soon"}}], 422, "time_s", 0),
        ({"kind": "frame", "data": {**FRAME, "layers": {"p": {"id": [1, 1]}}}}, 422, "layers.p.id", None),
        ({"kind": "frame", "data": {**FRAME, "layers": {"p": [{"id": 1, "x": "a"}, {"id": 2, "x": 1}]}}},
         422, "layers.p.x[1]", None),
        ({"kind": "explosion", "data": {}}, 422, "kind", None),
        ({"kind": "frame", "lane": "critical", "data": FRAME}, 422, "kind", None),
        ({"kind": "frame", "lane": "fast", "data": FRAME}, 422, "lane", None),
        ({"kind": "frame"}, 422, "data", None),
        ({"kind": "frame", "data": FRAME, "t_ms": "now"}, 422, "t_ms", None),
        ({"kind": "status", "data": {"text": "x"}, "producer": "p", "epoch": 1}, 422, "seq", None),
        ({"kind": "status", "data": {"text": "x"}, "epoch": 1, "seq": 1}, 422, "seq", None),
        ({"kind": "status", "data": {"text": "x"}, "producer": "a b", "epoch": 1, "seq": 1}, 422, "producer", None),
        ({"kind": "status", "data": {"text": "x"}, "producer": "p", "epoch": 0, "seq": 1}, 422, "epoch", None),
        ({"kind": "frame", "data": FRAME, "producer": "p", "epoch": 1, "seq": 1}, 422, "seq", None),
        ("just text", 422, "message", None),
        ([{"kind": "status", "data": {"text": "x"}}] * 1_001, 422, "messages", None),
    ],
)  # fmt: skip
def test_an_ingest_error_names_the_field_and_nothing_is_taken(
    body: Any, status: int, field: str, index: int | None
) -> None:
    with pytest.raises(InvalidMessage) as caught:
        ingest.read_body(msgspec.json.encode(body), "json")
    answer = api.error_response(caught.value)
    error = msgspec.json.decode(bytes(answer.body))["error"]
    assert (answer.status_code, error["field"], error.get("index")) == (status, field, index)
    assert error["message"]


def read(*messages: dict[str, Any]) -> list[ingest.Batch]:
    return list(ingest.batches(ingest.read_body(msgspec.msgpack.encode(list(messages)), "msgpack")))


def numbered(seq: int, producer: str = "p", lane: str = "critical") -> dict[str, Any]:
    return {"kind": "status", "lane": lane, "data": {"text": "x"}, "producer": producer, "epoch": 1, "seq": seq}


def test_neighbours_that_follow_one_another_go_in_one_call() -> None:
    plain = {"kind": "status", "lane": "critical", "data": {"text": "x"}}
    batches = read(
        plain, plain, numbered(1), numbered(2), numbered(4), numbered(5, "q"), numbered(6, "q", "normal"), plain
    )
    assert [[message.seq for message in batch.messages] for batch in batches] == [[0, 0], [1, 2], [4], [5], [6], [0]]
    assert [batch.numbered for batch in batches] == [False, True, True, True, True, False]
    assert [batch.lane.name for batch in batches] == ["critical"] * 4 + ["normal", "critical"]


def test_a_kind_goes_to_its_own_lane_unless_another_is_named() -> None:
    batches = read({"kind": "frame", "data": FRAME}, {"kind": "frame", "lane": "low", "data": FRAME})
    assert [batch.lane.name for batch in batches] == ["high", "low"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "kind": st.sampled_from(["frame", "status", "metrics", "lifecycle"]) | json_values,
            "data": st.just({"text": "x"}) | st.just(FRAME) | json_values,
            "lane": json_values,
            "t_ms": json_values,
            "producer": st.just("p") | json_values,
            "epoch": st.just(1) | json_values,
            "seq": st.just(1) | json_values,
        },
    )
)
def test_whatever_is_posted_is_refused_by_field_or_readable_by_a_worker(message: dict[str, Any]) -> None:
    try:
        ((lane, read_message),) = ingest.read_body(msgspec.json.encode(message), "json")
    except InvalidMessage:
        return
    fields = {
        name.encode(): value if isinstance(value, bytes) else str(value).encode()
        for name, value in read_message.to_fields().items()
    }
    payloads.read(wire.from_fields(fields, lane.name))


@pytest.mark.parametrize("body", [b"", b"[", b"[" * 5_000 + b"]" * 5_000, b"\xff"])
def test_a_body_that_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidMessage):
        ingest.read_body(body, "json")
