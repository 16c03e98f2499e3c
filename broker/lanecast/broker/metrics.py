"""The small server with which a process tells its figures, on a port of its own.

    GET /metrics    the figures, for Prometheus
    GET /healthz    200: the event loop lives; for probes of containers

One request a connection; it holds up nobody, and asks nobody for a token: by default it listens on loopback only, and
elsewhere on a network that only operators reach.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Final

import structlog

from lanecast.broker.exposition import CONTENT_TYPE, Sample, render
from lanecast.broker.tasks import cancel
from lanecast.broker.vitals import Vitals

log = structlog.get_logger()

LOOPBACK: Final = "127.0.0.1"
REQUEST_BYTES: Final = 8_192
REQUEST_S: Final = 5.0

Figures = Callable[[], Awaitable[Iterable[Sample]]]


@contextlib.asynccontextmanager
async def served(figures: Figures, host: str, port: int) -> AsyncIterator[int]:
    """Tell figures, and those of the process, while the block runs; gives the port. Port 0: nothing is served.

    A port that is taken costs the figures only: the process goes on without them, and says so.
    """
    if not port:
        yield 0
        return
    vitals = Vitals()

    async def text() -> str:
        return render([*await figures(), *vitals.samples()])

    try:
        server = await listen(text, host, port)
    except OSError as error:
        log.warning("metrics_not_served", host=host, port=port, error=error.strerror or str(error),
                  remedy="LANECAST_METRICS_PORT chooses another port, 0 none")  # fmt: skip
        yield 0
        return
    watching = asyncio.create_task(vitals.watch(), name="vitals")
    bound: int = server.sockets[0].getsockname()[1]
    log.info("metrics_served", host=host, port=bound)
    try:
        yield bound
    finally:
        server.close()
        await cancel(watching)


async def listen(text: Callable[[], Awaitable[str]], host: str, port: int) -> asyncio.Server:
    """The bare server; close what is returned to end it.

    Raises:
        OSError: the address cannot be listened on.
    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(REQUEST_S):
                request = await reader.readuntil(b"\r\n\r\n")
                writer.write(await _reply(request, text))
                await writer.drain()
        writer.close()

    return await asyncio.start_server(answer, host, port, limit=REQUEST_BYTES)


async def _reply(request: bytes, text: Callable[[], Awaitable[str]]) -> bytes:
    words = request.split(b" ", 2)
    path = words[1].partition(b"?")[0] if len(words) > 1 and words[0] == b"GET" else b""
    if path == b"/metrics":
        status, kind, body = "200 OK", CONTENT_TYPE, (await text()).encode()
    elif path == b"/healthz":
        status, kind, body = "200 OK", "text/plain", b"ok\n"
    else:
        status, kind, body = "404 Not Found", "text/plain", b"GET /metrics or /healthz\n"
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body
