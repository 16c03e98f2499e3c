"""A rehearsal of an SDK that runs, as the tests see it: what it has published, and how it is told things."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from typing import Any

import redis
from tests.producer.reading import payloads_of, read_lane, result_of, send, wait_until
from tests.sdk.languages import Language

from lanecast.broker import keys


class Rehearsal:
    """One process that publishes the run `sim` on a server."""

    def __init__(self, db: redis.Redis, process: subprocess.Popen[str]) -> None:
        self.db = db
        self.process = process
        self._commands = 0

    def command(self, name: str, **args: Any) -> Any:
        """Send a command as a gateway does, and return its result."""
        wait_until(lambda: self.db.exists(keys.alive("sim")), "somebody listening")
        self._commands += 1
        assert send(self.db, "sim", name, f"c{self._commands}", **args) == "sent"
        return result_of(self.db, "sim", f"c{self._commands}")

    def stop(self) -> int:
        """Tell it to stop; its exit status."""
        assert self.command("stop").ok
        return self.exit_status()

    def exit_status(self) -> int:
        said, _ = self.process.communicate(timeout=15)
        print(said)  # pytest shows it if the test fails
        return self.process.returncode

    def payloads(self, lane: str, kind: str) -> list[Any]:
        return payloads_of(self.db, "sim", lane, kind)

    def steps(self) -> list[int]:
        """The steps that its statuses tell of."""
        return [int(status.text) for status in self.payloads("critical", "status")]

    def states(self) -> list[str]:
        return [change.state for change in self.payloads("critical", "lifecycle")]

    def wait_for_steps(self, count: int) -> None:
        """Wait until so many more steps have been told of."""
        wanted = len(self.steps()) + count
        wait_until(lambda: len(self.steps()) >= wanted, f"{count} more steps")

    def assert_all_arrived_once_and_in_order(self) -> None:
        steps = self.steps()
        assert steps == list(range(1, len(steps) + 1))
        assert [int(metrics.values["n"]) for metrics in self.payloads("normal", "metrics")] == steps
        for lane in ("critical", "normal"):
            numbers = [(message.epoch, message.seq) for message, _ in read_lane(self.db, "sim", lane)]
            epoch = numbers[-1][0]
            assert numbers == [(epoch, seq) for seq in range(1, len(numbers) + 1)], lane


@contextlib.contextmanager
def rehearsing(language: Language, url: str) -> Iterator[Rehearsal]:
    """Start the language's rehearsal of the run `sim`; it is killed if the test leaves it running."""
    with (
        redis.Redis.from_url(url, retry_on_error=[redis.ConnectionError]) as db,
        language.start("simulate", url, "sim") as process,
    ):
        try:
            yield Rehearsal(db, process)
        finally:
            process.kill()
