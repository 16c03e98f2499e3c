"""Where the work on a run is done: on the event loop while it is little, in a thread once it would hold up other runs.

All runs of a process share its event loop. What takes longer than `HEAVY_S` at a time is done in a thread, so that the
loop, and with it every other run, goes on meanwhile; the interpreter changes between them every few milliseconds. A
run has one owner that waits for its work, so a run is never worked on by two threads at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")
HEAVY_S: Final = 0.004
SMOOTHING: Final = 0.3


class Labour:
    """One kind of work on one run: how long it takes decides where it is done."""

    def __init__(self) -> None:
        self.usual_s = 0.0
        self.last_s = 0.0

    async def do(self, work: Callable[[], T]) -> T:
        """The outcome of `work`; how much CPU time it took is then in `last_s`."""
        if self.usual_s > HEAVY_S:
            return await asyncio.to_thread(self._timed, work)
        return self._timed(work)

    def _timed(self, work: Callable[[], T]) -> T:
        began = time.thread_time()
        try:
            return work()
        finally:
            self.last_s = time.thread_time() - began
            self.usual_s += SMOOTHING * (self.last_s - self.usual_s)
