"""What a run and its worker process take of the machine: measured here, judged by `quality`."""

from __future__ import annotations

import resource
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from lanecast.broker.flow import Load
from lanecast.workers.quality import Measure

SMOOTHING: Final = 0.4
"""Weight of the newest second, as in `effort`."""
FRESH_S: Final = 0.5
MIB: Final = 1024 * 1024
_LIMITS: Final = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


class Process:
    """The worker process; one for all its runs.

    Args:
        memory_mb: what it may hold in MiB; 0 means what its container says, and no limit where that says nothing.
    """

    def __init__(self, memory_mb: float = 0.0) -> None:
        self.cpu = 0.0
        self.memory = 0.0
        self.memory_bytes = 0
        self._limit_bytes = memory_mb * MIB or _container_limit()
        self._last = (time.monotonic(), time.process_time())

    def look(self) -> None:
        """Measure, unless that was done just now."""
        now, spent_s = time.monotonic(), time.process_time()
        passed_s = now - self._last[0]
        if passed_s < FRESH_S:
            return
        self.cpu += SMOOTHING * ((spent_s - self._last[1]) / passed_s - self.cpu)
        self._last = (now, spent_s)
        self.memory_bytes = _resident_bytes()
        self.memory = self.memory_bytes / self._limit_bytes if self._limit_bytes else 0.0


class Strain:
    """One run, from one measurement to the next."""

    def __init__(self) -> None:
        self._spent_s = 0.0
        self._cpu = 0.0
        self._render_ms = 0.0
        self._failures = 0
        self._last: float | None = None

    def spent(self, seconds: float) -> None:
        """CPU time went into handling the run's messages."""
        self._spent_s += seconds

    def rendered(self, seconds: float) -> None:
        """CPU time went into one round of processing and rendering that had something to say."""
        self._spent_s += seconds
        self._render_ms += 0.1 * (seconds * 1000 - self._render_ms)

    def measure(self, load: Load, process: Process, runs: int, failures: int, now: float) -> Measure | None:
        """What was measured since the last call, `failures` being how many there ever were; None the first time."""
        process.look()
        last, self._last = self._last, now
        failed, self._failures = failures - self._failures, failures
        spent_s, self._spent_s = self._spent_s, 0.0
        if last is None or now <= last:
            return None
        passed_s = now - last
        self._cpu += SMOOTHING * (spent_s / passed_s - self._cpu)
        if not spent_s:
            self._render_ms = 0.0
        return Measure(
            load.lanes, self._cpu, process.cpu, max(1, runs), process.memory, max(0, failed) / passed_s, self._render_ms
        )


def _resident_bytes() -> int:
    with suppress(OSError, ValueError, IndexError):
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _container_limit() -> float:
    for path in _LIMITS:
        with suppress(OSError, ValueError):
            limit = int(Path(path).read_text("ascii"))
            if limit < 1 << 60:  # what cgroups say for no limit is above
                return limit
    return 0.0
