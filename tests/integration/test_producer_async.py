"""`AsyncRun`: the same run, for a simulation that is a coroutine."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import redis
from tests.producer.reading import payloads_of, result_of, send

from lanecast.producer import AsyncRun, Param


async def until(ready: Any, what: str, timeout_s: float = 10.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not ready():  # noqa: ASYNC110 - of another thread, or on the server
            await asyncio.sleep(0.005)
    assert ready(), what


async def simulate(run: AsyncRun, steps: list[int]) -> None:
    while await run.running():
        steps.append(len(steps) + 1)
        run.frame({"points": {"id": [1], "x": [len(steps)], "y": [0]}}, step=len(steps))
        await run.sleep(0.002)


async def test_it_publishes_pauses_steps_and_stops_as_viewers_want(redis_url: str, db: redis.Redis) -> None:
    steps: list[int] = []
    async with AsyncRun("sim", params={"gain": Param(1.0, max=5)}, url=redis_url) as run:
        simulation = asyncio.create_task(simulate(run, steps))
        await until(lambda: len(steps) > 3 and db.exists("lc:{sim}:alive"), "the first steps")
        send(db, "sim", "pause", "c1")
        await until(lambda: run.state == "paused", "the pause")
        paused_at = len(steps)
        send(db, "sim", "step", "c2", steps=3)
        await until(lambda: len(steps) == paused_at + 3 and run.state == "paused", "three steps")
        send(db, "sim", "set_params", "c3", params={"gain": 2})
        await until(lambda: run.params["gain"] == 2.0, "the new value, in the pause")
        assert len(steps) == paused_at + 3
        send(db, "sim", "resume", "c4")
        await until(lambda: len(steps) > paused_at + 5, "going on")
        send(db, "sim", "stop", "c5")
        await asyncio.wait_for(simulation, 5)
    assert [result.ok for result in (result_of(db, "sim", f"c{n}") for n in range(1, 6))] == [True] * 5
    assert [told.state for told in payloads_of(db, "sim", "critical", "lifecycle")][-2:] == ["stopping", "ended"]
    assert run.profile().steps == len(steps)


async def test_a_command_ends_a_long_sleep_and_a_wait_at_once(redis_url: str, db: redis.Redis) -> None:
    async with AsyncRun("sim", params={"gain": 1.0}, url=redis_url) as run:
        assert await run.running()
        await until(lambda: db.exists("lc:{sim}:alive"), "listening")
        sleeping = asyncio.create_task(run.sleep(60))
        send(db, "sim", "set_params", "c1", params={"gain": 2})
        assert await asyncio.wait_for(sleeping, 5) is False
        assert await run.running()
        waiting = asyncio.create_task(run.wait_for_change("gain"))
        send(db, "sim", "set_params", "c2", params={"gain": 3})
        assert await asyncio.wait_for(waiting, 5) == {"gain": 3.0}
        assert await run.wait_for_change("gain", timeout_s=0.01) == {}


async def test_other_tasks_go_on_beside_a_simulation_that_never_sleeps(redis_url: str) -> None:
    async with AsyncRun("sim", url=redis_url) as run:
        asyncio.get_running_loop().call_soon(run.stop)
        async with asyncio.timeout(5):
            while await run.running():
                pass
        assert run.stopping


async def test_a_simulation_that_is_cancelled_or_fails_ends_its_run(redis_url: str, db: redis.Redis) -> None:
    async def paused() -> None:
        async with AsyncRun("sim", url=redis_url) as run:
            run.pause()
            await run.running()

    task = asyncio.create_task(paused())
    await until(lambda: payloads_of(db, "sim", "critical", "control")[-1:], "the start")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert payloads_of(db, "sim", "critical", "lifecycle")[-1].state == "ended"
    with pytest.raises(ZeroDivisionError):
        async with AsyncRun("sim", url=redis_url):
            raise ZeroDivisionError("oh")
    assert payloads_of(db, "sim", "critical", "status")[-1].text == "the simulation failed: ZeroDivisionError: oh"


async def test_without_a_server_nothing_waits() -> None:
    async with AsyncRun("sim", url="redis://127.0.0.1:1/0", flush_s=0.1) as run, asyncio.timeout(5):
        for _ in range(3):
            assert await run.running()
            run.frame({"points": {"id": [1]}})
            assert await run.sleep(0.001)
