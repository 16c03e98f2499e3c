"""Priority: the lane `low` is flooded with ten times what a worker takes of it, and `critical` does not feel it.

The way measured is the real one: a status is published, a worker process takes it from its lane and commits it to the
output, where it is read. Idle and flooded phases alternate, so that a machine that changes its mood does so for both.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

import redis

from lanecast.broker import append, keys, lag, messages, scripts, wire
from lanecast.broker.lanes import CRITICAL, LANES, LOW, NORMAL
from lanecast.broker.wire import Message
from lanecast.ops.bench.machine import child, server
from lanecast.ops.bench.result import Result, at_least, at_most, quantile

RUN = "bench-lanes"
FLOOD_PER_S = 20_000
EVERY_S = 0.01
PHASES = 4
NORMAL_EVERY = 5
BEHIND_S = 1.0
COUNTED_S = 1.0
"""The worker counts what was trimmed twice a second."""


def measure(quick: bool) -> Result:
    """Alternate idle and flooded phases of equal length."""
    phase_s = 4.0 if quick else 15.0
    waits: dict[bool, list[float]] = {False: [], True: []}
    rows: list[dict[str, Any]] = []
    with server() as url, child(sys.executable, "-m", "lanecast.ops", "worker", "--redis", url), _Probe(url) as probe:
        probe.warm_up()
        for phase in range(PHASES):
            flooded = phase % 2 == 1
            before = probe.low_offered()
            if flooded:
                with child(sys.executable, "-m", __name__, url):
                    got = probe.send_for(phase_s)
            else:
                got = probe.send_for(phase_s)
            offered = probe.low_offered() - before
            waits[flooded] += got
            rows.append(
                {
                    "phase": "flooded" if flooded else "idle",
                    "critical": len(got),
                    "critical_p50_ms": round(quantile(got, 0.5), 3),
                    "critical_p99_ms": round(quantile(got, 0.99), 3),
                    "low_offered_per_s": round(offered / phase_s),
                    "normal_behind": probe.normal_behind(),
                }
            )
        behind = probe.normal_behind(BEHIND_S)
        times = probe.times_flooded()
    idle, flood = (quantile(waits[flooded], 0.99) for flooded in (False, True))
    return Result(
        [
            at_least("flood of low over what the worker takes of it", times, 10.0, "x"),
            at_most("critical p99, flooded over idle", flood / idle, 2.0, "x"),
            at_most(f"normal messages not handled {BEHIND_S:g} s after the last", behind, 0, "messages"),
        ],
        rows,
    )


class _Probe:
    """Publishes numbered statuses and metrics, and takes the time until the statuses come out."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(url)
        self._reading = redis.Redis.from_url(url)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._over = threading.Event()
        self._sent: dict[str, float] = {}
        self._waits_ms: list[float] = []
        self._seqs = {CRITICAL.name: 0, NORMAL.name: 0}
        self._epoch = int(self._client.hincrby(keys.producers(RUN), "bench", 1))  # type: ignore[arg-type]

    def __enter__(self) -> _Probe:  # noqa: PYI034 - it is private
        self._client.sadd(keys.RUNS, RUN)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(2)
        self._client.close()
        self._reading.close()

    def warm_up(self) -> None:
        """Until the worker is there and has answered for a while."""
        deadline = time.monotonic() + 20
        while not self.send_for(1.0):
            if time.monotonic() > deadline:
                raise RuntimeError("the worker does not work")
        self.send_for(1.0)

    def send_for(self, seconds: float) -> list[float]:
        """Send at an even pace; milliseconds from published to read, of every status that came out."""
        self._waits_ms = []
        until, n = time.perf_counter() + seconds, 0
        while (now := time.perf_counter()) < until:
            self._append(CRITICAL.name, "status", {"level": "info", "text": str(self._seqs[CRITICAL.name] + 1)})
            n += 1
            if n % NORMAL_EVERY == 0:
                self._append(NORMAL.name, "metrics", {"step": n, "time_s": 0.0, "values": {"n": n}})
            time.sleep(max(0.0, now + EVERY_S - time.perf_counter()))
        time.sleep(0.2)  # for the last ones to come out
        return self._waits_ms

    def low_offered(self) -> int:
        """Entries that the lane `low` ever got."""
        try:
            info: Any = self._client.xinfo_stream(keys.lane(RUN, LOW.name))
        except redis.ResponseError:
            return 0
        return int(info["entries-added"])

    def times_flooded(self) -> float:
        """How many times what the worker took of `low` it was offered: what it did not take was trimmed unread."""
        time.sleep(COUNTED_S)
        offered = self.low_offered()
        trimmed: Any = self._client.hget(keys.counts(RUN), f"trimmed:{LOW.name}")
        return offered / max(1, offered - int(trimmed or 0))

    def normal_behind(self, within_s: float = 0.0) -> int:
        """Messages of the lane `normal` that are not handled yet; waits for them as long as it may."""
        deadline = time.monotonic() + within_s
        stream = f"in:{NORMAL.name}"
        while True:
            reply = scripts.run_sync(self._client, lag.call(RUN, [stream]))
            behind = sum(row.entries for row in lag.answer(RUN, [stream], reply).lags)
            if not behind or time.monotonic() >= deadline:
                return behind
            time.sleep(0.01)

    def _append(self, lane: str, kind: str, payload: dict[str, Any]) -> None:
        seq = self._seqs[lane] + 1
        message = Message(kind, wire.encode(payload), t_ms=time.time() * 1000)
        if lane == CRITICAL.name:
            self._sent[str(seq)] = time.perf_counter()
        call = append.call(RUN, LANES[lane], "bench", self._epoch, seq, [message])
        answer = append.answer(scripts.run_sync(self._client, call))
        if answer != append.Appended("ok", seq):
            raise RuntimeError(f"lane {lane}: {answer} instead of ok up to {seq}")
        self._seqs[lane] = seq

    def _read(self) -> None:
        cursor = b"0-0"
        while not self._over.is_set():
            reply: Any = self._reading.xread({keys.out(RUN, CRITICAL.name): cursor}, block=500)
            now = time.perf_counter()
            for _, rows in reply:
                for entry_id, fields in rows:
                    cursor = entry_id
                    sent = self._sent.pop(messages.decode(fields[b"data"]).get("text", ""), None)
                    if sent is not None:
                        self._waits_ms.append((now - sent) * 1000)


def flood(url: str) -> None:
    """Publish to `low` at an even pace until killed, 2 ms' worth at a time: long bursts are waits in Redis."""
    data = wire.encode({"type": "noise", "time_s": 0.0, "items": {"v": [1]}})
    fields: Any = Message("events", data, t_ms=time.time() * 1000).to_fields()
    with redis.Redis.from_url(url) as client:
        began, sent = time.perf_counter(), 0
        while True:
            due = int((time.perf_counter() - began) * FLOOD_PER_S) - sent
            with client.pipeline(transaction=False) as pipe:
                for _ in range(due):
                    pipe.xadd(keys.lane(RUN, LOW.name), fields, maxlen=LOW.max_entries, approximate=True)
                pipe.execute()
            sent += due
            time.sleep(0.002)


if __name__ == "__main__":
    flood(sys.argv[1])
