"""The threads that make pictures: one pool for all runs of a worker process.

Guarantees: the event loop never waits for a codec; runs take turns, so one with many cameras delays no other; memory is
bounded by `max_bytes` of pictures that wait and one picture under way for each thread. Pictures are pulled, not
queued: a free thread takes the newest.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import structlog

from lanecast.broker import tasks
from lanecast.broker.errors import InvalidMessage
from lanecast.broker.tiers import TIERS
from lanecast.workers.images import codec
from lanecast.workers.images.camera import Camera, Plan, Source
from lanecast.workers.images.codec import Encoded
from lanecast.workers.images.relief import Relief, best
from lanecast.workers.images.stage import Stage
from lanecast.workers.stats import Stats

MAX_BYTES: Final = 128 * 1024 * 1024
WEIGH_S: Final = 1.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Made:
    """What a thread has made: tier -> JPEG, and how long it took, seconds."""

    pictures: dict[str, Encoded]
    took_s: float


class Pool:
    """Makes pictures in `threads` threads, from `open` of the first run to `close`."""

    def __init__(self, threads: int, stats: Stats, max_bytes: int = MAX_BYTES) -> None:
        self.stats = stats
        self._threads = threads
        self._max_bytes = max_bytes
        self._executor: ThreadPoolExecutor | None = None
        self._free = threads
        self._stages: dict[Stage, None] = {}
        self._relief = Relief()
        self._busy_s = 0.0
        self._missed = 0
        self._weighed_s = time.monotonic()
        self._wake = asyncio.Event()
        self._dispatching: asyncio.Task[None] | None = None
        self._making: set[asyncio.Task[None]] = set()

    @property
    def level(self) -> int:
        """How many of the best tiers are not made; see `relief`."""
        return self._relief.level

    def open(self, client: Any, run: str, epoch: int, run_epoch: str) -> Stage:
        """A stage for a run that was just taken."""
        stage = Stage(client, run, epoch, run_epoch, self)
        self._stages[stage] = None
        if self._dispatching is None:
            self._dispatching = asyncio.create_task(self._dispatch(), name="pictures")
        return stage

    def leave(self, stage: Stage) -> None:
        """A run's stage has closed."""
        self._stages.pop(stage, None)

    def look(self) -> None:
        """There may be something to do."""
        self._wake.set()

    def missed(self) -> None:
        """A picture was due, and there was no time for it."""
        self._missed += 1

    async def close(self) -> None:
        """End the threads, each after the picture that it is at."""
        await tasks.cancel(*([self._dispatching] if self._dispatching else []), *self._making)
        if self._executor is not None:
            await asyncio.to_thread(self._executor.shutdown, cancel_futures=True)

    async def _dispatch(self) -> None:
        while True:
            self._wake.clear()
            now = time.monotonic()
            if now - self._weighed_s >= WEIGH_S:
                self._weigh(now)
            self._bound()
            while self._free and self._begin_next(now):
                pass
            due_s = min((self._next_s(stage) for stage in self._stages), default=float("inf"))
            wait_s = min(WEIGH_S, max(0.0, due_s - now)) if self._free else WEIGH_S
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()

    @staticmethod
    def _next_s(stage: Stage) -> float:
        plan = stage.plan
        return min((camera.next_s(plan) for camera in stage.cameras.values()), default=float("inf"))

    def _begin_next(self, now: float) -> bool:
        """Begin with the next picture that is due, the runs taking turns; False if none is."""
        for stage in list(self._stages):
            plan = stage.plan
            waiting = [camera for camera in stage.cameras.values() if camera.next_s(plan) <= now]
            if not waiting:
                continue
            camera = min(waiting, key=lambda one: one.next_s(plan))
            self._stages.pop(stage)
            self._stages[stage] = None  # behind the others
            self._begin(stage, camera, now)
            return True
        return False

    def _begin(self, stage: Stage, camera: Camera, now: float) -> None:
        source = camera.newest
        if source is None:
            return
        gets = camera.due(stage.plan, now)
        skipped = camera.begin(gets, now)
        self._free -= 1
        task = asyncio.create_task(self._make(stage, camera, source, gets, skipped))
        self._making.add(task)
        task.add_done_callback(self._making.discard)

    async def _make(self, stage: Stage, camera: Camera, source: Source, gets: Plan, skipped: dict[str, int]) -> None:
        if self._executor is None:
            self._executor = ThreadPoolExecutor(self._threads, "lanecast-image")
        try:
            made = await asyncio.get_running_loop().run_in_executor(self._executor, _make, source, tuple(gets))
        except InvalidMessage as error:
            stage.failed(camera, str(error))
        except Exception as error:
            # What nobody foresaw in a codec must not end the pool.
            log.exception("picture_failed", run=stage.run, camera=camera.name)
            stage.failed(camera, repr(error))
        else:
            self._busy_s += made.took_s
            self.stats.add("image_ms", round(made.took_s * 1000))
            stage.finished(camera, source, made.pictures, gets, skipped, time.time() * 1000)
        finally:
            self._free += 1
            self.look()

    def _weigh(self, now: float) -> None:
        busy = self._busy_s / (self._threads * (now - self._weighed_s))
        before = self.level
        level = self._relief.update(min(1.0, busy), self._missed, now)
        if level != before:
            log.warning("images_relief", level=level, best=best(level), busy=round(busy, 2), missed=self._missed)
        self.stats.images_level = level
        self._busy_s, self._missed, self._weighed_s = 0.0, 0, now

    def _bound(self) -> None:
        """Give up the oldest pictures that wait, until the rest fits."""
        kept = sum(stage.kept_bytes for stage in self._stages)
        while kept > self._max_bytes:
            _, stage, camera = min(
                (
                    (camera.taken_s, stage, camera)
                    for stage in self._stages
                    for camera in stage.cameras.values()
                    if camera.newest is not None
                ),
                key=lambda one: one[0],
            )
            stage.give_up(camera)
            kept = sum(each.kept_bytes for each in self._stages)


def _make(source: Source, tiers: tuple[str, ...]) -> Made:
    began = time.perf_counter()
    rows = codec.decode(source.image)
    made = {name: codec.encode(rows, TIERS[name].image_quality, TIERS[name].image_scale) for name in tiers}
    return Made(made, time.perf_counter() - began)
