from __future__ import annotations

import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanecast.broker.errors import InvalidMessage
from lanecast.broker.offsets import Offset
from lanecast.gateway import inbound
from lanecast.gateway.inbound import Auth, Keyframe, Ping, Report, Request, Steer, Subscribe, Unsubscribe


def read(message: Any) -> Request:
    one = inbound.read(msgspec.json.encode(message), text=True)
    other = inbound.read(msgspec.msgpack.encode(message), text=False)
    assert one == other, "both subprotocols say the same"
    return one


@pytest.mark.parametrize(
    ("message", "request_"),
    [
        ({"type": "auth", "token": "t"}, Auth("t")),
        ({"type": "subscribe", "run": "a"}, Subscribe("a", "auto")),
        ({"type": "subscribe", "run": "a", "tier": None, "epoch": None, "offset": None}, Subscribe("a", "auto")),
        ({"type": "subscribe", "run": "a", "tier": "low", "epoch": "e", "offset": "3-120"},
         Subscribe("a", "low", ("e", Offset(3, 120)))),
        ({"type": "subscribe", "run": "a", "epoch": "e"}, Subscribe("a", "auto")),
        ({"type": "subscribe", "run": "a", "layers": ["cars"], "freshness_ms": 250, "images": False},
         Subscribe("a", "auto", None, 0.25, frozenset({"cars"}), images=False)),
        ({"type": "unsubscribe", "run": "a"}, Unsubscribe("a")),
        ({"type": "command", "run": "a", "command_id": "c", "name": "step", "args": {"steps": 2}},
         Steer("a", "c", "step", {"steps": 2})),
        ({"type": "pause"}, Steer(None, None, "pause", None)),
        ({"type": "resume", "run": "a"}, Steer("a", None, "resume", None)),
        ({"type": "stop"}, Steer(None, None, "stop", None)),
        ({"type": "step", "steps": 4}, Steer(None, None, "step", {"steps": 4})),
        ({"type": "step"}, Steer(None, None, "step", None)),
        ({"type": "set_params", "params": {"a": 1}, "command_id": "c"},
         Steer(None, "c", "set_params", {"params": {"a": 1}})),
        ({"type": "keyframe", "run": "a"}, Keyframe("a")),
        ({"type": "ping", "t": 1.5, "unknown": [1]}, Ping(1.5)),
        ({"type": "report", "run": "a", "fps": 60, "dropped": 1, "decode_ms": 2.5, "age_ms": 40},
         Report("a", 60, 1, 2.5, 40)),
    ],
)  # fmt: skip
def test_what_a_viewer_may_send(message: Any, request_: Request) -> None:
    assert read(message) == request_


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ([], "message"),
        ({"type": 1}, "type"),
        ({"type": ["ping"]}, "type"),
        ({"type": "auth"}, "token"),
        ({"type": "auth", "token": 5}, "token"),
        ({"type": "subscribe", "run": "a" * 65}, "run"),
        ({"type": "subscribe", "run": "a", "tier": ["low"]}, "tier"),
        ({"type": "subscribe", "run": "a", "tier": "best"}, "tier"),
        ({"type": "subscribe", "run": "a", "epoch": 3, "offset": "1-1"}, "epoch"),
        ({"type": "subscribe", "run": "a", "epoch": "e", "offset": 5}, "offset"),
        ({"type": "subscribe", "run": "a", "epoch": "e", "offset": "-1-2"}, "offset"),
        ({"type": "command", "run": "a", "name": ["pause"]}, "name"),
        ({"type": "command", "run": "a b", "name": "pause"}, "run"),
        ({"type": "pause", "command_id": 7}, "command_id"),
        ({"type": "ping", "t": None}, "t"),
        ({"type": "ping", "t": True}, "t"),
        ({"type": "report", "run": "a", "age_ms": "x"}, "age_ms"),
    ],
)
def test_what_is_refused_names_its_field(message: Any, field: str) -> None:
    with pytest.raises(InvalidMessage) as caught:
        read(message)
    assert caught.value.field == field


def test_an_error_can_still_be_told_apart_by_run_and_command() -> None:
    payload = msgspec.json.encode({"type": "command", "run": "a", "command_id": "c", "name": "dance"})
    assert inbound.run_and_command(payload, text=True) == ("a", "c")
    assert inbound.run_and_command(b"[1]", text=True) == (None, None)
    assert inbound.run_and_command(b"\xff", text=True) == (None, None)


@given(st.binary(max_size=200), st.booleans())
def test_noise_is_refused_and_nothing_else_happens(payload: bytes, text: bool) -> None:
    with contextlib.suppress(InvalidMessage):
        inbound.read(payload, text=text)


def test_numbers_that_are_not_finite_are_refused() -> None:
    for value in (float("nan"), float("inf")):
        with pytest.raises(InvalidMessage):
            inbound.read(msgspec.msgpack.encode({"type": "ping", "t": value}), text=False)


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(InvalidMessage):
        inbound.read(b'{"type":' + b"[" * 30_000 + b"]" * 30_000 + b"}", text=True)
