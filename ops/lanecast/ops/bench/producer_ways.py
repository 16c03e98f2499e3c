"""Ways of telling the world what a simulation's step has come to, and the simulation itself.

Every way but `lanecast` is told the bytes that Lanecast would send, so that only the ways are compared.
"""

from __future__ import annotations

import contextlib
import http.server
import importlib.util
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import redis

from lanecast.ops import ports
from lanecast.ops.bench.machine import child
from lanecast.ops.problem import Problem
from lanecast.producer import Run, payloads

ENTITIES: Final = 1_000
STEP_S: Final = 0.08
PAIRS: Final = 400
"""So many of the entities look at all others at a time: what is worked on stays in the processor's caches."""

Layers = dict[str, dict[str, Any]]
Publish = Callable[[Layers, int], None]
Way = Callable[[str], contextlib.AbstractContextManager[Publish]]
"""Opened with the URL of a server."""


class Simulation:
    """Bodies that attract one another; a step is real work of about `step_s`, done by NumPy on one core."""

    def __init__(self, step_s: float = STEP_S, entities: int = ENTITIES) -> None:
        """Finds out how much work that is here."""
        rng = np.random.default_rng(1)
        self._ids = np.arange(entities, dtype=np.uint32)
        self._places = rng.uniform(-100, 100, (2, entities)).astype(np.float32)
        self._speeds = np.zeros((2, entities), np.float32)
        self._rounds = 1
        self.step()
        taken = min(self._timed() for _ in range(5))
        self._rounds = max(1, round(step_s / taken))

    def step(self) -> Layers:
        """One step; its state as columns, of which every step uses the same arrays."""
        xs, ys = self._places
        for _ in range(self._rounds):
            for first in range(0, len(xs), PAIRS):
                across, up = xs - xs[first : first + PAIRS, None], ys - ys[first : first + PAIRS, None]
                pull = 1.0 / (across * across + up * up + 1.0)
                self._speeds[0, first : first + PAIRS] += (across * pull).sum(axis=1) * 1e-3
                self._speeds[1, first : first + PAIRS] += (up * pull).sum(axis=1) * 1e-3
        self._places += self._speeds * 1e-3
        return {"bodies": {"id": self._ids, "x": xs, "y": ys, "vx": self._speeds[0], "vy": self._speeds[1]}}

    def _timed(self) -> float:
        began = time.perf_counter()
        self.step()
        return time.perf_counter() - began


def none(_layers: Layers, _step: int) -> None:
    """Tell nobody."""


@contextlib.contextmanager
def no_streaming(_url: str) -> Iterator[Publish]:
    """The simulation alone."""
    yield none


@contextlib.contextmanager
def lanecast(url: str) -> Iterator[Publish]:
    """A `Run`: a frame and a metric in every step, and viewers' commands are obeyed."""
    with Run("bench-producer", url=url, report=False) as run:

        def publish(layers: Layers, step: int) -> None:
            run.running()
            run.frame(layers, step=step, time_s=step * STEP_S)
            run.metrics({"step": step})

        yield publish


@contextlib.contextmanager
def sync_xadd(url: str) -> Iterator[Publish]:
    """An `XADD` of redis-py in every step, waited for."""
    with redis.Redis.from_url(url) as client:

        def publish(layers: Layers, step: int) -> None:
            fields: Any = {"kind": "frame", "data": payloads.frame(step, step * STEP_S, layers)}
            client.xadd("bench-xadd", fields, maxlen=256, approximate=True)

        yield publish


@contextlib.contextmanager
def requests_post(_url: str) -> Iterator[Publish]:
    """A `requests.post` in every step, waited for, to a server that throws everything away."""
    import requests

    port = ports.free_port()
    target = f"http://127.0.0.1:{port}/"
    with child(sys.executable, "-m", __name__, str(port)):
        deadline = time.monotonic() + 10
        while True:
            try:
                requests.post(target, data=b"", timeout=1)
                break
            except requests.ConnectionError:
                if time.monotonic() > deadline:
                    raise Problem("the server that is posted to does not start") from None
                time.sleep(0.05)

        def publish(layers: Layers, step: int) -> None:
            requests.post(target, data=payloads.frame(step, step * STEP_S, layers), timeout=5)

        yield publish


def ways() -> dict[str, Way]:
    """Those that can be measured here, the one without streaming first."""
    known: dict[str, Way] = {"none": no_streaming, "lanecast": lanecast, "sync XADD": sync_xadd}
    return {**known, "requests.post": requests_post} if importlib.util.find_spec("requests") else known


class Sink(http.server.BaseHTTPRequestHandler):
    """Takes whatever is posted."""

    def do_POST(self) -> None:
        """Read it, and say that all is well."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Sink).serve_forever()
