"""Ctrl-C for commands that go on until somebody ends them."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")

AGAIN_S: Final = 0.1


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine until it ends, or Ctrl-C ends it.

    Python 3.11 may lose a cancellation: `asyncio.wait_for`, which the Redis client waits by, swallows one that comes at
    the moment when what it waits for is done. So the coroutine is cancelled until it has ended.

    Raises:
        KeyboardInterrupt: it was ended by Ctrl-C.
    """
    interrupted = False

    async def supervised() -> asyncio.Task[T]:
        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(main)

        def interrupt() -> None:
            nonlocal interrupted
            interrupted = True
            if task.cancel():
                loop.call_later(AGAIN_S, interrupt)

        loop.add_signal_handler(signal.SIGINT, interrupt)
        await asyncio.wait([task])
        return task

    task = asyncio.run(supervised())
    if interrupted and task.cancelled():
        raise KeyboardInterrupt
    return task.result()
