from __future__ import annotations

import msgspec
import numpy as np
import pytest

from lanecast.broker import messages, tiers
from lanecast.broker.columns import Column
from lanecast.broker.exposition import render
from lanecast.broker.offsets import START, Offset
from lanecast.broker.rendition import Chain, LayerState
from lanecast.gateway import framing, outbound
from lanecast.gateway.json_view import JsonView
from lanecast.gateway.stats import Stats, samples


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ([], "lanecast.json.v1"),
        (["lanecast.v1"], "lanecast.v1"),
        (["chat", "lanecast.json.v1", "lanecast.v1"], "lanecast.json.v1"),
        (["chat"], None),
    ],
)
def test_the_first_subprotocol_that_both_know_is_spoken(offered: list[str], chosen: str | None) -> None:
    assert outbound.choose_subprotocol(offered) == chosen


def test_binary_viewers_get_a_workers_bytes_as_they_are() -> None:
    data = messages.lossless("status", "a", "e", Offset(1, 2), START, {"text": "ü"})
    framed = outbound.pass_on(data, text=False)
    assert (framed[0], bytes(framing.payload_of(framed))) == (0x82, data)
    framed = outbound.pass_on(data, text=True)
    assert framed[0] == 0x81
    assert msgspec.json.decode(framing.payload_of(framed)) == messages.decode(data)


def test_a_gateways_result_has_no_offset_and_keeps_the_first_name() -> None:
    message = outbound.result("a", "c", "pause", {"ok": False, "error": "no", "name": "stop"})
    assert (message["offset"], message["prev"], message["name"], message["ok"]) == (None, None, "stop", False)


def frame(chain: Chain, n: int, prev: int | None, ids: list[int], names: list[str] | None = None) -> bytes:
    state = LayerState(
        np.array(ids, np.uint32), {"x": Column(np.array(ids) * 0.3), "n": Column(np.array(ids, np.int64))}, names
    )
    parts = (None if prev is None else chain.delta({"l": state}, {"m": n})) or chain.keyframe({"l": state}, {"m": n})
    return messages.frame(
        "a", "high", "e", Offset(1, n), None if prev is None else Offset(1, prev), n, n / 10, {}, parts, {}
    )


def test_json_frames_are_complete_and_short() -> None:
    chain, view = Chain(tiers.HIGH), JsonView()
    assert view.framed() is None
    assert view.take(frame(chain, 1, None, [1, 2]))
    assert view.take(frame(chain, 2, 1, [2, 5]))
    framed = view.framed()
    assert framed is not None
    message = msgspec.json.decode(framing.payload_of(framed))
    assert (message["key"], message["prev"], message["offset"], message["metrics"]) == (True, None, "1-2", {"m": 2})
    assert message["layers"] == {"l": {"id": [2, 5], "x": [0.6, 1.5], "n": [2, 5]}}


def test_json_frames_have_the_original_ids() -> None:
    view = JsonView()
    view.take(frame(Chain(tiers.HIGH), 1, None, [1, 2], ["car.1", "car.2"]))
    framed = view.framed()
    assert framed is not None
    assert msgspec.json.decode(framing.payload_of(framed))["layers"]["l"]["id"] == ["car.1", "car.2"]


@pytest.mark.parametrize("payload", [b"", b"\xc1", b"\x80", msgspec.msgpack.encode({"key": True, "layers": 1})])
def test_a_frame_that_makes_no_sense_needs_a_keyframe(payload: bytes) -> None:
    view = JsonView()
    assert not view.take(payload)
    assert view.framed() is None
    assert not view.take(frame(Chain(tiers.HIGH), 2, 1, [1])), "a delta of something that is not there"


def test_the_prometheus_text_is_well_formed() -> None:
    stats = Stats()
    stats.dropped["late"] = 3
    stats.frames_out = 7
    text = render(
        samples(stats, node="n", up=True, viewers=2, runs=1, subscriptions=[('a"b\\c\nd', "high", 2), ("e", "low", 1)])
    )
    lines = text.splitlines()
    assert text.endswith("\n")
    assert lines.count("# TYPE lanecast_gateway_subscriptions gauge") == 1
    assert r'lanecast_gateway_subscriptions{node="n",run="a\"b\\c\nd",tier="high"} 2' in lines
    assert 'lanecast_gateway_dropped_total{node="n",cause="late"} 3' in lines
    assert 'lanecast_gateway_frames_total{node="n"} 7' in lines
    names = {line.split("{")[0].split(" ")[0] for line in lines if not line.startswith("#")}
    assert names == {line.split(" ")[2] for line in lines if line.startswith("# TYPE")}
    assert stats.to_dict()["dropped"] == {"late": 3}
