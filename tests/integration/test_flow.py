"""Flow end to end: a run that is too much is slowed down, says so, and recovers; a full server stops bulk only."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from tests.producer.reading import payloads_of, send
from tests.support.engines import redis_binary
from tests.support.servers import Server, start_server
from tests.workers.rig import Viewer, Workers, counts, eventually, workers

from lanecast.broker import flow, keys
from lanecast.producer import Run

pytestmark = pytest.mark.integration


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    folder = tmp_path / "redis"
    folder.mkdir()
    started = start_server(folder, "--maxmemory-policy", "noeviction")
    yield started
    started.stop()


@pytest.fixture
def db(server: Server) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(server.url) as client:
        yield client


@pytest.fixture
def pool(server: Server, tmp_path: Path) -> Iterator[Workers]:
    with workers(server.url, tmp_path) as started:
        yield started


@contextlib.contextmanager
def simulating(run: Run, hz: float = 100.0) -> Iterator[None]:
    """Publishes frames and metrics until the block ends, whatever the server does."""
    done = threading.Event()

    def simulate() -> None:
        step = 0
        while not done.wait(1 / hz) and run.running():
            step += 1
            run.frame({"points": {"id": list(range(50)), "x": [float(step)] * 50, "y": [0.0] * 50}}, step=step)
            run.metrics({"n": step})

    with run:
        thread = threading.Thread(target=simulate, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            run.interrupt()
            thread.join(5)
    assert not thread.is_alive()


def statuses(db: redis.Redis, run: str) -> list[tuple[str, str]]:
    return [(status.level, status.text) for status in payloads_of(db, run, "critical", "status")]


def test_a_publisher_obeys_says_so_once_counts_and_recovers(server: Server, db: redis.Redis) -> None:
    run = Run("r", url=server.url)
    with simulating(run):
        eventually(lambda: run.stats.published.get("high", 0) > 10, "frames at full rate")
        limited = flow.Flow("slow", 4.0, True, "lane high is behind")
        db.hset(keys.flow("r"), mapping=limited.to_fields())
        eventually(lambda: run.flow == limited, "the limit")
        before, at = run.stats.published["high"], time.monotonic()
        eventually(lambda: run.stats.published["high"] >= before + 8, "eight frames")
        assert time.monotonic() - at > 1.5, "not more than four a second"
        db.hset(keys.flow("r"), mapping=flow.Flow("slow", 5.0, True, "still").to_fields())
        eventually(lambda: run.flow.max_rate_hz == 5.0, "another limit")
        db.delete(keys.flow("r"))
        eventually(lambda: run.flow.state == "ok", "the end of the limit")
        eventually(lambda: len(statuses(db, "r")) == 2, "both words about it")
        before, at = run.stats.published["high"], time.monotonic()
        eventually(lambda: run.stats.published["high"] >= before + 40, "frames at full rate")
        assert time.monotonic() - at < 2.0
        assert run.stats.dropped["high:flow"] > 50
    (begin, end) = statuses(db, "r")
    assert begin[0] == "warning"
    assert "4.0 times a second" in begin[1]
    assert "lane high is behind" in begin[1]
    assert end == ("info", "frames are sent at full rate again")
    frames = payloads_of(db, "r", "high", "frame")
    assert frames[-1].step == run.stats.published["high"] + run.stats.dropped.get(
        "high:flow", 0
    ) + run.stats.dropped.get("high:superseded", 0), "every frame is accounted for, and the last one arrived"


def test_a_backlog_slows_the_publisher_and_its_end_frees_it(server: Server, db: redis.Redis, pool: Workers) -> None:
    """The worker is stopped, and finds more than it can read in a moment."""
    worker = pool.start("w1", tick_ms=20)
    run = Run("r", url=server.url)
    viewer = Viewer(db, "r", "high")
    with simulating(run):
        viewer.until(lambda: viewer.steps["high"], "the first frame")
        worker.signal(signal.SIGSTOP)
        with db.pipeline() as pipe:
            for _ in range(60_000):
                pipe.xadd(keys.lane("r", "normal"), {"kind": "log", "data": b"\x81\xa4text\xa1x"})
                if len(pipe) >= 5_000:
                    pipe.execute()
            pipe.execute()
        worker.signal(signal.SIGCONT)
        eventually(lambda: run.flow.state == "slow", "the publisher's slowing down", 20)
        assert run.flow.max_rate_hz is not None
        assert run.flow.max_rate_hz <= 50.0
        viewer.until(lambda: run.flow.state == "ok", "the recovery", 45)
    assert counts(db, "r")["flow:slow"] >= 1


ENGINES = ["embedded", "redis"]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_server_without_memory_left_takes_control_counts_drops_and_recovers(engine: str, tmp_path: Path) -> None:
    folder = tmp_path / "redis"
    folder.mkdir()
    started = start_server(folder, "--maxmemory-policy", "noeviction")
    if engine == "redis":
        started.stop()
        if redis_binary() is None:
            pytest.skip("no redis-server here")
        started.command[0] = str(redis_binary())
        for file in folder.rglob("*"):
            if file.is_file():
                file.unlink()
        started.start()
    with redis.Redis.from_url(started.url) as db, workers(started.url, tmp_path) as pool:
        try:
            _without_memory(started, db, pool)
        finally:
            started.stop()


def _without_memory(server: Server, db: redis.Redis, pool: Workers) -> None:
    worker = pool.start("w1")
    run = Run("r", url=server.url, params={"gain": 1.0})
    viewer = Viewer(db, "r", "high")
    with simulating(run, hz=50):
        viewer.until(lambda: viewer.steps["high"], "the first frame")
        db.config_set("maxmemory", 1)
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            db.set("x", "y")
        viewer.tiers = ()  # its own demand would be refused: a gateway's is not
        eventually(lambda: run.flow.state == "stop_bulk", "the publisher's stopping bulk", 15)
        eventually(lambda: run.stats.dropped.get("high:flow", 0) > 20, "skipped frames")
        # Control goes on: the command reaches the simulation, its answer the viewers.
        assert send(db, "r", "set_params", "c1", params={"gain": 2.0}) == "sent"
        eventually(lambda: run.params["gain"] == 2.0, "the parameter")
        viewer.until(lambda: any(message["type"] == "result" for message in viewer.told), "the result")
        viewer.until(lambda: any("no frames are sent" in text for text in viewer.texts()), "the warning")
        assert db.exists(keys.alive("r")), "the sign of life is kept"
        assert worker.process.poll() is None
        assert not worker.events("run_failed")
        before = viewer.frames["high"][-1]["step"]
        db.config_set("maxmemory", 0)
        viewer.tiers = ("high",)
        viewer.until(lambda: viewer.frames["high"][-1]["step"] > before + 50, "frames again", 30)
        viewer.until(lambda: run.flow.state == "ok", "the recovery", 40)
    assert run.stats.dropped.get("normal:buffer_full", 0) == 0
    metrics = [payload.values["n"] for payload in payloads_of(db, "r", "normal", "metrics")]
    assert metrics == [metrics[0] + n for n in range(len(metrics))], (
        "lossless messages waited: none is missing or doubled"
    )
    assert not [name for name in counts(db, "r") if name.startswith(("trimmed:normal", "dropped:normal"))]
