"""Who reads what a run's worker tells, through whatever happens, and keeps it in the order in which it came."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import redis

from lanecast.broker import keys, messages, payloads, wire
from lanecast.broker.connect import TRANSIENT, connect_sync
from lanecast.producer import Run

AWAY = (*TRANSIENT, redis.RedisError, OSError)


class Reader(threading.Thread):
    """Reads a critical output stream from its own cursor, as a gateway does, until it is told to end."""

    def __init__(self, url: str, run: str) -> None:
        super().__init__(daemon=True)
        self.numbers: list[int] = []
        self.broken: list[str] = []
        self.errors = 0
        self._url = url
        self._key = keys.out(run, "critical")
        self._over = threading.Event()

    def run(self) -> None:
        cursor, client = "0-0", None
        while not self._over.is_set():
            try:
                client = client or connect_sync(self._url, socket_timeout=2.0)
                reply: Any = client.xread({self._key: cursor}, count=500, block=200)
            except AWAY:
                self.errors += 1
                self._over.wait(0.05)
                continue
            for _, rows in reply or ():
                for entry_id, fields in rows:
                    message = messages.decode(fields[b"data"])
                    if message["prev"] != cursor:
                        self.broken.append(f"{message['offset']} follows {message['prev']}, not {cursor}")
                    cursor = entry_id.decode()
                    if message["type"] == "status" and message["text"].isdigit():
                        self.numbers.append(int(message["text"]))
        if client is not None:
            client.close()

    def end(self) -> None:
        self._over.set()
        self.join(10)


@contextlib.contextmanager
def reading(url: str, run: str) -> Iterator[Reader]:
    reader = Reader(url, run)
    reader.start()
    try:
        yield reader
    finally:
        reader.end()


def publish(run: Run, count: int, burst: int = 20, pause_s: float = 0.02) -> Iterator[int]:
    """Publish the numbers below `count` as statuses, in bursts; yields how many there are so far."""
    for number in range(count):
        run.status("info", str(number))
        if number % burst == burst - 1:
            yield number + 1
            time.sleep(pause_s)


def until(done: Callable[[], Any], what: str, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not done():
        assert time.monotonic() < deadline, f"{what} not within {timeout_s:g} s"
        time.sleep(0.02)


def on_lane(client: Any, run: str) -> list[int]:
    """The numbers on the critical lane itself."""
    rows: Any = client.xrange(keys.lane(run, "critical"))
    read = [payloads.read(wire.from_fields(fields, "critical")) for _, fields in rows]
    return [int(payload.text) for payload in read if isinstance(payload, payloads.Status)]
