"""10,000 critical messages arrive exactly once and in order, whatever the network, the server or a failover does."""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.proofs.reader import on_lane, publish, reading, until
from tests.support.engines import (
    Engine,
    any_binary,
    redis_binary,
    running,
    start_cluster,
    start_sentinel,
    start_single,
)
from tests.support.proxy import Faults
from tests.support.servers import embedded_binary
from tests.workers.rig import workers

from lanecast.broker.connect import connect_sync
from lanecast.producer import Run

pytestmark = [pytest.mark.integration, pytest.mark.proof]

COUNT = 10_000
SEED = 7
CALM = Faults()
ROUGH = Faults(lost_reply=0.02, reset=0.005)
HOLES = (Faults(hole_up=True), Faults(hole_down=True), Faults(hole_up=True, hole_down=True))
LONGER_THAN_ANY_TIMEOUT_S = 5.5

ENGINES = {
    "valkey": (start_single, embedded_binary),
    "redis": (start_single, redis_binary),
    "cluster": (start_cluster, any_binary),
    "sentinel": (start_sentinel, any_binary),
}


@pytest.fixture
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """The engine that the test is parametrized with, behind proxies."""
    start, binary = ENGINES[request.param]
    path = binary()
    if path is None:
        pytest.skip("no local redis-server")
    with running(start(tmp_path, path, SEED)) as engine:
        yield engine


on_engines = functools.partial(pytest.mark.parametrize, "engine", indirect=True)


@on_engines(ENGINES)
def test_over_a_network_that_loses_replies_cuts_connections_and_swallows_everything_for_a_while(
    engine: Engine, tmp_path: Path
) -> None:
    chance = random.Random(SEED)
    with workers(engine.url, tmp_path) as pool:
        pool.start("w1")
        with reading(engine.url, "proof") as reader, Run("proof", url=engine.url, flush_s=20) as run:
            until(lambda: run.stats.connected, "the connection", 10)
            engine.fault(ROUGH)
            holes = [*HOLES, *chance.sample(HOLES, k=len(HOLES))]
            dug_at = sorted(chance.sample(range(1_000, COUNT - 1_000, 20), k=len(holes)))
            for published in publish(run, COUNT):
                if published in dug_at:
                    hole = holes[dug_at.index(published)]
                    engine.fault(hole)
                    time.sleep(LONGER_THAN_ANY_TIMEOUT_S if published == dug_at[0] else chance.uniform(0.1, 0.6))
                    engine.fault(ROUGH)
            made = engine.made
            engine.fault(CALM)
            until(lambda: reader.numbers[-1:] == [COUNT - 1], "the last message", 30)
            assert run.stats.dropped == {}
        assert reader.numbers == list(range(COUNT))
        assert reader.broken == []
        assert made["lost_reply"] >= 20
        assert made["reset"] >= 5


@on_engines(ENGINES)
def test_across_kills_of_a_server_that_keeps_a_log(engine: Engine, tmp_path: Path) -> None:
    with workers(engine.url, tmp_path) as pool:
        pool.start("w1")
        with reading(engine.url, "proof") as reader, Run("proof", url=engine.url, flush_s=20) as run:
            until(lambda: run.stats.connected, "the connection", 10)
            engine.fault(ROUGH)
            for published in publish(run, COUNT, pause_s=0.01):
                if published % 2_000 == 1_000:
                    until(lambda: not run.stats.buffered["critical"], "the server being back", 20)
                    node = engine.master_of("proof")
                    node.kill()
                    time.sleep(0.1)
                    node.start()
            engine.fault(CALM)
            until(lambda: reader.numbers[-1:] == [COUNT - 1], "the last message", 30)
            assert run.stats.dropped == {}
            assert run.stats.reconnects >= 3, "a kill while the link is down anyway is not felt; the others are"
        assert reader.numbers == list(range(COUNT))
        assert reader.broken == []


@on_engines(["cluster", "sentinel"])
def test_across_a_failover_to_a_replica_that_was_cut_off_before(engine: Engine) -> None:
    """What the old master had acknowledged and nobody else has is sent again, and nothing besides."""
    master = engine.master_of("proof")
    replica = engine.replica_of(master)
    with Run("proof", url=engine.url, flush_s=20) as run:
        until(lambda: run.stats.connected, "the connection", 10)
        lacking = 0
        for published in publish(run, COUNT, burst=50, pause_s=0.01):
            if published == COUNT // 2:
                engine.fault(Faults(cut_replicas=True))
            if published == COUNT // 2 + 2_000:
                until(lambda: not run.stats.buffered["critical"], "the acknowledgement", 10)
                with replica.client(readonly=engine.is_cluster) as client:
                    lacking = published - len(on_lane(client, "proof"))
                master.kill()
        until(lambda: run.stats.reconnects and not run.stats.buffered["critical"], "the new master", 30)
        assert run.stats.dropped == {}
    assert lacking >= 1_500, "the replica was not cut off: the test proves nothing"
    with connect_sync(engine.surviving_url) as client:
        assert on_lane(client, "proof") == list(range(COUNT))
    assert engine.master_of("proof") is replica
