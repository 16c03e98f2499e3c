"""What strangers may try with a bare socket, line by line: each has its answer, and none reaches Redis."""

from __future__ import annotations

import json
import struct
import time
from typing import Any

import jwt
import msgspec
import pytest
import redis.asyncio
from tests.gateway.gateways import Start, gateway, run, start_gateway
from tests.gateway.stage import SECRET, GatewayProcess, RawViewer, RunOwner, client_frame

from lanecast.broker import keys

__all__ = ["gateway", "run", "start_gateway"]
MASK = b"\x01\x02\x03\x04"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(b"\x82\xff" + struct.pack("!Q", 2**62) + MASK, 1009, id="announces 2^62 bytes"),
        pytest.param(b"\x82\xff" + struct.pack("!Q", 2**63 + 1) + MASK, 1009, id="announces 2^63 and more"),
        pytest.param(client_frame(2, b"x" * 40_000, fin=False) + client_frame(0, b"x" * 40_000), 1009, id="in pieces"),
        pytest.param(client_frame(2, b"x", mask=None), 1002, id="unmasked"),
        pytest.param(b"\xc2\x84" + MASK + b"bomb", 1002, id="compressed, which nobody agreed on"),
        pytest.param(b"\xa2\x80" + MASK, 1002, id="a reserved bit"),
        pytest.param(client_frame(3, b""), 1002, id="an opcode that there is not"),
        pytest.param(client_frame(0, b"x"), 1002, id="goes on with nothing"),
        pytest.param(client_frame(2, b"x", fin=False) + client_frame(2, b"x"), 1002, id="begins in the middle"),
        pytest.param(client_frame(9, b"x", fin=False), 1002, id="a ping in pieces"),
        pytest.param(client_frame(9, b"x" * 126), 1002, id="a ping too long"),
        pytest.param(client_frame(1, b"\xff\xfe"), 1007, id="text that is none"),
    ],
)
def test_what_breaks_the_rules_is_closed_with_its_code(gateway: GatewayProcess, data: bytes, code: int) -> None:
    before = gateway.rss_bytes()
    viewer = RawViewer(gateway.port)
    viewer.socket.sendall(data)
    assert viewer.until_closed()[0] == code
    viewer.close()
    assert gateway.rss_bytes() - before < 4_000_000, "what was announced is not allocated"


def test_a_message_in_a_thousand_pieces_is_bounded(gateway: GatewayProcess) -> None:
    viewer = RawViewer(gateway.port)
    viewer.socket.sendall(client_frame(2, b"x", fin=False) + client_frame(0, b"x" * 200, fin=False) * 1_000)
    assert viewer.until_closed()[0] in (1009, 4429)
    viewer.close()


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        pytest.param(b"\x91" * 60_000 + b"\x01", "message", id="nested 60,000 deep"),
        pytest.param(b"\xdd\xff\xff\xff\xff", "message", id="an array of 4 billion"),
        pytest.param(msgspec.msgpack.encode({"type": "ping", "t": float("nan")}), "t", id="not a number"),
        pytest.param(msgspec.msgpack.encode({"type": "report", "run": "a", "fps": float("inf")}), "fps", id="infinite"),
    ],
)
def test_what_is_not_understood_is_refused_and_twenty_of_it_close(
    gateway: GatewayProcess, payload: bytes, field: str
) -> None:
    viewer = RawViewer(gateway.port)
    viewer.frame()  # welcome
    viewer.send(2, payload)
    error = msgspec.msgpack.decode(viewer.frame()[1])
    assert (error["code"], error["field"]) == ("invalid", field)
    for _ in range(19):
        viewer.send(2, payload)
    assert viewer.until_closed()[0] == 4400
    viewer.close()


def token(**claims: Any) -> dict[str, Any]:
    return {"sub": "ann", "role": "viewer", "runs": "*", "exp": time.time() + 60, "aud": "lanecast", **claims}


async def test_tokens_that_were_not_made_here_open_nothing(start_gateway: Start, client: redis.asyncio.Redis) -> None:
    await RunOwner(client, "demo").begin()
    gateway = start_gateway(secret=SECRET)
    unsigned = jwt.encode(token(role="admin"), "", "none")
    other = jwt.encode(token(role="admin"), "another secret of thirty-two characters", "HS256")
    elsewhere = jwt.encode(token(aud="elsewhere"), SECRET, "HS256")
    for given in (unsigned, other, elsewhere, "x" * 5_000):
        viewer = RawViewer(gateway.port)
        viewer.frame()
        viewer.send_message(type="auth", token=given)
        assert viewer.until_closed()[0] == 4401
        viewer.close()


async def test_a_viewers_command_is_refused_and_reaches_nobody(
    start_gateway: Start, client: redis.asyncio.Redis
) -> None:
    await RunOwner(client, "demo").begin()
    gateway = start_gateway(secret=SECRET)
    viewer = RawViewer(gateway.port)
    viewer.frame()
    viewer.send_message(type="auth", token=jwt.encode(token(), SECRET, "HS256"))
    viewer.frame()
    for _ in range(20):
        viewer.send_message(type="command", run="demo", name="stop")
    assert viewer.until_closed()[0] == 4403
    viewer.close()
    assert not await client.exists(keys.control("demo"))
    _, log = gateway.stop()
    refused = [json.loads(line) for line in log.splitlines() if "command_refused" in line]
    assert len(refused) == 20, "whoever tries is written down"
    assert {(line["user"], line["role"], line["run"], line["command"]) for line in refused} == {
        ("ann", "viewer", "demo", "stop")
    }


async def test_a_token_that_ends_is_asked_to_be_replaced_before_the_connection_ends_with_it(
    start_gateway: Start,
) -> None:
    gateway = start_gateway(secret=SECRET)
    viewer = RawViewer(gateway.port)
    viewer.frame()
    viewer.send_message(type="auth", token=jwt.encode(token(exp=time.time() + 2), SECRET, "HS256"))
    assert msgspec.msgpack.decode(viewer.frame()[1])["type"] == "welcome"
    asked = msgspec.msgpack.decode(viewer.frame()[1])
    assert asked["type"] == "refresh"
    assert 0 < asked["expires_in_s"] <= 2
    viewer.send_message(type="auth", token=jwt.encode(token(exp=time.time() + 3), SECRET, "HS256"))
    kinds = [msgspec.msgpack.decode(viewer.frame()[1])["type"] for _ in range(2)]
    assert kinds == ["welcome", "refresh"], "of the new one, too"
    assert viewer.until_closed()[0] == 4410
    viewer.close()


async def test_a_command_that_is_sent_again_is_answered_by_its_first_result(
    gateway: GatewayProcess, client: redis.asyncio.Redis
) -> None:
    await RunOwner(client, "demo").begin()
    viewer = RawViewer(gateway.port)
    viewer.frame()
    await client.set(keys.alive("demo"), "sim", px=30_000)
    await client.set(keys.command("demo", "c1"), json.dumps({"ok": True, "name": "pause"}))
    for _ in range(2):
        viewer.send_message(type="command", run="demo", name="pause", command_id="c1")
        answer = msgspec.msgpack.decode(viewer.frame()[1])
        assert (answer["type"], answer["command_id"], answer["ok"]) == ("result", "c1", True)
    assert not await client.exists(keys.control("demo")), "nothing reaches the producer again"
    viewer.close()


def test_a_full_node_says_when_to_come_again(start_gateway: Start) -> None:
    gateway = start_gateway(max_viewers=1)
    viewer = RawViewer(gateway.port)
    viewer.frame()
    refused = RawViewer(gateway.port)
    assert refused.status == 503
    assert b"retry-after: 2" in refused.response.lower()
    viewer.close()
    refused.close()
