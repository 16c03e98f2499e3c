"""`lanecast gateway --processes N`: several gateway processes on one port, kept running.

The kernel spreads connections over them (SO_REUSEPORT). Each is a gateway like any other, with a node id of its own;
they know each other only through Redis.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Final

from lanecast.gateway import GatewaySettings
from lanecast.ops import metrics_ports, ports, probes
from lanecast.ops.problem import Problem
from lanecast.ops.report import Report
from lanecast.ops.supervise import Part, Supervisor, asked_to_stop

MOST: Final = 64
NODE_CHARACTERS: Final = 64
"""Of the name that the processes share; a number and the name of the life follow."""


async def serve(settings: GatewaySettings, processes: int, report: Report) -> None:
    """Run them until SIGTERM or SIGINT; then all drain at the same time.

    Raises:
        Problem: the port is taken, or one of them cannot be started; what had been started was ended again.
    """
    if not 1 <= processes <= MOST:
        raise Problem(f"--processes {processes} is not between 1 and {MOST}")
    port = settings.port or ports.free_port()
    if not ports.is_free(port, settings.host):
        raise Problem(f"port {port} is in use", "Choose another with --port, or end what listens there.")
    parts = metrics_ports.numbered(plan(settings, port, processes))
    supervisor = Supervisor(report.event, report.line)
    with asked_to_stop(supervisor, report.say) as asked:
        starting = asyncio.create_task(_start(supervisor, parts))
        waiting = asyncio.create_task(asked.wait())
        try:
            await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                report.say(f"{processes} gateways on port {port}")
                await asked.wait()
        finally:
            report.ending = True
            for task in (waiting, starting):
                task.cancel()
            await asyncio.gather(waiting, starting, return_exceptions=True)
            await supervisor.stop(together=True)


async def _start(supervisor: Supervisor, parts: list[Part]) -> None:
    await asyncio.gather(*(supervisor.start(part) for part in parts))


def plan(settings: GatewaySettings, port: int, processes: int) -> list[Part]:
    """The parts; what these settings do not say, children take from the environment as this process does. Pure."""
    shared = {
        "LANECAST_REDIS_URL": settings.redis_url,
        "LANECAST_HOST": settings.host,
        "LANECAST_PORT": str(port),
        "LANECAST_REUSE_PORT": "true",
    }
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104 - compared, not bound
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    return [_part(settings.node[:NODE_CHARACTERS], n, url, shared) for n in range(1, processes + 1)]


def _part(node: str, number: int, url: str, shared: dict[str, str]) -> Part:
    def name(life: str) -> str:
        return f"{node}-{number}-{life}"

    return Part(
        f"gateway-{number}",
        (sys.executable, "-m", "lanecast.ops", "gateway"),
        probes.answers_as(f"{url}/healthz", name),
        lambda life: {**shared, "LANECAST_NODE": name(life)},
    )
