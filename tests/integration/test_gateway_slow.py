"""Viewers who do not read, do not answer, or send too much: they harm themselves only."""

from __future__ import annotations

import asyncio
import time

import httpx
import msgspec
import pytest
import redis.asyncio
from tests.gateway.gateways import Start, gateway, run, start_gateway
from tests.gateway.stage import BEST, GatewayProcess, RawViewer, RunOwner, eventually, receive, send, until

from lanecast.broker.rendition import View

__all__ = ["gateway", "run", "start_gateway"]
pytestmark = pytest.mark.integration


async def test_a_stalled_viewer_delays_nobody_and_gets_fresh_state_when_it_reads_again(
    start_gateway: Start, client: redis.asyncio.Redis, run: str
) -> None:
    gateway = start_gateway(sndbuf_bytes=16_384, freshness_ms=200)
    owner = await RunOwner(client, run, rows=4_000).begin()
    await owner.frame()
    stalled = RawViewer(gateway.port, rcvbuf_bytes=4_096)
    stalled.send_message(type="subscribe", run=run, tier=BEST)
    async with gateway.connect(f"/ws/{run}") as lively:
        await until(lively, "frame")
        delays_s = []
        for _ in range(60):  # about 1.5 s
            before_s = time.monotonic()
            offset = await owner.frame(key=True)
            await until(lively, "frame", offset=str(offset))
            delays_s.append(time.monotonic() - before_s)
            await asyncio.sleep(0.02)
        assert sorted(delays_s)[len(delays_s) // 2] < 0.05
        assert max(delays_s) < 0.4
        stop = asyncio.Event()
        newest = ""

        async def go_on() -> None:
            nonlocal newest
            while not stop.is_set():
                newest = str(await owner.frame(key=True))
                await asyncio.sleep(0.02)

        going_on = asyncio.create_task(go_on())
        view, skipped = View(), await asyncio.to_thread(_read_until_notice, stalled)
        view, frame = await asyncio.to_thread(_next_frame, stalled, view)
        stop.set()
        await going_on
        assert skipped > 10
        assert view.offset is not None
        behind = int(newest.split("-")[1]) - int(view.offset.split("-")[1])
        assert behind < 60, f"{frame['offset']} when {newest} was the newest"
    stalled.close()


def _read_until_notice(viewer: RawViewer) -> int:
    while True:
        opcode, payload = viewer.frame()
        message = msgspec.msgpack.decode(payload) if opcode == 2 else {"type": ""}
        if message["type"] == "notice" and message["skipped"]:
            return int(message["skipped"])


def _next_frame(viewer: RawViewer, view: View) -> tuple[View, dict[str, str]]:
    while True:
        opcode, payload = viewer.frame()
        message = msgspec.msgpack.decode(payload) if opcode == 2 else {"type": ""}
        if message["type"] == "frame" and view.apply(message):
            return view, message


async def test_an_auto_viewer_who_stalls_is_moved_to_the_lower_tier(
    start_gateway: Start, client: redis.asyncio.Redis, run: str
) -> None:
    gateway = start_gateway(sndbuf_bytes=16_384, freshness_ms=200)
    owner = await RunOwner(client, run, rows=4_000).begin()
    stalled = RawViewer(gateway.port, f"/ws/{run}", rcvbuf_bytes=4_096)

    async def moved() -> bool:
        await owner.frame(key=True)
        return any(row[b"tier"] != BEST.encode() for row in await owner.demands())

    await eventually(moved)
    stalled.close()


async def test_a_viewer_too_slow_for_lossless_messages_is_closed_resumably(
    start_gateway: Start, client: redis.asyncio.Redis, run: str
) -> None:
    gateway = start_gateway(sndbuf_bytes=16_384, lossless_bytes=65_536, backlog_bytes=16_384)
    owner = await RunOwner(client, run).begin()
    stalled = RawViewer(gateway.port, f"/ws/{run}", rcvbuf_bytes=4_096)
    async with gateway.connect(f"/ws/{run}") as lively:
        await until(lively, "subscribed")
        for number in range(8):
            await owner.statuses([f"{number} " + "x" * 3_000] * 20)
        await owner.status("the end")
        await until(lively, "status", text="the end")
        async with httpx.AsyncClient(base_url=gateway.url) as http:

            async def closed() -> bool:
                return bool((await http.get("/api/stats")).json()["closed"].get("4413") == 1)

            await eventually(closed)
        assert (await asyncio.to_thread(stalled.until_closed))[0] == 4413
    stalled.close()


async def test_a_viewer_without_a_sign_of_life_is_closed(start_gateway: Start) -> None:
    gateway = start_gateway(ping_s=0.3)
    dead = RawViewer(gateway.port)
    async with gateway.connect() as alive:
        await until(alive, "welcome")
        assert (await asyncio.to_thread(dead.until_closed))[0] == 4412
        await send(alive, type="ping", t=1)  # the library answers pings by itself
        await until(alive, "pong")
    dead.close()


async def test_a_viewer_who_sends_too_much_is_closed(start_gateway: Start) -> None:
    gateway = start_gateway(messages_per_s=10)
    flood = RawViewer(gateway.port)
    for _ in range(60):
        flood.send_message(type="ping", t=1)
    assert flood.until_closed()[0] == 4429
    flood.close()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(b"\x81\x00", 1002, id="not masked"),
        pytest.param(b"\xc2\x80\x00\x00\x00\x00", 1002, id="compressed"),
        pytest.param(b"\x81\x81\x00\x00\x00\x00\xff", 1007, id="not UTF-8"),
        pytest.param(b"\x82\xff\x00\x00\x00\x00\x00\x01\x00\x01", 1009, id="64 KiB and one byte"),
        pytest.param(b"\x88\x82\x00\x00\x00\x00\x03\xe8", 1000, id="goodbye"),
        pytest.param(b"\x88\x80\x00\x00\x00\x00", 1000, id="goodbye without a code"),
    ],
)
async def test_a_broken_websocket_is_closed_with_its_code(gateway: GatewayProcess, data: bytes, code: int) -> None:
    viewer = RawViewer(gateway.port)
    viewer.socket.sendall(data)
    assert viewer.until_closed()[0] == code
    viewer.close()


async def test_messages_that_are_not_understood_are_answered_and_twenty_close_the_connection(
    gateway: GatewayProcess,
) -> None:
    bad = [
        ({"type": "subscribe"}, "run"),
        ({"type": "subscribe", "run": "a", "tier": "best"}, "tier"),
        ({"type": "subscribe", "run": "a", "epoch": "e", "offset": "x"}, "offset"),
        ({"type": "subscribe", "run": "../etc"}, "run"),
        ({"type": "dance"}, "type"),
        ({"type": "ping", "t": "soon"}, "t"),
        ({"type": "command", "run": "a", "name": "explode"}, "name"),
        ({"type": "command", "name": "pause"}, "run"),
        ({"type": "command", "run": "a", "name": "pause", "command_id": "a b"}, "command_id"),
        ({"type": "keyframe", "run": "a"}, "run"),
        ({"type": "report", "run": "a", "fps": "many"}, "fps"),
        ({}, "type"),
    ]
    viewer = RawViewer(gateway.port)
    viewer.frame()  # welcome
    for message, field in bad:
        viewer.send(2, msgspec.msgpack.encode(message))
        error = msgspec.msgpack.decode(viewer.frame()[1])
        assert (error["type"], error["field"]) == ("error", field), message
        assert error["code"] == "invalid"
    for payload, opcode in ((b"\xc1", 2), (b"{}", 1), (msgspec.msgpack.encode([1]), 2)):
        viewer.send(opcode, payload)
        error = msgspec.msgpack.decode(viewer.frame()[1])
        assert (error["type"], error["field"]) == ("error", "message")
    for _ in range(5):
        viewer.send_message(type="dance")
    assert viewer.until_closed()[0] == 4400
    viewer.close()


async def test_idle_viewers_are_light(gateway: GatewayProcess, client: redis.asyncio.Redis, run: str) -> None:
    await RunOwner(client, run).begin()

    def more(count: int) -> list[RawViewer]:
        viewers = [RawViewer(gateway.port, f"/ws/{run}") for _ in range(count)]
        for viewer in viewers:
            viewer.frame(), viewer.frame()  # welcome, subscribed
        return viewers

    viewers = await asyncio.to_thread(more, 200)  # what the process needs once
    before = gateway.rss_bytes()
    viewers += await asyncio.to_thread(more, 600)
    per_viewer = (gateway.rss_bytes() - before) / 600
    assert per_viewer < 6_000, f"{per_viewer:.0f} bytes a viewer"
    async with gateway.connect(f"/ws/{run}") as socket:
        assert (await receive(socket))["type"] == "welcome"
    for viewer in viewers:
        viewer.close()
