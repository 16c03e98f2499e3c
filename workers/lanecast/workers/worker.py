"""One worker process among several: which runs are its own, and a task for each of them.

Every worker tells the others that it is alive; a run belongs to the one that rendezvous hashing prefers among them. Who
is preferred takes the run's lease; who holds it and is not preferred any more hands it over. What goes wrong in one
run ends that run's task only, which begins again after a pause.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import structlog

from lanecast.broker import keys, lease, metrics, runs, scripts, tasks
from lanecast.broker.errors import Fenced
from lanecast.broker.exposition import Sample
from lanecast.broker.gateways import Reaper
from lanecast.workers import gauges
from lanecast.workers.errors import Damaged, WentBack
from lanecast.workers.images.pool import Pool
from lanecast.workers.outage import Outage, backoff, is_transient
from lanecast.workers.owner import Owner
from lanecast.workers.settings import WorkerSettings
from lanecast.workers.stats import Stats
from lanecast.workers.strain import MIB, Process
from lanecast.workers.takeover import Memory

log = structlog.get_logger()

ROUND_S: Final = 0.25
"""How often a worker says that it is alive and looks for its runs; a takeover waits for at most one round."""
RESTART_S: Final = 0.5
LONGEST_RESTART_S: Final = 10.0
HEALTHY_S: Final = 30.0
LEAVE_S: Final = 2.5


@dataclass(slots=True)
class Failures:
    """How often a run's task has failed in a row, and when it may begin again."""

    count: int = 0
    not_before: float = 0.0


class Worker:
    """Owns its share of the runs; `client` is used for everything and closed by the caller."""

    def __init__(self, client: Any, settings: WorkerSettings) -> None:
        self.stats = Stats()
        self._client = client
        self._settings = settings
        self._outage = Outage(self.stats)
        self._process = Process(settings.memory_mb)
        self._images = Pool(settings.image_threads, self.stats, settings.image_bytes)
        self._owners: dict[str, Owner] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._memories: dict[str, Memory] = {}
        self._failures: dict[str, Failures] = {}
        self._log = log.bind(worker=settings.worker_id)

    async def work(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then leave in good order."""
        self._log.info("worker_started")
        async with metrics.served(self._figures, self._settings.metrics_host, self._settings.metrics_port):
            await self._work(stop)

    async def _figures(self) -> Iterable[Sample]:
        return gauges.samples(self.stats, self._process)

    async def _work(self, stop: asyncio.Event) -> None:
        background = [
            asyncio.create_task(coroutine, name=name)
            for name, coroutine in (
                ("rounds", self._rounds()),
                ("renewals", self._renewals()),
                ("reaping", self._reaping()),
                ("stats", self._tell_stats()),
            )
        ]
        stopped = asyncio.create_task(stop.wait(), name="stop")
        done, _ = await asyncio.wait([stopped, *background], return_when=asyncio.FIRST_COMPLETED)
        for task in (stopped, *background):
            if task.get_name() != "renewals":
                task.cancel()
        await self._leave()
        await tasks.cancel(stopped, *background)
        for task in done - {stopped}:
            task.result()  # a background task never ends by itself: say why it did
        await self._images.close()
        self._log.info("worker_stopped")

    async def _rounds(self) -> None:
        waits = backoff()
        while True:
            try:
                await self._round()
            except Exception as error:
                if not is_transient(error):
                    raise
                self._outage.down(error)
                await asyncio.sleep(waits.next_s())
            else:
                self._outage.up()
                waits.reset()
                await asyncio.sleep(ROUND_S * random.uniform(0.8, 1.0))

    async def _round(self) -> None:
        """Say that we are alive, and make the set of runs that we own what it should be."""
        me = self._settings.worker_id
        alive = await scripts.run(self._client, lease.heartbeat(keys.WORKERS, me))
        workers = sorted({me, *(name.decode("utf-8", "replace") for name in alive)})
        registered = await runs.registered(self._client)
        mine = {run for run in registered if lease.preferred(run, workers) == me}
        for run, owner in list(self._owners.items()):
            if run not in mine:
                owner.stop()
        for run in self._memories.keys() - mine:
            del self._memories[run]
        for run in self._failures.keys() - set(registered):
            del self._failures[run]
        for run in sorted(mine - self._owners.keys()):
            if time.monotonic() >= self._failures.setdefault(run, Failures()).not_before:
                await self._take(run)

    async def _take(self, run: str) -> None:
        me = self._settings.worker_id
        at = time.monotonic()
        held = lease.answer(await scripts.run(self._client, lease.acquire(run, me)))
        if held.owner != me:
            return
        owner = Owner(
            self._client,
            run,
            held.epoch,
            at,
            self._settings,
            self.stats,
            self._outage,
            self._images,
            self._memories.pop(run, None),
            self._process,
        )
        self._owners[run] = owner
        self.stats.runs = len(self._owners)
        self._tasks[run] = asyncio.create_task(self._own(run, owner), name=f"run {run}")

    async def _own(self, run: str, owner: Owner) -> None:
        started = time.monotonic()
        failed = lost = True
        try:
            await owner.work()
            failed = lost = False
        except Fenced as error:
            failed = False
            self.stats.add("fenced")
            self._log.warning("run_fenced", run=run, held=error.held, current=error.current)
        except (WentBack, Damaged) as error:
            self._log.warning("run_taken_again", run=run, reason=str(error))
        except Exception:  # noqa: BLE001 - whatever it is, it must not harm the other runs
            self._log.exception("run_failed", run=run, epoch=owner.epoch)
        finally:
            self._after(run, owner, failed=failed, lost=lost, healthy=time.monotonic() - started > HEALTHY_S)
        if failed:
            with contextlib.suppress(Exception):
                call = lease.release(run, self._settings.worker_id, owner.epoch)
                await asyncio.wait_for(scripts.run(self._client, call), 1.0)

    def _after(self, run: str, owner: Owner, *, failed: bool, lost: bool, healthy: bool) -> None:
        memory = owner.memory
        if memory is not None and lost:
            self._memories[run] = memory
        self._owners.pop(run, None)
        self._tasks.pop(run, None)
        self.stats.quality.pop(run, None)
        self.stats.runs = len(self._owners)
        failures = self._failures.setdefault(run, Failures())
        if not failed or healthy:
            failures.count = 0
        if failed:
            self.stats.add("restarts")
            pause = min(LONGEST_RESTART_S, RESTART_S * 2.0**failures.count) * random.uniform(0.5, 1.0)
            failures.count = min(failures.count + 1, 10)
            failures.not_before = time.monotonic() + pause

    async def _renewals(self) -> None:
        """Renew all leases; one that is lost ends its owner, Redis being away is noticed by all anyway."""
        while True:
            for owner in list(self._owners.values()):
                try:
                    await owner.renew()
                except Fenced:
                    continue
                except Exception as error:
                    if not is_transient(error):
                        raise
                    self._outage.down(error)
                    break
            await asyncio.sleep(lease.RENEW_MS / 1000)

    async def _reaping(self) -> None:
        """Now and then remove what dead gateways have left on the runs that are ours."""
        reaper = Reaper()
        while True:
            await asyncio.sleep(self._settings.reap_s * random.uniform(0.8, 1.2))
            try:
                self.stats.add("reaped", await reaper.reap(self._client, list(self._owners)))
            except Exception as error:
                if not is_transient(error):
                    raise
                self._outage.down(error)

    async def _tell_stats(self) -> None:
        while self._settings.stats_s:
            await asyncio.sleep(self._settings.stats_s)
            self._log.info("worker_stats", runs=self.stats.runs, **self._gauges(), **self.stats.since_last())
        await asyncio.Event().wait()

    def _gauges(self) -> dict[str, float]:
        process, levels = self._process, self.stats.quality.values()
        return {
            "limited_runs": sum(1 for level in levels if level),
            "cpu": round(process.cpu, 2),
            "memory_mb": round(process.memory_bytes / MIB, 1),
        }

    async def _leave(self) -> None:
        """Leave the others at once, so that they take over; then end every run with a last commit."""
        for owner in self._owners.values():
            owner.stop()
        with contextlib.suppress(Exception):
            call = lease.heartbeat(keys.WORKERS, self._settings.worker_id, 0)
            await asyncio.wait_for(scripts.run(self._client, call), 1.0)
        if self._tasks:
            _, late = await asyncio.wait(self._tasks.values(), timeout=LEAVE_S)
            await tasks.cancel(*late)
