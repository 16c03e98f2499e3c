"""Several gateway processes on one port, as a user starts them; some are really killed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis.asyncio
import websockets
from tests.gateway.stage import RunOwner, eventually, until, wait_until
from tests.support.servers import free_port
from websockets.asyncio.client import ClientConnection

from lanecast.broker import keys

pytestmark = pytest.mark.integration

PROCESSES = 2


class Gateways:
    """`lanecast gateway --processes 2`, and what it says."""

    def __init__(self, redis_url: str, folder: Path) -> None:
        self.port = free_port()
        self.log_file = folder / "gateways.log"
        command = [sys.executable, "-m", "lanecast.ops", "gateway", "--redis", redis_url, "--port", str(self.port)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LANECAST_")}
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen([*command, "--processes", str(PROCESSES)], env=environment, stderr=log)
        wait_until(lambda: len(self.events("part_ready")) == PROCESSES, "all gateways", within_s=30)

    def events(self, name: str) -> list[dict[str, Any]]:
        """What was logged under this name."""
        lines = [line for line in self.log_file.read_text().splitlines() if line.startswith("{")]
        return [row for row in map(json.loads, lines) if row["event"] == name]

    def pids(self) -> list[int]:
        return [row["pid"] for row in self.events("part_ready")]

    async def nodes(self) -> set[str]:
        """Who answers, asked by enough connections to meet everybody."""
        found = set()
        for _ in range(40):
            async with httpx.AsyncClient() as http:
                found.add((await http.get(f"http://127.0.0.1:{self.port}/healthz")).json()["node"])
        return found

    def connect(self, run: str) -> Any:
        protocol = websockets.Subprotocol("lanecast.v1")
        return websockets.connect(f"ws://127.0.0.1:{self.port}/ws/{run}", subprotocols=[protocol], compression=None)


@pytest.fixture
def gateways(redis_url: str, tmp_path: Path) -> Iterator[Gateways]:
    it = Gateways(redis_url, tmp_path)
    yield it
    if it.process.poll() is None:
        it.process.kill()
    it.process.wait(5)


@contextlib.asynccontextmanager
async def crowd(gateways: Gateways, run: str) -> AsyncIterator[dict[str, list[ClientConnection]]]:
    """Viewers of a run by the node that serves them, at least one at each."""
    async with contextlib.AsyncExitStack() as stack:
        viewers: dict[str, list[ClientConnection]] = {}
        while len(viewers) < PROCESSES or sum(map(len, viewers.values())) < 8:
            socket = await stack.enter_async_context(gateways.connect(run))
            viewers.setdefault((await until(socket, "welcome"))["node"], []).append(socket)
            await until(socket, "subscribed")
        yield viewers


async def test_a_killed_process_comes_back_and_the_others_viewers_do_not_notice(
    gateways: Gateways, client: redis.asyncio.Redis
) -> None:
    owner = await RunOwner(client, "shared").begin()
    before = await gateways.nodes()
    assert len(before) == PROCESSES
    assert {name.decode() for name in await client.zrange(keys.GATEWAYS, 0, -1)} >= before
    async with crowd(gateways, "shared") as viewers:
        assert viewers.keys() == before
        os.kill(gateways.pids()[0], signal.SIGKILL)
        cut = []
        for node, sockets in viewers.items():
            with contextlib.suppress(websockets.ConnectionClosed, TimeoutError):
                await asyncio.wait_for(sockets[0].recv(), 0.5)
            if sockets[0].close_code == 1006:
                cut.append(node)
        assert len(cut) == 1, "one process's viewers are cut off"
        (alive,) = before - set(cut)
        offset = await owner.frame(key=True)
        for socket in viewers[alive]:
            await until(socket, "frame", offset=str(offset))

    async def back() -> bool:
        return len(gateways.events("part_back")) == 1

    await eventually(back, within_s=20)
    after = await gateways.nodes()
    assert len(after) == PROCESSES
    assert after & before == {alive}, "a new life has a new name"


async def test_sigterm_drains_all_of_them_at_once(gateways: Gateways, client: redis.asyncio.Redis) -> None:
    await RunOwner(client, "shared").begin()
    async with httpx.AsyncClient() as http:
        metrics = (await http.get(f"http://127.0.0.1:{gateways.port}/metrics")).text
    (up,) = [line for line in metrics.splitlines() if line.startswith("lanecast_gateway_up{")]
    nodes = await gateways.nodes()
    assert any(f'node="{node}"' in up for node in nodes)
    async with crowd(gateways, "shared") as viewers:
        started_s = time.monotonic()
        gateways.process.send_signal(signal.SIGTERM)
        for socket in (socket for sockets in viewers.values() for socket in sockets):
            await asyncio.wait_for(socket.wait_closed(), 5)
            assert socket.close_code == 1012
    assert await asyncio.to_thread(gateways.process.wait, 10) == 0
    assert time.monotonic() - started_s < 5, "one after the other it would take longer"
    assert gateways.events("part_killed") == []
    assert not nodes & {name.decode() for name in await client.zrange(keys.GATEWAYS, 0, -1)}
