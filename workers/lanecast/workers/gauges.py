"""The worker's counters and gauges as Prometheus text, and the small server that hands them out.

The server answers `GET /metrics` and nothing else, one request a connection; it holds up nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

import structlog

from lanecast.workers.stats import NAMES, Stats
from lanecast.workers.strain import Process

log = structlog.get_logger()

REQUEST_BYTES: Final = 8_192
REQUEST_S: Final = 5.0


def prometheus(stats: Stats, process: Process) -> str:
    """The text exposition format, version 0.0.4."""
    gauges = (
        ("lanecast_worker_runs", "Runs that this worker owns.", float(stats.runs)),
        ("lanecast_worker_cpu", "Share of a core that this process takes.", round(process.cpu, 4)),
        ("lanecast_worker_memory_bytes", "Resident memory of this process.", float(process.memory_bytes)),
    )
    lines: list[str] = []
    for name, text, value in gauges:
        lines += (f"# HELP {name} {text}", f"# TYPE {name} gauge", f"{name} {value:g}")
    name = "lanecast_worker_quality_level"
    lines += (f"# HELP {name} How much of a run's quality is given up; 0 is nothing.", f"# TYPE {name} gauge")
    lines += [f'{name}{{run="{run}"}} {level}' for run, level in sorted(stats.quality.items())]
    for counter in NAMES:
        name = f"lanecast_worker_{counter}_total"
        lines += (f"# TYPE {name} counter", f"{name} {stats.totals[counter]}")
    return "\n".join(lines) + "\n"


async def serve(text: Callable[[], str], port: int) -> asyncio.Server:
    """Listen on all addresses; close what is returned to end it.

    Raises:
        OSError: the port is taken.
    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(REQUEST_S):
                request = await reader.readuntil(b"\r\n\r\n")
                found = request.startswith((b"GET /metrics ", b"GET /metrics?"))
                body = text().encode() if found else b"GET /metrics\n"
                status = "200 OK" if found else "404 Not Found"
                writer.write(
                    f"HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {len(body)}\r\n"
                    "Connection: close\r\n\r\n".encode()
                    + body
                )
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, port=port, limit=REQUEST_BYTES)
    log.info("gauges_served", port=server.sockets[0].getsockname()[1])
    return server
