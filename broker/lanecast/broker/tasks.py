"""Ending tasks for certain. No I/O of its own."""

from __future__ import annotations

import asyncio
from typing import Any, Final

AGAIN_S: Final = 0.1


async def cancel(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks, and return when all have ended; what they raise is dropped.

    Once is not always enough: `asyncio.wait_for` of Python 3.11, by which the Redis client sends, swallows a
    cancellation that comes in the moment in which what it waits for is done (fixed in 3.12).
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=AGAIN_S)
    await asyncio.gather(*tasks, return_exceptions=True)
