"""Faults of the network between Lanecast and its server, 1 to 8: made by a proxy that all of it goes through."""

from __future__ import annotations

import time

import pytest
from tests.chaos.conftest import Play
from tests.support.proxy import Faults

from lanecast.broker.connect import TIMEOUT_S

RESUMED_S = 2.0
CALM = Faults()


@pytest.mark.parametrize(
    ("scenario", "cause", "faults", "seconds"),
    [
        ("1", "replies to appends are lost", Faults(lost_reply=0.03, commands=("XADD", "EVALSHA")), 6),
        ("2", "replies to reads are lost", Faults(lost_reply=0.03, commands=("XREAD", "XREADGROUP")), 6),
        ("3", "connections are reset in the middle of a frame", Faults(reset=0.01), 6),
        ("6", "latency of 200 ± 100 ms", Faults(latency_s=(0.1, 0.3)), 6),
        ("7", "one byte at a time", Faults(slice_bytes=1), 4),
    ],
    ids=["1", "2", "3", "6", "7"],
)  # fmt: skip
def test_a_bad_link_slows_and_loses_nothing(
    play: Play, scenario: str, cause: str, faults: Faults, seconds: float
) -> None:
    with play(scenario, cause, limit_s=RESUMED_S) as stage:
        with stage.cause(RESUMED_S):
            stage.engine.fault(faults)
            time.sleep(seconds)
            stage.engine.fault(CALM)
        if faults.lost_reply or faults.reset:
            made = stage.engine.made
            assert made["lost_reply"] + made["reset"] >= 3, "the fault was not made: the scenario proves nothing"
            stage.known_by(log="redis_gone|redis_away")
        stage.judge()


def test_a_black_hole_of_30_seconds_is_a_standstill_that_viewers_are_told_of(play: Play) -> None:
    with play("4", "black hole both ways for 30 s", limit_s=RESUMED_S) as stage:
        with stage.cause(RESUMED_S):
            stage.engine.fault(Faults(hole_up=True, hole_down=True))
            time.sleep(30)
            stage.engine.fault(CALM)
        stage.known_by(log="redis_gone", metric="lanecast_worker_outages_total")
        stage.told("Redis does not answer", "Redis is back")
        stage.judge()


@pytest.mark.parametrize(
    ("scenario", "cause", "faults"),
    [
        ("5a", "black hole towards the server for 8 s", Faults(hole_up=True)),
        ("5b", "black hole towards the clients for 8 s", Faults(hole_down=True)),
    ],
    ids=["5a", "5b"],
)
def test_a_hole_in_one_direction_is_as_one_in_both(play: Play, scenario: str, cause: str, faults: Faults) -> None:
    with play(scenario, cause, limit_s=RESUMED_S) as stage:
        with stage.cause(RESUMED_S):
            stage.engine.fault(faults)
            time.sleep(8)
            stage.engine.fault(CALM)
        stage.known_by(log="redis_gone", metric="lanecast_worker_outages_total")
        stage.told("Redis does not answer")
        stage.judge()


def test_a_connection_that_is_dead_and_does_not_know_it_is_given_up_after_the_time_limit(play: Play) -> None:
    """Nobody can tell before a command's time limit; of a worker's two connections one is used after the other."""
    limit_s = 2 * TIMEOUT_S + RESUMED_S
    with play("8", "half-open connections: the server's side is gone without a word", limit_s=limit_s) as stage:
        with stage.cause(limit_s):
            for proxy in stage.engine.proxies:
                proxy.orphan()
        stage.known_by(log="redis_gone|redis_away")
        stage.judge()
