"""`AsyncRun`: a run whose simulation is a coroutine."""

from __future__ import annotations

import asyncio
import contextlib
import time
from types import TracebackType
from typing import Any, Self

from lanecast.producer.base import BaseRun
from lanecast.producer.steering import INTERRUPT_S


class AsyncRun(BaseRun):
    """`Run` for simulations that live on an event loop.

    What waits (`running`, `sleep`, `wait_for_change`, `close`) is a coroutine, everything else is the same, and as
    quick. Guarantees, units and failures are those of `Run`.

        async with AsyncRun("planets") as run:
            while await run.running():
                run.frame({"planets": columns})
                await run.sleep(1 / 30)

    The same two threads as for `Run` talk to the server, so a loop that is busy for long delays no message and misses
    no command. `running` and `sleep` let other tasks have a turn even where there is nothing to wait for. Callbacks of
    `on_param` are plain functions, called on the loop, inside `running()`.
    """

    _loop: asyncio.AbstractEventLoop
    _woken: asyncio.Event

    def start(self) -> Self:
        """Start publishing, on the running event loop; the `async with` block does it.

        Raises:
            RuntimeError: there is no running event loop, or the run was started before.
        """
        self._loop, self._woken = asyncio.get_running_loop(), asyncio.Event()
        self._steering.on_command(self._wake)
        self._open()
        return self

    async def close(self) -> None:
        """End the run: send `ended` and what is buffered, for at most `flush_s` seconds. Safe to repeat."""
        await asyncio.to_thread(self._shut)

    async def __aenter__(self) -> Self:
        return self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._tell_failure(kind, error)
        await self.close()

    async def running(self) -> bool:
        """As `Run.running`: True to take the next step, False once the run has to stop; waits while it is paused."""
        if self._gone():
            return False
        asked_s = time.perf_counter()
        await asyncio.sleep(0)
        while (may := self._steering.try_turn()) is None:
            await self._wait(INTERRUPT_S)
        return self._turned(asked_s, may=may)

    async def sleep(self, seconds: float) -> bool:
        """As `Run.sleep`: False if a command came in, which ends the sleep at once."""
        if self._gone():
            return False
        began_s = time.perf_counter()
        until_s = began_s + seconds
        try:
            await asyncio.sleep(0)
            while not self._steering.disturbed:
                left = until_s - time.perf_counter()
                if left <= 0:
                    return True
                await self._wait(min(left, INTERRUPT_S))
            return False
        finally:
            self._profile.slept(time.perf_counter() - began_s)

    async def wait_for_change(self, *names: str, timeout_s: float | None = None) -> dict[str, Any]:
        """As `Run.wait_for_change`: name -> value of what viewers have set; empty after `timeout_s`, or at the end."""
        if self._gone():
            return {}
        began_s = time.perf_counter()
        try:
            while True:
                changed = self._steering.take_change(names)
                waited_s = time.perf_counter() - began_s
                left = INTERRUPT_S if timeout_s is None else min(INTERRUPT_S, timeout_s - waited_s)
                if changed or left <= 0 or self._steering.over:
                    return changed
                await self._wait(left)
        finally:
            self._profile.slept(time.perf_counter() - began_s)

    async def _wait(self, seconds: float) -> None:
        """Until a command comes, at most for `seconds`."""
        if self._steering.unseen:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        self._woken.clear()

    def _wake(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended before the run
            self._loop.call_soon_threadsafe(self._woken.set)
