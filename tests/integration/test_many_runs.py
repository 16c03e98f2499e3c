"""Twenty runs on one worker, one of them heavy: nobody waits for it, and all of them are handed over in good order."""

from __future__ import annotations

import signal
import statistics
import threading
import time
from typing import Any

import numpy as np
import pytest
import redis
from tests.workers.rig import Publisher, Viewer, Workers, eventually, info, owner

pytestmark = pytest.mark.integration

HEAVY = 100_000
LIGHT = [f"light{n}" for n in range(19)]


class City(threading.Thread):
    """Publishes 100,000 entities as often as it can, at most 20 times a second; everybody moves."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.client = redis.Redis.from_url(url)
        self.publisher = Publisher(self.client, "heavy")
        self.over = threading.Event()
        self.step = 0

    def run(self) -> None:
        ids = np.arange(HEAVY, dtype=np.uint32)
        home = np.random.default_rng(1).uniform(0, 10_000, HEAVY).astype(np.float32)
        while not self.over.wait(0.05):
            self.step += 1
            x = home + np.float32(self.step)
            typed: dict[str, Any] = {
                "id": {"dtype": "u4", "data": ids.tobytes()},
                "x": {"dtype": "f4", "data": x.tobytes()},
                "y": {"dtype": "f4", "data": home.tobytes()},
                "speed": {"dtype": "f4", "data": home.tobytes()},
            }
            self.publisher.frame(self.step, {"vehicles": typed})
            self.client.xtrim("lc:{heavy}:in:high", maxlen=16)


def test_one_heavy_run_of_twenty_delays_no_other_and_all_are_handed_over(
    redis_url: str, db: redis.Redis, pool: Workers
) -> None:
    first = pool.start("w1", stats_s=0)
    light = {run: Publisher(db, run, producer="sim") for run in LIGHT}
    watched = {run: Viewer(db, run, "high", node=f"n-{run}") for run in LIGHT[:4]}
    heavy = Viewer(db, "heavy", "high", "low")
    city = City(redis_url)
    city.start()
    step = 0

    def rounds(seconds: float) -> None:
        nonlocal step
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            step += 1
            for run, publisher in light.items():
                publisher.frame(step)
                publisher.send("status", {"text": f"s{step}"}) if run in watched else None
            for viewer in (*watched.values(), heavy):
                viewer.read(10)

    try:
        heavy.until(lambda: heavy.steps["high"] and heavy.steps["low"], "the heavy run's frames", 20)
        for run, viewer in watched.items():
            light[run].frame(1)
            viewer.until(lambda viewer=viewer: viewer.steps["high"], "the first frame", 20)  # type: ignore[misc]
        step = 1
        rounds(4.0)
        for run, viewer in watched.items():
            waits = [
                frame["hops"]["out_ms"] - frame["hops"]["in_ms"] for frame in viewer.frames["high"] if not frame["key"]
            ]
            assert len(waits) > 8, f"{run} stood still"
            assert statistics.median(waits) < 250, f"{run} waited for its neighbour"
        assert heavy.steps["high"][-1] > heavy.steps["high"][0], "the heavy run goes on, too"

        pool.start("w2", stats_s=0)
        first.signal(signal.SIGTERM)
        assert first.process.wait(20) == 0, "it leaves in good order"
        assert not first.events("run_failed")
        assert {event["run"] for event in first.events("run_left")} == {*LIGHT, "heavy"}, "each with a last commit"
        eventually(lambda: all(owner(db, run) == "w2" for run in [*LIGHT, "heavy"]), "the hand-over", 20)
        rounds(1.0)
        for run, viewer in watched.items():
            viewer.until(lambda viewer=viewer: viewer.steps["high"][-1] == step, f"the end of {run}", 20)  # type: ignore[misc]
            viewer.until(lambda viewer=viewer: f"s{step}" in viewer.texts(), "its last status", 20)  # type: ignore[misc]
            assert viewer.steps["high"] == sorted(viewer.steps["high"]), "no step back"
            told = [text for text in viewer.texts() if text.startswith("s") and text[1:].isdigit()]
            assert told == [f"s{n}" for n in range(2, step + 1)], "each status once and in order"
        found = info(db, "light0")
        assert found is not None
        assert found.quality.level == 0, "a light run does not pay for the heavy one"
    finally:
        city.over.set()
        city.join()
        city.client.close()
