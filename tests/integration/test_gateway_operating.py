"""What operators and scripts ask by HTTP: the newest state, parameters, statistics of everything and everybody."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import jwt
import msgspec
import redis.asyncio
from tests.gateway.gateways import Start, gateway, run, start_gateway
from tests.gateway.stage import SECRET, GatewayProcess, RawViewer, RunOwner, eventually, register, until

from lanecast.broker import keys
from lanecast.broker.tiers import SERVED

__all__ = ["gateway", "run", "start_gateway"]


async def test_a_snapshot_is_the_newest_state_whoever_watches(
    gateway: GatewayProcess, client: redis.asyncio.Redis, run: str
) -> None:
    owner = await RunOwner(client, run).begin()
    async with httpx.AsyncClient(base_url=gateway.url) as http:
        missing = await http.get(f"/api/runs/{run}/snapshot")
        assert missing.status_code == 404
        assert missing.json()["error"]["field"] == "run"

        async def worker() -> None:
            """Renders a keyframe when one is asked for, as workers do."""
            await eventually(lambda: asked(owner))
            await owner.frame("high", key=True)

        working = asyncio.create_task(worker())
        found = await http.get(f"/api/runs/{run}/snapshot", params={"tier": "high"})
        await working
        state = found.json()
        assert (state["step"], state["layers"]["vehicles"]["id"]) == (1, [0, 1, 2])
        assert state["metrics"] == {"speed": 1.0}
        packed = await http.get(f"/api/runs/{run}/snapshot?tier=high", headers={"Accept": "application/msgpack"})
        assert msgspec.msgpack.decode(packed.content) == state
        some = await http.get(f"/api/runs/{run}/snapshot?tier=high&layers=other")
        assert some.json()["layers"] == {}
        assert (await http.get(f"/api/runs/{run}/snapshot?tier=best")).status_code == 422
        assert (await http.get("/api/runs/nobody/snapshot")).status_code == 404


async def asked(owner: RunOwner) -> bool:
    return any(row[b"tier"] == b"high" and row[b"key"] == b"1" for row in await owner.demands())


async def test_parameters_are_read_and_set(gateway: GatewayProcess, client: redis.asyncio.Redis, run: str) -> None:
    owner = await RunOwner(client, run).begin()
    params = {"gain": {"type": "float", "value": 1.0, "min": 0.0, "max": 5.0}}
    control = {"paused": False, "stopping": False, "params": {"gain": 2.0}}
    await owner.say_info(params=params, control=control)
    await client.set(keys.alive(run), "p", px=5_000)
    async with httpx.AsyncClient(base_url=gateway.url) as http:
        assert (await http.get(f"/api/runs/{run}/params")).json()["params"]["gain"]["value"] == 2.0
        asking = asyncio.create_task(
            http.patch(f"/api/runs/{run}/params", json={"params": {"gain": 3}, "command_id": "c1"})
        )

        async def sent() -> bool:
            return bool(await client.xlen(keys.control(run)))

        await eventually(sent)
        await owner.result("c1", "set_params")
        assert (await asking).json() == {
            "command_id": "c1", "name": "set_params", "ok": True, "error": None, "field": None,
        }  # fmt: skip
        refused = await http.patch(f"/api/runs/{run}/params", json={"params": {"gain": 9}})
        assert refused.status_code == 422
        assert "gain" in refused.json()["error"]["field"]
        assert (await http.patch(f"/api/runs/{run}/params", json={"gain": 1})).status_code == 422


async def test_statistics_tell_of_every_viewer_and_an_admin_may_close_one(
    gateway: GatewayProcess, client: redis.asyncio.Redis, run: str
) -> None:
    owner = await RunOwner(client, run).begin()
    await owner.frame(SERVED[-1])
    async with httpx.AsyncClient(base_url=gateway.url) as http, gateway.connect(f"/ws/{run}") as socket:
        await until(socket, "frame")

        async def get(what: str) -> dict[str, Any]:
            answer = await http.get(f"/api/stats/{what}")
            assert answer.status_code == 200, answer.text
            return dict(answer.json())

        assert (await get("realtime"))["viewers"] >= 1
        assert (await get("connections"))["runs"][run] == {SERVED[-1]: 1}
        assert (await get("quality"))["runs"][run]["tiers"][SERVED[-1]]["viewers"] == 1
        assert set((await get("queues"))["runs"][run]["lanes"]) == {"critical", "high", "normal", "low"}
        assert "lag" in await get("lag")
        (mine,) = [row for row in (await get("clients"))["clients"] if run in row["runs"]]
        assert mine["runs"][run]["tier"] == SERVED[-1]
        assert mine["sent_bytes"] > 0
        assert (await http.delete(f"/api/clients/{mine['id']}")).status_code == 204
        assert (await http.delete("/api/clients/none")).status_code == 404
        await socket.wait_closed()
        assert socket.close_code == 4411


async def test_only_an_admin_sees_and_closes_clients(start_gateway: Start, client: redis.asyncio.Redis) -> None:
    await register(client, "demo")
    gateway = start_gateway(secret=SECRET)
    claims = {"sub": "ann", "runs": "*", "exp": 4e9, "aud": "lanecast"}
    async with httpx.AsyncClient(base_url=gateway.url) as http:
        for role, status in (("viewer", 403), ("controller", 403), ("publisher", 403), ("admin", 200)):
            token = jwt.encode({**claims, "role": role}, SECRET, "HS256")
            headers = {"Authorization": f"Bearer {token}"}
            assert (await http.get("/api/stats/clients", headers=headers)).status_code == status
            gone = await http.delete("/api/clients/1", headers=headers)
            assert gone.status_code == (403 if status == 403 else 404)
        assert (await http.get("/api/stats/clients")).status_code == 401


async def test_who_names_layers_gets_them_only(gateway: GatewayProcess, client: redis.asyncio.Redis, run: str) -> None:
    owner = await RunOwner(client, run).begin()
    await owner.frame("high")
    for protocol in ("lanecast.v1", "lanecast.json.v1"):
        async with gateway.connect(protocol=protocol) as socket:
            text = protocol != "lanecast.v1"

            async def ask(socket: Any = socket, text: bool = text, **more: Any) -> None:
                message = {"type": "subscribe", "run": run, "tier": "high", **more}
                await socket.send(msgspec.json.encode(message).decode() if text else msgspec.msgpack.encode(message))

            await ask(layers=["other"])
            assert (await until(socket, "frame"))["layers"] == {}
            await ask(layers=["vehicles", "other"])
            assert set((await until(socket, "frame"))["layers"]) == {"vehicles"}
            await ask()
            assert set((await until(socket, "frame"))["layers"]) == {"vehicles"}


def test_the_openapi_document_names_every_route(gateway: GatewayProcess) -> None:
    document = httpx.get(f"{gateway.url}/openapi.json").json()
    assert {"/api/runs/{run}/snapshot", "/api/clients/{client}", "/api/stats/quality"} <= set(document["paths"])
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], (path, method)
            assert any(status.startswith("2") for status in operation["responses"]), (path, method)
    references = {word.split('"')[0] for word in httpx.get(f"{gateway.url}/openapi.json").text.split("/schemas/")[1:]}
    assert references <= set(document["components"]["schemas"])


def test_a_selection_of_layers_too_many_is_refused(gateway: GatewayProcess, redis_url: str) -> None:
    viewer = RawViewer(gateway.port)
    viewer.frame()
    viewer.send_message(type="subscribe", run="a", layers=["x"] * 65)
    assert msgspec.msgpack.decode(viewer.frame()[1])["field"] == "layers"
    viewer.close()


async def test_a_gateway_that_finds_no_redis_at_its_start_says_so_once(start_gateway: Start) -> None:
    gateway = start_gateway(redis_url="redis://127.0.0.1:1", ready=False)
    async with httpx.AsyncClient(base_url=gateway.url) as http:

        async def knows_why() -> bool:
            return "not yet" not in (await http.get("/readyz")).text

        await eventually(knows_why)
    code, log = gateway.stop()
    assert code == 0
    assert log.count("redis_gone") == 1
