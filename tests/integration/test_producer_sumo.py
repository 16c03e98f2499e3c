"""Real SUMO traffic on a real server, steered. One simulation serves all tests: SUMO takes a second to load."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis
from tests.producer.reading import payloads_of, read_lane, result_of, send, wait_until
from tests.support.servers import start_server

from lanecast.broker import keys, payloads, wire
from lanecast.producer.sumo_world import find_scenario

pytest.importorskip("libsumo")
pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[redis.Redis]:
    """A server on which SUMO publishes the run `cologne8`."""
    own = start_server(tmp_path_factory.mktemp("sumo"))
    process = subprocess.Popen(
        [sys.executable, "-m", "lanecast.producer.sumo", "cologne8", "--url", own.url], stderr=subprocess.DEVNULL
    )
    with redis.Redis.from_url(own.url) as client:
        wait_until(lambda: process.poll() is not None or len(steps(client)) > 5, "SUMO's first frames", 30)
        assert process.poll() is None, "SUMO did not start"
        yield client
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
        assert payloads_of(client, "cologne8", "critical", "lifecycle")[-1].state == "ended"
        assert not client.exists(keys.alive("cologne8"))
    own.stop()


def frames(client: redis.Redis) -> list[payloads.Frame]:
    return [frame for _, frame in read_lane(client, "cologne8", "high")]


def steps(client: redis.Redis) -> list[int]:
    entries: Any = client.xrange(keys.lane("cologne8", "high"))
    return [wire.from_fields(fields, "high").seq for _, fields in entries]


def set_params(client: redis.Redis, command_id: str, **params: float) -> None:
    assert send(client, "cologne8", "set_params", command_id, params=params) == "sent"
    assert result_of(client, "cologne8", command_id).ok


def test_vehicles_move_the_way_they_face(server: redis.Redis) -> None:
    wait_until(lambda: len(steps(server)) > 20, "frames")
    before, after = (frame.layers["vehicles"] for frame in (frames(server)[2], frames(server)[12]))
    assert len(before) > 20, "there is traffic at once"
    rows = {name: row for row, name in enumerate(after.ids)}
    along = []
    for row, name in enumerate(before.ids):
        if name in rows and before.columns["speed"].data[row] > 5:
            there = rows[name]
            moved = [after.columns[axis].data[there] - before.columns[axis].data[row] for axis in ("x", "y")]
            heading = np.radians(after.columns["angle"].data[there])
            distance = float(np.hypot(*moved))
            along.append((moved[0] * np.cos(heading) + moved[1] * np.sin(heading)) / distance)
            assert distance == pytest.approx(1.0 * before.columns["speed"].data[row], rel=0.8)
    assert len(along) > 5
    assert np.median(along) > 0.99, "the angle is counter-clockwise from the x axis"


def test_vehicles_are_on_the_roads_of_the_scene(server: redis.Redis) -> None:
    (scene,) = payloads_of(server, "cologne8", "critical", "scene")
    raw = wire.decode(scene.data, "msgpack")
    x0, y0, x1, y1 = raw["bounds"]
    points = np.frombuffer(raw["lines"]["points"]["data"], "<f4").reshape(-1, 2)
    starts = np.frombuffer(raw["lines"]["starts"]["data"], "<u4")
    assert len(raw["lines"]["id"]) == len(starts) > 100
    assert len(np.frombuffer(raw["areas"]["starts"]["data"], "<u4")) > 50
    vehicles = frames(server)[-1].layers["vehicles"]
    x, y = (vehicles.columns[axis].data for axis in ("x", "y"))
    assert ((x > x0 - 10) & (x < x1 + 10) & (y > y0 - 10) & (y < y1 + 10)).all()
    ends = [*starts[1:], len(points)]
    segments = np.concatenate(
        [
            np.stack([points[start : end - 1], points[start + 1 : end]], axis=1)
            for start, end in zip(starts, ends, strict=True)
        ]
    )
    distances = [distance_to_segments(np.asarray([a, b]), segments) for a, b in zip(x, y, strict=True)]
    assert np.median(distances) < 4.0


def distance_to_segments(point: np.ndarray[Any, Any], segments: np.ndarray[Any, Any]) -> float:
    start, way = segments[:, 0], segments[:, 1] - segments[:, 0]
    share = np.clip(((point - start) * way).sum(1) / np.maximum((way**2).sum(1), 1e-9), 0, 1)
    return float(np.hypot(*(start + way * share[:, None] - point).T).min())


def test_lights_stand_at_stop_lines_and_change(server: redis.Redis) -> None:
    first = frames(server)[0].layers["lights"]
    assert len(first) > 50
    assert set(first.columns["state"].to_list()) <= set("ruygGoOs")
    set_params(server, "fast", step_rate=100)
    try:
        wait_until(
            lambda: frames(server)[-1].layers["lights"].columns["state"].to_list() != first.columns["state"].to_list(),
            "a light changing",
        )
    finally:
        set_params(server, "normal", step_rate=20)


def test_the_step_rate_is_what_viewers_set(server: redis.Redis) -> None:
    set_params(server, "rate-50", step_rate=50)
    measured = wait_until(
        lambda: next(
            (m for m in payloads_of(server, "cologne8", "normal", "metrics") if 45 < m.values["steps_per_s"] < 51), None
        ),
        "fifty steps a second",
    )
    assert measured.values["real_time_factor"] == pytest.approx(measured.values["steps_per_s"] / 10, rel=0.05)
    set_params(server, "rate-20", step_rate=20)


def test_the_speed_limit_slows_traffic_down_and_can_be_lifted(server: redis.Redis) -> None:
    set_params(server, "quick", step_rate=100)
    set_params(server, "slow", speed_limit=2)
    wait_until(lambda: frames(server)[-1].layers["vehicles"].columns["speed"].data.max() < 3, "slow traffic", 15)
    (created,) = [change for change in payloads_of(server, "cologne8", "critical", "lifecycle") if change.params]
    set_params(server, "lifted", speed_limit=created.params["speed_limit"]["max"])
    wait_until(lambda: frames(server)[-1].layers["vehicles"].columns["speed"].data.max() > 8, "fast traffic", 15)
    set_params(server, "again", step_rate=20)


def test_more_demand_brings_more_vehicles(server: redis.Redis) -> None:
    before = len(frames(server)[-1].layers["vehicles"])
    set_params(server, "rush", step_rate=100, demand_scale=10)
    wait_until(lambda: len(frames(server)[-1].layers["vehicles"]) > before + 6, "more vehicles", 20)
    set_params(server, "calm", step_rate=20, demand_scale=1)


def test_a_pause_freezes_the_simulations_time_within_200_ms(server: redis.Redis) -> None:
    send(server, "cologne8", "pause", "pause")
    result_of(server, "cologne8", "pause")
    wait_until(lambda: payloads_of(server, "cologne8", "critical", "lifecycle")[-1].state == "paused", "the pause", 0.2)
    frozen = frames(server)[-1].time_s
    assert wait_no_change(server, frozen)
    send(server, "cologne8", "step", "one")
    wait_until(lambda: frames(server)[-1].time_s == pytest.approx(frozen + 0.1), "one step")
    send(server, "cologne8", "resume", "resume")
    wait_until(lambda: frames(server)[-1].time_s > frozen + 0.5, "the simulation going on")


def wait_no_change(server: redis.Redis, time_s: float) -> bool:
    time.sleep(0.25)
    return frames(server)[-1].time_s == time_s


def test_traffic_on_the_edges_is_told_and_edges_that_became_empty_once(server: redis.Redis) -> None:
    set_params(server, "hurry", step_rate=60)

    def emptied() -> bool:
        events = payloads_of(server, "cologne8", "normal", "events")
        return any(0.0 in event.items["occupancy"].to_list() for event in events)

    wait_until(emptied, "an edge becoming empty")
    (scene,) = payloads_of(server, "cologne8", "critical", "scene")
    known = set(wire.decode(scene.data, "msgpack")["lines"]["id"])
    for event in payloads_of(server, "cologne8", "normal", "events"):
        edges, occupancy = event.items["edge"].to_list(), event.items["occupancy"].to_list()
        assert set(edges) <= known
        assert all(0 <= share <= 1 for share in occupancy)
    set_params(server, "slowly", step_rate=20)


def test_every_frame_says_how_long_its_phases_took(server: redis.Redis) -> None:
    assert set(frames(server)[-1].phases) == {"simulate", "read", "publish"}


SHORT = """<configuration>
  <input><net-file value="{folder}/cologne8.net.xml"/><route-files value="{folder}/cologne8.rou.xml"/></input>
  <time><begin value="25200"/><end value="25230"/></time>
</configuration>"""

TWICE = """
import sys
from pathlib import Path
from lanecast.producer.sumo_world import World, find_scenario
world = World(find_scenario(sys.argv[1]), step_length_s=1.0, warm_up_s=20)
times, again = [], 0
world.set_speed_limit(7.0)
for _ in range(15):
    again += world.advance()
    times.append(world.time_s)
assert (again, world.episode, world.step) == (1, 2, 15), (again, world.episode, world.step)
assert times[:10] == [25220.0 + n for n in range(1, 11)], times
assert all(0 < b - a <= 1 for a, b in zip(times, times[1:])), times
assert max(world.lane_limits().values()) == 7.0
assert len(world.vehicles()["id"]) > 10
world.close()
"""


def test_a_scenario_that_ends_begins_again_and_time_rises_on(tmp_path: Path) -> None:
    config = tmp_path / "short.sumocfg"
    config.write_text(SHORT.format(folder=find_scenario("cologne8").parent))
    done = subprocess.run(
        [sys.executable, "-c", TWICE, str(config)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
