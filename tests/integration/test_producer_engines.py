"""A run on Cluster and behind Sentinel: a failover in the middle of it loses and repeats nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.producer.reading import payloads_of, result_of, send, simulating, wait_until
from tests.support.engines import Engine, any_binary, running, start_cluster, start_sentinel

from lanecast.broker import keys
from lanecast.broker.connect import connect_sync
from lanecast.producer import Run

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("start", [start_cluster, start_sentinel], ids=["cluster", "sentinel"])
def test_a_failover_loses_and_repeats_nothing(tmp_path: Path, start: Callable[[Path, str], Engine]) -> None:
    with running(start(tmp_path, any_binary())) as engine:
        run = Run("sim", url=engine.url, flush_s=15)
        numbers = iter(range(1_000_000))
        enough = threading.Event()

        def report() -> None:
            while not enough.wait(0.002):
                run.metrics({"n": next(numbers)})

        with simulating(run):
            reporter = threading.Thread(target=report, daemon=True)
            reporter.start()
            wait_until(lambda: run.stats.published.get("normal", 0) > 50, "the first messages", 20)
            engine.master_of("sim").kill()
            wait_until(lambda: not run.stats.connected, "the failover being noticed")
            wait_until(lambda: run.stats.connected, "the new master", 30)
            published = run.stats.published["normal"]
            wait_until(lambda: run.stats.published["normal"] > published + 50, "messages after the failover", 20)
            with connect_sync(engine.surviving_url) as client:
                wait_until(lambda: client.exists(keys.alive("sim")), "the run being alive", 20)
                assert send(client, "sim", "pause", "c1") == "sent"
                assert result_of(client, "sim", "c1").ok
            enough.set()
            reporter.join()
        with connect_sync(engine.surviving_url) as client:
            found = [int(metrics.values["n"]) for metrics in payloads_of(client, "sim", "normal", "metrics")]
        assert found == list(range(next(numbers)))
