"""Figures as Prometheus text, and the server that hands them out."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest
from tests.support.servers import free_port

from lanecast.broker import metrics
from lanecast.broker.exposition import AGE_BOUNDS_S, Family, Histogram, Sample, render

COUNT = Family("lanecast_things_total", "counter", "Things.", ("run",))
AGE = Family("lanecast_age_seconds", "histogram", "Ages.")


def test_a_label_may_be_any_text() -> None:
    assert render([Sample(COUNT, {"run": 'a"b\\c\nd'}, 3)]).splitlines() == [
        "# HELP lanecast_things_total Things.",
        "# TYPE lanecast_things_total counter",
        r'lanecast_things_total{run="a\"b\\c\nd"} 3',
    ]


def test_labels_other_than_the_family_has_are_refused() -> None:
    with pytest.raises(ValueError, match="lanecast_things_total has labels"):
        render([Sample(COUNT, {"tier": "high"}, 1)])


def test_the_buckets_of_a_histogram_are_cumulated_and_end_at_infinity() -> None:
    ages = Histogram()
    for seconds in (-1.0, AGE_BOUNDS_S[0], 0.3, 99.0):
        ages.observe(seconds)
    lines = render([Sample(AGE, {}, ages)]).splitlines()
    assert 'lanecast_age_seconds_bucket{le="0.005"} 2' in lines
    assert 'lanecast_age_seconds_bucket{le="0.25"} 2' in lines
    assert 'lanecast_age_seconds_bucket{le="0.5"} 3' in lines
    assert 'lanecast_age_seconds_bucket{le="+Inf"} 4' in lines
    assert lines[-2:] == ["lanecast_age_seconds_sum 99.305", "lanecast_age_seconds_count 4"]


async def ask(port: int, request: str) -> tuple[str, str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{request} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return head.split("\r\n")[0], body


async def figures() -> Iterable[Sample]:
    return [Sample(COUNT, {"run": "a"}, 1)]


async def test_they_are_handed_out_at_metrics_with_those_of_the_process() -> None:
    async with metrics.served(figures, "127.0.0.1", free_port()) as port:
        status, body = await ask(port, "GET /metrics")
        assert status == "HTTP/1.1 200 OK"
        assert 'lanecast_things_total{run="a"} 1' in body
        values = dict(line.split() for line in body.splitlines() if not line.startswith("#") and "{" not in line)
        assert float(values["process_resident_memory_bytes"]) > 1e6
        assert float(values["process_cpu_seconds_total"]) > 0
        assert "lanecast_loop_delay_seconds_count" in values
        assert await ask(port, "GET /healthz") == ("HTTP/1.1 200 OK", "ok\n")
        assert (await ask(port, "GET /etc/passwd"))[0] == "HTTP/1.1 404 Not Found"
        assert (await ask(port, "POST /metrics"))[0] == "HTTP/1.1 404 Not Found"
    with pytest.raises(OSError, match=r"refused|Connect call failed"):
        await asyncio.open_connection("127.0.0.1", port)


async def test_a_port_that_is_taken_costs_the_figures_and_nothing_else() -> None:
    async with metrics.served(figures, "127.0.0.1", free_port()) as port:
        async with metrics.served(figures, "127.0.0.1", port) as none:
            assert none == 0
        assert (await ask(port, "GET /healthz"))[0] == "HTTP/1.1 200 OK"
