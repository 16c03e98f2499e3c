"""What viewers see when workers and servers die, freeze, join and leave: nothing twice, nothing lost, no step back."""

from __future__ import annotations

import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from tests.support.servers import start_server
from tests.workers.rig import (
    Publisher,
    Viewer,
    WorkerProcess,
    Workers,
    counts,
    eventually,
    info,
    owner,
    workers,
)

from lanecast.broker import keys, lease
from lanecast.broker.scripts import run_sync
from lanecast.producer import Run

pytestmark = pytest.mark.integration


class Simulation(threading.Thread):
    """Publishes a frame each 30 ms and a numbered status with every one, until told to end."""

    def __init__(self, url: str, run: str) -> None:
        super().__init__(daemon=True)
        self.client = redis.Redis.from_url(url, socket_timeout=2)
        self.publisher = Publisher(self.client, run, producer="sim")
        self.step = 0
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.03):
            try:
                self.publisher.frame(self.step + 1)
                self.publisher.send("status", {"text": f"s{self.step + 1}"})
            except redis.RedisError:
                continue  # the same step again: frames and numbered messages bear that
            self.step += 1

    def end(self) -> int:
        self.over.set()
        self.join()
        self.client.close()
        return self.step


@contextmanager
def simulation(url: str, run: str) -> Iterator[Simulation]:
    thread = Simulation(url, run)
    thread.start()
    try:
        yield thread
    finally:
        if thread.is_alive():
            thread.end()


def check_story(viewer: Viewer, last: int, *, tier: str = "high") -> None:
    """Steps only rise, and every status came once and in order."""
    assert viewer.steps[tier] == sorted(viewer.steps[tier])
    told = [text for text in viewer.texts() if text.startswith("s")]
    assert told == [f"s{n}" for n in range(1, last + 1)]


def epoch(viewer: Viewer) -> int:
    """The lease epoch of the last frame."""
    return int(viewer.frames["high"][-1]["offset"].split("-")[0])


def both(db: redis.Redis, pool: Workers, run: str) -> tuple[WorkerProcess, WorkerProcess]:
    """Two workers, the first of which owns the run."""
    names = sorted(("a", "b"), key=lambda name: lease.preferred(run, ["a", "b"]) != name)
    first, second = pool.start(names[0]), pool.start(names[1])
    eventually(lambda: db.zcard(keys.WORKERS) == 2 and owner(db, run) == names[0], "both workers")
    return first, second


def test_a_killed_worker_is_replaced_within_three_seconds_and_nothing_is_lost_or_told_twice(
    db: redis.Redis, pool: Workers, redis_url: str
) -> None:
    viewer = Viewer(db, "kill", "high")
    with simulation(redis_url, "kill") as sim:
        first, second = both(db, pool, "kill")
        viewer.until(lambda: len(viewer.steps["high"]) > 30, "frames of the first worker")
        held = epoch(viewer)
        killed = time.monotonic()
        first.kill()
        viewer.until(lambda: epoch(viewer) > held, "frames of the second worker", 5.0)
        assert time.monotonic() - killed <= 3.0
        assert owner(db, "kill") == second.worker_id
        seen = len(viewer.steps["high"])
        viewer.until(lambda: len(viewer.steps["high"]) > seen + 20, "more frames")
        last = sim.end()
    viewer.until(lambda: f"s{last}" in viewer.texts() and viewer.steps["high"][-1] == last, "the last step")
    check_story(viewer, last)
    first_of_second = next(f for f in viewer.frames["high"] if f["offset"].startswith(f"{held + 1}-"))
    assert first_of_second["key"]


def test_a_worker_that_was_frozen_past_its_lease_writes_nothing_when_it_wakes(
    db: redis.Redis, pool: Workers, redis_url: str
) -> None:
    viewer = Viewer(db, "freeze", "high")
    with simulation(redis_url, "freeze") as sim:
        first, second = both(db, pool, "freeze")
        viewer.until(lambda: len(viewer.steps["high"]) > 10, "frames of the first worker")
        held = epoch(viewer)
        first.signal(signal.SIGSTOP)
        viewer.until(lambda: epoch(viewer) > held, "frames of the second worker", 5.0)
        first.signal(signal.SIGCONT)
        # The one that woke is preferred again: the second hands the run over to it, under a third lease.
        viewer.until(lambda: epoch(viewer) > held + 1, "the run's return", 5.0)
        seen = len(viewer.steps["high"])
        viewer.until(lambda: len(viewer.steps["high"]) > seen + 10, "more frames")
        last = sim.end()
    viewer.until(lambda: f"s{last}" in viewer.texts(), "the last status")
    check_story(viewer, last)
    epochs = [int(f["offset"].split("-")[0]) for f in viewer.frames["high"]]
    assert epochs == sorted(epochs)
    assert first.events("run_fenced")
    assert not first.events("run_failed")
    assert second.process.poll() is None


def test_a_worker_that_joins_is_handed_its_share_without_a_gap(db: redis.Redis, pool: Workers, redis_url: str) -> None:
    names = sorted(("a", "b"), key=lambda name: lease.preferred("share", ["a", "b"]) != name)
    viewer = Viewer(db, "share", "high")
    with simulation(redis_url, "share") as sim:
        pool.start(names[1])
        viewer.until(lambda: len(viewer.steps["high"]) > 10, "frames of the first worker")
        pool.start(names[0])
        viewer.until(lambda: epoch(viewer) == 2, "frames of the second worker", 5.0)
        last = sim.end()
    viewer.until(lambda: f"s{last}" in viewer.texts() and viewer.steps["high"][-1] == last, "the last step")
    check_story(viewer, last)
    before, after = (
        next(f for f in frames if f["offset"].startswith(prefix))
        for prefix, frames in (("1-", reversed(viewer.frames["high"])), ("2-", viewer.frames["high"]))
    )
    assert after["hops"]["out_ms"] - before["hops"]["out_ms"] < 1_000, "handed over, not waited for"


def test_a_server_that_is_killed_and_comes_back_is_only_a_pause(tmp_path: Path) -> None:
    server = start_server(tmp_path)
    try:
        with redis.Redis.from_url(server.url) as db, workers(server.url, tmp_path) as pool:
            worker = pool.start("w1")
            viewer = Viewer(db, "back", "high")
            with simulation(server.url, "back") as sim:
                viewer.until(lambda: len(viewer.steps["high"]) > 20, "frames")
                for away_s in (0.3, 2.5):  # shorter and longer than the lease
                    server.kill()
                    time.sleep(away_s)
                    server.start()
                    seen = len(viewer.steps["high"])
                    read_again(viewer, seen + 20)
                last = sim.end()
            viewer.until(lambda: f"s{last}" in viewer.texts() and viewer.steps["high"][-1] == last, "the last step")
            check_story(viewer, last)
            assert len(worker.events("redis_away")) == 2
            assert len(worker.events("redis_back")) == 2
            assert not worker.events("run_failed")
            worker.signal(signal.SIGTERM)
            assert worker.process.wait(5) == 0
    finally:
        server.stop()


def read_again(viewer: Viewer, frames: int) -> None:
    deadline = time.monotonic() + 10
    while len(viewer.steps["high"]) < frames:
        assert time.monotonic() < deadline, "no frames after the server came back"
        try:
            viewer.read()
        except redis.ConnectionError:
            time.sleep(0.02)


def test_a_server_that_comes_back_empty_begins_a_new_epoch(db: redis.Redis, pool: Workers, redis_url: str) -> None:
    worker = pool.start("w1")
    viewer = Viewer(db, "empty", "high")
    publisher = Publisher(db, "empty")
    for step in range(1, 6):
        publisher.frame(step)
    viewer.until(lambda: viewer.steps["high"][-1:] == [5], "the frames")
    epoch = viewer.frames["high"][-1]["epoch"]
    db.flushall()
    again, other = Publisher(db, "empty"), Viewer(db, "empty", "high")
    again.frame(6)
    other.until(lambda: other.steps["high"], "a frame after the loss")
    assert other.frames["high"][0]["epoch"] != epoch
    assert other.told[0]["info"]["epoch"] == other.frames["high"][0]["epoch"]
    assert other.frames["high"][-1]["step"] == 6
    assert worker.process.poll() is None
    assert not worker.events("run_failed")


def test_what_a_producer_sends_again_to_an_emptied_server_is_shown_again(pool: Workers, db: redis.Redis) -> None:
    worker = pool.start("w1")
    with Run("emptied", url=pool.url) as run:
        viewer = Viewer(db, "emptied")
        for number in range(20):
            run.status("info", str(number))
        viewer.until(lambda: viewer.texts()[-1:] == ["19"], "the statuses")
        db.flushall()
        run.status("info", "20")  # at once: the run's numbers go on, and the worker remembers those of before
        other = Viewer(db, "emptied")
        wanted = [str(number) for number in range(21)]
        other.until(lambda: len(other.texts()) >= len(wanted), "all that was kept")
        assert other.texts() == wanted
    assert worker.process.poll() is None
    assert not worker.events("run_failed")


def test_a_server_that_comes_back_older_than_it_was_shows_viewers_nothing_older(tmp_path: Path) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy"
    data.mkdir()
    server = start_server(data)
    try:
        with redis.Redis.from_url(server.url) as db, workers(server.url, tmp_path) as pool:
            worker = pool.start("w1")
            publisher, viewer = Publisher(db, "older"), Viewer(db, "older", "high")
            publisher.frame(5)
            viewer.until(lambda: viewer.steps["high"][-1:] == [5], "the frame that is kept")
            cursors, last, old = dict(viewer.cursors), viewer.last, viewer.frames["high"][0]["epoch"]
            shutil.copytree(data, copy)
            for step in (10, 11):  # with the second the worker has heard that the first was taken
                publisher.frame(step)
                viewer.until(lambda step=step: viewer.steps["high"][-1] == step, "the frame that is lost")  # type: ignore[misc]
            server.kill()
            shutil.rmtree(data)
            copy.rename(data)
            server.start()
            later = Viewer(db, "older", "high", node="n2")
            later.cursors, later.last = cursors, last
            later.until(lambda: later.steps["high"], "a frame of the new epoch")
            assert later.steps["high"][0] == 11
            assert later.frames["high"][0]["epoch"] != old
            assert later.told[-1]["info"]["epoch"] == later.frames["high"][0]["epoch"]
            assert worker.events("server_went_back")
    finally:
        server.stop()


def test_a_worker_may_start_before_its_server_and_ends_without_it(tmp_path: Path) -> None:
    server = start_server(tmp_path)
    server.kill()
    with workers(server.url, tmp_path) as pool:
        worker = pool.start("w1")
        eventually(lambda: worker.events("redis_away"), "the outage")
        server.start()
        try:
            with redis.Redis.from_url(server.url) as db:
                publisher, viewer = Publisher(db, "late"), Viewer(db, "late", "high")
                publisher.frame(1)
                viewer.until(lambda: viewer.steps["high"], "the frame")
        finally:
            server.kill()
        started = time.monotonic()
        worker.signal(signal.SIGTERM)
        assert worker.process.wait(5) == 0
        assert time.monotonic() - started < 3.0
        assert len(worker.events("redis_away")) == 2


def test_what_meddlers_delete_is_made_again(db: redis.Redis, pool: Workers) -> None:
    worker = pool.start("w1")
    publisher, viewer = Publisher(db, "heal"), Viewer(db, "heal", "high")
    publisher.frame(1)
    viewer.until(lambda: viewer.steps["high"], "the frame")
    db.xgroup_destroy(keys.lane("heal", "high"), keys.WORKER_GROUP)
    publisher.frame(2)
    viewer.until(lambda: viewer.steps["high"][-1] == 2, "the frame after the group was destroyed")
    eventually(lambda: db.xinfo_groups(keys.lane("heal", "high")), "the group")
    db.delete(keys.lane("heal", "high"))
    publisher.frame(3)
    viewer.until(lambda: viewer.steps["high"][-1] == 3, "the frame after the stream was deleted")
    assert not worker.events("run_failed")


def test_a_fence_that_was_lost_is_raised_above_every_offset_given_out(db: redis.Redis, pool: Workers) -> None:
    db.set(keys.fence("fence"), 7)
    worker = pool.start("w1")
    publisher, viewer = Publisher(db, "fence"), Viewer(db, "fence", "high")
    publisher.frame(1)
    viewer.until(lambda: viewer.steps["high"], "the frame")
    db.delete(keys.fence("fence"), keys.lease("fence"))
    publisher.frame(2)
    viewer.until(lambda: viewer.steps["high"][-1] == 2, "the frame of the next lease")
    assert int(viewer.frames["high"][-1]["offset"].split("-")[0]) > 8
    assert not worker.events("run_failed")


def test_entries_that_were_trimmed_before_they_were_read_are_counted(db: redis.Redis, pool: Workers) -> None:
    publisher = Publisher(db, "trim")
    for n in range(10):
        publisher.send("status", {"text": f"{n}"})
    db.xtrim(keys.lane("trim", "critical"), maxlen=4, approximate=False)
    pool.start("w1")
    viewer = Viewer(db, "trim")
    viewer.until(lambda: len(viewer.texts()) == 4, "what was left")
    eventually(lambda: counts(db, "trim").get("trimmed:critical") == 6, "the count of what was not")


def test_a_run_that_is_forgotten_is_left_alone(db: redis.Redis, pool: Workers) -> None:
    worker = pool.start("w1")
    publisher, viewer = Publisher(db, "forget"), Viewer(db, "forget", "high")
    publisher.frame(1)
    viewer.until(lambda: viewer.steps["high"], "the frame")
    db.srem(keys.RUNS, "forget")
    db.delete(*keys.of_run("forget"))
    eventually(lambda: worker.events("run_fenced") or worker.events("run_left"), "the end of ownership")
    eventually(lambda: owner(db, "forget") is None, "the lease's end")
    assert info(db, "forget") is None


def test_a_fixed_worker_id_that_is_started_again_never_reuses_an_epoch(db: redis.Redis, pool: Workers) -> None:
    publisher, viewer = Publisher(db, "again"), Viewer(db, "again", "high")
    pool.start("w1").kill()
    first = pool.start("w1")
    publisher.frame(1)
    viewer.until(lambda: viewer.steps["high"], "the frame")
    first.kill()
    pool.start("w1")
    publisher.frame(2)
    viewer.until(lambda: viewer.steps["high"][-1] == 2, "the frame of the second life")
    held: Any = run_sync(db, lease.acquire("again", "somebody"))
    assert lease.answer(held).owner == "w1"
