"""The schema of the viewer protocol fits what workers and gateways write, and what a gateway takes.

Besides, every message that the gateways of the integration tests send is held against it (`tests/gateway/stage.py`).
"""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from tests.producer.test_vectors import vectors
from tests.support.schemas import problem, schema

from lanecast.broker import commands, errors, messages, runs, tiers
from lanecast.broker.errors import InvalidMessage
from lanecast.broker.offsets import START, Offset
from lanecast.gateway import access, commanding, framing, hub, inbound, outbound, session
from lanecast.gateway import errors as gateway_errors
from lanecast.gateway.json_view import JsonView

INFO = runs.RunInfo("a", "e")
LIMITS = {"message_bytes": 65_536, "messages_per_s": 50.0, "runs": 32}
BODIES: dict[str, dict[str, Any]] = {
    "run": {"info": INFO.to_dict()},
    "status": {"level": "info", "text": "x", "time_s": 0.0, "at_ms": 1.5},
    "control_state": {"paused": True, "stopping": False, "params": {"gain": 1.5}},
    "result": {"command_id": "c", "name": None, "ok": False, "error": "no", "field": "args"},
}


@pytest.mark.parametrize("vector", vectors("renditions.json"))
def test_every_frame_of_the_vectors_fits_in_both_subprotocols(vector: dict[str, Any]) -> None:
    text = JsonView()
    for frame in vector["frames"]:
        data = bytes.fromhex(frame["message"])
        assert problem(messages.decode(data), "viewer", "received") is None
        if frame["applied"]:
            assert text.take(data)
            framed = text.framed()
            assert framed is not None
            assert problem(msgspec.json.decode(framing.payload_of(framed)), "viewer", "received_json") is None


@pytest.mark.parametrize("kind", messages.LOSSLESS)
def test_every_lossless_message_fits(kind: str) -> None:
    message = messages.decode(messages.lossless(kind, "a", "e", Offset(1, 2), START, BODIES[kind]))
    assert problem(message, "viewer", kind) is None
    assert problem(message, "viewer", "received") is None
    assert problem(message | {"offset": 7}, "viewer", "received") is not None


@pytest.mark.parametrize(
    "message",
    [
        outbound.welcome("lanecast.v1", "n", None, auth=True, limits=LIMITS),
        outbound.welcome("lanecast.json.v1", "n", "admin", auth=False, limits=LIMITS),
        outbound.subscribed("a", "high", INFO, "0-0", recovered=True),
        outbound.notice("text"),
        outbound.notice("text", "a", 3, tier="low"),
        outbound.error("invalid", "text"),
        outbound.error("forbidden", "text", "run", "a", "c"),
        outbound.result("a", "c", "pause", {"ok": True}),
        outbound.pong(1.5),
    ],
)  # fmt: skip
def test_every_message_of_a_gateways_own_fits(message: dict[str, Any]) -> None:
    for definition in (message["type"], "received", "received_json"):
        assert problem(message, "viewer", definition) is None
    assert problem(message | {"type": "other"}, "viewer", "received") is not None


@pytest.mark.parametrize(
    ("message", "fits"),
    [
        ({"type": "auth", "token": "t"}, True),
        ({"type": "auth", "token": ""}, False),
        ({"type": "subscribe", "run": "a", "tier": "low", "epoch": "e", "offset": "3-120"}, True),
        ({"type": "subscribe", "run": "a", "tier": None, "epoch": None, "offset": None}, True),
        ({"type": "subscribe", "run": "a b"}, False),
        ({"type": "subscribe", "run": "a", "tier": "best"}, False),
        ({"type": "subscribe", "run": "a", "epoch": "e", "offset": "3"}, False),
        ({"type": "subscribe", "run": "a", "layers": ["cars"], "freshness_ms": 250, "images": False}, True),
        ({"type": "subscribe", "run": "a", "layers": None, "freshness_ms": None, "images": None}, True),
        ({"type": "subscribe", "run": "a", "layers": "cars"}, False),
        ({"type": "subscribe", "run": "a", "layers": [""]}, False),
        ({"type": "subscribe", "run": "a", "layers": ["x"] * 65}, False),
        ({"type": "subscribe", "run": "a", "freshness_ms": 50}, False),
        ({"type": "subscribe", "run": "a", "freshness_ms": 20_000}, False),
        ({"type": "subscribe", "run": "a", "images": 1}, False),
        ({"type": "unsubscribe", "run": "a"}, True),
        ({"type": "unsubscribe"}, False),
        ({"type": "command", "run": "a", "command_id": "c", "name": "step", "args": {"steps": 2}}, True),
        ({"type": "command", "name": "pause", "command_id": None}, True),
        ({"type": "command", "name": "fly"}, False),
        ({"type": "pause"}, True),
        ({"type": "resume", "run": "a"}, True),
        ({"type": "stop", "command_id": "c"}, True),
        ({"type": "stop", "command_id": "c c"}, False),
        ({"type": "step", "steps": 4}, True),
        ({"type": "set_params", "params": {"gain": 1}}, True),
        ({"type": "keyframe", "run": "a"}, True),
        ({"type": "ping"}, True),
        ({"type": "ping", "t": "now"}, False),
        ({"type": "report", "run": "a", "fps": 60}, True),
        ({"type": "report", "run": "a", "fps": "many"}, False),
        ({"type": "dance"}, False),
    ],
)
def test_what_fits_is_what_a_gateway_takes(message: dict[str, Any], fits: bool) -> None:
    assert (problem(message, "viewer", "sent") is None) == fits
    payload = msgspec.json.encode(message)
    if fits:
        inbound.read(payload, text=True)
        return
    with pytest.raises(InvalidMessage):
        inbound.read(payload, text=True)


def test_the_schema_names_what_the_code_knows() -> None:
    defs = schema("viewer")["$defs"]
    sent = [entry["$ref"].rpartition("/")[2] for entry in defs["sent"]["oneOf"]]
    assert set(sent) == set(inbound._READERS)
    assert defs["tier"]["enum"] == list(tiers.SERVED)
    assert defs["any_frame"]["properties"]["tier"]["enum"] == list(tiers.TIERS)
    assert defs["state"]["enum"] == list(runs.STATES)
    assert defs["welcome"]["properties"]["role"]["enum"] == [*access.RIGHTS, None]
    assert defs["welcome"]["properties"]["protocol"]["enum"] == list(outbound.SUBPROTOCOLS)
    assert set(defs["info"]["required"]) == INFO.to_dict().keys()
    assert {"pause", "resume", "stop", "step", "set_params"} == set(commands.NAMES)


def test_the_schema_and_the_page_name_every_error_code() -> None:
    codes = {kind.code for kind in refusals()} - {"content_type", "no_state", "unknown_client"}  # which only HTTP has
    codes |= {errors.InvalidMessage.cause, errors.TooLarge.cause} | literal_codes(hub) | literal_codes(session)
    assert commanding.UnknownRunRefused.code in codes
    assert set(schema("viewer")["$defs"]["error"]["properties"]["code"]["enum"]) == codes
    page = (Path(__file__).parents[2] / "docs" / "protocol" / "viewer.md").read_text("utf-8")
    table = page.partition("## Errors")[2].partition("\n## ")[0]
    assert {line.split("`")[1] for line in table.splitlines() if line.startswith("| `")} == codes


def refusals() -> list[type[gateway_errors.Refused]]:
    """`Refused` and all that is derived from it, wherever it is defined."""
    found = [gateway_errors.Refused]
    for kind in found:
        found += kind.__subclasses__()
    return found


def literal_codes(module: ModuleType) -> set[str]:
    """Codes that a module writes as words: the first argument of `outbound.error`, the second of `_turn_away`."""
    places = {"outbound.error": 0, "self._turn_away": 1}
    calls = [node for node in ast.walk(ast.parse(inspect.getsource(module))) if isinstance(node, ast.Call)]
    given = [node.args[places[ast.unparse(node.func)]] for node in calls if ast.unparse(node.func) in places]
    return {str(argument.value) for argument in given if isinstance(argument, ast.Constant)}
