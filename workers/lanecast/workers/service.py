"""The entry point: a worker process from its settings to its exit."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

from lanecast.broker import logs
from lanecast.broker.connect import connect
from lanecast.workers.processors import PROCESSORS, chosen
from lanecast.workers.reducers import REDUCERS
from lanecast.workers.settings import WorkerSettings
from lanecast.workers.worker import Worker


def serve(settings: WorkerSettings) -> None:
    """Work until SIGTERM or SIGINT, then hand over all runs and return.

    Redis need not be there: the worker waits for it.

    Raises:
        PluginError: a plug-in that is installed, or asked for, cannot be taken in.
    """
    logs.configure(settings.log_level)
    REDUCERS.load()
    PROCESSORS.load()
    chosen(settings.processors)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(settings))


async def _serve(settings: WorkerSettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    client = connect(settings.redis_url)
    try:
        await Worker(client, settings).work(stop)
    finally:
        await client.aclose()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
