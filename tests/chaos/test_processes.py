"""Processes that are killed, frozen, restarted, and fed with poison: 9 to 14."""

from __future__ import annotations

import signal
import time

from tests.chaos.conftest import Play
from tests.chaos.stage import RUN
from tests.support.engines import wait_until

from lanecast.broker import keys

RESUMED_S = 2.0
TAKEN_OVER_S = 3.0


def test_a_worker_killed_again_and_again_is_followed_by_another(play: Play) -> None:
    with play("9", "kill -9 of the worker that owns the run, three times", limit_s=TAKEN_OVER_S) as stage:
        worst_s = 0.0
        for pause_s in (0.0, 0.011, 0.023):
            owner = stage.owner()
            time.sleep(pause_s)
            with stage.cause(TAKEN_OVER_S, since_begin=True):
                owner.kill()
            worst_s = max(worst_s, stage.verdict.recovered_s)
            stage.start_worker()
            wait_until(lambda: stage.logged("worker_started") == len(stage.workers), "the next worker")
        stage.verdict.recovered_s = worst_s
        stage.known_by(log="run_taken", metric="lanecast_worker_takeovers_total")
        stage.judge()


def test_a_worker_that_slept_past_its_lease_is_fenced(play: Play) -> None:
    with play("10", "SIGSTOP of the owner past its lease, then SIGCONT", limit_s=TAKEN_OVER_S) as stage:
        owner = stage.owner()
        with stage.cause(TAKEN_OVER_S, since_begin=True):
            owner.signal(signal.SIGSTOP)
            wait_until(lambda: stage.workers_of_runs() not in ([], [owner]), "another owner")
        owner.signal(signal.SIGCONT)
        stage.known_by(log="run_fenced|run_left", metric="lanecast_worker_fenced_total")
        stage.settle()
        stage.judge()


def test_viewers_of_a_killed_gateway_go_on_at_another(play: Play) -> None:
    with play(
        "11", "kill -9 of a gateway with 500 of 1,000 viewers", limit_s=RESUMED_S, viewers=1000, hz=10.0
    ) as stage:
        with stage.cause(RESUMED_S, since_begin=True):
            stage.gateways[0].kill()
        stage.known_by(metric="lanecast_gateway_viewers")
        stage.judge()


def test_gateways_are_restarted_one_after_the_other(play: Play) -> None:
    with play("12a", "rolling SIGTERM and restart of both gateways", limit_s=RESUMED_S) as stage:
        with stage.cause(RESUMED_S):
            for gateway in stage.gateways:
                gateway.end()
                gateway.again()
        assert sum(viewer.ends["1012"] for viewer in stage.audience.viewers) >= len(stage.audience.viewers)
        stage.known_by(log="gateway_stopped", metric="lanecast_gateway_viewers")
        stage.judge()


def test_workers_are_restarted_one_after_the_other(play: Play) -> None:
    with play("12b", "rolling SIGTERM and restart of both workers", limit_s=RESUMED_S) as stage:
        with stage.cause(RESUMED_S):
            for worker in stage.workers[:2]:
                worker.signal(signal.SIGTERM)
                worker.process.wait(10)
                stage.start_worker()
            stage.owner()
        stage.known_by(log="worker_stopped", metric="lanecast_worker_takeovers_total")
        stage.judge()


def test_a_simulation_killed_and_started_again_is_followed_from_its_new_beginning(play: Play) -> None:
    with play("13", "kill -9 of the simulation, which starts again with epoch + 1", limit_s=RESUMED_S) as stage:
        with stage.client() as client, stage.cause(RESUMED_S):
            stage.simulation.kill()
            stage.start_simulation()
            wait_until(lambda: client.hget(keys.producers(RUN), RUN) == b"2", "the simulation's second epoch")
        first = {viewer.watcher.said[1] for viewer in stage.audience.viewers}
        assert len(first) == 1, f"viewers differ about the last message of the first life: {first}"
        stage.judge()


def test_poison_is_put_aside_and_told_and_holds_up_nobody(play: Play) -> None:
    with play("14", "six messages on critical that cannot be read", limit_s=RESUMED_S) as stage:
        with stage.cause(RESUMED_S), stage.client() as client:
            for n in range(6):
                client.xadd(keys.lane(RUN, "critical"), {"kind": "status", "enc": "msgpack", "data": b"\xc1" * (n + 1)})
            wait_until(lambda: client.xlen(keys.dead(RUN)) == 6, "dead letters")
        stage.known_by(log="message_rejected", metric="lanecast_worker_rejected_total")
        stage.judge()
