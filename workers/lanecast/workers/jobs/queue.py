"""arq: queueing jobs, cancelling them, and the process that works.

arq needs transactions over keys of its own, which have no hash tag: it works with one server and behind Sentinel,
and does not in a Cluster. There its queue wants a server of its own, `LANECAST_JOBS_REDIS_URL`; the jobs themselves
work on the runs, wherever they are. Jobs travel as MessagePack: arq's default, pickle, would run what anybody writes
into Redis.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import structlog
from arq.connections import ArqRedis
from arq.constants import abort_jobs_ss
from arq.cron import cron
from arq.worker import Worker, func

from lanecast.broker import keys, logs, metrics
from lanecast.broker.connect import TRANSIENT, connect, is_cluster
from lanecast.broker.errors import InvalidMessage, Unavailable
from lanecast.broker.exposition import Sample
from lanecast.workers.jobs import capacity, figures, ledger, reap, trim  # noqa: F401 - they register themselves
from lanecast.workers.jobs.registry import JOBS, Context, Job
from lanecast.workers.settings import JobsSettings

PROGRESS_EVERY_S: Final = 0.5
KEEP_RESULT_S: Final = 3_600
AGAIN_S: Final = 1.0
BY_ITSELF: Final = "cron:"

log = structlog.get_logger()


def to_bytes(value: Any) -> bytes:
    """A job or its result; what does not fit is told in words."""
    return msgspec.msgpack.encode(value, enc_hook=repr)


def queue_url(settings: JobsSettings) -> str:
    """Where the queue is.

    Raises:
        Unavailable: only a Cluster is known.
    """
    url = settings.jobs_redis_url or settings.redis_url
    if is_cluster(url):
        raise Unavailable(
            "the queue of jobs cannot be on a Redis Cluster (arq's transactions span slots): set "
            "LANECAST_JOBS_REDIS_URL to a single server or a Sentinel; `lanecast jobs run NAME --here` needs no queue"
        )
    return url


class Queue(ArqRedis):
    """arq's client, whose worker still calls `close`, which redis-py has renamed."""

    async def close(self, close_connection_pool: bool | None = None) -> None:
        """Close it."""
        await self.aclose(close_connection_pool)


def open_queue(settings: JobsSettings) -> Queue:
    """A client of the queue; close it by `aclose(close_connection_pool=True)`.

    Raises:
        Unavailable: only a Cluster is known.
    """
    pool = connect(queue_url(settings)).connection_pool
    return Queue(pool, to_bytes, msgspec.msgpack.decode, keys.JOBS_QUEUE)


async def enqueue(queue: ArqRedis, name: str, args: Mapping[str, Any]) -> str:
    """Ask for a job; returns its id.

    Raises:
        InvalidMessage: there is no such job or argument.
    """
    job = known(name)
    job.with_args(args)
    queued = await queue.enqueue_job(name, dict(args))
    if queued is None:
        raise RuntimeError(f"job {name!r}: its new id exists already")
    await ledger.write(queue, ledger.Entry(queued.job_id, name, "queued", time.time() * 1000, dict(args)))
    return str(queued.job_id)


async def cancel(queue: ArqRedis, job_id: str) -> bool:
    """Cancel a job that was asked for, waiting or running; False if there is none that could be."""
    entry = await ledger.read(queue, job_id)
    if entry is None or entry.state not in {"queued", "running"} or job_id.startswith(BY_ITSELF):
        return False
    await queue.zadd(abort_jobs_ss, {job_id: int(time.time() * 1000)})
    return True


def known(name: str) -> Job:
    """A job by its name.

    Raises:
        InvalidMessage: there is none.
    """
    if name not in JOBS:
        raise InvalidMessage("name", f"there is no job {name!r:.60}; there are: {', '.join(sorted(JOBS))}")
    return JOBS[name]


async def run_here(client: Any, name: str, args: Mapping[str, Any]) -> dict[str, Any]:
    """Run a job in this process, without queue or ledger."""
    job = known(name)

    async def quiet(_done: int, _of: int, _text: str) -> None:
        return

    return await job.work(Context(client, job.with_args(args), quiet))


class Workman:
    """Works through the queue until told to stop; begins anew when Redis comes back."""

    def __init__(self, settings: JobsSettings) -> None:
        self._settings = settings
        self._url = queue_url(settings)
        self._client = connect(settings.redis_url)
        self._tally = figures.Tally()

    async def figures(self) -> list[Sample]:
        """What there is to tell Prometheus."""
        return await figures.of(self._tally, self._client, JOBS)

    async def work(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; jobs that run are then cancelled, and begin again where the next process works."""
        try:
            while not stop.is_set():
                try:
                    await self._work_once(stop)
                except TRANSIENT as error:
                    log.warning("redis_gone", error=str(error))
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(stop.wait(), AGAIN_S)
        finally:
            await self._client.aclose()

    async def _work_once(self, stop: asyncio.Event) -> None:
        queue = open_queue(self._settings)
        worker = Worker(
            functions=[func(self._function(job), name=job.name, timeout=job.timeout_s) for job in JOBS.values()],
            cron_jobs=[
                cron(
                    self._function(job), name=f"{BY_ITSELF}{job.name}", minute=job.minutes, second=0,
                    timeout=job.timeout_s, run_at_startup=False, unique=True,
                )
                for job in JOBS.values()
                if job.minutes
            ],
            queue_name=keys.JOBS_QUEUE, health_check_key=keys.JOBS_ALIVE, redis_pool=queue, handle_signals=False,
            allow_abort_jobs=True, max_jobs=4, max_tries=3,
            keep_result=KEEP_RESULT_S, job_serializer=to_bytes, job_deserializer=msgspec.msgpack.decode,
            health_check_interval=self._settings.jobs_alive_s, ctx={"queue": queue},
        )  # fmt: skip
        working = asyncio.create_task(worker.async_run())
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
        finally:
            for task in (working, stopping):
                task.cancel()
            await asyncio.gather(working, stopping, return_exceptions=True)
            with contextlib.suppress(*TRANSIENT, asyncio.CancelledError):
                await worker.close()

    def _function(self, job: Job) -> Any:
        async def run(ctx: dict[Any, Any], args: Mapping[str, Any] | None = None) -> dict[str, Any]:
            return await self._run(job, ctx, dict(args or {}))

        run.__qualname__ = job.name
        return run

    async def _run(self, job: Job, ctx: dict[Any, Any], args: dict[str, Any]) -> dict[str, Any]:
        queue: ArqRedis = ctx["queue"]
        # What runs by itself has one entry, or it would soon have all of them.
        job_id = f"{BY_ITSELF}{job.name}" if ctx["job_id"].startswith(BY_ITSELF) else ctx["job_id"]
        entry = ledger.Entry(job_id, job.name, "running", time.time() * 1000, args)
        told_s = 0.0

        async def progress(done: int, of: int, text: str) -> None:
            nonlocal told_s
            entry.done, entry.of, entry.text = done, of, text
            if time.monotonic() - told_s >= PROGRESS_EVERY_S:
                told_s = time.monotonic()
                await ledger.write(queue, entry)

        await ledger.write(queue, entry)
        began_s = time.monotonic()
        try:
            entry.result = await job.work(Context(self._client, job.with_args(args), progress))
            entry.state = "done"
        except asyncio.CancelledError:
            entry.state = "cancelled"
            raise
        except Exception as error:
            entry.state, entry.error = "failed", f"{type(error).__name__}: {error}"[:500]
            log.exception("job_failed", job=job.name, id=entry.id)
            raise
        finally:
            entry.at_ms = time.time() * 1000
            self._tally.ended(job.name, entry.state, time.monotonic() - began_s)
            with contextlib.suppress(*TRANSIENT):
                await ledger.write(queue, entry)
        return entry.result


def serve(settings: JobsSettings) -> None:
    """Work until SIGTERM or SIGINT. Redis need not be there.

    Raises:
        Unavailable: the queue cannot be where the settings say.
    """
    logs.configure(settings.log_level)
    logging.getLogger("arq").setLevel(logging.WARNING)  # the ledger says it, and better
    asyncio.run(_serve(settings))


async def _serve(settings: JobsSettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    workman = Workman(settings)
    log.info("jobs_started", jobs=sorted(JOBS))
    async with metrics.served(workman.figures, settings.metrics_host, settings.metrics_port):
        await workman.work(stop)
    log.info("jobs_stopped")
