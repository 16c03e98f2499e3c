"""A real worker whose reducers fail: what passes is handled after all, the rest is put aside, and other lanes go on."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import redis
from tests.workers import rig
from tests.workers.rig import Publisher, Viewer, counts, workers

from lanecast.broker import keys

pytestmark = pytest.mark.integration

FAILING = """
from lanecast.workers.reducers import reducer
calls = 0

@reducer("poison")
def poison(events):
    raise ZeroDivisionError("always")

@reducer("moody")
def moody(events):
    global calls
    calls += 1
    if calls < 3:
        raise OSError("not yet")
    return {}
"""
ITEMS = {"edge": ["a"], "mean_speed": [1.0], "occupancy": [0.5]}


def test_failures_are_tried_again_in_order_and_block_no_other_lane(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rig, "WORKER", FAILING + rig.WORKER)
    with redis.Redis.from_url(redis_url) as db, workers(redis_url, tmp_path) as pool:
        worker = pool.start("w1")
        publisher, viewer = Publisher(db, "r", producer="sim"), Viewer(db, "r", "high")
        publisher.frame(1)
        viewer.until(lambda: viewer.frames["high"], "the first frame")
        publisher.send("events", {"type": "poison", "time_s": 0.1, "items": ITEMS})
        publisher.send("events", {"type": "moody", "time_s": 0.1, "items": ITEMS})
        publisher.send("log", {"level": "info", "text": "behind the poison"})
        publisher.send("status", {"text": "on another lane"})
        at = time.monotonic()
        viewer.until(lambda: "on another lane" in viewer.texts(), "the status")
        viewer.until(lambda: "behind the poison" in viewer.texts(), "the message behind")
        assert time.monotonic() - at < 5.0
        texts = viewer.texts()
        assert texts.index("on another lane") < texts.index("behind the poison")
        dead: Any = db.xrange(keys.dead("r"))
        ((_, letter),) = dead
        assert (letter[b"lane"], b"ZeroDivisionError" in letter[b"reason"]) == (b"normal", True)
        found = counts(db, "r")
        assert (found["retried:normal"], found["rejected:normal:internal"]) == (6, 1)
        assert (found["failed:reducer:poison"], found["failed:reducer:moody"]) == (5, 2)
        assert [event["tries"] for event in worker.events("message_handled_after_all")] == [3]
        assert not worker.events("run_failed")
