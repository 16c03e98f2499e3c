"""The whole way on every engine, with real processes: publisher, worker, gateway, viewer; and through a failover."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from tests.gateway.stage import GatewayProcess, receive, send
from tests.support.engines import Engine, any_binary, running, start_cluster, start_sentinel
from tests.workers.rig import Workers, workers

from lanecast.broker.rendition import View
from lanecast.producer import Param, Run

WAIT_S = 30.0


class Story:
    """What a viewer of one run is told, checked as it comes: frames never step back, lossless messages are chained."""

    def __init__(self, socket: Any) -> None:
        self.socket = socket
        self.view = View()
        self.steps: list[int] = []
        self.texts: list[str] = []
        self.messages: list[dict[str, Any]] = []

    async def until(self, done: Any, what: str) -> None:
        try:
            async with asyncio.timeout(WAIT_S):
                while not done():
                    self.take(await receive(self.socket))
        except TimeoutError:
            raise AssertionError(f"{what} did not come; {len(self.steps)} frames, {len(self.texts)} texts") from None

    def take(self, message: dict[str, Any]) -> None:
        self.messages.append(message)
        if message["type"] == "frame":
            assert self.view.apply(message) or message["key"]
            self.steps.append(message["step"])
            assert self.steps == sorted(self.steps), "the state has stepped back"
        elif message["type"] == "status":
            self.texts.append(message["text"])


class Simulation:
    """A run on a thread of its own: a frame and a numbered status with every step, until told to end."""

    def __init__(self, url: str, run: str) -> None:
        self.run = Run(run, url=url, flush_s=20.0, params={"speed": Param(1.0, min=0.0, max=9.0)})
        self.steps = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def _work(self) -> None:
        with self.run:
            while not self._over.is_set() and self.run.running():
                self.steps += 1
                self.run.frame({"points": {"id": [1], "x": [self.steps], "y": [0]}}, step=self.steps)
                self.run.status("info", f"s{self.steps}")
                self.run.sleep(0.03)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> list[str]:
        """End the run; all the statuses that were published."""
        self._over.set()
        self.run.interrupt()
        self._thread.join(25)
        assert not self._thread.is_alive()
        return [f"s{step}" for step in range(1, self.steps + 1)]


@contextlib.contextmanager
def gateway_at(url: str) -> Iterator[GatewayProcess]:
    gateway = GatewayProcess(url).start()
    try:
        yield gateway
    finally:
        code, log = gateway.stop()
        assert (code, "task_failed" in log, "Traceback" in log) == (0, False, False), log


@contextlib.asynccontextmanager
async def watching(gateway: GatewayProcess, run: str) -> AsyncIterator[Story]:
    """A viewer of a run, who is let in once its publisher has registered it."""
    async with asyncio.timeout(WAIT_S):
        while True:
            async with gateway.connect(f"/ws/{run}") as socket:
                assert (await receive(socket))["type"] == "welcome"
                story = Story(socket)
                story.take(await receive(socket))
                if story.messages[0]["type"] == "subscribed":
                    async with asyncio.timeout(None):
                        yield story
                    return
            await asyncio.sleep(0.05)


@pytest.fixture
def pool(engine: Engine, tmp_path: Path) -> Iterator[Workers]:
    with workers(engine.url, tmp_path) as started:
        yield started


async def test_what_is_published_is_shown_and_what_a_viewer_asks_is_done(
    engine: Engine, pool: Workers, run: str
) -> None:
    """Two runs, which in a Cluster are on two servers: both are shown, one is steered, nothing comes twice."""
    pool.start("w1")
    other = f"{run}-other"
    with gateway_at(engine.url) as gateway, Simulation(engine.url, run) as first, Simulation(engine.url, other):
        async with watching(gateway, run) as story, watching(gateway, other) as second:
            await story.until(lambda: len(story.steps) > 10, "frames")
            await second.until(lambda: len(second.steps) > 10, "frames of the other run")
            values = {"params": {"speed": 2.5}}
            await send(story.socket, type="command", run=run, command_id="c1", name="set_params", args=values)
            results = [m for m in story.messages if m["type"] == "result"]
            await story.until(lambda: any(m["type"] == "result" for m in story.messages), "the result")
            results = [m for m in story.messages if m["type"] == "result"]
            assert [(m["command_id"], m["ok"]) for m in results] == [("c1", True)]
            assert first.run.params["speed"] == 2.5
            told = await asyncio.to_thread(first.end)
            await story.until(lambda: story.texts[-1:] == told[-1:], "the last status")
    assert story.texts == told[-len(story.texts) :]
    assert set(story.messages[0]) >= {"epoch", "offset"}


@pytest.mark.parametrize("start", [start_cluster, start_sentinel], ids=["cluster", "sentinel"])
async def test_a_failover_is_a_pause_to_the_viewer_and_loses_and_repeats_nothing(start: Any, tmp_path: Path) -> None:
    with running(start(tmp_path, any_binary())) as engine, workers(engine.url, tmp_path) as pool:
        pool.start("w1")
        with gateway_at(engine.url) as gateway, Simulation(engine.url, "sim") as simulation:
            async with watching(gateway, "sim") as story:
                await story.until(lambda: len(story.steps) > 30, "frames before the failover")
                epoch = story.messages[0]["epoch"]
                engine.master_of("sim").kill()
                killed, step = time.monotonic(), simulation.steps
                await story.until(lambda: story.steps[-1] > step + 30, "frames after the failover")
                assert time.monotonic() - killed < 15.0
                told = await asyncio.to_thread(simulation.end)
                await story.until(lambda: story.texts[-1:] == told[-1:], "the last status")
        restarted = {m["epoch"] for m in story.messages if m["type"] == "subscribed"} - {epoch}
        if restarted:  # a replica that lacked commits: the streams begin anew, and the viewer is told so
            assert sorted(set(story.texts), key=story.texts.index) == story.texts
        else:
            assert story.texts == told[-len(story.texts) :]
