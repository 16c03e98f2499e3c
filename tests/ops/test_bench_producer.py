"""The producer's bench: real work, real ways, real failures; its figures are not looked at here."""

from __future__ import annotations

import time

import pytest
import redis

from lanecast.ops.bench import producer_failures, producer_ways
from lanecast.ops.bench.machine import server
from lanecast.ops.bench.producer import _row
from lanecast.ops.bench.producer_ways import Simulation

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    return Simulation(step_s=0.001, entities=50)


def test_a_step_is_as_much_work_as_it_should_be_and_moves_the_bodies() -> None:
    large = Simulation(step_s=0.2, entities=400)
    small = Simulation(step_s=0.002, entities=400)
    assert large._rounds > 10 * small._rounds
    before = small.step()["bodies"]["x"].copy()
    assert (small.step()["bodies"]["x"] != before).any()


def test_every_way_tells_every_step(simulation: Simulation) -> None:
    assert list(producer_ways.ways()) == ["none", "lanecast", "sync XADD", "requests.post"]
    with server() as url, redis.Redis.from_url(url) as client:
        for way in producer_ways.ways().values():
            with way(url) as publish:
                for step in range(1, 4):
                    publish(simulation.step(), step)
                    time.sleep(0.02)  # a step's length: of frames that come at once only the newest is sent
        assert client.xlen("bench-xadd") == 3
        assert client.xlen("lc:{bench-producer}:in:high") >= 1
        assert client.xlen("lc:{bench-producer}:in:normal") == 3


@pytest.mark.parametrize("failure", producer_failures.FAILURES)
def test_after_every_failure_all_critical_messages_are_there_once(failure: str, simulation: Simulation) -> None:
    with producer_failures.servers() as make:
        taken, wrong = producer_failures.suffer(simulation, failure, 40, make)
    assert (len(taken), wrong) == (40, 0)


def test_missing_doubled_and_moved_messages_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(producer_failures, "ARRIVED_WITHIN_S", 0.0)
    for found, wrong in (
        (["1", "2", "3"], 0),
        (["1", "3"], 1),
        (["1", "2", "2", "3"], 1),
        (["2", "1", "3"], 1),
        ([], 3),
    ):
        monkeypatch.setattr(producer_failures, "_arrived", lambda _server, found=found: found)
        assert producer_failures._wrong(None, 3) == wrong  # type: ignore[arg-type]


def test_ways_are_compared_within_their_round() -> None:
    alone = [[(0.1, 0.0)] * 4, [(0.2, 0.0)] * 4, [(0.4, 0.0)] * 4]
    slower = [[(0.101, 0.00001)] * 4, [(0.202, 0.00001)] * 4, [(0.8, 0.00001)] * 4]  # the last by somebody else
    row = _row("x", slower, alone)
    assert (row["overhead_percent"], row["p99_ratio"], row["call_p50_us"], row["steps"]) == (1.0, 1.01, 10.0, 12)
