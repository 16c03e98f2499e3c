"""`lanecast up` with real processes that are really killed, seen by a real viewer."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from tests.ops.system import (
    ENV,
    HEALS_S,
    LANECAST,
    System,
    alive,
    listens,
    system,
    times_never_step_back,
    watching,
)

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Cologne, live; shared by the tests of this module, which leave it running."""
    with system(tmp_path_factory.mktemp("city"), "--demo", "cologne8") as it:
        yield it


def up(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*LANECAST, "up", *args], cwd=folder, env=ENV, capture_output=True, text=True, timeout=60, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_everything_runs_and_the_state_file_names_it(city: System) -> None:
    state = city.state
    assert sorted(state["children"]) == ["demo", "gateway-1", "jobs", "valkey", "worker-1"]
    assert all(alive(pid) for pid in state["children"].values())
    city.until(lambda: f"Lanecast is live: {city.url}/#/run/cologne8" in city.log, 5, "the address is printed")


def test_a_viewer_on_a_terminal_sees_vehicles_that_move(city: System) -> None:
    with watching(city.url, "cologne8") as watcher:
        watcher.more(20, within_s=10)
        frames = watcher.frames[:20]
    assert all(frame["run"] == "cologne8" for frame in frames)
    assert frames[0]["step"] < frames[-1]["step"]
    first, last = (_positions(frame) for frame in (frames[0], frames[-1]))
    both = first.keys() & last.keys()
    assert len(both) > 10
    assert sum(first[one] != last[one] for one in both) > len(both) / 4
    assert all(0 <= frame["age_ms"] < 2_000 for frame in frames[1:])


def test_a_viewer_ends_after_the_frames_it_wanted(city: System) -> None:
    done = subprocess.run(
        [*LANECAST, "watch", "cologne8", "--url", city.url, "--frames", "3", "--json", "--tier", "low"],
        env=ENV, capture_output=True, text=True, timeout=20, check=True,
    )  # fmt: skip
    assert len(done.stdout.splitlines()) == 3
    assert '"tier":"low"' in done.stdout


def test_an_unknown_run_is_refused_in_one_line(city: System) -> None:
    done = subprocess.run(
        [*LANECAST, "watch", "atlantis", "--url", city.url, "--json"],
        env=ENV, capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "atlantis" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_second_start_in_the_same_folder_says_who_is_there(city: System, tmp_path: Path) -> None:
    done = up(tmp_path, "--data", str(city.data), "--port", "0")
    assert done.returncode == 1
    assert city.process is not None
    assert f"process {city.process.pid}" in done.stderr
    assert "--data" in done.stderr


def test_a_second_start_on_the_same_port_says_so_and_starts_nothing(city: System, tmp_path: Path) -> None:
    port = city.url.rpartition(":")[2]
    done = up(tmp_path, "--port", port)
    assert done.returncode == 1
    assert f"port {port} is in use" in done.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("part", ["gateway-1", "worker-1", "jobs", "valkey"])
def test_a_killed_part_heals_within_five_seconds_and_time_never_steps_back(city: System, part: str) -> None:
    with watching(city.url, "cologne8") as watcher:
        watcher.more(10, within_s=10)
        pid = city.kill(part)
        city.until(lambda: city.state["children"].get(part, pid) != pid, HEALS_S, f"{part} runs again")
        last = watcher.last["step"]
        watcher.until(lambda: watcher.last["step"] > last + 5)
        watcher.more(10)
        gap_s = max(b - a for a, b in zip(watcher.at_s, watcher.at_s[1:], strict=False))
        frames = list(watcher.frames)
    assert gap_s < HEALS_S
    assert times_never_step_back(frames)
    assert f"{part} (process {pid}) was killed by SIGKILL; starting it again" in city.log
    city.until(lambda: f"{part} is back" in city.log, HEALS_S, "it is said")


def test_a_killed_demo_goes_on_within_five_seconds(city: System) -> None:
    with watching(city.url, "cologne8") as watcher:
        watcher.more(5, within_s=10)
        pid = city.kill("demo")
        city.until(lambda: city.state["children"].get("demo", pid) != pid, HEALS_S, "it runs again")
        watcher.more(10)


def test_lines_of_json_become_a_run_of_their_own(city: System) -> None:
    lines = "".join(
        f'{{"step": {n}, "time_s": {n / 10}, "layers": {{"points": [{{"id": 1, "x": {n}, "y": 0}}]}}}}\n'
        for n in range(1, 4)
    )
    subprocess.run(
        [*LANECAST, "publish", "by-hand", "--redis", city.redis_url],
        input=lines, text=True, env=ENV, timeout=20, check=True, capture_output=True,
    )  # fmt: skip
    with watching(city.url, "by-hand") as watcher:
        watcher.until(lambda: bool(watcher.frames) and watcher.last["step"] == 3)
        assert watcher.last["layers"]["points"] == {"id": [1], "x": [3], "y": [0]}
    listed = subprocess.run(
        [*LANECAST, "runs", "--redis", city.redis_url], text=True, env=ENV, timeout=20, check=True, capture_output=True
    ).stdout
    assert "by-hand" in listed
    assert "cologne8" in listed


def test_a_viewer_that_stops_the_demo_ends_it_and_the_rest_goes_on(tmp_path: Path) -> None:
    with system(tmp_path, "--demo", "cologne8") as city:
        assert city.command("cologne8", "stop")["ok"]
        city.until(lambda: "demo" not in city.state["children"], 10, "the demo has ended")
        city.until(lambda: "demo has come to its end" in city.log, 5, "it is said")
        city.until(lambda: city.info("cologne8")["state"] == "ended", 5, "viewers are told")
        assert listens(city.url)
        # Ctrl-C ends what is left.
        assert city.stop(signal.SIGINT) == 0


def test_ending_it_leaves_nothing_behind_and_the_data_is_there_at_the_next_start(tmp_path: Path) -> None:
    with system(tmp_path) as it:
        url, pids = it.url, it.state["children"].values()
        with redis.Redis.from_url(it.redis_url) as client:
            client.sadd("lc:runs", "kept")
        assert it.stop() == 0
        assert not any(alive(pid) for pid in pids)
        assert not listens(url)
        assert not it.state_file.exists()
        assert re.findall(r"([a-z0-9-]+) ended\"", it.log) == ["jobs", "gateway-1", "worker-1", "valkey"]
        it.start()
        with redis.Redis.from_url(it.redis_url) as client:
            assert client.sismember("lc:runs", "kept")


def test_it_ends_by_itself_after_the_seconds_given(tmp_path: Path) -> None:
    done = up(tmp_path, "--seconds", "0.5", "--port", "0")
    assert done.returncode == 0
    assert "Lanecast is live" in done.stdout


def test_when_up_itself_is_killed_nothing_is_left(tmp_path: Path) -> None:
    with system(tmp_path) as it:
        pids = list(it.state["children"].values())
        assert it.process is not None
        it.process.kill()
        it.process.wait()
        # The kernel ends them; that is waited for.
        for pid in pids:
            _until_gone(pid)
        it.start()  # the lock is free


def test_several_gateways_share_a_port_and_one_may_die(tmp_path: Path) -> None:
    with system(tmp_path, "--gateways", "2", "--workers", "2") as it:
        assert sorted(it.state["children"]) == ["gateway-1", "gateway-2", "jobs", "valkey", "worker-1", "worker-2"]
        pid = it.kill("gateway-1")
        it.until(lambda: it.state["children"].get("gateway-1", pid) != pid, HEALS_S, "it runs again")
        assert listens(it.url)


def test_a_given_server_is_used_and_left_alone(redis_url: str, tmp_path: Path) -> None:
    with system(tmp_path, "--redis", redis_url) as it:
        assert sorted(it.state["children"]) == ["gateway-1", "jobs", "worker-1"]
        assert it.stop() == 0
    with redis.Redis.from_url(redis_url) as client:
        assert client.ping()


def _positions(frame: dict[str, Any]) -> dict[str, float]:
    vehicles = frame["layers"]["vehicles"]
    return dict(zip(vehicles["id"], vehicles["x"], strict=True))


def _until_gone(pid: int) -> None:
    deadline = time.monotonic() + 5
    while alive(pid):
        assert time.monotonic() < deadline, f"process {pid} is left"
        time.sleep(0.02)
