"""Producers without a Redis client, over a WebSocket: nothing is lost or doubled, and commands come back."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import jwt
import msgspec
import redis
import redis.asyncio
import websockets
from tests.gateway.gateways import Start, gateway, run, start_gateway
from tests.gateway.stage import SECRET, GatewayProcess, RunOwner

from lanecast.broker import keys

__all__ = ["gateway", "run", "start_gateway"]


async def ask(socket: Any, message: dict[str, Any], *, text: bool = False) -> dict[str, Any]:
    await socket.send(msgspec.json.encode(message).decode() if text else msgspec.msgpack.encode(message))
    return await read(socket)


async def read(socket: Any) -> dict[str, Any]:
    data = await asyncio.wait_for(socket.recv(), 10)
    answer: dict[str, Any] = msgspec.json.decode(data) if isinstance(data, str) else msgspec.msgpack.decode(data)
    return answer


def status(text: str, seq: int = 0, epoch: int = 0) -> dict[str, Any]:
    numbers = {"producer": "sim", "epoch": epoch, "seq": seq} if seq else {}
    return {"kind": "status", "data": {"text": text}, **numbers}


async def texts(client: redis.asyncio.Redis, run: str) -> list[str]:
    rows = await client.xrange(keys.lane(run, "critical"))
    return [msgspec.msgpack.decode(fields[b"data"])["text"] for _, fields in rows]


async def test_numbered_messages_survive_a_cut_without_loss_or_duplicates(
    gateway: GatewayProcess, client: redis.asyncio.Redis, run: str
) -> None:
    async with gateway.connect(f"/ws/ingest/{run}", "lanecast.ingest.v1") as socket:
        assert (await read(socket))["type"] == "welcome"
        registered = await ask(socket, {"type": "register", "producer": "sim", "id": 1})
        assert (registered["status"], registered["epoch"], registered["id"]) == ("ok", 1, 1)
        first = [status("a", 1, 1), status("b", 2, 1)]
        done = await ask(socket, {"type": "publish", "id": "x", "messages": first})
        assert done == {"type": "ack", "id": "x", "status": "ok", "accepted": 2, "seq": 2}
        await socket.send(msgspec.msgpack.encode({"type": "publish", "messages": [status("c", 3, 1)]}))
        socket.transport.abort()
    async with gateway.connect(f"/ws/ingest/{run}", "lanecast.ingest.v1") as socket:
        await read(socket)
        again = await ask(socket, {"type": "register", "producer": "sim", "epoch": 1})
        assert again["status"] == "ok"
        assert again["acked"]["critical"] in (2, 3), "the one whose answer was lost may have arrived"
        done = await ask(socket, {"type": "publish", "messages": [status("c", 3, 1), status("d", 4, 1)]})
        assert (done["status"], done["accepted"]) == ("ok", 2)
        gap = await ask(socket, {"type": "publish", "messages": [status("f", 6, 1)]})
        assert (gap["status"], gap["accepted"], gap["seq"]) == ("gap", 0, 5)
        assert await texts(client, run) == ["a", "b", "c", "d"]
        newer = await ask(socket, {"type": "register", "producer": "sim"})
        assert newer["epoch"] == 2
        old = await ask(socket, {"type": "publish", "messages": [status("e", 5, 1)]})
        assert (old["status"], old["seq"]) == ("fenced", 2)
        assert (await ask(socket, {"type": "register", "producer": "sim", "epoch": 1}))["status"] == "fenced"


async def test_commands_come_back_and_their_results_go_the_same_way(
    gateway: GatewayProcess, client: redis.asyncio.Redis, run: str
) -> None:
    owner = await RunOwner(client, run).begin()
    async with gateway.connect(f"/ws/ingest/{run}", None) as socket, httpx.AsyncClient(base_url=gateway.url) as http:
        await read(socket)
        await ask(socket, {"type": "register", "producer": "sim", "commands": True}, text=True)
        asking = asyncio.create_task(http.post(f"/api/runs/{run}/commands", json={"name": "pause", "command_id": "c"}))
        command = await read(socket)
        assert (command["type"], command["name"], command["user"]) == ("command", "pause", "local")
        result = {"kind": "result", "data": {"command_id": command["command_id"], "ok": True}}
        assert (await ask(socket, {"type": "publish", "messages": [result]}, text=True))["status"] == "ok"
        await owner.result(command["command_id"], "pause")
        assert (await asking).json()["ok"]
        cursor = command["cursor"]
    async with gateway.connect(f"/ws/ingest/{run}", None) as socket:
        await read(socket)
        await client.xadd(keys.control(run), {"command_id": "late", "name": "resume"})
        await ask(socket, {"type": "register", "producer": "sim", "commands": True, "cursor": cursor})
        assert (await read(socket))["command_id"] == "late", "what came while it was away"


async def test_what_is_wrong_is_said_and_nothing_of_it_is_taken(
    gateway: GatewayProcess, client: redis.asyncio.Redis, run: str
) -> None:
    async with gateway.connect(f"/ws/ingest/{run}", None) as socket:
        await read(socket)
        bad = await ask(socket, {"type": "publish", "id": 7, "messages": [status("a"), {"kind": "dance", "data": 1}]})
        assert (bad["type"], bad["field"], bad["index"], bad["id"]) == ("error", "kind", 1, 7)
        for message, field in (
            ({"type": "publish"}, "messages"), ({"type": "fly"}, "type"), ({"type": "register"}, "producer"),
            ({"type": "publish", "messages": [{}] * 1_001}, "messages"),
        ):  # fmt: skip
            assert (await ask(socket, message))["field"] == field
        await socket.send(b"\xc1")
        assert (await read(socket))["field"] == "message"
        assert not await client.exists(keys.lane(run, "critical"))


async def test_only_publishers_are_let_in(start_gateway: Start, client: redis.asyncio.Redis) -> None:
    gateway = start_gateway(secret=SECRET, ingest_per_s=2, ingest_per_producer_s=2)

    def token(role: str, runs: Any = "*") -> str:
        return jwt.encode({"sub": "s", "role": role, "runs": runs, "exp": time.time() + 60, "aud": "lanecast"}, SECRET)

    for given in (token("viewer"), token("publisher", ["other"])):
        with contextlib.suppress(websockets.InvalidStatus):
            headers = {"Authorization": f"Bearer {given}"}
            async with gateway.connect("/ws/ingest/demo", None, additional_headers=headers):
                raise AssertionError("let in")
    async with gateway.connect("/ws/ingest/demo", None) as socket:
        assert (await read(socket))["auth"] is True
        assert (await ask(socket, {"type": "publish", "messages": [status("a")]}))["code"] == "token_missing"
        await socket.wait_closed()
        assert socket.close_code == 4401
    async with gateway.connect("/ws/ingest/demo", None) as socket:
        await read(socket)
        assert (await ask(socket, {"type": "auth", "token": token("publisher")}))["auth"] is False
        assert (await ask(socket, {"type": "publish", "messages": [status("a")] * 4}))["status"] == "ok"
        limited = await ask(socket, {"type": "publish", "messages": [status("a")]})
        assert (limited["status"], limited["accepted"]) == ("rate", 0)
        assert limited["retry_ms"] > 0


def test_the_example_of_the_page_works(gateway: GatewayProcess, redis_url: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "protocol" / "ingest.md").read_text("utf-8")
    code = page.partition("```python\n")[2].partition("```")[0]
    code = code.replace("127.0.0.1:8080", f"127.0.0.1:{gateway.port}").replace("range(100)", "range(3)")
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with redis.Redis.from_url(redis_url) as db:
        assert db.xlen(keys.lane("hello", "high")) == 3
