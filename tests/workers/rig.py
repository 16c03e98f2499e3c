"""What the workers' tests share: a publisher without any SDK, a viewer, and worker processes that can be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import msgspec
import numpy as np
import redis

from lanecast.broker import demand, keys, messages, wire
from lanecast.broker.append import answer, call
from lanecast.broker.lanes import LANES, lane_of
from lanecast.broker.offsets import START, Offset, parse
from lanecast.broker.rendition import View
from lanecast.broker.runs import RunInfo
from lanecast.broker.scripts import run_sync
from lanecast.workers.entries import Entry

WORKER = """
import json, sys
from lanecast.workers import WorkerSettings, serve
serve(WorkerSettings(**json.loads(sys.argv[1])))
"""


def entry(ms: int, kind: str, payload: Any, **fields: Any) -> Entry:
    """An entry as a worker reads it."""
    raw = {"kind": kind, "data": wire.encode(payload), **fields}
    return Entry(f"{ms}-0", {k.encode(): v if isinstance(v, bytes) else str(v).encode() for k, v in raw.items()})


def frame(step: int, layers: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The payload of a frame at 10 steps a second."""
    return {"step": step, "time_s": step / 10, "layers": layers, **more}


def cars(step: int, n: int = 20) -> dict[str, Any]:
    """Cars that drive on: everybody's x is the step."""
    ids = np.arange(n, dtype=np.uint32)
    return {"cars": {"id": ids, "x": np.full(n, float(step)), "y": ids.astype(np.float64)}}


@dataclass
class Publisher:
    """A simulation that publishes with nothing but a Redis client; numbered if it has a name."""

    client: Any
    run: str
    producer: str | None = None
    epoch: int = 0
    seqs: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.client.sadd(keys.RUNS, self.run)
        if self.producer is not None and not self.epoch:
            self.epoch = int(self.client.hincrby(keys.producers(self.run), self.producer, 1))

    def send(self, kind: str, payload: Any, lane: str | None = None) -> None:
        lane = lane or lane_of(kind).name
        message = wire.Message(kind, wire.encode(payload), t_ms=time.time() * 1000)
        if self.producer is None or not LANES[lane].lossless:
            self.client.xadd(keys.lane(self.run, lane), message.to_fields())
            return
        seq = self.seqs.get(lane, 0) + 1
        done = answer(run_sync(self.client, call(self.run, LANES[lane], self.producer, self.epoch, seq, [message])))
        assert (done.status, done.seq) == ("ok", seq)
        self.seqs[lane] = seq

    def raw(self, lane: str, **fields: Any) -> None:
        """Anything, as a stranger might."""
        self.client.xadd(keys.lane(self.run, lane), fields)

    def frame(self, step: int, layers: dict[str, Any] | None = None, **more: Any) -> None:
        self.send("frame", frame(step, cars(step) if layers is None else layers, **more))


class Viewer:
    """Reads a run's output streams as a gateway does, checks what a viewer relies on, and keeps what came."""

    def __init__(self, client: redis.Redis, run: str, *tiers: str, node: str = "n1") -> None:
        self.client, self.run, self.tiers, self.node = client, run, tiers, node
        self.cursors = {"critical": "0-0", **dict.fromkeys(tiers, "0-0")}
        self.views = {tier: View() for tier in tiers}
        self.steps: dict[str, list[int]] = {tier: [] for tier in tiers}
        self.frames: dict[str, list[dict[str, Any]]] = {tier: [] for tier in tiers}
        self.told: list[dict[str, Any]] = []
        self.last: Offset = START
        self._asked_at = 0.0

    def ask(self, tier: str, *, key: bool = False, viewers: int = 1) -> None:
        fields = demand.Demand(self.node, tier, viewers, key).to_fields()
        self.client.xadd(keys.demand(self.run), fields, maxlen=demand.STREAM_KEPT)  # type: ignore[arg-type]

    def read(self, block_ms: int = 100) -> None:
        """Refresh the demand when it is time, and take what is there."""
        if time.monotonic() - self._asked_at > demand.REFRESH_S:
            self._asked_at = time.monotonic()
            for tier in self.tiers:
                self.ask(tier)
        streams = {keys.out(self.run, name): cursor for name, cursor in self.cursors.items()}
        reply: Any = self.client.xread(streams, block=block_ms)  # type: ignore[arg-type]
        for key, rows in reply:
            name = key.decode().rpartition(":")[2]
            for entry_id, fields in rows:
                self._take(name, entry_id.decode(), messages.decode(fields[b"data"]))

    def _take(self, name: str, entry_id: str, message: dict[str, Any]) -> None:
        self.cursors[name] = entry_id
        assert message["offset"] == entry_id
        if name == "critical":
            assert parse(message["prev"]) == self.last, "a lossless message is missing"
            self.last = parse(entry_id)
            self.told.append(message)
            return
        fits = self.views[name].apply(message)
        assert fits, f"{message['offset']} follows {message['prev']}, not {self.views[name].offset}"
        self.frames[name].append(message)
        self.steps[name].append(message["step"])

    def until(self, done: Callable[[], Any], what: str, timeout_s: float = 10.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not done():
            assert time.monotonic() < deadline, f"{what} did not happen within {timeout_s} s"
            self.read(20)

    def texts(self) -> list[str]:
        return [message["text"] for message in self.told if message["type"] == "status"]


def info(client: redis.Redis, run: str) -> RunInfo | None:
    text: Any = client.get(keys.info(run))
    return None if text is None else msgspec.json.decode(text, type=RunInfo)


def counts(client: redis.Redis, run: str) -> dict[str, int]:
    rows: Any = client.hgetall(keys.counts(run))
    return {name.decode(): int(value) for name, value in rows.items()}


def owner(client: redis.Redis, run: str) -> str | None:
    name: Any = client.hget(keys.lease(run), "owner")
    return None if name is None else str(name.decode())


def eventually(done: Callable[[], Any], what: str, timeout_s: float = 10.0) -> None:
    """Wait for something that gives no sign of its own."""
    deadline = time.monotonic() + timeout_s
    while not done():
        assert time.monotonic() < deadline, f"{what} did not happen within {timeout_s} s"
        time.sleep(0.01)


@dataclass
class WorkerProcess:
    """A real worker process; its log lines are in `log`."""

    worker_id: str
    process: subprocess.Popen[bytes]
    log: Path

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def events(self, name: str) -> list[dict[str, Any]]:
        lines = [line for line in self.log.read_bytes().splitlines() if line.startswith(b"{")]
        return [event for event in map(msgspec.json.decode, lines) if event["event"] == name]


class Workers:
    """Starts worker processes; `stop` ends those that are left."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self.all: list[WorkerProcess] = []
        self._files: list[IO[bytes]] = []

    def start(self, worker_id: str, **settings: Any) -> WorkerProcess:
        log = self.folder / f"{worker_id}-{len(self.all)}.log"
        file = log.open("wb")
        self._files.append(file)
        given = msgspec.json.encode({"redis_url": self.url, "worker_id": worker_id, **settings}).decode()
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", WORKER, given],
            stderr=file,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        worker = WorkerProcess(worker_id, process, log)
        self.all.append(worker)
        return worker

    def stop(self) -> None:
        for worker in self.all:
            if worker.process.poll() is None:
                worker.signal(signal.SIGCONT)
                worker.kill()
        for file in self._files:
            file.close()


@contextmanager
def workers(url: str, folder: Path) -> Iterator[Workers]:
    """Worker processes for one test."""
    started = Workers(url, folder)
    try:
        yield started
    finally:
        started.stop()
