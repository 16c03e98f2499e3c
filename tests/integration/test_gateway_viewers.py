"""Viewers of a real gateway: what they get when they join, and while they watch."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import redis.asyncio
from tests.gateway.gateways import gateway, run, start_gateway
from tests.gateway.stage import BEST, GatewayProcess, RawViewer, RunOwner, eventually, receive, register, send, until

from lanecast.broker import keys
from lanecast.broker.rendition import View

__all__ = ["gateway", "run", "start_gateway"]
pytestmark = pytest.mark.integration


async def test_a_viewer_who_joins_late_is_drawn_at_once(
    gateway: GatewayProcess, client: redis.asyncio.Redis, run: str
) -> None:
    owner = await RunOwner(client, run).begin()
    await owner.frame()
    for _ in range(3):
        last = await owner.frame()
    async with gateway.connect(f"/ws/{run}") as socket:
        assert (await receive(socket))["type"] == "welcome"
        subscribed = await receive(socket)
        assert (subscribed["epoch"], subscribed["tier"], subscribed["recovered"]) == ("first", BEST, False)
        assert subscribed["offset"] == str(owner.last)
        assert subscribed["info"]["title"] == "A run"
        view, frames = View(), [await receive(socket) for _ in range(4)]
        assert [frame["key"] for frame in frames] == [True, False, False, False]
        assert all(view.apply(frame) for frame in frames)
        assert view.offset == str(last)
        assert view.layers["vehicles"].column("x").to_list() == pytest.approx([4.0, 5.5, 7.0])


async def test_frames_and_lossless_messages_come_as_they_are_committed(
    gateway: GatewayProcess, client: redis.asyncio.Redis, run: str
) -> None:
    owner = await RunOwner(client, run).begin()
    async with gateway.connect(f"/ws/{run}") as socket:
        await until(socket, "subscribed")
        offset = await owner.status("hello")
        status = await until(socket, "status")
        assert (status["text"], status["offset"]) == ("hello", str(offset))
        await until_demanded(owner, BEST)
        offset = await owner.frame()
        assert (await until(socket, "frame"))["offset"] == str(offset)


async def until_demanded(owner: RunOwner, tier: str, *, key: bool = False) -> None:
    async def demanded() -> bool:
        rows = [row for row in await owner.demands() if row[b"tier"] == tier.encode()]
        return any(not key or row[b"key"] == b"1" for row in rows)

    await eventually(demanded)


async def test_a_new_viewer_does_not_wait_for_a_blocked_read(
    gateway: GatewayProcess, client: redis.asyncio.Redis
) -> None:
    first = await RunOwner(client, "first").begin()
    second = await RunOwner(client, "second").begin()
    loop = asyncio.get_running_loop()
    async with gateway.connect("/ws/first") as one, gateway.connect("/ws/second") as two:
        await until(one, "subscribed")
        await until(two, "subscribed")
        start_s = loop.time()
        await second.status("now")
        await until(two, "status")
        await first.status("now")
        await until(one, "status")
        assert loop.time() - start_s < 0.5, "a read that is blocked without the new streams lasts a second"


async def test_fifty_viewers_get_the_same_bytes(gateway: GatewayProcess, client: redis.asyncio.Redis, run: str) -> None:
    owner = await RunOwner(client, run, rows=200).begin()
    first = await owner.frame()
    viewers = [RawViewer(gateway.port, f"/ws/{run}") for _ in range(50)]
    try:
        async with gateway.connect(f"/ws/{run}") as witness:  # knows when the frames have gone out
            await until(witness, "frame")
            for viewer in viewers:
                assert [viewer.frame()[0] for _ in range(2)] == [2, 2]
                assert viewer.frame() == (2, owner.frames[str(first)])
            offsets = [str(await owner.frame()) for _ in range(5)]
            await until(witness, "frame", offset=offsets[-1])
        received = {tuple(viewer.frame() for _ in offsets) for viewer in viewers}
        assert received == {tuple((2, owner.frames[offset]) for offset in offsets)}
    finally:
        for viewer in viewers:
            viewer.close()


async def test_without_a_keyframe_the_gateway_asks_for_one(
    gateway: GatewayProcess, client: redis.asyncio.Redis, run: str
) -> None:
    owner = await RunOwner(client, run).begin()
    async with gateway.connect(f"/ws/{run}") as socket:
        await until(socket, "subscribed")
        await until_demanded(owner, BEST, key=True)
        offset = await owner.frame(key=True)
        assert (await until(socket, "frame"))["offset"] == str(offset)


async def test_demand_is_repeated_while_somebody_watches_and_ends_when_nobody_does(
    gateway: GatewayProcess, client: redis.asyncio.Redis, run: str
) -> None:
    owner = await RunOwner(client, run).begin()
    groups: list[dict[str, Any]] = []
    async with gateway.connect() as socket:
        await send(socket, type="subscribe", run=run, tier="low")
        await until(socket, "subscribed", tier="low")
        await owner.frame("low")
        await until(socket, "frame", tier="low")
        async with asyncio.timeout(8):
            while len([row for row in await owner.demands() if row[b"tier"] == b"low"]) < 3 or not groups:
                await asyncio.sleep(0.02)
                groups = await client.xinfo_groups(keys.out(run, "critical"))
    assert {row[b"tier"] for row in await owner.demands()} == {b"low"}
    (group,) = groups
    node = group["name"].removeprefix(b"gw:")
    assert node in await client.zrange(keys.GATEWAYS, 0, -1)
    assert groups[0]["last-delivered-id"].decode() == str(owner.last)

    async def left() -> bool:
        return not await client.xinfo_groups(keys.out(run, "critical"))

    await eventually(left)
    count = len(await owner.demands())
    await asyncio.sleep(1.2)
    assert len(await owner.demands()) == count


async def test_a_viewer_who_names_another_tier_keeps_its_place(
    gateway: GatewayProcess, client: redis.asyncio.Redis, run: str
) -> None:
    owner = await RunOwner(client, run).begin()
    await owner.frame(BEST)
    await owner.frame("low")
    async with gateway.connect(f"/ws/{run}") as socket:
        await until(socket, "frame", tier=BEST)
        offset = await owner.status("one")
        await until(socket, "status")
        await send(socket, type="subscribe", run=run, tier="low")
        again = await until(socket, "subscribed")
        assert (again["tier"], again["recovered"], again["offset"]) == ("low", True, str(offset))
        assert (await until(socket, "frame"))["tier"] == "low"
        await owner.frame(BEST)
        await owner.frame("low")
        assert (await until(socket, "frame"))["tier"] == "low", "nothing more of the tier it has left"


async def test_a_viewer_whose_chain_is_broken_is_drawn_again(
    gateway: GatewayProcess, client: redis.asyncio.Redis, run: str
) -> None:
    owner = await RunOwner(client, run).begin()
    await owner.frame()
    await owner.frame()
    async with gateway.connect(f"/ws/{run}") as socket:
        await until(socket, "frame", key=False)
        await send(socket, type="keyframe", run=run)
        assert (await until(socket, "frame"))["key"]


async def test_several_runs_share_a_connection_until_they_are_unsubscribed(
    gateway: GatewayProcess, client: redis.asyncio.Redis
) -> None:
    one, two = await RunOwner(client, "one").begin(), await RunOwner(client, "two").begin()
    async with gateway.connect() as socket:
        for run in ("one", "two"):
            await send(socket, type="subscribe", run=run)
            await until(socket, "subscribed", run=run)
        await one.status("a")
        await two.status("b")
        assert {(await until(socket, "status"))["run"] for _ in range(2)} == {"one", "two"}
        await send(socket, type="unsubscribe", run="one")
        await send(socket, type="ping", t=1)
        await until(socket, "pong")
        await one.status("c")
        await two.status("d")
        assert (await until(socket, "status"))["text"] == "d"


async def test_json_viewers_get_complete_frames_as_text(
    gateway: GatewayProcess, client: redis.asyncio.Redis, run: str
) -> None:
    owner = await RunOwner(client, run).begin()
    await owner.frame()
    await owner.frame()
    async with gateway.connect(f"/ws/{run}", protocol=None) as socket:
        welcome = await receive(socket)
        assert welcome["protocol"] == "lanecast.json.v1", "who offers no subprotocol gets what a person can read"
        frame = await until(socket, "frame")
        assert (frame["key"], frame["prev"], frame["step"]) == (True, None, 2)
        assert frame["layers"] == {"vehicles": {"id": [0, 1, 2], "x": [2.0, 3.5, 5.0], "kind": ["car", "car", "car"]}}
        assert frame["metrics"] == {"speed": 2.0}
        await owner.frame()
        frame = await until(socket, "frame")
        assert (frame["key"], frame["layers"]["vehicles"]["x"]) == (True, [3.0, 4.5, 6.0])
        offset = await owner.status("ünï")
        status = await until(socket, "status")
        assert (status["text"], status["offset"]) == ("ünï", str(offset))


async def test_a_run_that_begins_while_it_is_watched_goes_on_without_a_gap(
    gateway: GatewayProcess, client: redis.asyncio.Redis, run: str
) -> None:
    await register(client, run)
    async with gateway.connect(f"/ws/{run}") as socket:
        bare = await until(socket, "subscribed")
        assert (bare["epoch"], bare["offset"]) == ("", "0-0")
        owner = await RunOwner(client, run).begin()
        await owner.status("first words")
        await owner.frame()
        messages = [await receive(socket) for _ in range(4)]
        assert [message["type"] for message in messages[:3]] == ["subscribed", "run", "status"]
        assert (messages[0]["epoch"], messages[0]["recovered"], messages[0]["offset"]) == ("first", True, "0-0")
        assert messages[3]["type"] == "frame"


async def test_a_run_that_nobody_registered_is_refused_by_name(gateway: GatewayProcess) -> None:
    async with gateway.connect("/ws/nowhere") as socket:
        error = await until(socket, "error")
        assert (error["code"], error["field"], error["run"]) == ("unknown_run", "run", "nowhere")
        await send(socket, type="ping", t=7.5)
        assert (await until(socket, "pong"))["t"] == 7.5, "the connection goes on"


async def test_a_hundred_joins_at_once_share_their_snapshots(
    gateway: GatewayProcess, client: redis.asyncio.Redis, run: str
) -> None:
    owner = await RunOwner(client, run).begin()
    await owner.frame()
    opened = await asyncio.gather(*(gateway.connect() for _ in range(100)))
    before = await _transactions(client)
    await asyncio.gather(*(send(socket, type="subscribe", run=run) for socket in opened))
    for socket in opened:
        await until(socket, "frame")
    assert await _transactions(client) - before < 50
    await asyncio.gather(*(socket.close() for socket in opened))


async def _transactions(client: redis.asyncio.Redis) -> int:
    return int((await client.info("commandstats")).get("cmdstat_exec", {"calls": 0})["calls"])
