"""A flood on the lane `low`: what is critical goes first, `normal` moves, and the flood is shed and counted."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from tests.workers.rig import Publisher, Viewer, counts, eventually, workers

from lanecast.broker import keys, wire
from lanecast.broker.lanes import LOW
from lanecast.broker.wire import Message

pytestmark = pytest.mark.integration


@contextmanager
def flood(url: str, run: str) -> Iterator[None]:
    """As much on `low` as the server takes."""
    over = threading.Event()

    def work() -> None:
        data = wire.encode({"type": "noise", "time_s": 0.0, "items": {"v": [1]}})
        fields: Any = Message("events", data, t_ms=time.time() * 1000).to_fields()
        with redis.Redis.from_url(url) as client:
            while not over.is_set():
                pipe = client.pipeline(transaction=False)
                for _ in range(200):
                    pipe.xadd(keys.lane(run, "low"), fields, maxlen=LOW.max_entries, approximate=True)
                pipe.execute()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(5)


def test_what_is_critical_goes_first_normal_moves_and_the_flood_is_shed(redis_url: str, tmp_path: Path) -> None:
    with redis.Redis.from_url(redis_url) as db, workers(redis_url, tmp_path) as pool:
        pool.start("w1")
        publisher, viewer = Publisher(db, "flood", producer="sim"), Viewer(db, "flood")
        publisher.send("status", {"text": "0"})
        viewer.until(lambda: viewer.texts() == ["0"], "the first status")
        with flood(redis_url, "flood"):
            eventually(lambda: counts(db, "flood").get("trimmed:low", 0) > 1_000, "the flood being shed")
            waits_s = []
            for number in range(1, 101):
                sent = time.monotonic()
                publisher.send("status", {"text": str(number)})
                publisher.send("metrics", {"step": number, "time_s": 0.0, "values": {"n": number}})
                viewer.until(lambda: viewer.texts()[-1] == str(number), "the status")  # noqa: B023 - called at once
                waits_s.append(time.monotonic() - sent)
            assert sorted(waits_s)[90] < 0.25, "critical waits for low"
            last: Any = db.xinfo_stream(keys.lane("flood", "normal"))
            eventually(
                lambda: db.hget(keys.checkpoint("flood"), "cursor:normal") == last["last-generated-id"], "normal", 5.0
            )
        assert viewer.texts() == [str(number) for number in range(101)]
