"""The HTTP API of a real gateway, and commands by WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest
import redis.asyncio
from tests.gateway.gateways import Start, gateway, run, start_gateway
from tests.gateway.stage import GatewayProcess, RunOwner, eventually, register, send, until

from lanecast.broker import commands, flow, keys, payloads, wire

__all__ = ["gateway", "run", "start_gateway"]
pytestmark = pytest.mark.integration

FRAME = {"step": 1, "time_s": 0.1, "layers": {"points": {"id": [1, 2], "x": [0, 10], "y": [0.5, 5]}}}


@pytest.fixture
async def http(gateway: GatewayProcess) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=gateway.url, timeout=15) as http:
        yield http


async def counted(http: httpx.AsyncClient, what: str) -> Counter[str]:
    return Counter((await http.get("/api/stats")).json()[what])


async def lane(client: redis.asyncio.Redis, name: str, run: str = "posted") -> list[wire.Message]:
    return [wire.from_fields(fields, name) for _, fields in await client.xrange(keys.lane(run, name))]


async def test_what_is_posted_is_in_the_lanes_as_if_published(
    http: httpx.AsyncClient, client: redis.asyncio.Redis
) -> None:
    before = await counted(http, "ingested")
    answer = await http.post("/api/runs/posted/ingest", json={"kind": "frame", "data": FRAME, "t_ms": 1795172577026.5})
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1})
    many = [
        {"kind": "lifecycle", "data": {"state": "running", "title": "By HTTP"}},
        {"kind": "frame", "data": FRAME},
        {"kind": "frame", "lane": "low", "data": FRAME},
        {"kind": "metrics", "data": {"step": 2, "time_s": 0.2, "values": {"n": 3}}},
    ]
    body = msgspec.msgpack.encode(many)
    answer = await http.post("/api/runs/posted/ingest", content=body, headers={"Content-Type": "application/msgpack"})
    assert (answer.status_code, answer.json()) == (202, {"accepted": 4})
    assert [run["id"] for run in (await http.get("/api/runs")).json()["runs"]] == ["posted"]
    high = await lane(client, "high")
    assert [message.t_ms for message in high] == [1795172577026.5, None]
    frame = payloads.read(high[0])
    assert isinstance(frame, payloads.Frame)
    assert frame.layers["points"].columns["y"].to_list() == [0.5, 5.0]
    assert [len(await lane(client, name)) for name in ("critical", "normal", "low")] == [1, 1, 1]
    assert await counted(http, "ingested") - before == {"frame": 3, "lifecycle": 1, "metrics": 1}


async def test_typed_columns_go_through_messagepack(http: httpx.AsyncClient, client: redis.asyncio.Redis) -> None:
    column = {"dtype": "u2", "data": b"\x01\x00\x02\x00"}
    body = msgspec.msgpack.encode(
        {"kind": "frame", "data": {"step": 1, "time_s": 0, "layers": {"points": {"id": column}}}}
    )
    answer = await http.post("/api/runs/posted/ingest", content=body, headers={"Content-Type": "application/msgpack"})
    assert answer.status_code == 202
    (message,) = await lane(client, "high")
    frame = payloads.read(message)
    assert isinstance(frame, payloads.Frame)
    assert list(frame.layers["points"].ids) == [1, 2]


async def test_an_ingest_error_reaches_the_caller(http: httpx.AsyncClient, client: redis.asyncio.Redis) -> None:
    before = await counted(http, "rejected")
    body = [{"kind": "frame", "data": FRAME}, {"kind": "status", "data": {"text": 7}}]
    answer = await http.post("/api/runs/posted/ingest", json=body)
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert (error["field"], error["index"]) == ("text", 1)
    assert error["message"].startswith("expected a string")
    assert not await client.exists(keys.RUNS, keys.lane("posted", "high")), "all or nothing"
    for content, kind, status in (
        (b"{", "application/json", 422),
        (b"\xc1", "application/msgpack", 422),
        (b"<x/>", "text/xml", 415),
    ):
        answer = await http.post("/api/runs/posted/ingest", content=content, headers={"Content-Type": kind})
        assert answer.status_code == status
        assert answer.json()["error"]["message"]
    assert (await http.post("/api/runs/a%20b/ingest", json=body)).json()["error"]["field"] == "run"
    assert await counted(http, "rejected") - before == {"invalid": 4, "content_type": 1}


async def test_a_body_that_is_too_large_is_refused_unread(gateway: GatewayProcess, http: httpx.AsyncClient) -> None:
    before = await counted(http, "rejected")
    # Announced: answered before a byte of it was sent.
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    lines = ["POST /api/runs/posted/ingest HTTP/1.1", f"Host: 127.0.0.1:{gateway.port}", "Content-Length: 10000000"]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    status = await asyncio.wait_for(reader.readline(), 5)
    assert b" 413 " in status
    writer.close()

    # Not announced: cut off at the limit.
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(160):
            yield b"x" * 65_536

    with contextlib.suppress(httpx.TransportError):  # it may have hung up while we were still sending
        answer = await http.post("/api/runs/posted/ingest", content=endless())
        assert answer.status_code == 413
        assert answer.json()["error"]["field"] == "body"
    assert await counted(http, "rejected") - before == {"too_large": 2}
    big = {
        "kind": "image",
        "data": {"camera": "c", "mime": "image/png", "step": 1, "time_s": 0, "data": bytes(5_000_000)},
    }
    answer = await http.post(
        "/api/runs/posted/ingest", content=msgspec.msgpack.encode(big), headers={"Content-Type": "application/msgpack"}
    )
    assert (answer.status_code, answer.json()["error"]["field"]) == (413, "data")


async def test_numbered_messages_go_through_the_fenced_append(
    http: httpx.AsyncClient, client: redis.asyncio.Redis
) -> None:
    epoch = (await http.post("/api/runs/posted/producers", json={"producer": "p"})).json()["epoch"]
    assert epoch == 1

    def numbered(*seqs: int) -> list[dict[str, Any]]:
        common = {"kind": "status", "lane": "critical", "producer": "p", "epoch": 1}
        return [{**common, "data": {"text": f"{seq}"}, "seq": seq} for seq in seqs]

    url = "/api/runs/posted/ingest"
    assert (await http.post(url, json=numbered(1, 2))).json() == {"accepted": 2}
    assert (await http.post(url, json=numbered(1, 2, 3))).json() == {"accepted": 3}
    assert [message.seq for message in await lane(client, "critical")] == [1, 2, 3], "sent again, there once"
    answer = await http.post(url, json=numbered(7))
    assert answer.status_code == 409
    assert (answer.json()["error"]["status"], answer.json()["error"]["seq"]) == ("gap", 4)
    await http.post("/api/runs/posted/producers", json={"producer": "p"})
    answer = await http.post(url, json=numbered(4))
    assert (answer.status_code, answer.json()["error"]["status"]) == (409, "fenced")


async def test_the_scene_is_kept_for_ever_under_its_version(
    http: httpx.AsyncClient, client: redis.asyncio.Redis, run: str
) -> None:
    owner = await RunOwner(client, run).begin()
    assert (await http.get(f"/api/runs/{run}/scene")).status_code == 404
    points = {"dtype": "f4", "data": b"\0\0\0\0\0\0\x80?"}
    data = msgspec.msgpack.encode({"kind": "roads", "bounds": [0.0, 0.0, 1.0, 1.0], "lines": {"points": points}})
    await owner.scene("v7", data)
    answer = await http.get(f"/api/runs/{run}/scene")
    assert (answer.content, answer.headers["content-type"]) == (data, "application/msgpack")
    assert (answer.headers["etag"], answer.headers["cache-control"]) == ('"v7"', "no-cache")
    assert "immutable" in (await http.get(f"/api/runs/{run}/scene?v=v7")).headers["cache-control"]
    assert "immutable" not in (await http.get(f"/api/runs/{run}/scene?v=v6")).headers["cache-control"]
    assert (await http.get(f"/api/runs/{run}/scene", headers={"If-None-Match": '"v7"'})).status_code == 304
    answer = await http.get(f"/api/runs/{run}/scene", headers={"Accept": "application/json"})
    assert answer.json()["lines"]["points"] == [0.0, 1.0]
    assert answer.headers["etag"] != '"v7"'


async def test_runs_and_operating_pages(http: httpx.AsyncClient, client: redis.asyncio.Redis, run: str) -> None:
    owner = await RunOwner(client, run).begin()
    await client.hincrby(keys.counts(run), "dropped:high:superseded", 4)  # type: ignore[misc]
    assert (await http.get(f"/api/runs/{run}")).json() == owner.info.to_dict()
    answer = await http.get("/api/runs/other")
    assert (answer.status_code, answer.json()["error"]["field"]) == (404, "run")
    await http.post(f"/api/runs/{run}/ingest", json={"kind": "status", "data": {"text": "x"}})
    rows = (await http.get("/api/lag")).json()["lag"]
    assert ("in:critical", "workers", 1) in [(row["stream"], row["reader"], row["entries"]) for row in rows]
    stats = (await http.get("/api/stats")).json()
    assert stats["runs"][run]["counts"] == {"dropped:high:superseded": 4}
    metrics = (await http.get("/metrics")).text
    assert 'lanecast_gateway_up{node="' in metrics
    assert ',kind="status"} ' in metrics
    assert (await http.get("/nothing-here")).status_code == 404


class Obedient:
    """A producer and its worker in one: takes each command from the stream and commits its result."""

    def __init__(self, owner: RunOwner) -> None:
        self.owner = owner
        self.done: list[commands.Command] = []

    async def obey(self) -> None:
        client, run = self.owner.client, self.owner.run
        at = "0-0"
        while True:
            await client.set(keys.alive(run), "p", px=3_000)
            for _, entries in await client.xread({keys.control(run): at}, block=100) or ():
                for entry_id, fields in entries:
                    at = entry_id
                    command = commands.from_fields(fields)
                    self.done.append(command)
                    await self.owner.result(command.command_id, command.name)


@pytest.fixture
async def obedient(client: redis.asyncio.Redis, run: str) -> AsyncIterator[Obedient]:
    param = {"type": "float", "value": 1.0, "min": 0.0, "max": 2.0}
    owner = RunOwner(client, run)
    owner.info.params = {"rate": param}
    producer = Obedient(await owner.begin())
    task = asyncio.create_task(producer.obey())

    async def alive() -> Any:
        return await client.exists(keys.alive(run))

    await eventually(alive)
    yield producer
    task.cancel()


async def test_a_command_by_http_waits_for_its_result(http: httpx.AsyncClient, obedient: Obedient, run: str) -> None:
    url = f"/api/runs/{run}/commands"
    answer = await http.post(url, json={"name": "set_params", "args": {"params": {"rate": 1.5}}, "command_id": "c1"})
    assert (answer.status_code, answer.json()) == (
        200,
        {"command_id": "c1", "name": "set_params", "ok": True, "error": None, "field": None},
    )
    assert (await http.post(url, json={"name": "pause", "command_id": "c1"})).json()["name"] == "set_params"
    assert [(one.name, one.args, one.user) for one in obedient.done] == [
        ("set_params", {"params": {"rate": 1.5}}, "local")
    ], "done once"
    answer = await http.post(url, json={"name": "set_params", "args": {"params": {"rate": 9}}})
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, "args.params.rate")
    assert (await http.post("/api/runs/other/commands", json={"name": "pause"})).status_code == 404


async def test_a_command_that_nobody_answers_in_time_says_so(
    start_gateway: Start, client: redis.asyncio.Redis, run: str
) -> None:
    await RunOwner(client, run).begin()
    gateway = start_gateway(command_timeout_s=0.2)
    async with httpx.AsyncClient(base_url=gateway.url) as http:
        answer = await http.post(f"/api/runs/{run}/commands", json={"name": "pause"})
        assert (answer.status_code, answer.json()["ok"]) == (200, False)
        assert answer.json()["error"] == "no producer of this run obeys commands now"
        await client.set(keys.alive(run), "p")
        answer = await http.post(f"/api/runs/{run}/commands", json={"name": "pause"})
        assert answer.status_code == 504


async def test_everybody_gets_the_result_of_a_command_once(
    gateway: GatewayProcess, obedient: Obedient, run: str
) -> None:
    async with gateway.connect(f"/ws/{run}") as asker, gateway.connect(f"/ws/{run}") as other:
        for socket in (asker, other):
            await until(socket, "subscribed")
        await send(asker, type="command", run=run, command_id="c1", name="pause", args={})
        results = [await until(socket, "result") for socket in (asker, other)]
        assert results[0] == results[1]
        assert (results[0]["command_id"], results[0]["ok"], results[0]["offset"] is None) == ("c1", True, False)
        await send(asker, type="command", run=run, command_id="c1", name="pause")
        again = await until(asker, "result")
        assert (again["command_id"], again["ok"], again["offset"]) == ("c1", True, None)
        await send(asker, type="command", run=run, name="set_params", args={"params": {"speed": 1}})
        error = await until(asker, "error")
        assert (error["field"], error["run"]) == ("args.params.speed", run)
    assert len(obedient.done) == 1


async def test_json_viewers_steer_with_short_messages(gateway: GatewayProcess, obedient: Obedient, run: str) -> None:
    async with gateway.connect(f"/ws/{run}", protocol="lanecast.json.v1") as socket:
        await until(socket, "subscribed")
        await send(socket, type="set_params", params={"rate": 0.5})
        assert (await until(socket, "result"))["name"] == "set_params"
        await send(socket, type="step", steps=3)
        assert (await until(socket, "result"))["name"] == "step"
    assert [one.args for one in obedient.done] == [{"params": {"rate": 0.5}}, {"steps": 3}]


async def test_a_command_without_a_producer_is_answered_at_once(
    gateway: GatewayProcess, client: redis.asyncio.Redis, run: str
) -> None:
    await register(client, run)
    async with gateway.connect(f"/ws/{run}") as socket:
        await until(socket, "subscribed")
        await send(socket, type="command", run=run, command_id="c1", name="pause")
        result = await until(socket, "result")
        assert (result["ok"], result["offset"], result["name"]) == (False, None, "pause")
        assert result["error"] == "no producer of this run obeys commands now"


async def test_who_steers_a_run_without_watching_it_gets_the_result_too(
    start_gateway: Start, obedient: Obedient, run: str
) -> None:
    gateway = start_gateway()
    async with gateway.connect() as socket:
        await send(socket, type="command", run=run, command_id="c1", name="pause")
        result = await until(socket, "result")
        assert (result["command_id"], result["ok"], result["offset"]) == ("c1", True, None)
    _, log = gateway.stop()
    assert '"event": "command"' in log, "the audit log has a line for each command"


async def test_more_than_the_rates_or_the_flow_state_allow_is_answered_by_429(
    start_gateway: Start, client: redis.asyncio.Redis
) -> None:
    gateway = start_gateway(ingest_per_s=20)
    async with httpx.AsyncClient(base_url=gateway.url, timeout=15) as http:
        log = {"kind": "log", "data": {"text": "x"}}
        assert (await http.post("/api/runs/posted/ingest", json=[log] * 80)).status_code == 202
        answer = await http.post("/api/runs/posted/ingest", json=log)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "4")
        assert answer.json()["error"]["status"] == "rate"
        assert len(await lane(client, "normal")) == 80, "nothing of what was refused is there"
        limited = flow.Flow("stop_bulk", 0.0, shed_low=True, reason="no memory")
        await client.hset(keys.flow("slowed"), mapping=limited.to_fields())  # type: ignore[misc]
        answer = await http.post("/api/runs/slowed/ingest", json={"kind": "frame", "data": FRAME})
        assert (answer.status_code, answer.json()["error"]["status"]) == (429, "flow")
        assert "no memory" in answer.json()["error"]["message"]
        assert (await http.post("/api/runs/slowed/ingest", json=log)).status_code == 202
        assert await counted(http, "rejected") == {"ingest_rate": 1, "ingest_flow": 1}


async def test_lag_is_told_to_prometheus_by_run_stream_and_reader(
    http: httpx.AsyncClient, client: redis.asyncio.Redis
) -> None:
    answer = await http.post("/api/runs/lagging/ingest", json=[{"kind": "log", "data": {"text": "x"}}] * 3)
    assert answer.status_code == 202
    text = (await http.get("/metrics")).text
    labels = '{run="lagging",stream="in:normal",reader="workers"}'
    assert f"lanecast_lag_entries{labels} 3\n" in text
    (seconds,) = [line for line in text.splitlines() if line.startswith(f"lanecast_lag_seconds{labels}")]
    assert 0 <= float(seconds.rpartition(" ")[2]) < 10
