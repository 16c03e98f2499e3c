"""Viewers come back: to another gateway after a kill, after Redis has lost everything, with what cannot be resumed."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio
import websockets
from tests.gateway.gateways import Start, gateway, run, start_gateway
from tests.gateway.stage import GatewayProcess, RunOwner, eventually, receive, send, until
from tests.support.servers import start_server

from lanecast.broker import keys, offsets
from lanecast.broker.connect import connect

__all__ = ["gateway", "run", "start_gateway"]
pytestmark = pytest.mark.integration


class Faithful:
    """A viewer that keeps every lossless message, and resumes at the next gateway when one dies."""

    def __init__(self, gateways: list[GatewayProcess], run: str) -> None:
        self.gateways = gateways
        self.run = run
        self.place: dict[str, Any] = {}
        self.texts: list[str] = []
        self.recovered: list[bool] = []

    async def watch(self, last_text: str) -> None:
        at = 0
        while True:
            try:
                async with self.gateways[at % len(self.gateways)].connect() as socket:
                    await send(socket, type="subscribe", run=self.run, **self.place)
                    while True:
                        message = await receive(socket)
                        if message["type"] == "subscribed":
                            self.recovered.append(message["recovered"])
                            self.place = {"epoch": message["epoch"], "offset": message["offset"]}
                        elif message["type"] == "status":
                            self.place["offset"] = message["offset"]
                            self.texts.append(message["text"])
                            if message["text"] == last_text:
                                return
            except (websockets.ConnectionClosed, OSError, websockets.InvalidMessage):
                at += 1


async def test_no_lossless_message_is_lost_or_repeated_when_a_gateway_is_killed(
    start_gateway: Start, client: redis.asyncio.Redis, run: str
) -> None:
    gateways = [start_gateway(), start_gateway()]
    owner = await RunOwner(client, run).begin()
    viewers = [Faithful(gateways, run) for _ in range(30)]
    watching = [asyncio.create_task(viewer.watch("400")) for viewer in viewers]

    async def all_in() -> bool:
        return all(viewer.recovered for viewer in viewers)

    await eventually(all_in)
    for number in range(1, 401):
        await owner.status(str(number))
        if number == 150:
            gateways[0].kill()
    async with asyncio.timeout(10):
        await asyncio.gather(*watching)
    assert [viewer.texts for viewer in viewers] == [[str(number) for number in range(1, 401)]] * 30
    assert [viewer.recovered for viewer in viewers] == [[False, True]] * 30


async def test_joining_while_messages_pour_in_leaves_no_hole_and_no_duplicate(
    gateway: GatewayProcess, client: redis.asyncio.Redis, run: str
) -> None:
    owner = await RunOwner(client, run).begin()
    pouring = asyncio.create_task(_pour(owner, 300))

    async def join() -> list[tuple[str, str]]:
        async with gateway.connect(f"/ws/{run}") as socket:
            last = (await until(socket, "subscribed"))["offset"]
            links = [("", last)]
            while True:
                message = await until(socket, "status")
                links.append((message["prev"], message["offset"]))
                if message["text"] == "300":
                    return links

    chains = []
    for _ in range(20):
        chains.append(asyncio.create_task(join()))
        await asyncio.sleep(0.01)
    for links in await asyncio.gather(*chains):
        assert all(prev == before for (prev, _), (_, before) in zip(links[1:], links, strict=False))
    await pouring


async def _pour(owner: RunOwner, count: int) -> None:
    for number in range(1, count + 1):
        await owner.status(str(number))


@pytest.mark.parametrize(
    ("epoch", "offset", "recovered", "missed"),
    [
        pytest.param("first", "{at3}", True, ["4", "5"], id="two missed"),
        pytest.param("first", "{at5}", True, [], id="nothing missed"),
        pytest.param("first", "0-0", True, ["1", "2", "3", "4", "5"], id="from the very beginning"),
        pytest.param("second", "{at3}", False, [], id="another epoch"),
        pytest.param("first", "999-1", False, [], id="an offset of the future"),
        pytest.param("first", "1-99999", False, [], id="an offset that never was"),
    ],
)
async def test_a_resume_is_complete_or_said_to_be_impossible(
    gateway: GatewayProcess,
    client: redis.asyncio.Redis,
    epoch: str,
    offset: str,
    recovered: bool,
    missed: list[str],
    run: str,
) -> None:
    owner = await RunOwner(client, run).begin()
    at = {f"at{number}": await owner.status(str(number)) for number in range(1, 6)}
    asked = offset.format(**at)
    async with gateway.connect() as socket:
        await send(socket, type="subscribe", run=run, epoch=epoch, offset=asked)
        subscribed = await until(socket, "subscribed")
        assert subscribed["recovered"] is recovered
        assert subscribed["offset"] == (asked if recovered else str(owner.last))
        await owner.status("live")
        texts: list[str] = []
        while not texts or texts[-1] != "live":
            texts.append((await until(socket, "status"))["text"])
        assert texts == [*missed, "live"]


async def test_an_offset_that_has_been_trimmed_is_not_recovered(
    gateway: GatewayProcess, client: redis.asyncio.Redis, run: str
) -> None:
    owner = await RunOwner(client, run).begin()
    old = await owner.status("old")
    new = await owner.status("new")
    await client.xtrim(keys.out(run, "critical"), minid=str(new), approximate=False)
    async with gateway.connect() as socket:
        for offset in (str(old), "0-0"):
            await send(socket, type="subscribe", run=run, epoch="first", offset=offset)
            assert not (await until(socket, "subscribed"))["recovered"]


async def test_a_run_that_begins_anew_is_told_to_its_viewers(
    gateway: GatewayProcess, client: redis.asyncio.Redis, run: str
) -> None:
    owner = await RunOwner(client, run).begin()
    await owner.statuses(["old"] * 50)
    await owner.frame()
    async with gateway.connect(f"/ws/{run}") as socket:
        await until(socket, "frame")
        await client.flushdb()
        owner = await RunOwner(client, run, epoch="second").begin()
        again = await until(socket, "subscribed")
        assert (again["epoch"], again["recovered"]) == ("second", False)
        offset = await owner.frame()
        frame = await until(socket, "frame", epoch="second")
        assert (frame["key"], frame["offset"]) == (True, str(offset))
        await owner.status("new")
        assert (await until(socket, "status"))["text"] == "new", "old offsets were higher: the stream must not starve"


async def test_redis_goes_away_and_comes_back_and_the_gateway_heals(
    start_gateway: Start, tmp_path: Path, run: str
) -> None:
    server = start_server(tmp_path)
    client = connect(server.url)
    gateway = start_gateway(redis_url=server.url)
    owner = await RunOwner(client, run).begin()
    await owner.frame()
    async with gateway.connect(f"/ws/{run}") as socket:
        await until(socket, "frame")
        await client.config_set("appendfsync", "always")
        await owner.status("before")
        await until(socket, "status")
        server.kill()
        notice = await until(socket, "notice")
        assert "Redis does not answer" in notice["text"]
        assert await _get(gateway, "/readyz") == 503
        assert await _get(gateway, "/healthz") == 200
        assert await _get(gateway, "/api/runs") == 503
        await send(socket, type="command", run=run, command_id="c1", name="pause")
        assert (await until(socket, "error"))["code"] == "unavailable"
        async with gateway.connect(f"/ws/{run}") as patient:
            await until(patient, "welcome")
            server.start()
            await until(patient, "subscribed")
        await until(socket, "notice", text="Redis is back")
        await owner.status("after")
        status = await until(socket, "status")
        assert status["text"] == "after"
        assert offsets.parse(status["prev"]) < owner.last
        offset = await owner.frame(key=True)
        assert (await until(socket, "frame", offset=str(offset)))["key"]
    assert await _get(gateway, "/readyz") == 200
    await client.aclose()
    gateway.stop()
    server.stop()


async def _get(gateway: GatewayProcess, path: str) -> int:
    import httpx

    async with httpx.AsyncClient() as http:
        return (await http.get(gateway.url + path, timeout=10)).status_code


async def test_a_gateway_that_starts_before_redis_waits_for_it(start_gateway: Start, tmp_path: Path) -> None:
    server = start_server(tmp_path)
    server.kill()
    gateway = start_gateway(redis_url=server.url, ready=False)
    assert await _get(gateway, "/readyz") == 503
    server.start()

    async def ready() -> bool:
        return await _get(gateway, "/readyz") == 200

    await eventually(ready)
    gateway.stop()
    server.stop()


async def test_viewers_are_told_when_a_trim_has_overtaken_their_gateway(
    start_gateway: Start, client: redis.asyncio.Redis, run: str
) -> None:
    gateway = start_gateway()
    assert gateway.process is not None
    owner = await RunOwner(client, run).begin()
    async with gateway.connect(f"/ws/{run}") as socket:
        await until(socket, "subscribed")
        gateway.process.send_signal(signal.SIGSTOP)
        try:
            for number in range(1, 6):
                last = await owner.status(str(number))
            await client.xtrim(keys.out(run, "critical"), minid=str(last), approximate=False)
        finally:
            gateway.process.send_signal(signal.SIGCONT)
        again = await until(socket, "subscribed")
        assert (again["recovered"], again["offset"]) == (False, str(last))
        live = await owner.status("live")
        message = await until(socket, "status", text="live")
        assert (message["prev"], message["offset"]) == (str(last), str(live))


async def test_a_short_interruption_is_no_redraw(start_gateway: Start, client: redis.asyncio.Redis, run: str) -> None:
    """A redraw begins with the newest keyframe, which is older than what viewers have."""
    gateway = start_gateway()
    owner = await RunOwner(client, run).begin()
    async with gateway.connect() as socket:
        await send(socket, type="subscribe", run=run, tier="high")
        await until(socket, "subscribed")
        await owner.frame("high", key=True)
        last = await owner.frame("high")
        await until(socket, "frame", offset=str(last))
        await client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await until(socket, "notice", text="Redis is back")
        following = await owner.frame("high")
        frame = await until(socket, "frame")
        assert (frame["key"], frame["prev"], frame["offset"]) == (False, str(last), str(following))
