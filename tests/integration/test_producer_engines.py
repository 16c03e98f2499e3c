"""A run on Cluster and behind Sentinel: a failover in the middle of it loses and repeats nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis
from tests.producer.reading import payloads_of, result_of, send, simulating, wait_until
from tests.support.engines import Engine, redis_binary, running, start_cluster, start_sentinel

from lanecast.broker import keys
from lanecast.broker.connect import connect_sync
from lanecast.producer import Run

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(redis_binary() is None, reason="no local redis-server"),
]


def master_of_cluster(engine: Engine) -> int:
    client: Any = redis.Redis(port=next(iter(engine.nodes)))
    with client:
        slot = int(client.execute_command("CLUSTER KEYSLOT", keys.producers("sim")))
        for line in client.execute_command("CLUSTER NODES").items():
            address, node = line
            if "master" in node["flags"] and any(int(first) <= slot <= int(last) for first, last in node["slots"]):
                return int(address.partition("@")[0].rpartition(":")[2])
    raise AssertionError("no node serves the run's slot")


def master_of_sentinel(engine: Engine) -> int:
    client: Any = connect_sync(engine.url)
    with client:
        client.ping()
        return int(client.connection_pool.get_master_address()[1])


def surviving_url(engine: Engine) -> str:
    """The URL without the node that was killed: the run got to know the others by itself, a newcomer cannot."""
    if not engine.url.startswith("redis+cluster:"):
        return engine.url
    alive = [port for port, node in engine.nodes.items() if node.process is not None and node.process.poll() is None]
    return "redis+cluster://" + ",".join(f"127.0.0.1:{port}" for port in alive)


@pytest.mark.parametrize(
    ("start", "master_of"),
    [(start_cluster, master_of_cluster), (start_sentinel, master_of_sentinel)],
    ids=["cluster", "sentinel"],
)
def test_a_failover_loses_and_repeats_nothing(
    tmp_path: Path, start: Callable[[Path, str], Engine], master_of: Callable[[Engine], int]
) -> None:
    binary = redis_binary()
    assert binary is not None
    with running(start(tmp_path, binary)) as engine:
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
            engine.nodes[master_of(engine)].kill()
            wait_until(lambda: not run.stats.connected, "the failover being noticed")
            wait_until(lambda: run.stats.connected, "the new master", 30)
            published = run.stats.published["normal"]
            wait_until(lambda: run.stats.published["normal"] > published + 50, "messages after the failover", 20)
            with connect_sync(surviving_url(engine)) as client:
                wait_until(lambda: client.exists(keys.alive("sim")), "the run being alive", 20)
                assert send(client, "sim", "pause", "c1") == "sent"
                assert result_of(client, "sim", "c1").ok
            enough.set()
            reporter.join()
        with connect_sync(surviving_url(engine)) as client:
            found = [int(metrics.values["n"]) for metrics in payloads_of(client, "sim", "normal", "metrics")]
        assert found == list(range(next(numbers)))
