"""Where the frames of `bench fanout` come from: each contestant gets them as its kind does, with the time inside."""

from __future__ import annotations

import socket
import time
from typing import Any, Final, Protocol

import redis

from lanecast.broker import demand, keys, lease, messages, scripts
from lanecast.broker.commit import Commit
from lanecast.broker.offsets import START, Offset
from lanecast.broker.runs import RunInfo
from lanecast.ops.bench.fanout_tools import MARK

TIER: Final = "high"
OWNER: Final = "bench"
KEY_EVERY: Final = 30


class Source(Protocol):
    """Gives one contestant its frames."""

    def send(self) -> None:
        """Publish the next frame, now."""


def cast(source: Source, rate: float, seconds: float) -> int:
    """Send frames at an even pace; how many."""
    began, count = time.perf_counter(), round(rate * seconds)
    for n in range(count):
        time.sleep(max(0.0, began + n / rate - time.perf_counter()))
        source.send()
    return count


def stamped(size: int) -> bytes:
    """So many bytes, with the mark and the time of now at their beginning."""
    return (MARK + time.monotonic_ns().to_bytes(8, "little")).ljust(size, b"\x2a")


class RunSource:
    """A run whose owner commits frames to its output as a worker does: under a lease, with keyframes and deltas.

    Attributes:
        on_demand: besides those that come at an even pace, keyframes are made when a gateway asks for one.
    """

    def __init__(self, url: str, run: str, size: int) -> None:
        self.on_demand = False
        self._client = redis.Redis.from_url(url)
        self._run = run
        self._info = RunInfo(run, "bench", title=run, state="running")
        self._lease = self._n = self._step = 0
        self._prev: Offset | None = None
        self._body = 16
        self._client.sadd(keys.RUNS, run)
        self._last = START
        self._demands = b"-"
        commit = self._commit()
        self._lossless(commit, "run", {"info": self._info.to_dict()})
        commit.info(self._info.to_json())
        self._make(commit)
        self._body = max(16, size - len(self._frame(self._next(), Offset(9, 999_999))) + 16)

    def send(self) -> None:
        """Commit the next frame."""
        self._step += 1
        commit = self._commit()
        if self._step % KEY_EVERY == 1 or (self.on_demand and self._key_wanted()):
            self._prev = None
        offset = self._next()
        key = self._prev is None
        commit.frame(TIER, offset, self._frame(offset, self._prev), time.time() * 1000, key=key)
        self._make(commit)
        self._prev = offset

    def _key_wanted(self) -> bool:
        found: Any = self._client.xrange(keys.demand(self._run), self._demands)
        if found:
            self._demands = b"(" + found[-1][0]
        return any(demand.from_fields(fields).key for _, fields in found)

    def say(self, text: str) -> None:
        """Commit a status, which every viewer is to get once."""
        commit = self._commit()
        body = {"level": "info", "text": text, "time_s": self._step / 30, "at_ms": time.time() * 1000}
        self._lossless(commit, "status", body)
        self._make(commit)

    def _lossless(self, commit: Commit, kind: str, body: dict[str, Any]) -> None:
        offset = self._next()
        data = messages.lossless(kind, self._run, self._info.epoch, offset, self._last, body)
        commit.lossless(offset, kind, data)
        self._last = offset

    def _frame(self, offset: Offset, prev: Offset | None) -> bytes:
        data = stamped(self._body)
        rows = len(data)
        column = {"dtype": "u1", "data": data}
        layer = {"rows": rows, "columns": {"id": column}} if prev is None else {"rows": rows, "set": {"v": column}}
        hops = {"pub_ms": time.time() * 1000}
        parts: dict[str, Any] = {"layers": {"points": layer}, "metrics": {}}
        return messages.frame(
            self._run, TIER, self._info.epoch, offset, prev, self._step, self._step / 30, hops, parts, {}
        )

    def _next(self) -> Offset:
        self._n += 1
        return Offset(self._lease, self._n)

    def _commit(self) -> Commit:
        held = lease.answer(scripts.run_sync(self._client, lease.renew(self._run, OWNER, self._lease)))
        if (held.owner, held.epoch) != (OWNER, self._lease):
            self._lease = lease.answer(scripts.run_sync(self._client, lease.acquire(self._run, OWNER))).epoch
            self._prev = None
        self._n += 1
        return Commit(self._run, self._lease, self._n)

    def _make(self, commit: Commit) -> None:
        commit.check(scripts.run_sync(self._client, commit.call()))


class FeedSource:
    """A server that listens for frames: each after its length in four bytes."""

    def __init__(self, port: int, size: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._size = size

    def send(self) -> None:
        """Send the next frame."""
        self._socket.sendall(self._size.to_bytes(4) + stamped(self._size))


class NatsSource:
    """A publisher of NATS, to the subject `frames`."""

    def __init__(self, port: int, size: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.recv(4096)  # INFO
        self._socket.sendall(b'CONNECT {"verbose":false,"pedantic":false}\r\n')
        self._size = size

    def send(self) -> None:
        """Publish the next frame."""
        self._socket.sendall(b"PUB frames %d\r\n%b\r\n" % (self._size, stamped(self._size)))
