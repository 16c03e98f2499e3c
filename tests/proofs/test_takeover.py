"""20 workers killed during a run: each time another takes over within 3 s, and viewers lose nothing but time."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path

import pytest
import redis
from tests.workers.rig import Publisher, Viewer, WorkerProcess, eventually, owner, workers

from lanecast.broker import keys

pytestmark = [pytest.mark.integration, pytest.mark.proof]

KILLS = 20
TAKEOVER_S = 3.0
RUNS = ("left", "right")


class Simulation(threading.Thread):
    """Publishes a frame and a numbered status to one run each 30 ms, until told to end."""

    def __init__(self, url: str, run: str) -> None:
        super().__init__(daemon=True)
        self._url, self._run_id = url, run
        self._over = threading.Event()
        self.step = 0

    def run(self) -> None:
        with redis.Redis.from_url(self._url) as client:
            publisher = Publisher(client, self._run_id, producer="sim")
            while not self._over.wait(0.03):
                self.step += 1
                publisher.frame(self.step)
                publisher.send("status", {"text": f"s{self.step}"})

    def end(self) -> int:
        self._over.set()
        self.join(5)
        return self.step


def epoch(viewer: Viewer) -> int:
    """The lease epoch of the last frame."""
    return int(viewer.frames["high"][-1]["offset"].split("-")[0])


def times_to_take_over(viewers: list[Viewer], doomed: list[Viewer], held: list[int]) -> list[float]:
    """Seconds until each of the doomed runs shows frames of a new owner; all viewers go on reading."""
    at, took_s = time.monotonic(), []
    waiting = list(zip(doomed, held, strict=True))
    while waiting:
        assert time.monotonic() - at < TAKEOVER_S + 2, "nobody has taken over"
        for viewer in viewers:
            viewer.read(10)
        over = [(viewer, before) for viewer, before in waiting if epoch(viewer) > before]
        took_s += [time.monotonic() - at for _ in over]
        waiting = [pair for pair in waiting if pair not in over]
    return took_s


def check_to_the_end(viewer: Viewer, last: int) -> None:
    viewer.until(lambda: f"s{last}" in viewer.texts(), "the last status")
    viewer.until(lambda: viewer.steps["high"][-1] == last, "the last step")
    told = [text for text in viewer.texts() if text.startswith("s")]
    assert told == [f"s{n}" for n in range(1, last + 1)], "lost, doubled or out of order"
    assert viewer.steps["high"] == sorted(viewer.steps["high"]), "the state has stepped back"


@pytest.mark.timeout(90)
def test_twenty_kills_of_owners_are_twenty_pauses_of_at_most_three_seconds(redis_url: str, tmp_path: Path) -> None:
    took_s: list[float] = []
    with redis.Redis.from_url(redis_url) as db, workers(redis_url, tmp_path) as pool, contextlib.ExitStack() as ends:
        alive: dict[str, WorkerProcess] = {}

        def start() -> None:
            name = f"w{len(pool.all)}"
            alive[name] = pool.start(name)

        for _ in range(4):
            start()
        eventually(lambda: db.zcard(keys.WORKERS) == 4, "the workers")
        simulations = [Simulation(redis_url, run) for run in RUNS]
        for simulation in simulations:
            simulation.start()
            ends.callback(simulation.end)
        viewers = [Viewer(db, run, "high") for run in RUNS]
        for viewer in viewers:
            viewer.until(lambda: len(viewer.steps["high"]) > 10, "frames")  # noqa: B023 - called at once

        killed = 0
        while killed < KILLS:
            doomed = [viewer for viewer in viewers if owner(db, viewer.run) in alive]
            names = {str(owner(db, viewer.run)) for viewer in doomed} & alive.keys()
            held = [epoch(viewer) for viewer in doomed]
            for name in names:
                alive.pop(name).kill()
            killed += len(names)
            took_s += times_to_take_over(viewers, doomed, held)
            for _ in names:
                start()
            eventually(lambda: db.zcard(keys.WORKERS) >= 4, "the next worker")

        for viewer, simulation in zip(viewers, simulations, strict=True):
            check_to_the_end(viewer, simulation.end())
    assert max(took_s) <= TAKEOVER_S, sorted(took_s)[-3:]
