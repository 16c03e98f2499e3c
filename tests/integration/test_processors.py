"""Processors in real workers: what they add, and that nothing is told twice when a worker dies."""

from __future__ import annotations

import pytest
import redis
from tests.workers.rig import Publisher, Viewer, Workers, eventually, owner

pytestmark = pytest.mark.integration


def test_an_alert_is_told_once_though_its_worker_is_killed(db: redis.Redis, pool: Workers) -> None:
    first = pool.start("w1", checkpoint_s=60)
    publisher, viewer = Publisher(db, "grid", producer="sim"), Viewer(db, "grid", "high")

    def load(step: int, kw: float) -> None:
        items = {"node": ["n1", "n2"], "load_kw": [kw, 10.0], "capacity_kw": [100.0, 100.0]}
        publisher.send("events", {"type": "energy", "time_s": step / 10, "items": items})
        publisher.frame(step)

    load(1, 50.0)
    viewer.until(lambda: viewer.views["high"].metrics.get("energy.load_kw") == 60.0, "the statistics")
    load(2, 130.0)
    viewer.until(lambda: len(viewer.texts()) == 1, "the alert")
    first.kill()
    pool.start("w2")
    eventually(lambda: owner(db, "grid") == "w2", "the takeover")
    load(3, 140.0)
    viewer.until(lambda: viewer.views["high"].metrics.get("energy.load_kw") == 150.0, "statistics by the new owner")
    load(4, 20.0)
    viewer.until(lambda: len(viewer.texts()) == 2, "the end of the alert")
    assert viewer.texts() == [
        "energy: node n1 at 100% of the capacity or over",
        "energy: node n1 below 90% of the capacity again",
    ]


def test_a_name_that_is_no_processor_ends_a_worker_with_an_error_that_says_so(pool: Workers) -> None:
    worker = pool.start("w1", processors="statistic")
    assert worker.process.wait(20) != 0
    assert b"LANECAST_PROCESSORS names 'statistic', which is none of" in worker.log.read_bytes()
