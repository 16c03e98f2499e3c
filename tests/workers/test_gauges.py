"""The worker's gauges, as text and over HTTP."""

from __future__ import annotations

import asyncio
import socket

from lanecast.workers import gauges
from lanecast.workers.stats import Stats
from lanecast.workers.strain import Process


def test_gauges_and_counters_are_prometheus_text() -> None:
    stats = Stats()
    stats.runs = 2
    stats.quality = {"b": 0, "a": 3}
    stats.add("frames", 7)
    lines = gauges.prometheus(stats, Process()).splitlines()
    assert "lanecast_worker_runs 2" in lines
    assert [line for line in lines if line.startswith("lanecast_worker_quality_level")] == [
        'lanecast_worker_quality_level{run="a"} 3', 'lanecast_worker_quality_level{run="b"} 0',
    ]  # fmt: skip
    assert "lanecast_worker_frames_total 7" in lines
    named = {line.split()[2] for line in lines if line.startswith("# TYPE")}
    assert {line.split("{")[0].split()[0] for line in lines if not line.startswith("#")} <= named


async def test_they_are_handed_out_at_metrics_and_nowhere_else() -> None:
    server = await gauges.serve(lambda: "a 1\n", 0)
    (port,) = [one.getsockname()[1] for one in server.sockets if one.family == socket.AF_INET]

    async def ask(path: str) -> tuple[str, str]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
        writer.close()
        await writer.wait_closed()
        return head.split("\r\n")[0], body

    assert await ask("/metrics") == ("HTTP/1.1 200 OK", "a 1\n")
    assert (await ask("/etc/passwd"))[0] == "HTTP/1.1 404 Not Found"
    server.close()
    await server.wait_closed()
