"""What every process says about itself: memory, CPU, files, and how late its event loop is.

The names of the first four are those that Prometheus' own client libraries give.
"""

from __future__ import annotations

import asyncio
import os
import resource
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from lanecast.broker.exposition import Family, Histogram, Sample

LOOK_S: Final = 0.1
"""Between two looks at the loop; a stall is seen with up to so much of it missing."""

MEMORY: Final = Family("process_resident_memory_bytes", "gauge", "Resident memory of the process.")
CPU: Final = Family("process_cpu_seconds_total", "counter", "CPU time that the process has taken, user and system.")
FILES: Final = Family("process_open_fds", "gauge", "Open files and sockets of the process.")
STARTED: Final = Family("process_start_time_seconds", "gauge", "When the process began, Unix seconds.")
LOOP: Final = Family("lanecast_loop_delay_seconds", "histogram", "How late the event loop was, ten times a second.")
FAMILIES: Final = (MEMORY, CPU, FILES, STARTED, LOOP)


class Vitals:
    """The figures of this process."""

    def __init__(self) -> None:
        self._started_s = time.time()
        self._delays = Histogram()

    async def watch(self) -> None:
        """Look at the loop until cancelled."""
        while True:
            due_s = time.monotonic() + LOOK_S
            await asyncio.sleep(LOOK_S)
            self._delays.observe(time.monotonic() - due_s)

    def samples(self) -> Iterable[Sample]:
        """What there is to say now; what this system does not tell is left out."""
        with suppress(OSError, ValueError, IndexError):
            pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
            yield Sample(MEMORY, {}, pages * resource.getpagesize())
        yield Sample(CPU, {}, time.process_time())
        with suppress(OSError):
            yield Sample(FILES, {}, len(os.listdir("/proc/self/fd")))  # noqa: PTH208 - the names are not wanted
        yield Sample(STARTED, {}, self._started_s)
        yield Sample(LOOP, {}, self._delays)
