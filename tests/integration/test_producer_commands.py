"""Viewers steer a run on a real server."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
import redis
from tests.producer.reading import payloads_of, result_of, send, simulating, wait_until

from lanecast.broker import keys
from lanecast.producer import Param, Run

pytestmark = pytest.mark.integration


@pytest.fixture
def server(redis_url: str) -> Any:
    with redis.Redis.from_url(redis_url) as client:
        yield client


def wait_alive(server: redis.Redis) -> None:
    wait_until(lambda: server.exists(keys.alive("sim")), "the run being alive")


def states(server: redis.Redis) -> list[str]:
    return [change.state for change in payloads_of(server, "sim", "critical", "lifecycle")] or ["unknown"]


def test_a_paused_run_takes_no_step_until_it_is_resumed_and_wakes_at_once(redis_url: str, server: redis.Redis) -> None:
    with simulating(Run("sim", url=redis_url)) as steps:
        wait_alive(server)
        assert send(server, "sim", "pause", "c1") == "sent"
        assert result_of(server, "sim", "c1").ok
        wait_until(lambda: states(server)[-1] == "paused", "the pause")
        taken = len(steps)
        time.sleep(0.1)
        assert len(steps) == taken
        assert payloads_of(server, "sim", "critical", "control")[-1].paused
        asked = time.monotonic()
        send(server, "sim", "resume", "c2")
        wait_until(lambda: len(steps) > taken, "the next step")
        assert time.monotonic() - asked < 0.2
        wait_until(lambda: states(server)[-1] == "running", "the run going on")
        assert not payloads_of(server, "sim", "critical", "control")[-1].paused
    assert states(server) == ["created", "running", "paused", "running", "ended"]


def test_step_takes_so_many_steps_and_pauses(redis_url: str, server: redis.Redis) -> None:
    with simulating(Run("sim", url=redis_url)) as steps:
        wait_alive(server)
        send(server, "sim", "pause", "c1")
        wait_until(lambda: states(server)[-1] == "paused", "the pause")
        before = len(steps)
        send(server, "sim", "step", "c2", steps=3)
        wait_until(lambda: len(steps) == before + 3, "three steps")
        send(server, "sim", "step", "c3")
        wait_until(lambda: len(steps) == before + 4, "one more step")
        time.sleep(0.05)
        assert len(steps) == before + 4


def test_stop_ends_a_paused_run(redis_url: str, server: redis.Redis) -> None:
    with Run("sim", url=redis_url) as run:
        ended = threading.Event()

        def simulate() -> None:
            while run.running():
                pass
            ended.set()

        thread = threading.Thread(target=simulate, daemon=True)
        thread.start()
        wait_alive(server)
        send(server, "sim", "pause", "c1")
        result_of(server, "sim", "c1")
        send(server, "sim", "stop", "c2")
        assert ended.wait(1)
        thread.join()
        send(server, "sim", "resume", "c3")
        refused = result_of(server, "sim", "c3")
    assert (refused.ok, refused.error) == (False, "the simulation is stopping")
    assert states(server)[-2:] == ["stopping", "ended"]
    assert payloads_of(server, "sim", "critical", "control")[-1].stopping


def test_parameters_change_between_two_steps_and_callbacks_run_on_the_simulations_thread(
    redis_url: str, server: redis.Redis
) -> None:
    params: dict[str, Param | int] = {
        "gain": Param(1.0, min=0, max=5),
        "mode": Param("slow", choices=["slow", "fast"]),
        "n": 3,
    }
    run = Run("sim", params=params, url=redis_url)
    called: list[tuple[str, float, str]] = []
    run.on_param("gain", lambda value: called.append(("gain", value, threading.current_thread().name)))
    with simulating(run):
        wait_alive(server)
        send(server, "sim", "set_params", "c1", params={"gain": 2, "mode": "fast"})
        assert result_of(server, "sim", "c1").ok
        wait_until(lambda: run.params["gain"] == 2.0, "the new value")
        assert dict(run.params) == {"gain": 2.0, "mode": "fast", "n": 3}
        control = payloads_of(server, "sim", "critical", "control")[-1]
        assert control.params == {"gain": 2.0, "mode": "fast", "n": 3}
        assert [(name, value) for name, value, _ in called] == [("gain", 2.0)]
        assert "lanecast" not in called[0][2]
        for number, (given, field) in enumerate(
            [
                ({"gain": 7}, "args.params.gain"),
                ({"gain": "x"}, "args.params.gain"),
                ({"gain": 3, "mode": "warp"}, "args.params.mode"),
                ({"pitch": 1}, "args.params.pitch"),
                ({"n": 1.5}, "args.params.n"),
                ({}, "args.params"),
            ]
        ):
            send(server, "sim", "set_params", f"bad-{number}", params=given)
            refused = result_of(server, "sim", f"bad-{number}")
            assert (refused.ok, refused.field) == (False, field)
        assert run.params["gain"] == 2.0, "of a refused set nothing is taken"
        assert len(payloads_of(server, "sim", "critical", "control")) == 2


def test_parameters_change_while_the_run_is_paused(redis_url: str, server: redis.Redis) -> None:
    run = Run("sim", params={"gain": 1.0}, url=redis_url)
    with simulating(run):
        wait_alive(server)
        send(server, "sim", "pause", "c1")
        wait_until(lambda: states(server)[-1] == "paused", "the pause")
        send(server, "sim", "set_params", "c2", params={"gain": 4.5})
        wait_until(lambda: run.params["gain"] == 4.5, "the new value")
        assert states(server)[-1] == "paused"


def test_a_callback_that_fails_is_told_and_the_run_goes_on(redis_url: str, server: redis.Redis) -> None:
    run = Run("sim", params={"gain": 1.0}, url=redis_url)

    def fail(value: float) -> None:
        raise ValueError("no such gear")

    run.on_param("gain", fail)
    with simulating(run) as steps:
        wait_alive(server)
        send(server, "sim", "set_params", "c1", params={"gain": 2})
        (status,) = wait_until(lambda: payloads_of(server, "sim", "critical", "status"), "the status")
        assert (status.level, status.text) == ("error", "setting gain to 2.0 failed: ValueError: no such gear")
        taken = len(steps)
        wait_until(lambda: len(steps) > taken, "the next step")


def test_a_command_that_comes_twice_is_done_once_and_answered_twice(redis_url: str, server: redis.Redis) -> None:
    with simulating(Run("sim", url=redis_url)) as steps:
        wait_alive(server)
        send(server, "sim", "pause", "c1")
        wait_until(lambda: states(server)[-1] == "paused", "the pause")
        before = len(steps)
        send(server, "sim", "step", "c2", steps=2)
        result_of(server, "sim", "c2")
        ((_, fields),) = server.xrevrange(keys.control("sim"), count=1)  # type: ignore[misc]
        server.xadd(keys.control("sim"), fields)  # a gateway that lost the reply, or a second one
        results = wait_until(
            lambda: (
                len(found := [r for r in payloads_of(server, "sim", "critical", "result") if r.command_id == "c2"]) == 2
                and found
            ),
            "both results",
        )
        assert results[0] == results[1]
        time.sleep(0.05)
        assert len(steps) == before + 2


def test_a_command_past_its_time_is_not_done(redis_url: str, server: redis.Redis) -> None:
    with simulating(Run("sim", url=redis_url)):
        wait_alive(server)
        send(server, "sim", "stop", "c1", expires_ms=time.time() * 1000 - 1_000)
        refused = result_of(server, "sim", "c1")
        assert (refused.ok, refused.field) == (False, "expires_ms")
        assert states(server)[-1] == "running"


def test_commands_from_before_the_simulation_began_are_not_its_own(redis_url: str, server: redis.Redis) -> None:
    server.set(keys.alive("sim"), "an earlier one")
    assert send(server, "sim", "stop", "c1") == "sent"
    with simulating(Run("sim", url=redis_url)) as steps:
        wait_until(lambda: len(steps) > 10, "the simulation going on")
        assert send(server, "sim", "pause", "c2") == "sent"
        assert result_of(server, "sim", "c2").ok
    assert [result.command_id for result in payloads_of(server, "sim", "critical", "result")] == ["c2"]


def test_a_command_that_is_no_command_does_not_stop_the_next(redis_url: str, server: redis.Redis) -> None:
    with simulating(Run("sim", url=redis_url)):
        wait_alive(server)
        server.xadd(keys.control("sim"), {"name": "pause"})
        server.xadd(keys.control("sim"), {"command_id": "c1", "name": "fly"})
        server.xadd(keys.control("sim"), {"command_id": "c2", "name": "pause", "args": "[1]"})
        send(server, "sim", "pause", "c3")
        assert result_of(server, "sim", "c3").ok
        refused = result_of(server, "sim", "c1")
        assert (refused.ok, refused.field) == (False, "name")


def test_a_simulation_that_never_asks_takes_no_commands_and_says_so(redis_url: str, server: redis.Redis) -> None:
    with Run("sim", url=redis_url) as run:
        for _ in range(3):
            run.frame({"points": {"id": [1]}})
        wait_alive(server)
        send(server, "sim", "pause", "c1")
        refused = result_of(server, "sim", "c1")
        assert not refused.ok
        assert "running()" in refused.error
        assert len(payloads_of(server, "sim", "critical", "control")) == 1
