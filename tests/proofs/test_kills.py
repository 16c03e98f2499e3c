"""Owners killed in the middle of their ticks, again and again: no viewer of any tier ever sees the state step back.

Several owners die in each round, each at a moment of its own, most with frames read that are in no commit. Every frame
of every tier is looked at: it shows the state of the step that it names, and no step comes after a later one.
`LANECAST_PROOF_KILLS` says how often (default 12; 100 take some three minutes).
"""

from __future__ import annotations

import contextlib
import os
import random
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import redis
from tests.workers.rig import Publisher, Viewer, WorkerProcess, cars, eventually, owner, workers

from lanecast.broker import keys
from lanecast.broker.tiers import SERVED, TIERS

pytestmark = [pytest.mark.integration, pytest.mark.proof]

KILLS = int(os.environ.get("LANECAST_PROOF_KILLS", "12"))
RUNS = ("east", "north", "south", "west")
WORKERS = 6
EVERY_S = 0.02
TICK_S = 0.033
ENTITIES = 600
"""More than `ultra_low` shows one by one."""


class Simulation(threading.Thread):
    """Publishes a frame and, now and then, a numbered status to one run until told to end."""

    def __init__(self, url: str, run: str) -> None:
        super().__init__(daemon=True)
        self._url, self._run_id = url, run
        self._over = threading.Event()
        self.step = self.said = 0

    def run(self) -> None:
        with redis.Redis.from_url(self._url) as client:
            publisher = Publisher(client, self._run_id, producer="sim")
            while not self._over.wait(EVERY_S):
                self.step += 1
                publisher.frame(self.step, cars(self.step, ENTITIES))
                if self.step % 5 == 0:
                    self.said += 1
                    publisher.send("status", {"text": f"s{self.said}"})

    def end(self) -> None:
        self._over.set()
        self.join(5)


class Witness(Viewer):
    """A viewer of all tiers who checks every frame: everybody's x is the step, and steps never go back."""

    def _take(self, name: str, entry_id: str, message: dict[str, Any]) -> None:
        super()._take(name, entry_id, message)
        if name == "critical":
            return
        steps = self.steps[name]
        assert steps[-2:] == sorted(steps[-2:]), f"{self.run}, {name}: the state has stepped back"
        layer = self.views[name].layers["cars"]
        off = abs(layer.column("x").data - message["step"]).max()
        assert off <= TIERS[name].position_step / 2 + 1e-6, f"{self.run}, {name}: not the state of its step"
        seen = layer.column("count").data.sum() if layer.cell is not None else len(layer.ids)
        assert seen == ENTITIES

    def epoch(self) -> int:
        """The lease epoch of the last frame."""
        return max(int(frames[-1]["offset"].split("-")[0]) for frames in self.frames.values() if frames)


def uncommitted(db: Any, run: str, at_ms: int) -> int:
    """Frames that were on their lane at a time (Unix ms by the server), and are in no commit."""
    cursor = db.hget(keys.checkpoint(run), "cursor:high") or b"0-0"
    if int(cursor.split(b"-")[0]) >= at_ms:
        return 0
    return len(db.xrange(keys.lane(run, "high"), b"(" + cursor, str(at_ms - 1)))


@pytest.mark.timeout(60 + 8 * KILLS)
def test_whoever_is_killed_whenever_no_tier_of_any_run_steps_back(redis_url: str, tmp_path: Path) -> None:
    moments = random.Random(7)
    killed = amid = rounds = 0
    with redis.Redis.from_url(redis_url) as db, workers(redis_url, tmp_path) as pool, contextlib.ExitStack() as ends:
        alive: dict[str, WorkerProcess] = {}

        def fill_up() -> None:
            while len(alive) < WORKERS:
                name = f"w{len(pool.all)}"
                alive[name] = pool.start(name)

        fill_up()
        eventually(lambda: db.zcard(keys.WORKERS) >= WORKERS, "the workers", 30)
        simulations = [Simulation(redis_url, run) for run in RUNS]
        for simulation in simulations:
            simulation.start()
            ends.callback(simulation.end)
        viewers = [Witness(db, run, *SERVED) for run in RUNS]

        def read_until(done: Any, what: str) -> None:
            deadline = time.monotonic() + 20
            while not done():
                assert time.monotonic() < deadline, f"{what} did not happen within 20 s"
                for viewer in viewers:
                    viewer.read(5)

        read_until(lambda: all(len(viewer.steps[tier]) > 5 for viewer in viewers for tier in SERVED), "frames")
        while killed < KILLS:
            rounds += 1
            doomed = {viewer: str(owner(db, viewer.run)) for viewer in viewers}
            doomed = {viewer: name for viewer, name in doomed.items() if name in alive}
            held = {viewer: viewer.epoch() for viewer in doomed}
            for name in sorted(set(doomed.values())):
                time.sleep(moments.uniform(0, TICK_S))
                seconds, micros = db.time()
                alive.pop(name).kill()
                killed += 1
                at_ms = seconds * 1000 + micros // 1000
                amid += any(uncommitted(db, viewer.run, at_ms) for viewer, its in doomed.items() if its == name)
            fill_up()
            read_until(lambda: all(viewer.epoch() > held[viewer] for viewer in doomed), "a takeover")  # noqa: B023

        for viewer, simulation in zip(viewers, simulations, strict=True):
            simulation.end()
            last, said = simulation.step, simulation.said
            viewer.until(lambda: f"s{said}" in viewer.texts(), "the last status", 20)  # noqa: B023
            viewer.until(lambda: all(viewer.steps[tier][-1] == last for tier in SERVED), "the last step", 20)  # noqa: B023
            told = [text for text in viewer.texts() if text.startswith("s")]
            assert told == [f"s{n}" for n in range(1, said + 1)], "lost, doubled or out of order"
    print(f"{killed} owners killed in {rounds} rounds, {amid} with frames on their way")
    assert amid >= killed / 2, "killed between ticks: the test proves little"
