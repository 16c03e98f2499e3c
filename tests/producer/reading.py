"""What tests read back from a server, and how they wait for it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import redis

from lanecast.broker import commands, keys, payloads, scripts, wire
from lanecast.broker.commands import Command
from lanecast.producer import Run


def read_lane(client: redis.Redis, run: str, lane: str) -> list[tuple[wire.Message, Any]]:
    """Every message of a lane, with its payload."""
    entries: Any = client.xrange(keys.lane(run, lane))
    messages = [wire.from_fields(fields, lane) for _, fields in entries]
    return [(message, payloads.read(message)) for message in messages]


def payloads_of(client: redis.Redis, run: str, lane: str, kind: str) -> list[Any]:
    """The payloads of one kind on a lane, in order."""
    return [payload for message, payload in read_lane(client, run, lane) if message.kind == kind]


def wait_until(ready: Callable[[], Any], what: str, timeout_s: float = 10.0) -> Any:
    """Poll until `ready()` is true and return it."""
    deadline = time.monotonic() + timeout_s
    while not (value := ready()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {timeout_s:g} s")
        time.sleep(0.005)
    return value


def send(
    client: redis.Redis, run: str, name: str, command_id: str, expires_ms: float | None = None, **args: Any
) -> str:
    """Send a command as a gateway does; returns `sent`, `known` or `nobody`."""
    expires_ms = time.time() * 1000 + 10_000 if expires_ms is None else expires_ms
    call = commands.call(run, Command(command_id, name, args, "tester", expires_ms))
    return commands.answer(scripts.run_sync(client, call))[0]


def result_of(client: redis.Redis, run: str, command_id: str, timeout_s: float = 5.0) -> Any:
    """The first result of a command."""

    def found() -> Any:
        results = payloads_of(client, run, "critical", "result")
        return next((result for result in results if result.command_id == command_id), None)

    return wait_until(found, f"the result of {command_id}", timeout_s)


@contextlib.contextmanager
def simulating(run: Run, step_s: float = 0.002) -> Iterator[list[int]]:
    """A simulation on a thread of its own; yields the list of steps it has taken. The run is open inside."""
    steps: list[int] = []

    def simulate() -> None:
        while run.running():
            steps.append(len(steps) + 1)
            run.frame({"points": {"id": [1], "x": [len(steps)], "y": [0]}}, step=len(steps))
            run.sleep(step_s)

    with run:
        thread = threading.Thread(target=simulate, daemon=True)
        thread.start()
        try:
            yield steps
        finally:
            run.interrupt()
            thread.join(5)
    assert not thread.is_alive()
