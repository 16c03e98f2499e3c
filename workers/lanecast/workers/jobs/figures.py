"""What the process of the jobs tells Prometheus: its jobs, and what concerns the whole system. `of` does I/O."""

from __future__ import annotations

import contextlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any, Final

from lanecast.broker import runs
from lanecast.broker.connect import TRANSIENT
from lanecast.broker.exposition import Family, Histogram, Sample
from lanecast.workers.jobs.capacity import report

UP: Final = Family("lanecast_jobs_up", "gauge", "1 while Redis answers.")
DONE: Final = Family("lanecast_jobs_total", "counter", "Jobs by what became of them.", ("name", "outcome"))
TIME: Final = Family("lanecast_jobs_seconds", "histogram", "How long jobs took, whatever became of them.", ("name",))
RUNS: Final = Family("lanecast_runs", "gauge", "Runs by state.", ("state",))
MEMORY: Final = Family(
    "lanecast_redis_memory",
    "gauge",
    "Share of the memory limit in use of the fullest Redis server; 0: no limit.",
)
BYTES: Final = Family("lanecast_run_bytes", "gauge", "Memory of a run's keys, by the last capacity report.", ("run",))
FAMILIES: Final = (UP, DONE, TIME, RUNS, MEMORY, BYTES)


class Tally:
    """What became of the jobs of this process."""

    def __init__(self) -> None:
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.times: defaultdict[str, Histogram] = defaultdict(Histogram)

    def ended(self, job: str, outcome: str, seconds: float) -> None:
        """Count a job that has ended."""
        self.outcomes[job, outcome] += 1
        self.times[job].observe(seconds)


async def of(tally: Tally, client: Any, known: Iterable[str]) -> list[Sample]:
    """All there is to tell; jobs that have not run yet are told with zeros, so that a first failure is a rise."""
    found = [
        *(Sample(DONE, {"name": name, "outcome": outcome}, tally.outcomes[name, outcome])
          for name in sorted(known) for outcome in ("done", "failed", "cancelled")),
        *(Sample(TIME, {"name": name}, times) for name, times in sorted(tally.times.items())),
    ]  # fmt: skip
    up = 0
    with contextlib.suppress(*TRANSIENT):
        states = Counter(info.state for info in await runs.listing(client))
        found += [Sample(RUNS, {"state": state}, count) for state, count in sorted(states.items())]
        last = await report(client)
        if last is not None:
            found.append(Sample(MEMORY, {}, max((one.memory for one in last.runs), default=0.0)))
            found += [Sample(BYTES, {"run": one.run}, one.bytes) for one in last.runs]
        up = 1
    return [Sample(UP, {}, up), *found]
