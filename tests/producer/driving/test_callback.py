"""A driving simulation is shown by Redis and by HTTP, and goes on whatever its server does; really killed."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from tests.ops.system import System, system

from lanecast.producer import Param
from lanecast.producer.driving import DrivingState, StreamingVisualizationCallback, read_replay, roads_scene

pytestmark = pytest.mark.integration
_numbers = itertools.count()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with system(tmp_path_factory.mktemp("driving")) as it:
        yield it


def until(condition: Callable[[], Any], within_s: float = 15.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s} s"
        time.sleep(0.02)


def get(whole: System, path: str) -> Any:
    with contextlib.suppress(httpx.HTTPError):
        answer = httpx.get(f"{whole.url}{path}", timeout=5, trust_env=False)
        return answer.json() if answer.is_success else None
    return None


def step_once(callback: StreamingVisualizationCallback, step: int) -> None:
    callback.on_step_start()
    callback.on_planner_start()
    callback.on_planner_end()
    picture = np.full((40, 60, 3), step % 256, dtype=np.uint8)
    objects = [{"id": f"car-{n}", "x": step + n, "y": n, "speed": 10} for n in range(5)]
    path = [(step + n, 0.0) for n in range(8)]
    ego = {"x": step, "y": 0.0, "heading": 0.0, "speed": 12.0}
    callback.on_step_end(None, None, DrivingState(ego, objects, path, step=step, images={"front": picture}))


def make(whole: System, transport: str, **more: Any) -> StreamingVisualizationCallback:
    url = whole.redis_url if transport == "redis" else whole.url
    return StreamingVisualizationCallback(f"drive-{next(_numbers)}", "Drive {scenario}", transport, url, **more)


@pytest.mark.parametrize("transport", ["redis", "http"])
def test_a_step_is_shown_with_all_that_it_has(whole: System, transport: str, tmp_path: Path) -> None:
    save = tmp_path / "{scenario}.jsonl.gz"
    callback = make(whole, transport, scene=roads_scene([[(0, 0), (100, 0)]]), save=save)
    run = callback._run_id
    callback.on_initialization_start({"name": "night"}, None)
    callback.on_initialization_end()
    callback.on_simulation_start({"name": "night"})
    for step in range(1, 6):
        step_once(callback, step)
    until(lambda: (get(whole, f"/api/runs/{run}/snapshot") or {}).get("step") == 5)
    shown = get(whole, f"/api/runs/{run}/snapshot")
    assert shown["layers"]["ego"]["x"] == [5]
    assert shown["layers"]["objects"]["id"] == [f"car-{n}" for n in range(5)]
    assert shown["layers"]["trajectory"]["path"] == [1] * 8
    until(lambda: get(whole, f"/api/runs/{run}/snapshot")["metrics"].get("objects.tracked") == 5)
    until(lambda: get(whole, f"/api/runs/{run}/cameras")["cameras"])
    info = get(whole, f"/api/runs/{run}")
    assert (info["title"], info["kind"], info["state"]) == ("Drive night", "driving", "running")
    assert info["metadata"]["scenario"] == "night"
    assert info["scene"]
    callback.on_simulation_end()
    until(lambda: get(whole, f"/api/runs/{run}")["state"] == "ended")
    assert callback.errors == 0
    lines = list(read_replay(tmp_path / "night.jsonl.gz"))
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5]
    assert {"planner", "simulate"} <= lines[0]["phases"].keys()


def test_viewers_pause_and_stop_it_and_set_its_parameters(whole: System) -> None:
    callback = make(whole, "redis", params={"speed": Param(1.0, min=0, max=5)})
    with callback.simulation("day"):
        step_once(callback, 1)
        until(lambda: get(whole, f"/api/runs/{callback._run_id}"))
        assert whole.command(callback._run_id, "set_params", params={"speed": 3.0})["ok"]
        step_once(callback, 2)
        assert callback.params["speed"] == 3.0
        assert whole.command(callback._run_id, "stop")["ok"]
        step_once(callback, 3)
        assert callback.stop_requested


@pytest.mark.parametrize("transport", ["redis", "http"])
def test_a_server_killed_in_the_middle_never_stops_it_and_nothing_lossless_is_lost(
    whole: System, transport: str
) -> None:
    part = "valkey" if transport == "redis" else "gateway-1"
    callback = make(whole, transport)
    run = callback._run_id
    longest = 0.0
    with callback.simulation("crash"):
        for step in range(1, 201):
            if step == 50:
                until(lambda: get(whole, f"/api/runs/{run}/snapshot"))
                whole.kill(part)
            began = time.perf_counter()
            step_once(callback, step)
            longest = max(longest, time.perf_counter() - began)
            time.sleep(0.01)  # the simulation's own work
        callback.status("info", "after the crash")
        until(lambda: (get(whole, f"/api/runs/{run}/snapshot") or {}).get("step") == 200, 30)
    assert callback.errors == 0
    assert longest < 0.5, "a step never waits for a server"
    until(lambda: get(whole, f"/api/runs/{run}")["state"] == "ended")


@pytest.mark.parametrize("transport", ["redis", "http"])
def test_without_any_server_it_runs_from_start_to_end(transport: str) -> None:
    url = "redis://127.0.0.1:1/0" if transport == "redis" else "http://127.0.0.1:1"
    callback = StreamingVisualizationCallback("alone", transport=transport, url=url)
    with callback.simulation("alone"):
        for step in range(1, 50):
            step_once(callback, step)
    assert callback.errors == 0


def test_what_cannot_be_shown_is_counted_and_ends_nothing() -> None:
    callback = StreamingVisualizationCallback("odd", transport="http", url="http://127.0.0.1:1")
    with callback.simulation():
        callback.on_step_start()
        callback.on_step_end(None, None, {"ego": {"x": 1}})
        callback.on_step_end(None, None, None)
    assert callback.errors == 2
    callback.on_step_end(None, None, None)
    callback.on_simulation_manager_end()
