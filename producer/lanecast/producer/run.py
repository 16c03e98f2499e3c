"""`Run`: one simulation, published and steered."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Self

from lanecast.producer.base import BaseRun


class Run(BaseRun):
    """One run: publishes what the simulation does and obeys its viewers.

    Use it as a context manager; whatever way the block is left, the run ends and what is buffered is sent. Publishing
    never blocks and never raises because of Redis: while the server is away the simulation goes on, lossless messages
    wait in bounded buffers (100,000 messages or 64 MiB a lane, then the oldest are dropped and counted), of frames only
    the newest. What raises, at once, is a mistake in the call: `InvalidMessage`, which names the field.

    Methods may be called from any thread; `running`, `sleep` and `wait_for_change` belong to the simulation's own. A
    process forked from this one does not publish: in it every call does nothing (and is counted), and `running()` is
    False.
    """

    def start(self) -> Self:
        """Start publishing; the `with` block does it."""
        self._open()
        return self

    def close(self) -> None:
        """End the run: send `ended` and what is buffered, for at most `flush_s` seconds. Safe to repeat."""
        self._shut()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._tell_failure(kind, error)
        self.close()

    def running(self) -> bool:
        """Ask before each step: True to take it, False once the run has to stop.

        Waits while a viewer has paused the run (and wakes at once when one resumes, steps or stops it). What viewers
        have set shows in `params` from here on, and callbacks of `on_param` are called from here.
        """
        if self._gone():
            return False
        asked_s = time.perf_counter()
        return self._turned(asked_s, may=self._steering.turn())

    def turn_now(self) -> bool | None:
        """`running()` that never waits: None where that would."""
        if self._gone():
            return False
        asked_s = time.perf_counter()
        may = self._steering.try_turn()
        return None if may is None else self._turned(asked_s, may=may)

    def poll(self) -> tuple[bool, bool]:
        """Ask without waiting: (paused, stopping). For a loop that itself decides when to wait in `running()`."""
        return (False, True) if self._gone() else self._steering.poll()

    def sleep(self, seconds: float) -> bool:
        """Sleep between steps, to keep a pace; False if a viewer's command came in, which ends the sleep at once."""
        if self._gone():
            return False
        began_s = time.perf_counter()
        try:
            return self._steering.sleep(seconds)
        finally:
            self._profile.slept(time.perf_counter() - began_s)

    def wait_for_change(self, *names: str, timeout_s: float | None = None) -> dict[str, Any]:
        """Wait until viewers have set one of these parameters (of all, if none is named): for what is idle till then.

        Returns name -> value of those, which `params` then has and whose callbacks were called; empty once `timeout_s`
        is over, or the run has to stop. It does not wait for a pause to end: ask `running()` next.

        Raises:
            InvalidMessage: the run has no such parameter.
        """
        if self._gone():
            return {}
        began_s = time.perf_counter()
        try:
            return self._steering.wait_for_change(names, timeout_s)
        finally:
            self._profile.slept(time.perf_counter() - began_s)
