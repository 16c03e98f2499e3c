"""Tasks that are cancelled end, even those that do not hear it the first time."""

from __future__ import annotations

import asyncio

from lanecast.broker import tasks


async def test_a_task_that_swallows_its_cancellation_is_told_again() -> None:
    swallowed = 0

    async def deaf() -> None:
        nonlocal swallowed
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed == 3:
                    raise

    async def failing() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            raise ValueError("on the way out")

    both = [asyncio.create_task(deaf()), asyncio.create_task(failing())]
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await tasks.cancel(*both)
    assert swallowed == 3
    assert all(task.done() for task in both)


async def test_nothing_to_cancel_is_nothing_to_wait_for() -> None:
    await tasks.cancel()
